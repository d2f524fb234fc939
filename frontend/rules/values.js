// The field or fields in which an operator's value is typed, by the operator's shape and the attribute's kinds.
import { button, el, input, select, whenReleased, words } from "./dom.js";

const UNITS = [["minutes", "minutes"], ["hours", "hours"], ["days", "days"], ["weeks", "weeks"]];
const TYPES = [["text", "text"], ["number", "number"], ["boolean", "yes or no"]];
const PLAIN = TYPES.map(([type]) => type);

/** The types that single values of these kinds can have; unknown kinds may have any. */
function types(kinds) {
  const found = PLAIN.filter((type) => kinds.includes(type));
  return found.length ? found : PLAIN;
}

function typeOf(value, kinds) {
  if (typeof value === "number") return "number";
  if (typeof value === "boolean") return "boolean";
  return typeof value === "string" && types(kinds).includes("text") ? "text" : types(kinds)[0];
}

/** What was typed, as a value of the type; undefined while there is none. */
function read(text, type) {
  if (type === "boolean") return text === "true";
  if (text.trim() === "") return undefined;
  if (type !== "number") return text;
  const number = Number(text.replace(",", "."));
  return Number.isFinite(number) ? number : undefined;
}

function set(node, value, key = "value") {
  if (value === undefined) delete node[key];
  else node[key] = value;
}

/**
 * The controls for node.value. ``kinds`` are the attribute's, ``suggest`` attaches known values to an input,
 * ``changed`` is told of every change and ``redraw`` when other controls are needed.
 */
export function valueFields({ node, shape, kinds, suggest, changed, redraw }) {
  const fields = {
    none: () => [],
    one: () => one(node, node.value, kinds, suggest, (value) => (set(node, value), changed()), redraw),
    list: () => [chips(node, kinds, suggest, changed)],
    length: () => length(node.value ?? {}, (value) => (set(node, value), changed())),
    time: () => [time("Date", node.value, (value) => (set(node, value), changed()))],
    pair: () => pair(node, kinds, changed),
  };
  return fields[shape]();
}

function one(node, value, kinds, suggest, onValue, redraw) {
  const type = typeOf(value, kinds);
  const fields = [single(type, value, suggest, onValue)];
  if (types(kinds).length > 1 && value !== undefined) {
    const change = (chosen) => {
      set(node, chosen === "boolean" ? true : undefined);
      if (chosen === "number") node.value = Number(value) || 0;
      if (chosen === "text" && value !== undefined) node.value = String(value);
      redraw();
    };
    fields.push(select("Type of the value", TYPES.filter(([one]) => types(kinds).includes(one)), type, change, { class: "form-select rule-type" }));
  }
  return fields;
}

function single(type, value, suggest, onValue) {
  if (type === "boolean") {
    if (typeof value !== "boolean") queueMicrotask(() => onValue(true));
    return select("Value", [["true", "yes"], ["false", "no"]], String(value ?? true), (text) => onValue(text === "true"));
  }
  const control = input("Value", value, (text) => onValue(read(text, type)), {
    placeholder: type === "number" ? "number" : "value",
    inputmode: type === "number" ? "decimal" : null,
  });
  suggest(control);
  return control;
}

/** Several values under a key: each a chip that can be removed; Enter, a comma or leaving the field makes the next. */
export function chips(node, kinds, suggest, changed, key = "value", noun = "value") {
  const values = Array.isArray(node[key]) ? node[key] : node[key] === undefined ? [] : [node[key]];
  const type = () => typeOf(values[0], kinds);
  const box = el("div", { class: "rule-chips form-control", role: "group", "aria-label": key === "value" ? "Values" : key });
  const field = el("input", { class: "rule-chip-input", "aria-label": `Add a ${noun}`, placeholder: `add a ${noun}`, autocomplete: "off" });
  const write = () => {
    set(node, values.length ? values : undefined, key);
    draw();
    changed();
  };
  const commit = () => {
    const value = read(field.value, type());
    field.value = "";
    if (value === undefined || values.includes(value)) return;
    values.push(value);
    write();
  };
  const draw = () => {
    for (const chip of box.querySelectorAll(".rule-chip")) chip.remove();
    values.forEach((value, at) => {
      const remove = () => {
        values.splice(at, 1);
        write();
        field.focus();
      };
      const cross = button(`Remove ${value}`, "x", remove, { class: "rule-chip-remove" });
      box.insertBefore(el("span", { class: "rule-chip" }, String(value), cross), field);
    });
  };
  field.addEventListener("keydown", (event) => {
    if (event.key === "Enter" || event.key === ",") {
      event.preventDefault();
      commit();
      field.focus();
    } else if (event.key === "Backspace" && field.value === "" && values.length) {
      values.pop();
      write();
      field.focus();
    }
  });
  field.addEventListener("change", () => whenReleased(commit));
  suggest(field);
  box.append(field);
  draw();
  return box;
}

/** A length of time, such as {"days": 30}. */
export function length(value, onValue) {
  const [unit = "days", number = ""] = Object.entries(value)[0] ?? [];
  const current = { unit, number };
  const tell = () => onValue(Number(current.number) > 0 ? { [current.unit]: Math.round(Number(current.number)) } : undefined);
  return [
    input("How many", number, (text) => ((current.number = text), tell()), { type: "number", min: "1", step: "1", class: "form-control rule-number" }),
    select("Unit", UNITS, unit, (chosen) => ((current.unit = chosen), tell()), { class: "form-select rule-unit" }),
  ];
}

/** A date; what is stored as an exact moment stays one, as text. */
export function time(label, value, onValue) {
  const isDate = !value || /^\d{4}-\d\d-\d\d$/.test(value);
  return input(label, value, (text) => onValue(text === "" ? undefined : text), {
    type: isDate ? "date" : "text",
    title: isDate ? "The whole day, in UTC" : null,
    class: `form-control ${isDate ? "rule-date" : ""}`,
  });
}

function pair(node, kinds, changed) {
  const values = Array.isArray(node.value) ? [...node.value] : [];
  const isTime = values.some((value) => typeof value === "string") || (kinds.includes("time") && !values.length);
  const put = (at) => (value) => {
    values[at] = value;
    const complete = values[0] !== undefined && values[1] !== undefined;
    set(node, complete ? [...values] : undefined);
    changed();
  };
  const field = (label, at) => {
    if (isTime) return time(label, values[at], put(at));
    return input(label, values[at], (text) => put(at)(read(text, "number")), { inputmode: "decimal", class: "form-control rule-number" });
  };
  return [field("From", 0), words("and"), field("To", 1)];
}

export const orMissing = (node, context) => flag(node, "or_missing", "or missing", context);

/** A box that sets a key of the condition to true, or takes it out. */
export function flag(node, key, label, { changed }) {
  const set = (isChecked) => {
    if (isChecked) node[key] = true;
    else delete node[key];
    changed();
  };
  return box(label, Boolean(node[key]), set);
}

export function box(label, isChecked, onChange) {
  const control = el("input", { type: "checkbox", class: "form-check-input", checked: isChecked, onChange: () => onChange(control.checked) });
  return el("label", { class: "form-check rule-check" }, control, el("span", { class: "form-check-label" }, label));
}

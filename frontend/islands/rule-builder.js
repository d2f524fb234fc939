// The rule builder: groups as cards and conditions as rows over <textarea name="rule">, which stays the form's field.
// What is built is written there as JSON; what is typed there is shown here. Without this module the JSON can be typed.
import { button, el, icon, select, words } from "../rules/dom.js";
import { KINDS, asJson, conditionFields, conditionLabel } from "../rules/conditions.js";

const GROUPS = ["all", "any", "none"];
const HOLD = { all: "All of these hold", any: "At least one of these holds", none: "None of these holds" };
const BETWEEN = { all: "and", any: "or", none: "nor" };
const kindOf = (node) => GROUPS.find((kind) => Array.isArray(node?.[kind]));

export function mount(element) {
  const textarea = document.getElementById(element.dataset.ruleField);
  new Builder(element, textarea, JSON.parse(document.getElementById(element.dataset.vocabulary).textContent));
}

class Builder {
  constructor(element, textarea, vocabulary) {
    Object.assign(this, { element, textarea, vocabulary });
    this.lists = el("div", { hidden: true });
    this.board = el("div", { class: "rule-board" });
    this.status = el("p", { class: "visually-hidden", role: "status" });
    const excuse = el("p", { class: "rule-excuse" }, "A number in this rule is too long for a browser to keep. Change the rule as JSON, below.");
    element.replaceChildren(this.board, excuse, this.lists, this.status);
    this.values = new Map();
    this.board.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && event.target.matches("input")) event.preventDefault(); // Enter would save the segment
    });
    textarea.addEventListener("input", () => this.writing || this.read());
    document.addEventListener("htmx:afterSwap", () => this.mark());
    this.read();
    if (element.dataset.problemPath !== undefined) this.mark(element.dataset.problemPath, true);
  }

  // --- the JSON and the board -----------------------------------------------------------------------------------------

  read() {
    try {
      const rule = parse(this.textarea.value);
      this.element.classList.toggle("is-out-of-reach", !rule);
      if (!rule) return; // only as JSON
      this.root = kindOf(rule) ? rule : { all: [rule] };
      this.textarea.classList.remove("is-invalid");
      this.draw();
    } catch {
      this.textarea.classList.add("is-invalid"); // half-typed; the board keeps what it has
      if (!this.root) {
        this.root = { all: [] };
        this.draw();
      }
    }
  }

  write = () => {
    this.writing = true;
    this.textarea.value = JSON.stringify(this.root, null, 2);
    this.textarea.dispatchEvent(new Event("input", { bubbles: true }));
    this.writing = false;
  };

  draw(focus) {
    const held = focus ?? place(document.activeElement, this.board);
    const caret = document.activeElement?.selectionStart;
    this.board.replaceChildren(this.group(this.root, "", null));
    const control = held && this.board.querySelector(held);
    control?.focus();
    if (!focus && typeof caret === "number") control?.setSelectionRange?.(caret, caret);
  }

  redraw = (focus) => {
    this.draw(typeof focus === "string" ? focus : undefined);
    this.write();
  };

  say(text) {
    this.status.textContent = text;
  }

  // --- groups ---------------------------------------------------------------------------------------------------------

  group(node, path, tools) {
    const kind = kindOf(node);
    const members = node[kind];
    const change = (chosen) => {
      delete node[kind];
      node[chosen] = members;
      this.redraw();
    };
    const inside = (at) => `${path}${path && "."}${kind}[${at}]`;
    return el(
      "div",
      { class: `rule-group rule-group-${kind}`, role: "group", "aria-label": path ? "Group" : "Rule", "data-path": path },
      el("div", { class: "rule-head" }, select("How these are combined", Object.entries(HOLD), kind, change, { class: "form-select rule-combine" }), tools),
      members.length
        ? el("div", { class: "rule-members" }, members.map((member, at) => this.member(member, inside(at), members, at, BETWEEN[kind])))
        : el("p", { class: "rule-nothing" }, path ? "Nothing in this group yet." : "No condition yet: this is everyone. Add what they have in common."),
      this.adders(members, inside, path),
    );
  }

  member(node, path, siblings, at, between) {
    const tools = this.tools(node, path, siblings, at);
    const body = kindOf(node) ? this.group(node, path, tools) : this.condition(node, path, tools, at);
    return el("div", { class: "rule-member" }, at ? el("span", { class: "rule-between" }, between) : null, body);
  }

  tools(node, path, siblings, at) {
    const what = kindOf(node) ? "group" : "condition";
    const parent = path.replace(/\.?[a-z]+\[\d+\]$/, "");
    const duplicate = () => {
      siblings.splice(at + 1, 0, structuredClone(node));
      this.redraw(`[data-path="${path.replace(/\d+\]$/, `${at + 1}]`)}"] select, [data-path="${path.replace(/\d+\]$/, `${at + 1}]`)}"] input`);
      this.say(`The ${what} was copied.`);
    };
    const remove = () => {
      siblings.splice(at, 1);
      this.redraw(`[data-path="${parent}"] > .rule-adders button`);
      this.say(`The ${what} was removed.`);
    };
    return el(
      "div",
      { class: "rule-tools" },
      button(`Copy this ${what}`, "copy", duplicate),
      button(`Remove this ${what}`, "trash", remove),
    );
  }

  adders(members, inside, path) {
    const add = (node, words_) => {
      members.push(node);
      const at = inside(members.length - 1);
      this.redraw(`[data-path="${at}"] input, [data-path="${at}"] select`);
      this.say(`${words_} was added.`);
    };
    const adder = (label, iconName, make) =>
      el("button", { type: "button", class: "btn btn-sm", onClick: () => add(make(), label) }, icon(iconName), label);
    return el(
      "div",
      { class: "rule-adders", role: "group", "aria-label": path ? "Add to this group" : "Add to the rule" },
      KINDS.map(([, label, iconName, make]) => adder(label, iconName, make)),
      adder("Group", "braces", () => ({ any: [] })),
    );
  }

  // --- conditions -----------------------------------------------------------------------------------------------------

  condition(node, path, tools, at) {
    const context = {
      path,
      vocabulary: this.vocabulary,
      changed: this.write,
      redraw: this.redraw,
      datalist: (name, choices) => this.datalist(name, choices),
      suggest: (control, name, event) => this.suggest(control, name, event),
    };
    const fields = conditionFields(node, context) ?? [words("This cannot be changed here:"), asJson(node)];
    return el(
      "div",
      { class: "rule-condition", role: "group", "aria-label": `${conditionLabel(node)}, condition ${at + 1}`, "data-path": path },
      el("div", { class: "rule-fields" }, fields),
      tools,
    );
  }

  datalist(name, choices) {
    const id = `rule-list-${name.replace(/\W+/g, "-")}`;
    const list = this.lists.querySelector(`#${CSS.escape(id)}`) ?? this.lists.appendChild(el("datalist", { id }));
    list.replaceChildren(...choices.map(([value, label]) => el("option", { value, label: label || null })));
    return id;
  }

  /** Offer values that are in the data, asked for when the field is first entered. */
  suggest(control, name, event) {
    control.addEventListener("focus", async () => {
      if (!name) return;
      const key = `${event}|${name}`;
      if (!this.values.has(key)) this.values.set(key, this.ask(name, event));
      const found = await this.values.get(key);
      control.setAttribute("list", this.datalist(`values-${key}`, found.map((value) => [String(value), ""])));
    });
  }

  async ask(name, event) {
    const query = new URLSearchParams({ name, event });
    const response = await fetch(`${this.element.dataset.valuesUrl}?${query}`).catch(() => null);
    if (response?.ok && !response.redirected) return (await response.json()).values;
    this.values.delete(`${event}|${name}`); // asked again the next time: it was offline, or signed out
    return [];
  }

  // --- problems -------------------------------------------------------------------------------------------------------

  /** Mark where the server says the rule is not right: softly while it is being built, plainly once it was refused. */
  mark(refused, isRefusal = false) {
    const answer = document.querySelector("[data-rule-problem]");
    for (const one of this.board.querySelectorAll(".is-problem, .is-refused")) one.classList.remove("is-problem", "is-refused");
    const path = isRefusal ? refused : answer?.dataset.ruleProblem;
    if (path === undefined) return;
    const marked = [...this.board.querySelectorAll("[data-path]")].filter(
      ({ dataset }) => path === dataset.path || path.startsWith(`${dataset.path}.`) || (dataset.path && path.startsWith(dataset.path)),
    );
    marked.at(-1)?.classList.add(isRefusal ? "is-refused" : "is-problem");
  }
}

/** The rule in a text; null if it holds a whole number that JavaScript would round. */
function parse(text) {
  let isExact = true;
  const rule = JSON.parse(text, (key, value, context) => {
    const isLong = Number.isInteger(value) && !Number.isSafeInteger(value);
    if (isLong && /^-?\d+$/.test(context?.source ?? "") && BigInt(context.source) !== BigInt(value)) isExact = false;
    return value;
  });
  return isExact ? rule : null;
}

/** How to find the focused control again after the board was drawn anew. */
function place(control, board) {
  if (!board.contains(control)) return null;
  const holder = control.closest("[data-path]");
  const label = control.getAttribute("aria-label");
  return label && holder ? `[data-path="${holder.dataset.path}"] [aria-label="${CSS.escape(label)}"]` : null;
}

// Making elements in one line each, and the few controls that every part of the rule builder is made of.

/** An element with attributes, listeners (onInput, ...) and children; what is null or false among them is left out. */
export function el(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2).toLowerCase(), value);
    else if (key in element && typeof value !== "string") element[key] = value;
    else element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** An icon of the sprite that the page already uses. */
export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(svg.namespaceURI, "use");
  const known = document.querySelector("svg.icon use[href]")?.getAttribute("href") ?? "#";
  use.setAttribute("href", `${known.split("#")[0]}#${name}`);
  svg.append(use);
  return svg;
}

/** A select over [value, words] pairs. A value that is none of them is offered as it is, so that it is not lost. */
export function select(label, choices, value, onChange, attributes = {}) {
  const known = choices.some(([one]) => one === value);
  const options = known || value === undefined || value === "" ? choices : [...choices, [value, String(value)]];
  const control = el(
    "select",
    { class: "form-select", "aria-label": label, onChange: () => onChange(control.value), ...attributes },
    options.map(([one, words]) => el("option", { value: one }, words)),
  );
  control.value = value ?? "";
  return control;
}

export function input(label, value, onInput, attributes = {}) {
  const control = el("input", {
    class: "form-control",
    "aria-label": label,
    autocomplete: "off",
    onInput: () => onInput(control.value, control),
    ...attributes,
  });
  control.value = value ?? "";
  return control;
}

export function button(label, iconName, onClick, attributes = {}) {
  return el(
    "button",
    { type: "button", class: "btn btn-icon btn-sm btn-ghost-secondary", "aria-label": label, title: label, onClick, ...attributes },
    icon(iconName),
  );
}

const waiting = [];
let isPressed = false;

/** Do it once no button of the mouse is down: what is being clicked must not move away under the pointer. */
export function whenReleased(act) {
  if (isPressed) waiting.push(act);
  else act();
}

function flush() {
  for (const act of waiting.splice(0)) act();
}

addEventListener("pointerdown", () => (isPressed = true), true);
for (const end of ["pointerup", "pointercancel"]) {
  addEventListener(end, () => ((isPressed = false), setTimeout(flush)), true);
}
addEventListener("submit", flush, true); // a form that was clicked to be sent takes what was typed last

/** Words between controls. */
export const words = (text) => el("span", { class: "rule-words" }, text);

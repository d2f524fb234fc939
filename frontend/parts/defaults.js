// data-default-of="profile.first_name" on a button puts words for whoever lacks it behind every place that prints it:
// {{ profile.first_name }} becomes {{ profile.first_name | default: 'there' }}. The words are the value of the field that
// data-default-from names, the places are looked for in the form that data-default-in names.
import { toast } from "./toast.js";

const escaped = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");

/** Every printing of a path that has no default yet, with what is before the filters. */
const printed = (path) => new RegExp(`(\\{\\{-?\\s*${escaped(path)})(?=\\s|\\||-?\\}\\})(?!\\s*\\|\\s*default\\s*:)`, "g");

function put(field, text) {
  const taken = !field.dispatchEvent(new CustomEvent("tact:text", { detail: { text }, cancelable: true }));
  if (taken) return;
  field.value = text;
  field.dispatchEvent(new Event("input", { bubbles: true }));
}

function putDefault(button) {
  const words = document.getElementById(button.dataset.defaultFrom);
  if (!words.value.trim()) return words.focus();
  const places = printed(button.dataset.defaultOf);
  const instead = `$1 | default: '${words.value.trim().replaceAll("'", "’").replaceAll("$", "$$$$")}'`;
  const fields = [...document.getElementById(button.dataset.defaultIn).elements].filter((field) => /^(text|textarea)$/.test(field.type));
  const changed = fields.filter((field) => field.value.search(places) >= 0);
  for (const field of changed) put(field, field.value.replace(places, instead));
  if (!changed.length) toast({ text: "It is not printed as such: put “| default: …” behind it yourself.", kind: "warning" });
}

export function watchDefaults() {
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-default-of]");
    if (button) putDefault(button);
  });
}

// Single keys: / searches, ? lists the keys, g and a letter goes to a page. A person can switch them off (WCAG 2.1.4).

const MEMORY = "tact-keys";
const PATIENCE = 1500; // milliseconds between g and its letter
let leader = 0;

const off = () => localStorage.getItem(MEMORY) === "off";
const typing = (element) => element.closest("input, textarea, select, [contenteditable=''], [contenteditable=true]");
const dialogOpen = () => document.querySelector("dialog[open]");

function focusSearch() {
  const field = document.querySelector("[data-search], input[type=search]");
  if (!field) return false;
  field.focus();
  field.select();
  return true;
}

function follow(letter) {
  const link = document.querySelector(`a[data-key="${CSS.escape(letter)}"]`);
  if (link) location.assign(link.href);
  return Boolean(link);
}

function press(key) {
  if (key === "/") return focusSearch();
  if (key === "?") return document.getElementById("keys").showModal(), true;
  if (Date.now() - leader < PATIENCE && follow(key)) return true;
  leader = key === "g" ? Date.now() : 0;
  return false;
}

export function watchKeys() {
  const dialog = document.getElementById("keys");
  if (!dialog) return; // signed out
  document.addEventListener("keydown", (event) => {
    if (off() || event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (typing(event.target) || dialogOpen()) return;
    if (press(event.key)) event.preventDefault();
  });
  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-show-keys]")) dialog.showModal();
    if (event.target.closest("[data-close-dialog]")) event.target.closest("dialog").close();
  });
  const box = dialog.querySelector("[data-keys-on]");
  box.checked = !off();
  box.addEventListener("change", () => localStorage.setItem(MEMORY, box.checked ? "on" : "off"));
}

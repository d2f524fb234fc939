// data-island="unsaved" on a form: asks before the page is left with changes that were not saved.
// data-unsaved on it says that what it shows is not saved yet: set by the page at first, kept here. The event tact:saved
// clears it, unless there was typing after what was saved had been sent.

export function mount(form) {
  const mark = (isUnsaved) => form.toggleAttribute("data-unsaved", isUnsaved);
  let changedSince = false;
  form.addEventListener("input", () => mark((changedSince = true)));
  form.addEventListener("htmx:beforeRequest", (event) => event.target === form && (changedSince = false));
  form.addEventListener("submit", () => form.hasAttribute("hx-post") || mark(false));
  document.addEventListener("tact:saved", () => mark(changedSince));
  addEventListener("beforeunload", (event) => form.hasAttribute("data-unsaved") && event.preventDefault());
  for (const output of form.querySelectorAll("[data-output-for]")) {
    const range = document.getElementById(output.dataset.outputFor);
    range.addEventListener("input", () => (output.textContent = `${range.value} %`));
  }
}

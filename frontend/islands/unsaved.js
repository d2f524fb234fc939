// data-island="unsaved" on a form: asks before the page is left with changes that were not saved.
// data-unsaved on it says that what it shows is not saved yet. The event tact:saved clears it.

export function mount(form) {
  let changed = "unsaved" in form.dataset;
  const settled = () => (changed = false);
  form.addEventListener("input", (event) => {
    if (event.isTrusted || event.target.dataset.editor) changed = true;
  });
  form.addEventListener("submit", () => form.hasAttribute("hx-post") || settled());
  document.addEventListener("tact:saved", settled);
  addEventListener("beforeunload", (event) => changed && event.preventDefault());
  for (const output of form.querySelectorAll("[data-output-for]")) {
    const range = document.getElementById(output.dataset.outputFor);
    range.addEventListener("input", () => (output.textContent = `${range.value} %`));
  }
}

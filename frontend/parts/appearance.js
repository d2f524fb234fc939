// The choice of appearance in the user menu: auto, light or dark, kept in this browser.

const mark = () => {
  const chosen = document.documentElement.dataset.appearance;
  for (const button of document.querySelectorAll("[data-set-appearance]")) {
    button.setAttribute("aria-pressed", String(button.dataset.setAppearance === chosen));
  }
};

export function watchAppearance() {
  mark();
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-set-appearance]");
    if (!button) return;
    localStorage.setItem("tact-appearance", button.dataset.setAppearance);
    dispatchEvent(new Event("tact:appearance")); // theme.js applies it
    mark();
  });
}

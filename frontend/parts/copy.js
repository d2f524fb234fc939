// data-copy="#id" on a button copies that element's text or value and says so.
import { toast } from "./toast.js";

export function watchCopyButtons() {
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    const from = document.querySelector(button.dataset.copy);
    try {
      await navigator.clipboard.writeText((from.value ?? from.textContent).trim());
      toast({ text: "Copied.", kind: "success" });
    } catch {
      getSelection().selectAllChildren(from); // no clipboard without https: leave it selected for the person
      toast({ text: "Your browser does not let pages copy here. The text is selected: press Ctrl+C.", kind: "warning" });
    }
  });
}

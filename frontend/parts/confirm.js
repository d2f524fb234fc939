// data-confirm="Stop this campaign?" on a form, its button, or an element with hx-*: asks first, in a real dialog.
// Also: data-confirm-label (the button that goes ahead), data-confirm-word (has to be typed before it may).

/** Ask, and resolve to whether the person went ahead. Focus returns to where it was: <dialog> sees to that. */
export function ask({ question, label, word }) {
  const dialog = document.getElementById("confirm");
  const form = dialog.querySelector("form");
  const typed = dialog.querySelector("[data-confirm-typed]");
  dialog.querySelector("[data-confirm-question]").textContent = question;
  dialog.querySelector("[data-confirm-go]").textContent = label;
  dialog.querySelector("[data-confirm-word-shown]").textContent = word ?? "";
  typed.closest("label").hidden = !word;
  typed.disabled = !word;
  typed.value = "";
  typed.oninput = () => typed.setCustomValidity(!word || typed.value.trim() === word ? "" : `Type ${word} to go on.`);
  typed.oninput();
  dialog.returnValue = "";
  dialog.showModal();
  (word ? typed : dialog.querySelector("[data-confirm-stay]")).focus();
  form.onreset = () => dialog.close("");
  return new Promise((resolve) => {
    dialog.onclose = () => resolve(dialog.returnValue === "go");
  });
}

const wording = (element, fallback = element) => ({
  question: element.dataset.confirm,
  label: element.dataset.confirmLabel ?? fallback?.textContent?.trim() ?? "Go ahead",
  word: element.dataset.confirmWord,
});

const goesAhead = new WeakSet(); // forms whose question has been answered

async function onSubmit(event) {
  const form = event.target;
  const asking = [event.submitter, form].find((element) => element?.dataset.confirm);
  if (!asking || goesAhead.delete(form)) return;
  event.preventDefault();
  event.stopImmediatePropagation(); // htmx must not see it yet
  const submitter = event.submitter;
  if (!(await ask(wording(asking, submitter)))) return;
  goesAhead.add(form);
  form.requestSubmit(submitter);
}

async function onHtmxConfirm(event) {
  const element = event.detail.elt;
  if (element.tagName === "FORM" || !element.dataset.confirm) return;
  event.preventDefault();
  if (await ask(wording(element))) event.detail.issueRequest(true);
}

export function watchConfirmations() {
  document.addEventListener("submit", onSubmit, { capture: true });
  document.addEventListener("htmx:confirm", onHtmxConfirm);
}

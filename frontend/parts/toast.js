// Short notes at the corner. The server sends one with the header HX-Trigger: {"tact:toast": {"text": ..., "kind": ...}}.

const SECONDS = { success: 5, info: 6 }; // warnings and errors stay until closed

/** Show a note; kind is success, info, warning or danger. */
export function toast({ text, kind = "info" }) {
  const note = document.getElementById("toast").content.firstElementChild.cloneNode(true);
  note.classList.add(`note-${kind}`);
  note.querySelector("[data-text]").textContent = text;
  note.querySelector("button").addEventListener("click", () => note.remove());
  const loud = kind === "danger" || kind === "warning";
  document.getElementById(loud ? "toasts-loud" : "toasts").append(note);
  if (SECONDS[kind]) setTimeout(() => note.remove(), SECONDS[kind] * 1000);
}

export function watchToasts() {
  document.addEventListener("tact:toast", (event) => toast(event.detail));
}

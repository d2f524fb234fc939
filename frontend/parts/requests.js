// What a person sees of htmx at work: a bar while something loads, and words with a way on when it fails.
import { toast } from "./toast.js";

const ADVICE = {
  0: "Tact cannot be reached. What you typed is still here: check your connection and try again.",
  403: "You may not do this, or the page has been open too long. Copy what you typed and reload it; if it says so again, ask an owner.",
  404: "This is no longer there. Reload the page to see what is.",
  409: "Somebody else changed this meanwhile. Reload the page before you change it.",
  413: "That is too large to send. Shorten it, or split it up.",
  429: "That was too often. Wait a minute, then try again.",
};
const OTHERWISE = "Tact met an error and did not do this. Try again; if it happens again, tell your admin when it happened.";
const OLD = "Tact met an error, and a part of this page may be old or missing. What you typed is still here.";
const SIGNED_OUT = "You have been signed out. What you typed is still here: copy it, then reload this page and sign in.";

const waiting = new Set();
const gone = new WeakSet(); // polls of what is no longer there, or no longer ours to see: they end
const polls = (element) => element.matches("[hx-trigger*='every ']");
const quiet = (element) => element.matches("[data-quiet]") || polls(element); // not what a person pressed inside of it
const isSaid = (text) => [...document.querySelectorAll("#toasts-loud [data-text]")].some((said) => said.textContent === text);

function started(event) {
  if (gone.has(event.detail.elt)) return event.preventDefault();
  if (quiet(event.detail.elt)) return;
  waiting.add(event.detail.xhr);
  document.documentElement.classList.add("is-loading");
}

function ended(event) {
  waiting.delete(event.detail.xhr);
  if (!waiting.size) document.documentElement.classList.remove("is-loading");
}

function failed({ detail: { elt, xhr } }) {
  const status = xhr?.status ?? 0;
  const ends = polls(elt) && [403, 404].includes(status);
  if (ends) gone.add(elt);
  else if (polls(elt)) return; // they try again by themselves
  else if (quiet(elt) && status === 404) return; // it asked about words that were changed meanwhile
  const text = ADVICE[status] ?? (quiet(elt) ? OLD : OTHERWISE);
  if (ends || !quiet(elt) || !isSaid(text)) toast({ text, kind: "danger" });
}

/** A session that ended answers with the sign-in page: show that as a page, unless words would be lost by it. */
function signedOut(event) {
  const login = document.body.dataset.login;
  const answered = event.detail.xhr.responseURL;
  if (!login || !answered || new URL(answered).pathname !== login) return;
  event.preventDefault();
  if (!document.querySelector("[data-unsaved]")) location.reload();
  else if (!isSaid(SIGNED_OUT)) toast({ text: SIGNED_OUT, kind: "danger" });
}

export function watchRequests() {
  document.addEventListener("htmx:beforeRequest", started);
  document.addEventListener("htmx:afterRequest", ended);
  document.addEventListener("htmx:beforeSwap", signedOut);
  document.addEventListener("htmx:responseError", failed);
  document.addEventListener("htmx:sendError", failed);
  document.addEventListener("htmx:timeout", failed);
}

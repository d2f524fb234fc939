// A form that is on its way is not sent again: the second click of two would make a second draft, key or invitation.

const PATIENCE = 30000; // milliseconds; whoever stopped the page from loading may send it again
let sent = new WeakMap();

function onSubmit(event) {
  const form = event.target;
  if (event.defaultPrevented || form.getAttribute("method")?.toLowerCase() !== "post") return; // htmx sends it, or nothing is made
  if (Date.now() - (sent.get(form) ?? 0) < PATIENCE) event.preventDefault();
  else sent.set(form, Date.now());
}

export function watchTwice() {
  document.addEventListener("submit", onSubmit);
  addEventListener("pageshow", () => (sent = new WeakMap())); // also one step back, to a form that was sent
}

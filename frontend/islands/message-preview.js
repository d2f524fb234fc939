// Puts a rendered message into the preview frame. The frame is a page of its own address, with the message's own strict
// policy and no scripts, so nothing of the message runs here; writing into it keeps its scroll place and makes no history.
// <div data-island="message-preview" data-frame="id"><script type="application/json">"<!doctype html>..."</script></div>

const DESKTOP = 720; // CSS pixels a mail is laid out in on a desktop; shown smaller where there is less room
const PHONE = 480; // and narrower: the box itself is as a phone
const fitted = new WeakSet();

/** The frame's own parser reads it, under the frame's own policy; a document parsed here would be held to ours. */
function show(frame, html) {
  const root = frame.contentDocument.documentElement;
  const { scrollTop } = root;
  root.innerHTML = html; // all but the root's own attributes
  root.lang = /<html\b[^>]*?\slang="([^"]*)"/i.exec(html)?.[1] ?? "";
  root.dir = /<html\b[^>]*?\sdir="([^"]*)"/i.exec(html)?.[1] ?? "";
  root.scrollTop = scrollTop;
}

/** The name of the radio buttons that say how wide a frame is shown. */
const widthOf = (frame) => frame.dataset.widthOf ?? "width";

function fit(frame) {
  const box = frame.parentElement;
  const small = frame.dataset.widthOf ? false : box.clientWidth < PHONE; // a card is narrow anywhere
  const isPhone = document.querySelector(`[name=${widthOf(frame)}][value=phone]`)?.checked || small;
  const scale = isPhone ? 1 : Math.min(1, box.clientWidth / DESKTOP);
  frame.style.setProperty("--scale", scale);
}

function keepFitting(frame) {
  if (fitted.has(frame)) return;
  fitted.add(frame);
  new ResizeObserver(() => fit(frame)).observe(frame.parentElement);
  document.addEventListener("change", (event) => event.target.name === widthOf(frame) && fit(frame));
}

export function mount(element) {
  const frame = document.getElementById(element.dataset.frame);
  const html = JSON.parse(element.querySelector("script").textContent);
  keepFitting(frame);
  const isThere = frame.contentDocument?.readyState === "complete" && frame.contentWindow.location.href !== "about:blank";
  if (isThere) show(frame, html);
  else frame.addEventListener("load", () => element.isConnected && show(frame, html), { once: true });
}

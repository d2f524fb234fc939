// Puts a rendered message into the preview frame. The frame is a page of its own address, with the message's own strict
// policy and no scripts, so nothing of the message runs here; writing into it keeps its scroll place and makes no history.
// <div data-island="message-preview" data-frame="id"><script type="application/json">"<!doctype html>..."</script></div>

function show(frame, html) {
  const page = frame.contentDocument;
  const { scrollTop } = page.documentElement;
  const parsed = new DOMParser().parseFromString(html, "text/html");
  page.replaceChild(page.adoptNode(parsed.documentElement), page.documentElement);
  page.documentElement.scrollTop = scrollTop;
}

export function mount(element) {
  const frame = document.getElementById(element.dataset.frame);
  const html = JSON.parse(element.querySelector("script").textContent);
  const isThere = frame.contentDocument?.readyState === "complete" && frame.contentWindow.location.href !== "about:blank";
  if (isThere) show(frame, html);
  else frame.addEventListener("load", () => element.isConnected && show(frame, html), { once: true });
}

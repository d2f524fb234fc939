// CodeMirror over <textarea data-editor="liquid-html | liquid-text | mjml">. The textarea stays the form's field:
// every change is written back and announced by a bubbling "input" event. Tab leaves the editor, it does not indent.
import { basicSetup } from "codemirror";
import { html } from "@codemirror/lang-html";
import { closePercentBrace, liquid } from "@codemirror/lang-liquid";
import { LanguageSupport, StreamLanguage } from "@codemirror/language";
import { lintGutter, setDiagnostics } from "@codemirror/lint";
import { EditorState } from "@codemirror/state";
import { EditorView } from "@codemirror/view";
import { appearance } from "../parts/editor-appearance.js";
import { stated } from "../parts/problems.js";

const plain = new LanguageSupport(StreamLanguage.define({ token: (stream) => (stream.skipToEnd(), null) }));
const BASES = {
  "liquid-html": () => html(),
  "liquid-text": () => plain,
  mjml: () => html({ selfClosingTags: true, matchClosingTags: true }),
};

/** Names offered while typing: <script type="application/json" data-variables-for="id">{"profile": ["email"]}</script> */
function variables(id) {
  const script = document.querySelector(`script[data-variables-for="${CSS.escape(id)}"]`);
  const tree = script ? JSON.parse(script.textContent) : {};
  const completion = (type) => (label) => ({ label, type });
  return {
    variables: Object.keys(tree).map(completion("variable")),
    properties: (path) => (tree[path.join(".")] ?? []).map(completion("property")),
  };
}

/** Our problems ({line, column, message}, from 1) as CodeMirror's diagnostics, kept inside the text. */
function diagnostics(doc, problems) {
  return problems.map(({ line = 1, column = 1, message, severity = "error" }) => {
    const at = doc.line(Math.min(Math.max(line, 1), doc.lines));
    const from = Math.min(at.from + Math.max(column, 1) - 1, at.to);
    const word = /^[\w.-]+|^\S/.exec(doc.sliceString(from, at.to));
    return { from, to: Math.min(from + (word?.[0].length ?? 1), doc.length), message, severity };
  });
}

function extensions(textarea) {
  const base = (BASES[textarea.dataset.editor] ?? BASES["liquid-html"])();
  const label = textarea.getAttribute("aria-label") ?? textarea.labels[0]?.textContent.trim() ?? "Code";
  const nonce = document.querySelector("script[nonce]")?.nonce;
  return [
    basicSetup,
    liquid({ base, ...variables(textarea.id) }),
    closePercentBrace,
    lintGutter(),
    appearance(textarea.rows),
    EditorView.lineWrapping,
    EditorState.readOnly.of(textarea.readOnly || textarea.disabled),
    EditorView.editorAttributes.of({ "data-editor-for": textarea.id }),
    EditorView.contentAttributes.of({
      ...(textarea.lang && { lang: textarea.lang, dir: textarea.dir }),
      "aria-label": label,
      tabindex: "0", // focusable anyway; said, so that checkers of a scrolling box know it
      ...(textarea.getAttribute("aria-describedby") && { "aria-describedby": textarea.getAttribute("aria-describedby") }),
    }),
    EditorView.updateListener.of((update) => update.docChanged && writeBack(textarea, update.state)),
    nonce ? EditorView.cspNonce.of(nonce) : [],
  ];
}

function writeBack(textarea, state) {
  textarea.value = state.doc.toString();
  textarea.dispatchEvent(new Event("input", { bubbles: true }));
}

function replaceAll(view, text) {
  if (text !== view.state.doc.toString()) view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: text } });
}

/** Put the textarea out of sight but keep it in the form, and send what reaches it on to the editor. */
function standIn(textarea, view) {
  const show = (problems) => view.dispatch(setDiagnostics(view.state, diagnostics(view.state.doc, problems)));
  textarea.classList.add("visually-hidden");
  textarea.tabIndex = -1;
  textarea.setAttribute("aria-hidden", "true");
  textarea.addEventListener("focus", () => view.focus()); // its label was clicked
  textarea.addEventListener("invalid", () => view.focus());
  textarea.addEventListener("tact:problems", (event) => show(event.detail));
  textarea.addEventListener("tact:insert", (event) => {
    event.preventDefault();
    view.dispatch(view.state.replaceSelection(event.detail.text), { scrollIntoView: true });
    view.focus();
  });
  textarea.addEventListener("tact:text", (event) => {
    event.preventDefault();
    replaceAll(view, event.detail.text);
  });
  textarea.form?.addEventListener("reset", () => setTimeout(() => replaceAll(view, textarea.value)));
  show(stated(textarea.id));
}

export function mount(textarea) {
  const state = EditorState.create({ doc: textarea.value, extensions: extensions(textarea) });
  const view = new EditorView({ state });
  textarea.after(view.dom);
  standIn(textarea, view);
  if (document.activeElement === textarea) view.focus();
}

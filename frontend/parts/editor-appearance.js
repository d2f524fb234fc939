// How the editor looks: Tabler's own variables, so that dark mode needs no second theme.
import { HighlightStyle, syntaxHighlighting } from "@codemirror/language";
import { EditorView } from "@codemirror/view";
import { tags } from "@lezer/highlight";

const colours = HighlightStyle.define([
  { tag: [tags.keyword, tags.controlKeyword, tags.operatorKeyword], color: "var(--code-keyword)" },
  { tag: [tags.tagName, tags.angleBracket], color: "var(--code-tag)" },
  { tag: [tags.attributeName, tags.propertyName], color: "var(--code-name)" },
  { tag: [tags.string, tags.attributeValue], color: "var(--code-string)" },
  { tag: [tags.number, tags.bool, tags.null, tags.color], color: "var(--code-value)" },
  { tag: [tags.variableName, tags.function(tags.variableName)], color: "var(--code-variable)" },
  { tag: [tags.comment, tags.documentMeta], color: "var(--code-comment)", fontStyle: "italic" },
  { tag: [tags.brace, tags.processingInstruction], color: "var(--code-keyword)" },
  { tag: tags.invalid, color: "var(--tblr-danger)" },
]);

/** Theme and colours; the box is at least ``rows`` lines high and scrolls before it fills the window. */
export function appearance(rows) {
  const theme = EditorView.theme({
    "&": {
      color: "var(--tblr-body-color)",
      backgroundColor: "var(--tblr-bg-forms)",
      border: "1px solid var(--tblr-border-color)",
      borderRadius: "var(--tblr-border-radius)",
      fontSize: "0.8125rem",
    },
    "&.cm-focused": { outline: "2px solid var(--tblr-primary)", outlineOffset: "1px" },
    ".cm-scroller": {
      fontFamily: "var(--tblr-font-monospace)",
      lineHeight: "1.6",
      minHeight: `${Math.max(rows, 3) * 1.6}em`,
      maxHeight: "70vh",
      overflow: "auto",
    },
    ".cm-content": { caretColor: "var(--tblr-body-color)" },
    ".cm-cursor": { borderLeftColor: "var(--tblr-body-color)" },
    ".cm-gutters": {
      backgroundColor: "transparent",
      color: "var(--tblr-secondary)",
      border: "none",
      borderRight: "1px solid var(--tblr-border-color)",
    },
    ".cm-activeLine, .cm-activeLineGutter": { backgroundColor: "rgba(var(--tblr-primary-rgb), .06)" },
    "&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground, ::selection": {
      backgroundColor: "rgba(var(--tblr-primary-rgb), .25)",
    },
    ".cm-panels": { backgroundColor: "var(--tblr-bg-surface-secondary)", color: "var(--tblr-body-color)" },
    ".cm-tooltip": {
      backgroundColor: "var(--tblr-bg-surface)",
      color: "var(--tblr-body-color)",
      border: "1px solid var(--tblr-border-color)",
      borderRadius: "var(--tblr-border-radius)",
    },
    ".cm-tooltip-autocomplete ul li[aria-selected]": { backgroundColor: "var(--tblr-primary)", color: "#fff" },
  });
  return [theme, syntaxHighlighting(colours)];
}

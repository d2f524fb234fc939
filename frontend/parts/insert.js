// data-insert="{{ profile.first_name }}" on a button puts that text where the cursor last was,
// or into the field that data-insert-into names by id. Editors hear it as the event tact:insert.

let last = null; // the field that had the cursor

/** Put text at a plain field's cursor, as if typed. */
function insertPlain(field, text) {
  field.setRangeText(text, field.selectionStart, field.selectionEnd, "end");
  field.dispatchEvent(new Event("input", { bubbles: true }));
  field.focus();
}

export function watchInserts() {
  document.addEventListener("focusin", (event) => {
    const field = event.target.closest("[data-editor-for], textarea, input[type=text], input:not([type])");
    if (field) last = field.dataset.editorFor ? document.getElementById(field.dataset.editorFor) : field;
  });
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-insert]");
    if (!button) return;
    const field = button.dataset.insertInto ? document.getElementById(button.dataset.insertInto) : last;
    if (!field?.isConnected) return;
    const text = button.dataset.insert;
    const taken = !field.dispatchEvent(new CustomEvent("tact:insert", { detail: { text }, cancelable: true }));
    if (!taken) insertPlain(field, text);
  });
}

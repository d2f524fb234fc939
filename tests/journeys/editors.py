"""What hands do in the code editor, and with words that were not saved."""

from playwright.sync_api import Dialog, Page


def fill_editor(page: Page, text: str, *, editor: str = "id_body") -> None:
    """Put a text in place of all that an editor holds, as somebody who pastes it would.

    Playwright's own ``fill`` replaces only what is drawn, and the editor draws its lines bit by bit.
    """
    page.locator(f"[data-editor-for={editor}] .cm-content").press("Control+a")
    page.keyboard.insert_text(text)


def questions_of(page: Page) -> list[str]:
    """Say yes to whatever the browser asks from now on; return the list in which each question's kind appears."""
    kinds: list[str] = []

    def answer(dialog: Dialog) -> None:
        kinds.append(dialog.type)
        dialog.accept()

    page.on("dialog", answer)
    return kinds

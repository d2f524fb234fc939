"""What hands do in the code editor."""

from playwright.sync_api import Page


def fill_editor(page: Page, text: str, *, editor: str = "id_body") -> None:
    """Put a text in place of all that an editor holds, as somebody who pastes it would.

    Playwright's own ``fill`` replaces only what is drawn, and the editor draws its lines bit by bit.
    """
    page.locator(f"[data-editor-for={editor}] .cm-content").press("Control+a")
    page.keyboard.insert_text(text)

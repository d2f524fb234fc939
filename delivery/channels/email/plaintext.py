"""The text version of a mail whose author wrote none, made once from the HTML with its Liquid in it."""

from __future__ import annotations

import re

from inscriptis.html_engine import Inscriptis
from inscriptis.model.config import ParserConfig
from lxml import etree
from lxml.html import HtmlElement, document_fromstring

from delivery.channels.email.placeholders import LIQUID, Vault, masked

_LINKS = ("http://", "https://", "mailto:", "tel:", "{{", "{%")
_INVISIBLE = re.compile(r"[\u00ad\u034f\u200b-\u200f\u2060\ufeff]")
_ALONE = re.compile(r"(?m)^[ \t]*((?:\{%-?(?:(?!%\}).)*%\}[ \t]*)+)\n+")
_COMMENTS = re.compile(r"<!--.*?-->|<!\[CDATA\[.*?\]\]>", re.DOTALL)
_TAG = re.compile(r"<[A-Za-z/!][^<>]*>")
_ROWS = {"table", "tbody", "thead", "tfoot", "tr"}
_CELLS = {"td", "th"}


def from_html(html: str) -> str:
    """Return the words of an HTML template with links as ``label (address)``. Its Liquid stays Liquid."""
    vault = Vault()
    tree = _parsed(_COMMENTS.sub("", html), vault)
    if tree is None:
        return ""
    _drop_hidden(tree)
    for comment in list(tree.iter(etree.Comment)):
        _become_text(comment, comment.text or "")
    for image in list(tree.iter("img")):
        _become_text(image, (image.get("alt") or "").strip())
    for link in list(tree.iter("a")):
        _spell_out(link, vault)
    for element in list(tree.iter(*_ROWS, *_CELLS)):
        _unfold(element)
    laid_out = Inscriptis(tree, ParserConfig(display_links=False)).get_text()
    return _tidied(vault.restore(laid_out))


def _parsed(html: str, vault: Vault) -> HtmlElement | None:
    """Return the tree, in which Liquid is a comment, or a word within a tag: neither moves out of a table."""
    hidden = masked(html)
    pieces = []
    at = 0
    for tag in _TAG.finditer(hidden):
        pieces += [
            LIQUID.sub(lambda match: f"<!--{vault.keep(match.group())}-->", html[at : tag.start()]),
            vault.keep_liquid(html[tag.start() : tag.end()]),
        ]
        at = tag.end()
    pieces.append(LIQUID.sub(lambda match: f"<!--{vault.keep(match.group())}-->", html[at:]))
    try:
        return document_fromstring("<html><body>" + "".join(pieces) + "</body></html>")
    except etree.ParserError:
        return None


def _unfold(element: HtmlElement) -> None:
    """Rows become lines, or paragraphs if they have one cell: mail uses tables for looks.

    Liquid that loops over rows then stands between lines, where it does no harm.
    """
    if element.tag in _CELLS:
        element.tag = "span"
        element.tail = " " + (element.tail or "")
    else:
        is_layout = element.tag == "tr" and len(element.xpath("./td|./th")) == 1
        element.tag = "p" if is_layout else "div"
    element.attrib.clear()


def _drop_hidden(tree: HtmlElement) -> None:
    """Preheaders, and what one client alone is meant to see, are no part of the text."""
    for element in list(tree.iter()):
        if isinstance(element.tag, str):
            style = (element.get("style") or "").replace(" ", "").lower()
            if "display:none" in style or element.tag in ("style", "script", "title"):
                element.drop_tree()


def _become_text(element: HtmlElement, text: str) -> None:
    element.tail = text + (element.tail or "")
    element.drop_tree()


def _spell_out(link: HtmlElement, vault: Vault) -> None:
    address = vault.restore((link.get("href") or "").strip())
    label = " ".join(vault.restore(link.text_content()).split())
    if (
        not address.lower().startswith(_LINKS)
        or address.removeprefix("mailto:").removeprefix("tel:") == label
    ):
        return
    said = vault.keep(f" ({address})" if label else address)
    last = link[-1] if len(link) else None
    if last is None:
        link.text = (link.text or "").rstrip() + said
    else:
        last.tail = (last.tail or "").rstrip() + said


def _tidied(text: str) -> str:
    lines = [" ".join(line.split()) for line in _INVISIBLE.sub("", text).splitlines()]
    text = "\n".join(lines).strip()
    text = f"{text}\n" if text else ""
    text = _ALONE.sub(r"\1", text)  # a tag alone on its line leaves no empty line behind
    return re.sub(r"\n{3,}", "\n\n", text)

"""What marketing mail must say and its author may have left out: where the brand lives, and the way out."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

ADDRESS = "brand.postal_address"
UNSUBSCRIBE = "unsubscribe_url"

_END_OF_BODY = re.compile(r"</body\s*>", re.IGNORECASE)

# Plain table and inline styles: it goes after whatever the author wrote, in any client.
_FRAME = (
    '<table role="presentation" width="100%" cellpadding="0" cellspacing="0" border="0"><tr>'
    '<td align="center" style="padding:24px 16px;font-family:Arial,Helvetica,sans-serif;font-size:12px;'
    'line-height:18px;color:#6b7280">{lines}</td></tr></table>'
)
_HTML = {
    ADDRESS: "{{ brand.name }} · {{ brand.postal_address | newline_to_br }}",
    UNSUBSCRIBE: '<a href="{{ unsubscribe_url }}" style="color:#6b7280;text-decoration:underline">Unsubscribe</a>',
}
_TEXT = {
    ADDRESS: "{{ brand.name }}\n{{ brand.postal_address }}",
    UNSUBSCRIBE: "Unsubscribe: {{ unsubscribe_url }}",
}
_SAID = {ADDRESS: "the brand's postal address", UNSUBSCRIBE: "an unsubscribe link"}


@dataclass(frozen=True, slots=True)
class Footed:
    """A mail's two bodies with all they must say, and a note for the author on what was added."""

    html: str
    text: str
    notes: list[str]


def added(
    html: str, text: str, *, has_unsubscribe: bool, html_reads: Iterable[str], text_reads: Iterable[str]
) -> Footed:
    """Return both bodies, each ending with what it does not yet say. ``*_reads`` are the data paths of each."""
    html_lacks = [] if has_unsubscribe else [UNSUBSCRIBE]
    html_lacks = [*([] if ADDRESS in set(html_reads) else [ADDRESS]), *html_lacks]
    text_lacks = [path for path in (ADDRESS, UNSUBSCRIBE) if path not in set(text_reads)]
    if html_lacks:
        html = _before_end(html, _FRAME.format(lines="<br>".join(_HTML[path] for path in html_lacks)))
    if text_lacks:
        text = text.rstrip() + "\n\n--\n" + "\n".join(_TEXT[path] for path in text_lacks) + "\n"
    return Footed(html, text, _notes(html_lacks))


def _notes(lacks: list[str]) -> list[str]:
    if not lacks:
        return []
    return [
        f"A footer with {' and '.join(_SAID[path] for path in lacks)} is added: marketing mail must have it."
    ]


def _before_end(html: str, footer: str) -> str:
    ends = list(_END_OF_BODY.finditer(html))
    if not ends:
        return html + footer
    at = ends[-1].start()
    return html[:at] + footer + html[at:]

"""A finished mail as people look at it: its row in an inbox, its page, its text, its size and its links."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from html import unescape

from campaigns import languages
from delivery.tracking import address
from tenants.models import Tenant

SUBJECT_SHOWN = 50  # characters of a subject that a phone shows, about
CLIPPED_AT = 102 * 1024  # bytes of HTML after which Gmail cuts a mail off

_LINK = re.compile(
    r"""<a\s[^>]*?href=(["'])(?P<url>.*?)\1[^>]*>(?P<words>.*?)</a>""", re.IGNORECASE | re.DOTALL
)
_TAG = re.compile(r"<[^>]+>")
_PICTURE_SAID = re.compile(r"""<img\b[^>]*\salt\s*=\s*["']?[^"'>\s]""", re.IGNORECASE)
# Where a value was nothing: a comma or full stop behind a space, quotes or brackets around nothing.
_HOLE = re.compile(r"""(?<!\S)\S+[ \u00a0]+[,.](?=\s|$)|"\s*"|“\s*”|«\s*»|\(\s*\)""", re.MULTILINE)
_HEAD = re.compile(r"<head[^>]*>", re.IGNORECASE)

# Without a dark design of its own, a mail is inverted by several clients; pictures are left as they are.
_DARK = (
    "<style>html{background:#fff;filter:invert(1) hue-rotate(180deg)}"
    "img,video{filter:invert(1) hue-rotate(180deg)}</style>"
)


@dataclass(frozen=True, slots=True)
class Link:
    words: str
    url: str


@dataclass(frozen=True, slots=True)
class Shown:
    """What the editor shows beside the page itself."""

    sender: str
    address: str
    to: str
    subject: str
    preheader: str
    text: str
    size: int  # bytes of HTML
    links: list[Link]
    language: str = ""  # BCP 47

    @property
    def direction(self) -> str:
        return languages.direction(self.language)

    @property
    def warnings(self) -> list[str]:
        """What of this one mail may look wrong to its reader."""
        found = []
        if len(self.subject) > SUBJECT_SHOWN:
            found.append(
                f"The subject has {len(self.subject)} characters; a phone shows about {SUBJECT_SHOWN}."
            )
        if self.is_clipped:
            found.append("Gmail cuts it off after 102 kB.")
        if hole := _HOLE.search(self.subject) or _HOLE.search(self.text):
            found.append(f"Something seems to be missing at “{hole.group()}”.")
        if silent := sum(not link.words for link in self.links):
            found.append("A link has no words." if silent == 1 else f"{silent} links have no words.")
        return found

    @property
    def is_clipped(self) -> bool:
        return self.size > CLIPPED_AT

    @property
    def size_percent(self) -> int:
        return min(100, round(100 * self.size / CLIPPED_AT))


def shown(message: Mapping[str, str], *, tenant: Tenant, to: str) -> Shown:
    """Return a finished mail's figures."""
    html = message["html"]
    return Shown(
        sender=tenant.from_name or tenant.name,
        address=tenant.from_email,
        to=to,
        subject=message["subject"],
        preheader=message.get("preheader", ""),
        text=message["text"],
        size=len(html.encode()),
        links=links(html),
        language=message.get("language", ""),
    )


def links(html: str) -> list[Link]:
    """Return the mail's links in order, with the words they stand behind."""
    return [Link(_words(found["words"]), address(found["url"])) for found in _LINK.finditer(html)]


def _words(html: str) -> str:
    """What is read of a link: its words, "(picture)" for one that says what it shows, else nothing."""
    pictured = "(picture)" if _PICTURE_SAID.search(html) else ""
    return " ".join(unescape(_TAG.sub(" ", html)).split())[:80] or pictured


def page(message: Mapping[str, str], *, is_dark: bool) -> str:
    """Return the mail's HTML, as it is or inverted as clients do that make light mails dark."""
    html = message["html"]
    if not is_dark:
        return html
    head = _HEAD.search(html)
    return html[: head.end()] + _DARK + html[head.end() :] if head else _DARK + html

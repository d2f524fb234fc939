"""Header values for the wire: nothing passes that could end a header line and begin another."""

import base64
import re

from tenants.mailboxes import on_the_wire

LINE_OCTETS = 998  # RFC 5322, 2.1.1, without the line's end
_WORD_LINE = 76  # RFC 2047, 2: a line with an encoded word in it, 12 octets of which are the word's frame
_PRINTABLE = re.compile(r"[\x20-\x7e]*")
_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?: [A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_URL = re.compile(r"(?:https?://|mailto:)[\x21-\x3b\x3d\x3f-\x7e]+")  # no space, no angle bracket
_TOKEN = re.compile(r"[\x21-\x3b\x3d\x3f-\x7e]+")


class UnsafeHeader(ValueError):
    """A value that cannot stand in a header: it has a line break or NUL, or is too long for a line."""


def unstructured(value: str, *, used: int) -> str:
    """Return ``value`` for a header such as Subject, ``used`` octets of whose first line are taken.

    Plain ASCII that fits in 78 octets stays as it is; the rest becomes RFC 2047 encoded words, folded.
    Raises UnsafeHeader for CR, LF and NUL.
    """
    _refuse_breaks(value)
    if (
        len(value) + used <= 78
        and _PRINTABLE.fullmatch(value)
        and "=?" not in value
        and value == value.strip()
    ):
        return value
    return _encoded_words(value, used=used)


def mailbox(address: str, name: str = "") -> str:
    """Return ``name <address>`` for From, To and Reply-To. Raises UnsafeHeader and mailboxes.InvalidAddress.

    White space in a name counts as one space: names come from people's data, where a stray line end is common.
    """
    address = on_the_wire(address)
    name = " ".join(name.split())
    if not name:
        return address
    _refuse_breaks(name)
    if len(name) <= 60 and _ATOMS.fullmatch(name) and "=?" not in name:
        return f"{name}\r\n <{address}>" if len(name) + len(address) > 66 else f"{name} <{address}>"
    quoted = name.replace("\\", "\\\\").replace('"', '\\"')
    if len(quoted) <= 60 and _PRINTABLE.fullmatch(name) and "=?" not in name:
        return f'"{quoted}"\r\n <{address}>'
    return f"{_encoded_words(name, used=6)}\r\n <{address}>"


def url(value: str) -> str:
    """Return ``<value>`` for List-Unsubscribe. Raises UnsafeHeader unless it is an http or mailto URL in ASCII."""
    if not _URL.fullmatch(value) or len(value) > LINE_OCTETS - 20:
        raise UnsafeHeader(f"not a URL for a header: {value[:80]!a}")
    return f"<{value}>"


def token(value: str) -> str:
    """Return ``value``, visible ASCII without spaces such as an id. Raises UnsafeHeader."""
    if not _TOKEN.fullmatch(value) or len(value) > 200:
        raise UnsafeHeader(f"not an id for a header: {value[:80]!a}")
    return value


def _refuse_breaks(value: str) -> None:
    if "\n" in value or "\r" in value or "\0" in value:
        raise UnsafeHeader(f"a line break or NUL in a header: {value[:80]!a}")


def _encoded_words(value: str, *, used: int) -> str:
    """``value`` as encoded words, one a line. Base64 rather than Q: no character of it means anything to a parser."""
    words: list[str] = []
    rest, room = value.encode(), _WORD_LINE - used
    while rest:
        end = min((room - 12) // 4 * 3, len(rest))
        while end < len(rest) and rest[end] & 0xC0 == 0x80:  # a word holds whole characters: RFC 2047, 5
            end -= 1
        words.append(f"=?utf-8?b?{base64.b64encode(rest[:end]).decode()}?=")
        rest, room = rest[end:], _WORD_LINE - 1
    return "\r\n ".join(words)


def of_language(tag: str) -> dict[str, str]:
    """Return what a mail's header says of its language, a BCP 47 tag; nothing where that is not known."""
    return {"Content-Language": tag} if tag else {}

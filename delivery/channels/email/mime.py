"""A mail's bytes: the frame is made once per content, filling it for a person is joining strings.

What parses out of a filled skeleton is exactly what was put in, and equal to what Django builds from the same
input; the tests hold it to both.
"""

import base64
import binascii
import re
from collections.abc import Mapping
from datetime import datetime
from email.utils import format_datetime
from functools import lru_cache
from secrets import token_hex

from delivery.channels.email import headers as header
from delivery.channels.email.headers import LINE_OCTETS, UnsafeHeader

__all__ = ["Skeleton", "UnsafeHeader"]

_LINE_END = re.compile(r"\r\n|\r|\n")
_HEADER_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,75}")
_NOTHING: Mapping[str, str] = {}


class Skeleton:
    """The frame of one content: sender, constant headers and structure, ready to be filled many times.

    ``headers`` are constant extra ones such as Feedback-ID, their values visible ASCII without spaces. With
    ``is_one_click`` every mail needs an unsubscribe URL and carries both headers of RFC 8058. Raises
    UnsafeHeader and mailboxes.InvalidAddress. Filling does not change it: threads may share it.
    """

    def __init__(
        self,
        *,
        from_address: str,
        from_name: str = "",
        reply_to: str = "",
        is_one_click: bool,
        headers: Mapping[str, str] = _NOTHING,
    ) -> None:
        self.is_one_click = is_one_click
        constant = f"From: {header.mailbox(from_address, from_name)}\r\n"
        if reply_to:
            constant += f"Reply-To: {header.mailbox(reply_to)}\r\n"
        if is_one_click:
            constant += "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
        constant += _extra(headers) + "MIME-Version: 1.0\r\n"
        boundary = f"=_tact_{token_hex(12)}"  # "=" keeps it out of every quoted-printable and base64 body
        self._single = constant.encode()
        self._alternative = (
            f'{constant}Content-Type: multipart/alternative; boundary="{boundary}"\r\n'.encode()
        )
        self._line = f"--{boundary}".encode()

    def fill(
        self,
        *,
        to_address: str,
        to_name: str = "",
        subject: str,
        text: str,
        html: str = "",
        message_id: str,
        date: datetime,
        unsubscribe_url: str = "",
        headers: Mapping[str, str] = _NOTHING,
    ) -> bytes:
        """Return one person's mail: CRLF line ends, no line over 998 octets, all ASCII but for a non-ASCII local part.

        ``message_id`` comes without angle brackets, ``date`` is aware, ``headers`` are this mail's ids such as
        X-Tact-Delivery. Without ``html`` the mail is plain text. Line ends in ``text`` and ``html`` become CRLF.
        Raises UnsafeHeader, for a line break in the subject as well, and mailboxes.InvalidAddress.
        """
        if self.is_one_click and not unsubscribe_url:
            raise UnsafeHeader("a mail with one-click unsubscribe needs its URL")
        own = (
            f"To: {header.mailbox(to_address, to_name)}\r\n"
            f"Subject: {header.unstructured(subject, used=9)}\r\n"
            f"Date: {_date(date)}\r\n"
            f"Message-ID: <{header.token(message_id)}>\r\n"
        )
        if unsubscribe_url:
            own += f"List-Unsubscribe: {header.url(unsubscribe_url)}\r\n"
        head = (own + _extra(headers)).encode()
        if not html:
            return b"".join((head, self._single, *_part(_PLAIN, text, self._line)))
        line = self._line
        plain, rich = _part(_PLAIN, text, line), _part(_HTML, html, line)
        opening, closing = (b"\r\n", line, b"\r\n"), (b"\r\n", line, b"--\r\n")
        return b"".join((head, self._alternative, *opening, *plain, *opening, *rich, *closing))


def _extra(headers: Mapping[str, str]) -> str:
    for name in headers:
        if not _HEADER_NAME.fullmatch(name):
            raise UnsafeHeader(f"not a header's name: {name!a}")
    return "".join(f"{name}: {header.token(value)}\r\n" for name, value in headers.items())


@lru_cache(maxsize=256)
def _date(moment: datetime) -> str:
    if moment.utcoffset() is None:
        raise ValueError("date must be timezone-aware")
    return format_datetime(moment)


_PLAIN = b'Content-Type: text/plain; charset="utf-8"\r\nContent-Transfer-Encoding: '
_HTML = b'Content-Type: text/html; charset="utf-8"\r\nContent-Transfer-Encoding: '


def _part(kind: bytes, content: str, boundary: bytes) -> tuple[bytes, bytes, bytes, bytes]:
    """Return a body part: as it is where that is safe, else in the shorter of the two encodings."""
    content = _LINE_END.sub("\r\n", content) if "\r" in content else content.replace("\n", "\r\n")
    data = content.encode()
    if data.isascii() and _fits_lines(data) and boundary not in data and b"\0" not in data:
        return kind, b"7bit", b"\r\n\r\n", data
    if 12 * (len(data) - len(content)) > len(data):  # so much beyond ASCII that base64 is the shorter
        return kind, b"base64", b"\r\n\r\n", base64.encodebytes(data).replace(b"\n", b"\r\n")
    return kind, b"quoted-printable", b"\r\n\r\n", _quoted_printable(data)


def _fits_lines(data: bytes) -> bool:
    return len(data) <= LINE_OCTETS or max(map(len, data.split(b"\n"))) <= LINE_OCTETS


def _quoted_printable(data: bytes) -> bytes:
    quoted = binascii.b2a_qp(data, istext=True)
    if b"\n" in data:  # its own line ends follow the data's first one
        return quoted
    return quoted.replace(b"\n", b"\r\n")

"""What became of one mail handed over, and whose fault a refusal is: RFC 3463's status first, the phase second."""

import re
from dataclasses import dataclass
from typing import Literal

from delivery.channels.email.wire import Reply

Phase = Literal["mail", "rcpt", "data", "body"]  # body: the reply to the final dot
Scope = Literal["recipient", "sender", "message", "server"]

# How servers name the message in their last reply: Postfix and Sendgrid, Exim, SES.
_QUEUED_AS = re.compile(r"queued as ([\w.+-]+)|\bid=([\w.+-]+)|^(?:[\d.]+ )?Ok:? ([\w.+-]{12,})", re.I)
_AUTH_CODES = frozenset({530, 534, 535, 538})  # we were not let in: mended by an admin, not by a new address
_RECIPIENT_GONE = re.compile(r"5\.1\.(1|2|3|6|10)|5\.2\.1")
_GONE_CODES = frozenset({550, 551, 553})
# What servers without a status say to whom they do not want to hear from, whoever the mail is for.
_ABOUT_US = re.compile(
    r"relay|rcpthosts|denied|block|black|\blist(?:ed|ing)|spam|policy|reputation|authenticat|\bauth\b|helo|ehlo|sender"
    r"|\bspf\b|dkim|dmarc|\brbl\b|\bIP\b|reverse|\bptr\b|verif",
    re.I,
)


@dataclass(frozen=True, slots=True)
class Accepted:
    """The server took the message over. ``provider_id`` is its name for it, "" if it told none."""

    id: int
    reply: str
    provider_id: str = ""


@dataclass(frozen=True, slots=True)
class Refused:
    """The server said no, or we did on its behalf (``code`` 0). Nobody got the message.

    ``permanent`` means the same message to the same address need not be tried again. ``scope`` names what was
    found wrong; only a permanent refusal of the recipient may say anything about the address, and
    ``is_address_dead`` says whether it does: a full mailbox or a policy does not.
    """

    id: int
    permanent: bool
    code: int
    reply: str
    scope: Scope
    is_address_dead: bool = False


@dataclass(frozen=True, slots=True)
class Unknown:
    """The whole message had left and no answer came: the server may or may not have it."""

    id: int
    why: str


@dataclass(frozen=True, slots=True)
class NotSent:
    """Not handed over, for certain: trying again cannot reach anybody twice."""

    id: int
    why: str


Outcome = Accepted | Refused | Unknown | NotSent


def accepted(message_id: int, reply: Reply) -> Accepted:
    match = _QUEUED_AS.search(reply.text)
    return Accepted(message_id, str(reply), next(filter(None, match.groups()), "") if match else "")


def refusal(message_id: int, reply: Reply, *, phase: Phase) -> Refused:
    """Return what a 4xx or 5xx ``reply`` in ``phase`` means for the message."""
    scope = _scope(reply, phase)
    permanent = reply.code >= 500 and reply.code not in _AUTH_CODES
    dead = permanent and scope == "recipient" and _says_gone(reply)
    return Refused(message_id, permanent, reply.code, str(reply), scope, dead)


def _says_gone(reply: Reply) -> bool:
    if reply.enhanced:
        return _RECIPIENT_GONE.fullmatch(reply.enhanced) is not None
    return reply.code in _GONE_CODES and not _ABOUT_US.search(reply.text)


def _scope(reply: Reply, phase: Phase) -> Scope:
    if reply.code in _AUTH_CODES or reply.code in (421, 500, 502, 503):
        return "server"
    return _scope_of_status(reply.enhanced, phase) or _SCOPE_OF_PHASE[phase]


_SCOPE_OF_PHASE: dict[Phase, Scope] = {
    "mail": "sender",
    "rcpt": "recipient",
    "data": "message",
    "body": "message",
}


def _scope_of_status(status: str, phase: Phase) -> Scope | None:
    """RFC 3463, section 3: the second number is the subject. Sender addresses are 7 and 8 of addressing."""
    _, _, rest = status.partition(".")
    subject, _, detail = rest.partition(".")
    if subject == "1":
        return "sender" if detail in ("7", "8") else "recipient"
    if subject == "2":
        return "recipient"
    if subject in ("3", "5"):
        return "message" if (subject, detail) == ("3", "4") else "server"
    if subject == "7":  # policy: at the envelope it is about who we are, later about what we say
        return "server" if phase in ("mail", "rcpt") else "message"
    return None

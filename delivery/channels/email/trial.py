"""A test mail to somebody of the team: the real message through the real server, marked, and counted nowhere."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import make_msgid

from campaigns.channels import TestNotSent
from delivery import providers
from delivery.channels.email import headers
from delivery.channels.email.mime import Skeleton
from delivery.channels.email.smtp import Accepted, Connection, Message, Server, Unavailable
from tenants.mailboxes import on_the_wire
from tenants.models import Tenant

PREFIX = "[Test] "
PATIENCE_SECONDS = 10.0  # somebody is looking at the page


def send(message: Mapping[str, str], *, tenant: Tenant, to: str) -> str:
    """Hand a finished mail to ``to`` and return what to tell who asked. Raises TestNotSent."""
    try:
        server = Server(
            **providers.smtp_server(tenant), timeout=PATIENCE_SECONDS, data_timeout=PATIENCE_SECONDS
        )
        mail = Message(1, tenant.from_email, to, _bytes(message, tenant=tenant, to=to))
        with Connection.open(server) as connection:
            (outcome,) = connection.send([mail])
    except (providers.NoProvider, Unavailable) as exc:
        raise TestNotSent(str(exc)) from exc
    except ValueError as unsendable:  # an address or a header that no mail can carry
        raise TestNotSent(f"This mail cannot be sent: {unsendable}.") from unsendable
    if not isinstance(outcome, Accepted):
        said = getattr(outcome, "reply", "") or getattr(outcome, "why", "")
        raise TestNotSent(f"The mail server did not take it: {said}")
    where = "It waits in the sandbox's inbox." if tenant.is_sandbox else f"Look into {to}."
    return f"A test is on its way. {where}"


def _bytes(message: Mapping[str, str], *, tenant: Tenant, to: str) -> bytes:
    if not tenant.from_email:
        raise TestNotSent("No sender address is set: an owner can enter one under Settings, Sender.")
    skeleton = Skeleton(
        from_address=tenant.from_email,
        from_name=tenant.from_name or tenant.name,
        reply_to=tenant.reply_to,
        is_one_click=False,  # a test unsubscribes nobody
    )
    return skeleton.fill(
        to_address=to,
        subject=PREFIX + " ".join(message["subject"].split()),
        text=message["text"],
        html=message["html"],
        message_id=make_msgid(domain=on_the_wire(tenant.from_email).rpartition("@")[2]).strip("<>"),
        date=datetime.now(UTC),  # read by a mail program of today, whatever a sandbox's clock says
        headers={"X-Tact-Test": "yes"} | headers.of_language(message.get("language", "")),
    )

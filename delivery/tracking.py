"""Opens, clicks and unsubscribes: the last step before a mail leaves, and what comes back from it."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial
from html.entities import html5
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.db import connection, transaction

from audiences import consent, ingest, tombstones
from delivery import tokens, traces
from delivery.models import Delivery
from tenants.models import Tenant

LINK = re.compile(
    r"""(<a\s(?:[^>]*?\s)?href\s*=\s*)(?:"\s*(https?://[^"]+)"|'\s*(https?://[^']+)')""", re.IGNORECASE
)
# HTML's own rule for attributes: in ?a=1&currency=EUR nobody reads &curren, which goes on without a semicolon.
REFERENCE = re.compile(r"&(?:#\d+;?|#x[0-9a-f]+;?|[a-z][a-z0-9]*(?:;|(?![a-z0-9=])))", re.IGNORECASE)
END_OF_BODY = re.compile(r"</body>", re.IGNORECASE)
SEEN_AGAIN_AFTER = timedelta(seconds=30)  # opens and clicks closer together than this are one
SAME_ADDRESS = "unsubscribed by somebody with the same address"
MACHINE_WITHIN = timedelta(seconds=1)  # nobody reads that fast: a scanner fetched it


class Paths:
    """The addresses that one delivery's mail leads back to us by."""

    def __init__(self, *, tenant_id: int, delivery_id: int, occasion_at: datetime) -> None:
        self._of = (tenant_id, delivery_id, occasion_at)
        self.base = settings.BASE_URL
        self._unsubscribe = ""

    def unsubscribe(self) -> str:
        if not self._unsubscribe:  # asked for by the words, the headers and the footer
            self._unsubscribe = f"{self.base}/u/{tokens.write(tokens.Mark('u', *self._of))}"
        return self._unsubscribe

    def pixel(self) -> str:
        return f"{self.base}/t/o/{tokens.write(tokens.Mark('o', *self._of))}.gif"

    def click(self, url: str) -> str:
        return f"{self.base}/t/c/{tokens.write(tokens.Mark('c', *self._of, url))}"


def add_to(body: str, paths: Paths) -> str:
    """Return an HTML body whose links lead through us and that ends with the open pixel.

    Our own links (unsubscribe) stay as they are: a click on them is no interest in the offer.
    """

    def through_us(link: re.Match[str]) -> str:
        url = address(link[2] or link[3])
        if f"{url}/".startswith(f"{paths.base}/"):
            return link[0]
        return f'{link[1]}"{paths.click(url)}"'

    body = LINK.sub(through_us, body)
    pixel = f'<img src="{paths.pixel()}" width="1" height="1" alt="" style="display:block;border:0">'
    end = END_OF_BODY.search(body)
    return body[: end.start()] + pixel + body[end.start() :] if end else body + pixel


def address(written: str) -> str:
    """Return the address that a link's attribute says, as browsers read it."""
    return REFERENCE.sub(_referred, written).strip()


def _referred(reference: re.Match[str]) -> str:
    """Return what a reference in an attribute stands for; itself where it stands for nothing."""
    written = reference[0]
    return html.unescape(written) if written[1] == "#" else html5.get(written[1:], written)


def opened(*, tenant: Tenant, mark: tokens.Mark, by_machine: bool, now: datetime) -> None:
    """Record that a mail was opened; opens within half a minute are one."""
    _record(tenant=tenant, mark=mark, what="opened", by_machine=by_machine, now=now)


def clicked(*, tenant: Tenant, mark: tokens.Mark, by_machine: bool, now: datetime) -> None:
    """Record a click on the link that ``mark`` holds; clicks on it within half a minute are one."""
    _record(tenant=tenant, mark=mark, what="clicked", by_machine=by_machine, now=now, url=mark.url)


def leads_anywhere(url: str) -> bool:
    """Whether a link may be followed: to http and https, and nowhere else."""
    try:
        return urlsplit(url).scheme in ("http", "https")
    except ValueError:  # such as https://[shop]/, which no browser could follow either
        return False


def unsubscribed(*, tenant: Tenant, mark: tokens.Mark, origin: str, now: datetime) -> None:
    """Take a person off the mail's channel, at once and for every campaign, and all who go by the mail's address.

    Whoever reads that mailbox has spoken. Again changes nothing, nor does it for somebody who is gone. What is not yet
    handed over to them will not be.
    """
    message = _find(tenant, mark)
    if message is None:
        return
    said = partial(
        consent.change_all, tenant=tenant, subject=message.channel, standing="unsubscribed", now=now
    )
    with _all_locked(tenant, message) as others:
        said(profile_ids=[message.profile_id], origin=origin)
        said(profile_ids=others, origin=SAME_ADDRESS)
    _trace(tenant, message, "unsubscribed", f"unsubscribed {message.delivery_id}", now)


def resubscribed(*, tenant: Tenant, mark: tokens.Mark, now: datetime) -> None:
    """Undo an unsubscribe from its own page, also for those whom only it took off."""
    message = _find(tenant, mark)
    if message is None:
        return
    said = partial(consent.change_all, tenant=tenant, subject=message.channel, standing="subscribed", now=now)
    with _all_locked(tenant, message) as others:
        words = consent.last_words(tenant.pk, others)
        taken_off = [
            id_
            for (id_, subject), last in words.items()
            if (subject, last.origin) == (message.channel, SAME_ADDRESS)
        ]
        said(profile_ids=[message.profile_id, *taken_off], origin="unsubscribe page, undone")


@contextmanager
def _all_locked(tenant: Tenant, message: traces.Message) -> Iterator[list[int]]:
    """Lock a message's person and, in the order that all keep, the others who go by its address; yield the others."""
    sent = Delivery.objects.filter(pk=message.delivery_id, occasion_at=message.occasion_at)
    address = sent.values_list("address", flat=True).first()  # none once they are erased
    sharing = consent.going_by(tenant.pk, address) if address else []
    with transaction.atomic():
        living = tombstones.lock_living(tenant.pk, [message.profile_id, *sharing])
        yield sorted(set(living.values()) - {living.get(message.profile_id)})


def _record(
    *, tenant: Tenant, mark: tokens.Mark, what: str, by_machine: bool, now: datetime, **properties: str
) -> None:
    message = _find(tenant, mark)
    if message is None:
        return
    # A sandbox's clock may have been moved back since: that says nothing of how fast somebody was.
    too_fast = message.sent_at is None or abs(now - message.sent_at) < MACHINE_WITHIN
    who = "person"
    if by_machine or too_fast:
        who = "machine"
        properties["machine"] = "yes"
    slot = int(now.timestamp() // SEEN_AGAIN_AFTER.total_seconds())
    call_id = f"{what} {message.delivery_id} {slot} {who} {properties.get('url', '')}"
    _trace(tenant, message, what, call_id, now, **properties)


FIRST = """
UPDATE delivery_delivery SET {column} = %s WHERE tenant_id = %s AND id = %s AND occasion_at = %s AND {column} IS NULL
"""


def _trace(
    tenant: Tenant, message: traces.Message, what: str, call_id: str, now: datetime, **properties: str
) -> None:
    event = ingest.InternalEvent(
        call_id=call_id,
        profile_id=message.profile_id,
        name=traces.NAMES[message.channel][what],
        occurred_at=now,
        properties=message.properties(**properties),
    )
    with transaction.atomic():
        ingest.record_internal(tenant=tenant, events=[event], now=now)
        if "machine" not in properties:
            with connection.cursor() as cursor:
                row: list[Any] = [now, tenant.pk, message.delivery_id, message.occasion_at]
                cursor.execute(FIRST.format(column=f"{what}_at"), row)


def _find(tenant: Tenant, mark: tokens.Mark) -> traces.Message | None:
    return traces.find(tenant_id=tenant.pk, delivery_id=mark.delivery_id, occasion_at=mark.occasion_at)

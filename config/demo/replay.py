"""The rest of the log, played back through the HTTP API while the tenant's clock runs to today."""

from __future__ import annotations

import base64
import http.client
import json
import time
from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from datetime import time as hour
from typing import Any
from urllib.parse import urlsplit

from django_scopes import scope

from config.demo import people, purchases, visits
from config.demo.story import batches
from delivery.models import Delivery, Plan
from tenants import clock
from tenants.models import Tenant

LASTS_SECONDS = 60.0
AT_MOST = 500  # calls a request
LOOKS_AT_UTC = (
    15,
    23,
)  # hours of each day at which the clock stands for a while: by day in Europe and in America


class Refused(Exception):
    """The API did not take a batch; the words are its answer."""


def wait_until_sent(tenant: Tenant) -> None:
    """Return once what is due is planned and nothing of it waits any more: its clock must not run away from it."""
    while True:
        with scope(tenant=tenant):
            now = clock.now(tenant)
            due = Plan.objects.filter(opens_at__lte=now)
            is_planned = due.exists() and not due.filter(done_at=None).exists()
            if is_planned and not Delivery.objects.open().filter(due_at__lte=now).exists():
                return
        time.sleep(0.5)


def run(
    tenant: Tenant, *, url: str, write_key: str, ends_on: date, on_day: Callable[[date, int], None]
) -> None:
    """Play back what happened after the tenant's present day, a day at a time, then let its clock be real.

    A replay that was killed goes on from the day its clock stands at: what came already is a duplicate and counts
    for nothing. Raises Refused, and OSError if the server is gone.
    """
    starts = clock.now(tenant)
    days = _days(purchases.log(ends_on=ends_on), since=starts)
    pause = LASTS_SECONDS / max(len(days), 1)
    shop = _Shop(url, write_key)
    for day, calls in days.items():
        began = time.monotonic()
        for moment in (datetime.combine(day, hour(at), UTC) for at in LOOKS_AT_UTC):
            if moment > clock.now(tenant):
                clock.set_to(tenant, moment)
                time.sleep(pause / len(LOOKS_AT_UTC))
        for batch in batches(calls, AT_MOST):
            shop.send(batch)
        on_day(day, len(calls))
        time.sleep(max(0.0, pause - (time.monotonic() - began)))
    clock.set_to(tenant, None)


def _days(log: list[purchases.Purchase], *, since: datetime) -> dict[date, list[dict[str, Any]]]:
    """Return the calls of each day from ``since`` on; a customer's first purchase brings who they are along."""
    known = {purchase.customer for purchase in log if purchase.at < since}
    everybody = people.people(max(purchase.customer for purchase in log))
    days: dict[date, list[dict[str, Any]]] = defaultdict(list)
    last = max(purchase.at for purchase in log)
    for purchase in log:
        left_at = purchase.left_at
        if left_at and since <= left_at <= last:
            days[left_at.date()].append(purchase.as_left_cart(left_at))
        for at, call in visits.after(purchase, everybody[purchase.customer - 1]):
            if since <= at <= last:
                days[at.date()].append(call)
        if purchase.at < since - timedelta(days=1):
            continue
        if purchase.customer not in known:
            known.add(purchase.customer)
            days[purchase.at.date()].append(everybody[purchase.customer - 1].as_call(purchase.at))
        days[purchase.at.date()].append(purchase.as_call())
    return dict(sorted(days.items()))


class _Shop:
    """The shop's server: it keeps a connection to the API open."""

    def __init__(self, url: str, write_key: str) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)
        self._headers = {
            "Authorization": "Basic " + base64.b64encode(f"{write_key}:".encode()).decode(),
            "Content-Type": "application/json",
        }

    def send(self, calls: list[dict[str, Any]]) -> None:
        self._connection.request("POST", "/v1/batch", json.dumps({"batch": calls}), self._headers)
        answer = self._connection.getresponse()
        body = answer.read()
        if answer.status != 200:
            raise Refused(f"{answer.status}: {body[:300].decode(errors='replace')}")

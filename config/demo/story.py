"""The demo's tenant: a record shop with real customers' purchases, and a campaign to win some of them back."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from django.conf import settings
from django.db import transaction
from django_scopes import scope

from audiences import freshness, ingest, segments
from audiences.models import Segment
from campaigns import drafts, launching
from campaigns.models import Campaign, Version
from config import folders
from config.demo import birthday, cities, fitting, live, moments, people, purchases, shared, ways, wordings
from config.demo.purchases import Purchase
from config.demo.ways import Way
from tenants import clock, keys
from tenants.models import ApiKey, Membership, Tenant, User
from tenants.roles import Role

TENANT = "Second Spin Records"
OWNER = "demo@tact.test"
DAYS_LEFT = 91  # the tenant's clock starts this many days before the log ends: what comes after is replayed
BATCH = 1_000
LAPSED_DAYS = 120

LAPSED = {
    "all": [
        {"on": "event", "name": purchases.EVENT},
        {"on": "event", "name": purchases.EVENT, "did": False, "within": {"days": LAPSED_DAYS}},
    ]
}
SEGMENTS: list[tuple[str, str, dict[str, Any]]] = [
    ("Lapsed buyers", f"Bought once upon a time, but not in the last {LAPSED_DAYS} days.", LAPSED),
    (
        "Regulars",
        "Bought at least three times in half a year.",
        {"all": [{"on": "event", "name": purchases.EVENT, "at_least": 3, "within": {"days": 182}}]},
    ),
    (
        "Big baskets",
        "Spent more than $100 in one order.",
        {
            "all": [
                {
                    "on": "event",
                    "name": purchases.EVENT,
                    "where": [{"on": "property", "name": "total", "operator": "greater", "value": 100}],
                }
            ]
        },
    ),
    (
        "German speakers",
        "Read German, wherever they live.",
        {"all": [{"on": "attribute", "name": "language", "operator": "is", "value": "de"}]},
    ),
    (
        fitting.MEMBERS,
        "Carry our card.",
        {"all": [{"on": "attribute", "name": "loyalty", "operator": "is", "value": "member"}]},
    ),
    (
        fitting.EVENING,
        "Their own clocks show 17:00 to 23:00 now.",
        {"all": [{"on": "local_time", "from": "17:00", "to": "23:00"}]},
    ),
    (
        "No first name",
        "We would not know what to call them.",
        {"all": [{"on": "attribute", "name": "first_name", "operator": "is_missing"}]},
    ),
]


class Forgotten(RuntimeError):
    """The demo is there, and its password is not."""


class Told(NamedTuple):
    """What the demo tells whoever starts it again: the hashes in the database tell nobody."""

    password: str
    write_key: str
    ends_on: date  # the log's last day, as it was moved when the demo was made

    @staticmethod
    def _file() -> Path:
        return Path(settings.VAR) / "demo-login"

    def keep(self) -> None:
        file = self._file()
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch(mode=0o600)
        file.write_text(f"{self.password}\n{self.write_key}\n{self.ends_on.isoformat()}\n")

    @classmethod
    def read(cls) -> Told:
        """Return what was kept. Raises Forgotten."""
        try:
            password, write_key, ends_on = cls._file().read_text().splitlines()
        except FileNotFoundError:
            raise Forgotten(
                f"The demo is in the database, but {cls._file()}, which held its password, is gone. Put it back, or"
                f" begin anew with another database: without DATABASE_URL, delete {folders.data()}."
            ) from None
        return cls(password, write_key, date.fromisoformat(ends_on))


def find() -> Tenant | None:
    """Return the demo's tenant if it was made and filled."""
    return Tenant.objects.filter(name=TENANT, is_sandbox=True, memberships__user__email=OWNER).first()


def is_whole(tenant: Tenant) -> bool:
    """Whether everything was loaded and the campaign launched: that comes last."""
    with scope(tenant=tenant):
        return Campaign.objects.filter(versions__launched_at__isnull=False).exists()


def make(*, yesterday: date, progress: Callable[[str, int, int], None]) -> Tenant:
    """Make and fill the demo's tenant, its clock DAYS_LEFT days before ``yesterday``; tell how far it is.

    A killed attempt goes on where it was: the same people and purchases come again under the same call ids.
    """
    tenant = find() or _tenant(yesterday)
    ends_on = Told.read().ends_on
    starts = datetime.combine(ends_on - timedelta(days=DAYS_LEFT), time(9), UTC)
    clock.set_to(tenant, starts)
    with scope(tenant=tenant):
        known = list(purchases.log(ends_on=ends_on))
        _load(tenant, [purchase for purchase in known if purchase.at < starts], progress)
        freshness.refresh()
        campaigns(tenant)
    return tenant


def campaigns(tenant: Tenant) -> None:
    """Launch a campaign for each thing that words can fit, where that is not done yet."""
    _segments(tenant)
    _launch(tenant)


@transaction.atomic
def _tenant(yesterday: date) -> Tenant:
    tenant = Tenant.objects.create(
        name=TENANT,
        is_sandbox=True,
        timezone="America/New_York",
        from_name=TENANT,
        from_email="hello@secondspin.example",
        reply_to="people@secondspin.example",
        postal_address="12 Groove Lane, Portland, ME 04101, USA",
    )
    password = secrets.token_urlsafe(9)
    owner = User.objects.filter(email=OWNER).first()
    if owner is None:
        owner = User.objects.create_superuser(OWNER, name="Demo owner")
    owner.set_password(password)
    owner.save()
    Membership.objects.create(tenant=tenant, user=owner, role=Role.OWNER)
    with scope(tenant=tenant):
        _, key = keys.create(
            tenant=tenant, kind=ApiKey.Kind.WRITE, name="Demo shop", scopes=[], created_by=owner
        )
    Told(password, key, yesterday).keep()
    return tenant


def _load(tenant: Tenant, known: Sequence[Purchase], progress: Callable[[str, int, int], None]) -> None:
    """Store who the customers are and what they bought, through the code that takes in everybody's data."""
    first: dict[int, datetime] = {}
    for purchase in known:
        first.setdefault(purchase.customer, purchase.at)
    calls = [
        person.as_call(first[person.customer])
        for person in people.people(max(first))
        if person.customer in first
    ]
    for what, given in (("people", calls), ("purchases", [purchase.as_call() for purchase in known])):
        now, done = clock.now(tenant), 0
        parcels = (ingest.Parcel(batch, now) for batch in batches(given))
        for parcel, _ in ingest.store_each(parcels, tenant=tenant, origin=ingest.Origin.SERVER):
            done += len(parcel.calls)
            progress(what, done, len(given))


def batches(calls: Sequence[dict[str, Any]], size: int = BATCH) -> Iterator[list[dict[str, Any]]]:
    rest = iter(calls)
    while batch := list(islice(rest, size)):
        yield batch


def _segments(tenant: Tenant) -> None:
    owner = User.objects.get(email=OWNER)
    there = set(Segment.objects.values_list("name", flat=True))
    for name, description, rule in SEGMENTS:
        if name not in there:
            segments.create(tenant=tenant, actor=owner, name=name, description=description, rule=rule)


@transaction.atomic
def _launch(tenant: Tenant) -> None:
    """Launch a campaign for each thing that words can fit; the win-back, which is there once all are, comes last."""
    if Campaign.objects.filter(name="Win them back").exists():
        return
    owner = User.objects.get(email=OWNER)
    shared.make(tenant, owner)
    moments.launch(tenant, owner, body=BODY)
    cities.launch(tenant, owner, body=BODY)
    fitting.launch(tenant, owner, body=BODY)
    birthday.launch(tenant, owner)
    live.launch(tenant, owner)
    _draft(tenant, owner)
    version = ways.draft(tenant, owner, "Win them back", of="Lapsed buyers")
    drafts.set_schedule(
        version=version, actor=owner, when=Version.When.NOW, starts_at=None, lateness_hours=72
    )
    said = {"": wordings.ENGLISH, **wordings.OTHERS}
    ways.write(
        version,
        owner,
        [
            Way(name, _said(which, said), weight=weight, is_default=is_default)
            for which, (name, weight, is_default) in enumerate(VARIANTS)
        ],
    )
    launching.launch(version=version, actor=owner, now=clock.now(tenant))


def _said(which: int, said: dict[str, wordings.Words]) -> dict[str, ways.Fields]:
    return {language: words.fields(which, BODY) for language, words in said.items()}


def _draft(tenant: Tenant, owner: User) -> None:
    """Leave a letter in the editor that also reads from right to left, and lacks one of the audience's languages."""
    version = ways.draft(tenant, owner, "A letter to the regulars", of="Regulars", control_percent=0)
    said = {"": wordings.ENGLISH, **wordings.OTHERS, "ar": wordings.ARABIC}
    ways.write(version, owner, [Way("A", _said(0, said))])


VARIANTS = [("By name", 50, False), ("From the city", 50, False), ("Without a name", 0, True)]

BODY = """<mjml>
  <mj-body background-color="#f4f1ea">
    {% render "letterhead" %}
    <mj-section background-color="#ffffff" border-radius="8px" padding="24px">
      <mj-column>
        <mj-text font-size="17px" line-height="1.5" color="#222222">OPENING</mj-text>
        <mj-button background-color="#c8553d" border-radius="6px" font-size="16px"
          href="https://shop.example/new">See what is new</mj-button>
        <mj-text font-size="15px" line-height="1.5" color="#222222">{% render "signature" %}</mj-text>
        <mj-text font-size="14px" line-height="1.5" color="#555555">
          TASTE
        </mj-text>
      </mj-column>
    </mj-section>
  </mj-body>
</mjml>
""".replace("TASTE", wordings.TASTE)

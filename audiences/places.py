"""The brand's places: circles on the ground with a name, kept by people, that rules and triggers refer to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.urls import reverse

from audiences import presence
from audiences.models import Place, Segment
from audiences.resolution import places_in
from audiences.rules import sql
from tenants import audit
from tenants.models import Tenant, User

MOST = 2_000  # of one tenant: each location that comes in is held against them
SMALLEST, LARGEST = 10, 500_000  # metres
LONGEST_DWELL, LONGEST_COOLDOWN = 24 * 60, 30 * 24 * 60  # minutes
WORDS = ("name", "latitude", "longitude", "radius_m", "tags", "dwell_minutes", "cooldown_minutes")
WHERE = ("latitude", "longitude", "radius_m")


class NameTaken(Exception):
    """Another place has this name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"There is already a place called “{name}”.")


class TooMany(Exception):
    """There are as many places as there can be."""

    def __init__(self) -> None:
        super().__init__(f"There are {MOST:,} places already, and no more are kept. Delete some first.")


@dataclass(frozen=True, slots=True)
class Use:
    """Something that refers to a place; ``thing`` says what, for people."""

    thing: str
    name: str
    url: str


class PlaceInUse(Exception):
    """Something refers to it. ``users`` are they."""

    def __init__(self, users: Sequence[Use]) -> None:
        self.users = list(users)
        names = ", ".join(f"“{user.name}”" for user in users)
        super().__init__(f"It is used by {names}. Change those first.")


Find = Callable[[Place], list[Use]]
_finders: list[Find] = []


def register(find: Find) -> None:
    """Let places know what else refers to them. Call it from ``AppConfig.ready()``."""
    if find not in _finders:
        _finders.append(find)


@transaction.atomic
def create(*, tenant: Tenant, actor: User | None, now: datetime, **words: Any) -> Place:
    """Save a new place; who is there at ``now`` has not entered. ``words`` are WORDS. Raises NameTaken, TooMany."""
    Tenant.objects.select_for_update(no_key=True).get(pk=tenant.pk)  # one at a time, for the count
    if Place.objects.count() >= MOST:
        raise TooMany
    place = Place(tenant=tenant, created_by=actor, **words)
    _save(place)
    presence.begin(place, now=now)
    _note(place, actor, "created", {name: (None, getattr(place, name)) for name in WORDS})
    return place


@transaction.atomic
def update(*, place: Place, actor: User | None, now: datetime, **words: Any) -> Place:
    """Change a place. Where it moves or grows, who is there at ``now`` has not entered. Raises NameTaken."""
    old = Place.objects.select_for_update().get(pk=place.pk)
    for name, value in words.items():
        setattr(place, name, value)
    changes = {name: (getattr(old, name), getattr(place, name)) for name in WORDS}
    changed = {name: pair for name, pair in changes.items() if pair[0] != pair[1]}
    if changed:
        _save(place)
        if any(name in changed for name in WHERE):
            presence.begin(place, now=now)
        _note(place, actor, "changed", changed)
    return place


@transaction.atomic
def delete(*, place: Place, actor: User | None) -> None:
    """Forget a place and who was there. Raises PlaceInUse."""
    Tenant.objects.select_for_update(no_key=True).get(
        pk=place.tenant_id
    )  # nor does a segment begin to use it
    if users := used_by(place):
        raise PlaceInUse(users)
    _note(place, actor, "deleted")
    place.delete()


def used_by(place: Place) -> list[Use]:
    """Return what refers to a place: segments that are not archived, and what other apps registered."""
    kept = Segment.objects.filter(archived_at=None).order_by("name")
    users = [
        Use("segment", segment.name, reverse("segment_detail", args=[segment.public_id]))
        for segment in kept
        if place.public_id in places_in(segment.rule)
    ]
    return users + [user for find in _finders for user in find(place)]


def people(place: Place, *, now: datetime) -> int:
    """Return how many people are there by their last location."""
    return sql.count(presence.who(place), tenant_id=place.tenant_id, now=now)


def _save(place: Place) -> None:
    try:
        with transaction.atomic():
            place.save()
    except IntegrityError as exc:
        raise NameTaken(place.name) from exc


def _note(
    place: Place, actor: User | None, action: str, fields: dict[str, tuple[Any, Any]] | None = None
) -> None:
    audit.note(
        tenant=place.tenant,
        actor=actor,
        action=action,
        thing="place",
        thing_id=place.public_id,
        name=place.name,
        fields=fields,
    )

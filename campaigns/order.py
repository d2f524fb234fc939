"""The order in which a draft's variants are tried: those for the same people stand in one row, the default last."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.db import transaction

from audiences.rules.tree import InvalidRule
from audiences.segments import SegmentCycle
from campaigns import arms, versions
from campaigns.drafts import Refused
from campaigns.models import Variant, Version
from tenants.models import User


@dataclass(frozen=True, slots=True)
class Row:
    """Variants that share whom they are for, and so a place in the order."""

    variants: list[Variant]

    @property
    def key(self) -> str:
        return self.variants[0].key

    @property
    def keys(self) -> list[str]:
        return [variant.key for variant in self.variants]


def rows(version: Version) -> list[Row]:
    """Return a version's variants in the order they are tried, without the default one."""
    found: dict[str, list[Variant]] = {}
    for variant in version.variants.select_related("segment").order_by("position", "id"):
        variant.version = version  # known already: not asked for again, row by row
        if not variant.is_default:
            found.setdefault(_for_whom(variant), []).append(variant)
    return [Row(variants) for variants in found.values()]


def _for_whom(variant: Variant) -> str:
    try:
        return arms.name_of(variant)
    except (InvalidRule, SegmentCycle):  # said elsewhere; it still has a place
        return f"segment {variant.segment_id}"


def moved(order: Sequence[str], key: str, to: int) -> list[str]:
    """Return the keys with one of them at another place; a place beyond the ends is the end."""
    rest = [each for each in order if each != key]
    place = max(0, min(to, len(rest)))
    return [*rest[:place], key, *rest[place:]]


@transaction.atomic
def arrange(*, version: Version, actor: User, keys: Sequence[str]) -> None:
    """Have the rows tried in the order of ``keys``, one of each row.

    Raises Refused where they are not those of the rows, and versions.Frozen for a launched version.
    """
    version = versions.editable(version)
    found = rows(version)
    by_key = {key: row for row in found for key in row.keys}
    wanted = [by_key[key] for key in keys if key in by_key]
    if sorted(row.key for row in wanted) != sorted(row.key for row in found) or len(wanted) < len(keys):
        raise Refused("The variants changed meanwhile. Here they are as they are now: order them again.")
    default = list(version.variants.filter(is_default=True))
    arranged = [*(variant for row in wanted for variant in row.variants), *default]
    old = list(version.variants.order_by("position", "id").values_list("key", flat=True))
    for position, variant in enumerate(arranged):
        variant.position = position
    Variant.objects.bulk_update(arranged, ["position"])
    versions.note(version, actor, "moved variant", {"order": (old, [variant.key for variant in arranged])})

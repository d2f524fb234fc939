"""The record of what people changed: written beside the change, in its transaction."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tenants.models import AuditEntry, Tenant, User


def note(
    *,
    tenant: Tenant,
    actor: User | None,
    action: str,
    thing: str,
    thing_id: object,
    name: str,
    fields: Mapping[str, tuple[Any, Any]] | None = None,
    **changes: tuple[Any, Any],
) -> AuditEntry:
    """Write that ``actor`` did ``action`` to a thing; ``changes`` are field=(old, new), as JSON values.

    ``fields`` is the same as a mapping, for fields whose names a keyword cannot take. What stayed the same is left out.
    """
    pairs = {**(fields or {}), **changes}
    entry = AuditEntry(
        tenant=tenant,
        actor=actor,
        actor_name=str(actor)[:150] if actor else "Tact",
        action=action,
        thing=thing,
        thing_id=str(thing_id),
        thing_name=name[:200],
        changes={field: list(pair) for field, pair in pairs.items() if pair[0] != pair[1]},
    )
    entry.save()
    return entry

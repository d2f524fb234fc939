"""The record of what people changed: written beside the change, in its transaction."""

from __future__ import annotations

from typing import Any

from tenants.models import AuditEntry, Tenant, User


def note(
    *, tenant: Tenant, actor: User | None, action: str, thing: str, thing_id: object, name: str, **changes: tuple[Any, Any]
) -> AuditEntry:
    """Write that ``actor`` did ``action`` to a thing; ``changes`` are field=(old, new), as JSON values."""
    entry = AuditEntry(
        tenant=tenant,
        actor=actor,
        actor_name=str(actor) if actor else "Tact",
        action=action,
        thing=thing,
        thing_id=str(thing_id),
        thing_name=name[:200],
        changes={field: list(pair) for field, pair in changes.items() if pair[0] != pair[1]},
    )
    entry.save()
    return entry

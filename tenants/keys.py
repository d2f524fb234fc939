"""Keys for programs: 32 random bytes behind a readable prefix, kept only as a hash."""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime, timedelta
from uuid import UUID

from django.db import connection, transaction
from django_scopes import scopes_disabled

from tenants import audit, binary
from tenants.models import ApiKey, Tenant, User

PREFIX = {ApiKey.Kind.WRITE: "wk_", ApiKey.Kind.SECRET: "sk_"}
SCOPES = {
    "ingest": "Send data in",
    "read": "Read people, campaigns and results",
    "edit": "Draft segments and campaigns",
    "launch": "Launch, pause and stop campaigns",
    "send": "Send campaigns that wait for your server",
    "erase": "Erase people for good",
}
WRITE_SCOPES = ["ingest"]  # a write key is public: whoever reads a web page has it
USE_NOTED_EVERY = timedelta(minutes=1)

KEY, TENANT = ([field.attname for field in model._meta.concrete_fields] for model in (ApiKey, Tenant))
# Plain SQL: every request of a client's asks, and putting a query together costs more than running it.
ALIVE = f"""
SELECT m.moment, {", ".join(f"k.{name}" for name in KEY)}, {", ".join(f"t.{name}" for name in TENANT)}
FROM (SELECT coalesce(%s, clock_timestamp()) AS moment) m
JOIN tenants_apikey k ON k.key_hash = %s AND k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > m.moment)
JOIN tenants_tenant t ON t.id = k.tenant_id
"""


class Unheard(Exception):
    """There is no such live key in this tenant."""


def digest(key: str) -> str:
    """Return the SHA-256 of a key, hex. Keys are long and random, so a slow hash would buy nothing."""
    return hashlib.sha256(key.encode()).hexdigest()


@transaction.atomic
def create(
    *,
    tenant: Tenant,
    kind: str,
    name: str,
    scopes: list[str],
    created_by: User | None,
    expires_at: datetime | None = None,
) -> tuple[ApiKey, str]:
    """Store a new key and return it with its only readable copy. Raises ValueError for a scope we do not have.

    ``expires_at`` is raw time; without one the key is good until it is revoked.
    """
    granted = WRITE_SCOPES if kind == ApiKey.Kind.WRITE else scopes
    if unheard := set(granted) - set(SCOPES):
        raise ValueError(f"No such scope: {', '.join(sorted(unheard))}.")
    key = PREFIX[ApiKey.Kind(kind)] + secrets.token_urlsafe(32)
    row = ApiKey(
        tenant=tenant,
        kind=kind,
        name=name,
        prefix=key[:11],
        key_hash=digest(key),
        scopes=granted,
        created_by=created_by,
        expires_at=expires_at,
    )
    row.save()
    _note(row, created_by, "created", scopes=([], granted))
    return row, key


def find(key: str, *, now: datetime | None = None) -> ApiKey | None:
    """Return the live key with its tenant and, as ``asked_at``, when that was; or None. ``now`` is raw time, by default
    the database's. Notes the key's use, at most once a minute.
    """
    if not key or len(key) > 200:
        return None
    rows = binary.run(ALIVE, [now, digest(key)])
    if not rows:
        return None
    (found,) = rows
    row = ApiKey.from_db(connection.alias, KEY, found[1 : 1 + len(KEY)])
    row.tenant = Tenant.from_db(connection.alias, TENANT, found[1 + len(KEY) :])
    row.asked_at = found[0]
    if row.last_used_at is None or row.asked_at - row.last_used_at > USE_NOTED_EVERY:
        with scopes_disabled():  # the key itself says which tenant
            ApiKey.objects.filter(pk=row.pk).update(last_used_at=row.asked_at)
    return row


@transaction.atomic
def revoke(*, tenant: Tenant, key: UUID, actor: User, now: datetime) -> ApiKey:
    """Refuse the key from now (raw time) on, and return it. Raises Unheard, also for one revoked before."""
    row = ApiKey.objects.select_for_update().filter(tenant=tenant, public_id=key, revoked_at=None).first()
    if row is None:
        raise Unheard
    row.revoked_at = now
    row.save(update_fields=["revoked_at"])
    _note(row, actor, "revoked")
    return row


def _note(key: ApiKey, actor: User | None, action: str, **changes: tuple[list[str], list[str]]) -> None:
    audit.note(
        tenant=key.tenant,
        actor=actor,
        action=action,
        thing="key",
        thing_id=key.public_id,
        name=str(key),
        fields=changes,
    )

"""Addresses of people who were erased: kept as hashes, so that what they refused holds again if one comes back."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from audiences.models import ErasedAddress, Profile
from tenants import binary

KINDS = tuple(ErasedAddress.Kind.values)  # attributes that hold an address
CHANNELS = {"email": "email", "phone": "sms"}  # what is sent there
DIGEST = "encode(sha256(convert_to(t.public_id || ' ' || a.kind || ' ' || a.address, 'UTF8')), 'hex')"

REMEMBER = f"""
INSERT INTO audiences_erasedaddress AS k (tenant_id, kind, digest, refused, reason, at)
SELECT t.id, a.kind, {DIGEST}, r.refused, coalesce(s.reason, ''), r.at
FROM (SELECT %b::text[] AS refused, %s::timestamptz AS at) r,
     unnest(%b::text[], %b::text[], %b::text[]) AS a(kind, channel, address) JOIN tenants_tenant t ON t.id = %s
     LEFT JOIN audiences_suppression s ON s.tenant_id = t.id AND s.channel = a.channel AND s.address = a.address
WHERE cardinality(r.refused) > 0 OR s.id IS NOT NULL
ON CONFLICT (tenant_id, kind, digest) DO UPDATE SET at = EXCLUDED.at,
    refused = ARRAY(SELECT DISTINCT unnest(k.refused || EXCLUDED.refused) ORDER BY 1),
    reason = coalesce(nullif(EXCLUDED.reason, ''), k.reason)
"""
# Somebody else may go by the same address; then it stays suppressed in plain letters. They are counted, each way by its
# index: whoever looks for one only may be planned to read on until it comes.
LIFT = """
DELETE FROM audiences_suppression WHERE tenant_id = %s AND id = ANY(ARRAY(
    SELECT s.id FROM unnest(%b::text[], %b::text[], %b::text[]) AS a(kind, channel, address)
    CROSS JOIN LATERAL (SELECT id FROM audiences_suppression
                        WHERE tenant_id = %s AND channel = a.channel AND address = a.address LIMIT 1) s
    WHERE 0 = CASE a.kind
        WHEN 'email' THEN (SELECT count(*) FROM audiences_profile WHERE tenant_id = %s AND email = a.address)
            + (SELECT count(*) FROM audiences_profile WHERE tenant_id = %s AND lower(email) = a.address
                                                        AND (email < lower(email) OR email > lower(email)))
        ELSE (SELECT count(*) FROM audiences_profile WHERE tenant_id = %s AND phone = a.address) END))
"""
LOOK = f"""
SELECT a.kind, a.address, k.refused, k.reason
FROM unnest(%b::text[], %b::text[]) AS a(kind, address) JOIN tenants_tenant t ON t.id = %s
JOIN audiences_erasedaddress k ON k.tenant_id = t.id AND k.kind = a.kind AND k.digest = {DIGEST}
"""
SUPPRESS = """
INSERT INTO audiences_suppression (tenant_id, channel, address, reason, detail, at)
SELECT %s, a.channel, a.address, a.reason, '', %s
FROM unnest(%b::text[], %b::text[], %b::text[]) AS a(channel, address, reason) ON CONFLICT DO NOTHING
"""

Address = tuple[str, str]  # kind and address, in small letters


class Remembered(NamedTuple):
    refused: list[str]
    reason: str


def remember(*, tenant_id: int, addresses: Iterable[Address], consent: dict[str, str], now: datetime) -> None:
    """Keep what somebody refused who went by ``addresses``, and their suppressions, as hashes only."""
    refused = sorted(
        subject for subject, standing in consent.items() if standing == Profile.Standing.UNSUBSCRIBED
    )
    pairs = sorted(set(addresses))
    columns = [
        [kind for kind, _ in pairs],
        [CHANNELS[kind] for kind, _ in pairs],
        [text for _, text in pairs],
    ]
    binary.run(REMEMBER, [refused, now, *columns, tenant_id])
    binary.run(LIFT, [tenant_id, *columns, *[tenant_id] * 4])


def look(tenant_id: int, addresses: Iterable[Address]) -> dict[Address, Remembered]:
    """Return what is remembered of those among ``addresses`` that were somebody's who was erased."""
    asked = list(addresses)
    if not asked:
        return {}
    rows = binary.run(LOOK, [[kind for kind, _ in asked], [text for _, text in asked], tenant_id])
    return {(kind, address): Remembered(refused, reason) for kind, address, refused, reason in rows}


def suppress(tenant_id: int, addresses: dict[Address, str], *, now: datetime) -> None:
    """Suppress addresses that came back, each for its reason of before."""
    if addresses:
        pairs = sorted(addresses)  # two batches with the same ones wait for one another in one direction
        channels = [CHANNELS[kind] for kind, _ in pairs]
        texts = [text for _, text in pairs]
        binary.run(SUPPRESS, [tenant_id, now, channels, texts, [addresses[pair] for pair in pairs]])

"""Secrets of a tenant, kept so that only its own rows can be read: copied to another's, they are noise."""

from __future__ import annotations

import base64

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.utils.encoding import force_bytes

from tenants.models import Tenant


class Locked(Exception):
    """Neither SECRET_KEY nor a fallback opens what was kept."""


def seal(tenant: Tenant, secret: str, *, purpose: str) -> bytes:
    """Return ``secret`` encrypted for one tenant and purpose; nothing for nothing."""
    return _box(tenant, purpose).encrypt(secret.encode()) if secret else b""


def unseal(tenant: Tenant, kept: bytes, *, purpose: str) -> str:
    """Return what ``seal`` was given for the same tenant and purpose. Raises Locked."""
    if not kept:
        return ""
    try:
        return _box(tenant, purpose).decrypt(kept).decode()
    except InvalidToken as locked:
        raise Locked from locked


def _box(tenant: Tenant, purpose: str) -> MultiFernet:
    return MultiFernet(
        [_fernet(key, tenant, purpose) for key in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)]
    )


def _fernet(secret_key: str | bytes, tenant: Tenant, purpose: str) -> Fernet:
    info = f"tact {purpose} ".encode() + tenant.public_id.bytes
    key = HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=info).derive(force_bytes(secret_key))
    return Fernet(base64.urlsafe_b64encode(key))

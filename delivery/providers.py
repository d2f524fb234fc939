"""Who carries a tenant's mail: settings in the open, the password encrypted, and never a way out of a sandbox."""

from __future__ import annotations

import ipaddress
from datetime import date
from typing import Any, TypedDict

from django.conf import settings
from django.db import models, transaction

from delivery import warm_up
from delivery.models import Provider
from delivery.warm_up import WarmUp
from tenants import audit, vault, wake
from tenants.models import Tenant, User

EMAIL = "email"
PURPOSE = "provider secret"


class Tls(models.TextChoices):
    """How a connection becomes private."""

    STARTTLS = "starttls", "STARTTLS (usually port 587)"
    TLS = "tls", "TLS from the start (usually port 465)"
    NONE = "none", "None (only inside your own network)"


class SmtpServer(TypedDict):
    host: str
    port: int
    username: str
    password: str
    tls: str  # one of Tls


class NoProvider(Exception):
    """Nobody carries this tenant's mail; the words say what to do."""


class Refused(ValueError):
    """These settings cannot be saved; the words say why."""


class PasswordNeeded(Refused):
    """A kept password never goes to another server or account: it has to be entered again."""


def smtp_server(tenant: Tenant) -> SmtpServer:
    """Return where the tenant's mail is handed over; a sandbox's is always ours, on this machine.

    Raises NoProvider if none is set up, or its password can no longer be read.
    """
    if tenant.is_sandbox:
        name = tenant.public_id.hex  # the sandbox server files mail by it
        return SmtpServer(
            host="127.0.0.1", port=settings.SANDBOX_SMTP_PORT, username=name, password=name, tls=Tls.NONE
        )
    provider = active(tenant)
    if provider is None:
        raise NoProvider("No mail server is set up: an owner can add one under Settings, Mail server.")
    kept = provider.settings
    return SmtpServer(
        host=kept["host"],
        port=kept["port"],
        username=kept["username"],
        password=decrypt(tenant, bytes(provider.secret)),
        tls=kept["tls"],
    )


def active(tenant: Tenant) -> Provider | None:
    """Return who carries the tenant's mail; needs the tenant's scope."""
    return Provider.objects.filter(tenant=tenant, channel=EMAIL, is_active=True).first()


@transaction.atomic
def save_smtp(
    *, tenant: Tenant, actor: User, host: str, port: int, tls: str, username: str, password: str | None
) -> Provider:
    """Make this server the one that carries the tenant's mail; ``password`` None keeps the one we have.

    Without a user name none is kept. Raises Refused for a sandbox, whose mail never leaves, and for the sandboxes'
    own server; PasswordNeeded where the kept one would go somewhere else.
    """
    if tenant.is_sandbox:
        raise Refused("A sandbox's mail never leaves this machine, so it has no mail server.")
    if port == settings.SANDBOX_SMTP_PORT and _is_this_machine(host):
        raise Refused("That is the sandboxes' own server: mail sent there would never arrive.")
    # One at a time, also when there is no row yet to lock.
    Tenant.objects.select_for_update(no_key=True).get(pk=tenant.pk)
    provider = active(tenant) or Provider(tenant=tenant, channel=EMAIL)
    old = {**provider.settings, "password": bool(provider.secret)}
    new = {"host": host, "port": port, "tls": tls, "username": username}
    if username and password is None and provider.secret and _moves(old, new):
        raise PasswordNeeded("Enter the password again: the server or user name changed.")
    if password is not None or not username:
        provider.secret = encrypt(tenant, password or "") if username else b""
    provider.name = host[:60]
    provider.settings = new
    provider.save()
    shown = {**new, "password": "changed" if password else bool(provider.secret)}
    audit.note(
        tenant=tenant,
        actor=actor,
        action="changed",
        thing="mail server",
        thing_id=provider.pk,
        name=host,
        fields={field: (old.get(field), value) for field, value in shown.items()},
    )
    return provider


@transaction.atomic
def set_limits(*, tenant: Tenant, actor: User, per_minute: int | None, plan: WarmUp | None) -> Provider:
    """Say how many the tenant's mail server is given: a minute, and a day while it warms up; None for any number.

    Raises Refused for a plan that goes nowhere, and NoProvider where there is no server. A sandbox needs none.
    """
    if plan and plan.first >= plan.ceiling:
        raise Refused("The first day’s number has to be below the one at which the warm-up is over.")
    if plan and plan.length > warm_up.LONGEST:
        raise Refused("At that pace it takes longer than a year: begin with more, or let it grow faster.")
    Tenant.objects.select_for_update(no_key=True).get(pk=tenant.pk)
    provider = active(tenant)
    if provider is None and not tenant.is_sandbox:
        raise NoProvider("No mail server is set up: add one first.")
    provider = provider or Provider(tenant=tenant, channel=EMAIL, name="Sandbox")
    new = {
        "per_minute": per_minute,
        "warm_up_date": plan and plan.begins,
        "warm_up_first": plan and plan.first,
        "warm_up_percent": plan and plan.percent,
        "warm_up_ceiling": plan and plan.ceiling,
    }
    changes = {name: (_plain(getattr(provider, name)), _plain(value)) for name, value in new.items()}
    for name, value in new.items():
        setattr(provider, name, value)
    provider.save()
    audit.note(
        tenant=tenant,
        actor=actor,
        action="changed",
        thing="sending speed",
        thing_id=provider.pk,
        name=provider.name,
        fields=changes,
    )
    wake.soon()  # what there is room for now
    return provider


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value


@transaction.atomic
def remove(*, tenant: Tenant, actor: User) -> None:
    """Let nobody carry the tenant's mail; the password is forgotten with the row. Nothing to remove is fine."""
    provider = active(tenant)
    if provider is None:
        return
    audit.note(
        tenant=tenant,
        actor=actor,
        action="removed",
        thing="mail server",
        thing_id=provider.pk,
        name=provider.name,
    )
    provider.delete()


def encrypt(tenant: Tenant, secret: str) -> bytes:
    """Return ``secret`` as only this tenant's rows can be read."""
    return vault.seal(tenant, secret, purpose=PURPOSE)


def decrypt(tenant: Tenant, kept: bytes) -> str:
    """Return what ``encrypt`` was given. Raises NoProvider if neither SECRET_KEY nor a fallback opens it."""
    try:
        return vault.unseal(tenant, kept, purpose=PURPOSE)
    except vault.Locked as locked:
        raise NoProvider(
            "The mail server's password was saved under another SECRET_KEY: enter it again, or add the old key to "
            "TACT_SECRET_KEY_FALLBACKS."
        ) from locked


def _moves(old: dict[str, object], new: dict[str, object]) -> bool:
    return (old["host"], old["username"]) != (new["host"], new["username"])


def _is_this_machine(host: str) -> bool:
    if host.rstrip(".").lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:  # a name
        return False

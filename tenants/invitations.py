"""The way into a team: a link mailed to one address, good once and for a week, of which we keep only a hash."""

from __future__ import annotations

import hashlib
import logging
import secrets
from datetime import datetime, timedelta
from smtplib import SMTPException
from typing import NamedTuple
from uuid import UUID

from django.conf import settings
from django.contrib.auth.password_validation import validate_password
from django.core.mail import send_mail
from django.db import IntegrityError, transaction
from django.template.loader import render_to_string
from django.urls import reverse
from django_scopes import scope, scopes_disabled

from tenants import accounts, audit, team
from tenants.models import Invitation, Membership, Tenant, User
from tenants.roles import Role

GOOD_FOR = timedelta(days=7)

log = logging.getLogger(__name__)


class AlreadyMember(Exception):
    """Whom this invites is in the team already."""


class AlreadyInvited(Exception):
    """There is an open invitation for this address."""


class Gone(Exception):
    """The invitation was used, revoked, has expired, or never was."""


class ForSomebodyElse(Exception):
    """The invitation is for another address than the account's."""


class Invited(NamedTuple):
    """An open invitation, the one readable copy of its link, and whether the mail could be handed over."""

    invitation: Invitation
    link: str
    was_mailed: bool


def invite(*, tenant: Tenant, email: str, role: str, actor: User, now: datetime) -> Invited:
    """Open a way in for ``email``, mail the link and return it. Raises AlreadyMember, AlreadyInvited.

    ``now`` is raw time. A mail that cannot be sent changes nothing: the link can be passed on by hand.
    """
    email = User.objects.normalize_email(email.strip())
    if Membership.objects.filter(tenant=tenant, user=accounts.holder_of(email)).exists():
        raise AlreadyMember(f"{email} is in the team already: change the role there.")
    token = secrets.token_urlsafe(32)
    invitation = Invitation(tenant=tenant, email=email, role=Role(role), invited_by=actor)
    _renew(invitation, token, now)
    try:
        with transaction.atomic():
            Invitation.objects.filter(email__iexact=email, accepted_at=None, expires_at__lte=now).delete()
            invitation.save()
            _note(invitation, actor, "invited", role=(None, invitation.role))
    except IntegrityError as twin:
        raise AlreadyInvited(f"{email} has an open invitation: send that again, or revoke it.") from twin
    return _mailed(invitation, token)


def resend(*, tenant: Tenant, invitation: UUID, actor: User, now: datetime) -> Invited:
    """Mail a new link, good for another week; the old one is good no more. Raises Gone."""
    token = secrets.token_urlsafe(32)
    with transaction.atomic():
        row = _open(tenant, invitation)
        _renew(row, token, now)
        row.save()
        _note(row, actor, "invited again")
    return _mailed(row, token)


@transaction.atomic
def revoke(*, tenant: Tenant, invitation: UUID, actor: User) -> Invitation:
    """Make the link good for nothing, and return what it was. Raises Gone."""
    row = _open(tenant, invitation)
    _note(row, actor, "revoked")
    Invitation.objects.filter(pk=row.pk).delete()
    return row


def find(token: str, *, now: datetime) -> Invitation:
    """Return the open invitation, with its tenant, that ``token`` leads to. Raises Gone."""
    with scopes_disabled():  # the token says which tenant
        alive = Invitation.objects.select_related("tenant").filter(accepted_at=None, expires_at__gt=now)
        invitation = alive.filter(token_hash=digest(token)).first()
    if invitation is None:
        raise Gone
    return invitation


@transaction.atomic
def join(token: str, *, user: User, now: datetime) -> Membership:
    """Make the account's holder a member and use the invitation up. Raises Gone and ForSomebodyElse."""
    invitation = _claimed(token, now)
    if accounts.holder_of(invitation.email) != user:
        raise ForSomebodyElse
    return _use_up(invitation, user, now)


@transaction.atomic
def sign_up(token: str, *, name: str, password: str, now: datetime) -> Membership:
    """Make an account for the invited address and join with it.

    Raises Gone; django's ValidationError for a weak password; ForSomebodyElse if the address has an account by now,
    whose holder has to sign in.
    """
    invitation = _claimed(token, now)
    if accounts.holder_of(invitation.email):
        raise ForSomebodyElse
    validate_password(password, User(email=invitation.email, name=name))
    return _use_up(invitation, User.objects.create_user(invitation.email, password, name=name), now)


def digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _renew(invitation: Invitation, token: str, now: datetime) -> None:
    invitation.token_hash = digest(token)
    invitation.expires_at = now + GOOD_FOR


def _open(tenant: Tenant, invitation: UUID) -> Invitation:
    found = (
        Invitation.objects.select_for_update()
        .filter(tenant=tenant, public_id=invitation, accepted_at=None)
        .first()
    )
    if found is None:
        raise Gone
    found.tenant = tenant
    return found


def _claimed(token: str, now: datetime) -> Invitation:
    """The open invitation, held until the transaction ends: of two who follow one link, one gets in."""
    found = find(token, now=now)
    with scope(tenant=found.tenant):
        held = Invitation.objects.select_for_update().filter(
            tenant=found.tenant, pk=found.pk, token_hash=found.token_hash, accepted_at=None
        )
        if not held.exists():
            raise Gone
    return found


def _use_up(invitation: Invitation, user: User, now: datetime) -> Membership:
    with scope(tenant=invitation.tenant):
        Invitation.objects.filter(pk=invitation.pk).update(accepted_at=now)
        return team.add(tenant=invitation.tenant, user=user, role=invitation.role, actor=user)


def _mailed(invitation: Invitation, token: str) -> Invited:
    link = settings.BASE_URL + reverse("invitation", args=[token])
    words = {"invitation": invitation, "link": link, "tenant": invitation.tenant}
    subject = " ".join(f"{invitation.invited_by} invites you to {invitation.tenant} on Tact".split())
    try:
        send_mail(subject, render_to_string("tenants/mail/invitation.txt", words), None, [invitation.email])
    except (SMTPException, OSError) as trouble:
        log.warning("invitation %s could not be mailed: %s", invitation.public_id, type(trouble).__name__)
        return Invited(invitation, link, was_mailed=False)
    return Invited(invitation, link, was_mailed=True)


def _note(invitation: Invitation, actor: User, action: str, **changes: tuple[str | None, str | None]) -> None:
    audit.note(
        tenant=invitation.tenant,
        actor=actor,
        action=action,
        thing="invitation",
        thing_id=invitation.public_id,
        name=invitation.email,
        fields=changes,
    )

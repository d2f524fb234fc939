"""Accounts come by invitation only, and an account's address is one that somebody vouched for."""

from __future__ import annotations

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.forms import AddEmailForm
from allauth.account.models import EmailAddress
from django import forms
from django.db.models import Q
from django.http import HttpRequest

from tenants.models import User

TAKEN = "Another account has this address."


class InvitedOnly(DefaultAccountAdapter):
    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False


class NewAddressForm(AddEmailForm):
    """Says so when an address is taken: only people who are signed in get to ask."""

    def clean_email(self) -> str:
        email: str = super().clean_email()
        if holder_of(email):
            raise forms.ValidationError(TAKEN)
        return email


def holder_of(email: str) -> User | None:
    """Return whose address this is: the one they sign in with, or another they have confirmed."""
    theirs = Q(email__iexact=email) | Q(emailaddress__email__iexact=email, emailaddress__verified=True)
    return User.objects.filter(theirs).order_by("id").first()


def vouch_for(user: User) -> None:
    """Take the account's address as confirmed, and forget others it had.

    From a confirmed address one changes only to another that is, so nobody can pass for somebody else.
    """
    EmailAddress.objects.filter(user=user).delete()
    EmailAddress.objects.create(user=user, email=user.email.lower(), primary=True, verified=True)

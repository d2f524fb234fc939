"""Pages of the team: who is in it, who is invited, and the way in for those who are."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import login
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from django_htmx.http import trigger_client_event

from tenants import accounts, clock, invitations, team
from tenants.access import allow
from tenants.forms import InviteForm, SignUpForm
from tenants.http import TenantRequest
from tenants.middleware import enter
from tenants.models import Invitation, Membership
from tenants.roles import Role


@require_safe
@allow("view")
def members(request: TenantRequest) -> HttpResponse:
    return render(request, "tenants/team.html", _team(request))


@require_POST
@never_cache
@allow("manage")
def invite(request: TenantRequest) -> HttpResponse:
    """Show the link in the answer itself: it cannot be shown again."""
    form = InviteForm(request.POST)
    if not form.is_valid():
        return render(request, "tenants/team.html", _team(request, form=form), status=422)
    try:
        made = invitations.invite(
            tenant=request.tenant, actor=request.user, now=clock.raw_now(), **form.cleaned_data
        )
    except (invitations.AlreadyMember, invitations.AlreadyInvited) as refusal:
        form.add_error("email", str(refusal))
        return render(request, "tenants/team.html", _team(request, form=form), status=422)
    return render(request, "tenants/team.html", _team(request, invited=made))


@require_POST
@never_cache
@allow("manage")
def resend(request: TenantRequest, invitation: UUID) -> HttpResponse:
    try:
        made = invitations.resend(
            tenant=request.tenant, invitation=invitation, actor=request.user, now=clock.raw_now()
        )
    except invitations.Gone as gone:
        raise Http404 from gone
    return render(request, "tenants/team.html", _team(request, invited=made))


@require_POST
@allow("manage")
def revoke(request: TenantRequest, invitation: UUID) -> HttpResponse:
    try:
        gone = invitations.revoke(tenant=request.tenant, invitation=invitation, actor=request.user)
    except invitations.Gone as unheard:
        raise Http404 from unheard
    return _answer(request, f"The invitation of {gone.email} is good for nothing now.")


@require_POST
@allow("manage")
def change_role(request: TenantRequest, member: UUID) -> HttpResponse:
    role = request.POST.get("role", "")
    try:
        changed = team.change_role(tenant=request.tenant, member=member, role=role, actor=request.user)
    except team.Unheard as unheard:
        raise Http404 from unheard
    except team.LastOwner as refusal:
        return _answer(request, str(refusal), refused=True)
    except ValueError:
        return _answer(request, "Choose one of the roles.", refused=True)
    if changed.user_id == request.user.pk:
        request.membership = changed  # what the answer shows depends on it
    return _answer(request, f"{changed.user} is now {_a(changed.get_role_display())}.")


@require_POST
@allow("manage")
def remove(request: TenantRequest, member: UUID) -> HttpResponse:
    return _end_membership(request, member)


@require_POST
@allow("view")
def leave(request: TenantRequest) -> HttpResponse:
    return _end_membership(request, request.membership.public_id)


def _end_membership(request: TenantRequest, member: UUID) -> HttpResponse:
    try:
        ended = team.remove(tenant=request.tenant, member=member, actor=request.user)
    except team.Unheard as unheard:
        raise Http404 from unheard
    except team.LastOwner as refusal:
        return _answer(request, str(refusal), refused=True)
    if ended.user_id == request.user.pk:
        messages.success(request, f"You left {ended.tenant}.")
        return redirect("home")
    return _answer(request, f"{ended.user} is no longer in the team.")


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def invitation(request: HttpRequest, token: str) -> HttpResponse:
    """The page an invitation leads to: join with the account one has, or make one."""
    now = clock.raw_now()
    try:
        found = invitations.find(token, now=now)
        form = SignUpForm(request.POST or None, email=found.email)
        if request.method == "POST" and (joined := _accept(request, token, form)):
            return _welcome(request, joined)
    except (invitations.Gone, invitations.ForSomebodyElse):
        return render(request, "tenants/invitation_gone.html", status=404)
    context = {"invitation": found, "form": form, "account": accounts.holder_of(found.email)}
    return render(request, "tenants/invitation.html", context, status=422 if form.errors else 200)


def _accept(request: HttpRequest, token: str, form: SignUpForm) -> Membership | None:
    """The membership, or None while the form has something to say. Signs a new account in."""
    now = clock.raw_now()
    if request.user.is_authenticated:
        return invitations.join(token, user=request.user, now=now)
    if not form.is_valid():
        return None
    joined = invitations.sign_up(token, now=now, **form.cleaned_data)
    login(request, joined.user, backend=settings.AUTHENTICATION_BACKENDS[0])
    return joined


def _welcome(request: HttpRequest, joined: Membership) -> HttpResponse:
    enter(request, joined.tenant_id)
    messages.success(request, f"Welcome to {joined.tenant}. You are {_a(joined.get_role_display())} here.")
    return redirect("home")


def _team(request: TenantRequest, **more: Any) -> dict[str, Any]:
    now = clock.raw_now()
    invited = Invitation.objects.filter(tenant=request.tenant, accepted_at=None).select_related("invited_by")
    members = Membership.objects.filter(tenant=request.tenant).select_related("user")
    return {
        "members": members.order_by("created_at", "id"),
        "invitations": invited.order_by("-created_at", "-id"),
        "roles": Role.choices,
        "now": now,
        "form": InviteForm(),
        "me": Membership.objects.get(pk=request.membership.pk),
    } | more


def _answer(request: TenantRequest, text: str, *, refused: bool = False) -> HttpResponse:
    if not request.htmx:
        messages.add_message(request, messages.ERROR if refused else messages.SUCCESS, text)
        return redirect("settings_team")
    response = render(request, "tenants/_team.html", _team(request), status=422 if refused else 200)
    kind = "danger" if refused else "success"
    return trigger_client_event(response, "tact:toast", {"text": text, "kind": kind})


def _a(noun: str) -> str:
    return f"{'an' if noun[0].lower() in 'aeiou' else 'a'} {noun.lower()}"

"""The admin's site: the way in is the product's own, and what other packages brought along can do no harm."""

from __future__ import annotations

from typing import Any

import allauth.account.admin  # these three register their models when first imported; then we take them back
import allauth.mfa.admin  # noqa: F401
import django_q.admin  # noqa: F401
from allauth.account.decorators import secure_admin_login
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django_q.models import Failure, OrmQ, Schedule, Success
from unfold.admin import ModelAdmin

from tenants import access
from tenants.admin import ForSuperusers

# So that a second factor counts here too.
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]
_view = admin.site.admin_view  # which every page of the admin goes through
admin.site.admin_view = (  # type: ignore[method-assign]
    lambda view, cacheable=False: _view(access.without_nul(view), cacheable)
)
admin.site.unregister([EmailAddress, Authenticator, Failure, OrmQ, Schedule, Success])


class ShownAdmin(ForSuperusers, ModelAdmin):
    """Rows of another package, for superusers to look at."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Schedule)
class ScheduleAdmin(ShownAdmin):
    """Whoever writes one of these has any function run: nobody does, here."""

    list_display = ("name", "func", "schedule_type", "next_run")
    fields = ("name", "func", "schedule_type", "minutes", "next_run", "repeats")


@admin.register(Success, Failure)
class TaskAdmin(ShownAdmin):
    list_display = ("name", "func", "started", "stopped", "attempt_count")
    fields = ("id", "name", "func", "started", "stopped", "attempt_count")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Without what is pickled: reading it would run it."""
        return super().get_queryset(request).defer("args", "kwargs", "result")


@admin.register(OrmQ)
class QueueAdmin(ShownAdmin):
    list_display = ("id", "key", "lock")
    fields = ("id", "key", "lock")


@admin.register(Authenticator)
class AuthenticatorAdmin(ShownAdmin):
    """Somebody who lost their second factor: delete it here, and the password alone lets them in again."""

    list_display = ("user", "type", "created_at", "last_used_at")
    list_select_related = ("user",)
    fields = ("user", "type", "created_at", "last_used_at")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_view_permission(request, obj)


@admin.register(EmailAddress)
class EmailAddressAdmin(ShownAdmin):
    list_display = ("email", "user", "primary", "verified")
    list_select_related = ("user",)
    search_fields = ("email",)


def environment(request: HttpRequest) -> list[str] | None:
    """Which tenant the admin is about: shown in its corner (UNFOLD's ENVIRONMENT)."""
    tenant = getattr(request, "tenant", None)
    if tenant is None:
        return None
    return [tenant.name, "warning" if tenant.is_sandbox else "info"]

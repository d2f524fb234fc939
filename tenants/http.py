"""The request as our views see it: signed in, and in one tenant."""

from __future__ import annotations

from django.http import HttpRequest
from django_htmx.middleware import HtmxDetails

from tenants.models import Membership, Tenant, User


class TenantRequest(HttpRequest):
    """What ``access.allow`` hands a view: the middleware set the tenant, the decorator checked the role."""

    user: User
    tenant: Tenant
    membership: Membership
    htmx: HtmxDetails

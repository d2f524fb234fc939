"""What campaigns do in the background: drafts under which something changed are compiled anew."""

from __future__ import annotations

import time

from django_q.tasks import async_task
from django_scopes import scope, scopes_disabled

from campaigns import contents
from campaigns.models import Content
from tenants.models import Tenant

SLICE_SECONDS = 45.0  # and a draft: well below the queue's timeout. What is left goes on in the next minute


def compile_stale(tenant_id: int) -> bool:
    """Compile a tenant's stale drafts anew for a while; return whether none is left. The others are taken up again."""
    with scope(tenant=Tenant.objects.get(pk=tenant_id)):
        return contents.compile_some(until=time.monotonic() + SLICE_SECONDS)


def resume_compiling() -> int:
    """Enqueue every tenant that has stale drafts, for what a slice or a process left; return how many. Each minute."""
    with scopes_disabled():
        stale = Content.objects.filter(is_stale=True, variant__version__launched_at=None)
        tenants = list(stale.values_list("tenant_id", flat=True).distinct())
    for tenant_id in tenants:
        async_task("campaigns.tasks.compile_stale", tenant_id)
    return len(tenants)

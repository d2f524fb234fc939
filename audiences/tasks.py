"""What audiences does in the background: imports, and forgetting what is no longer needed."""

from __future__ import annotations

import time

from django_q.tasks import async_task
from django_scopes import scope, scopes_disabled

from audiences import erasure, ingest, presence, retention
from audiences.imports import lifecycle, running
from audiences.models import Erasure, Import
from tenants import clock

SLICE_SECONDS = 45.0  # well below the queue's timeout; a longer import goes on in its next task
ERASED_AT_ONCE = 20  # erasures of a minute: more would keep other work waiting


def run_import(import_id: int) -> bool:
    """Work on an import for a while and enqueue the rest; return whether nothing is left. Twice is as good as once."""
    with scopes_disabled():
        import_ = Import.objects.select_related("tenant").filter(pk=import_id).first()
    if import_ is None:
        return True
    until = time.monotonic() + SLICE_SECONDS
    with scope(tenant=import_.tenant):
        now = clock.now(import_.tenant)
        is_done = running.work(import_, now=now, is_over=lambda: time.monotonic() >= until)
    if not is_done:
        async_task("audiences.tasks.run_import", import_id)
    return is_done


def resume_imports() -> int:
    """Enqueue every import that is underway, for those whose process died; return how many. Run it every minute."""
    with scopes_disabled():
        underway = list(Import.objects.filter(state__in=lifecycle.UNDERWAY).values_list("pk", flat=True))
    for import_id in underway:
        async_task("audiences.tasks.run_import", import_id)
    return len(underway)


def erase(erasure_id: int) -> bool:
    """Remove what somebody who was erased left behind, for a while; return whether nothing is left."""
    with scopes_disabled():
        row = Erasure.objects.select_related("tenant").filter(pk=erasure_id, done_at=None).first()
    if row is None:
        return True
    until = time.monotonic() + SLICE_SECONDS
    with scope(tenant=row.tenant):
        return erasure.go_on(row, is_over=lambda: time.monotonic() >= until, now=clock.now(row.tenant))


def resume_erasures() -> int:
    """Enqueue the oldest erasures that are underway; return how many. Run it every minute."""
    with scopes_disabled():
        waiting = Erasure.objects.filter(done_at=None).order_by("pk").values_list("pk", flat=True)
        underway = list(waiting[:ERASED_AT_ONCE])
    for erasure_id in underway:
        async_task("audiences.tasks.erase", erasure_id)
    return len(underway)


def prune() -> int:
    """Forget receipts and refused calls older than 30 days, stays at places, and months that nobody keeps any more.

    Return how many receipts and calls went. Run it every day.
    """
    with scopes_disabled():
        gone = ingest.prune(raw_now=clock.raw_now())
        retention.drop_old_months()
        presence.forget(raw_now=clock.raw_now())
    return gone

"""The same work for several tenants, each in its scope and at its time."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from datetime import datetime

from django.db import InterfaceError, OperationalError
from django_scopes import scope

from tenants import clock
from tenants.models import Tenant

log = logging.getLogger(__name__)


def add_up(tenants: Iterable[Tenant], work: Callable[[Tenant, datetime], int], *, trouble: str) -> int:
    """Return the sum of what ``work`` returns for each tenant and its time.

    One tenant's trouble is not the next one's: it is logged in the words given. The database's own is everybody's, and
    raised.
    """
    return sum(_guarded(tenant, work, trouble) for tenant in tenants)


def _guarded(tenant: Tenant, work: Callable[[Tenant, datetime], int], trouble: str) -> int:
    try:
        with scope(tenant=tenant):
            return work(tenant, clock.now(tenant))
    except (InterfaceError, OperationalError):
        raise
    except Exception:
        log.exception("Tenant %s: %s", tenant.pk, trouble)
        return 0

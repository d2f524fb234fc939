"""In which hours a campaign may reach somebody: its send window, and the brand's quiet hours."""

from __future__ import annotations

from audiences.rules.phrases import listed
from campaigns.calendar.windows import EVERY_DAY, Quiet, Window
from campaigns.calendar.words import WEEKDAYS
from campaigns.models import Campaign, Version
from tenants.models import Tenant


def window(version: Version) -> Window | None:
    """Return a version's send window, None for none."""
    if version.window_start is None or version.window_end is None:
        return None
    return Window(version.window_start, version.window_end, frozenset(version.window_days) or EVERY_DAY)


def quiet(campaign: Campaign, tenant: Tenant) -> Quiet | None:
    """Return the quiet hours that hold for a campaign: what somebody asked for comes at any hour."""
    if tenant.quiet_start is None or tenant.quiet_end is None:
        return None
    if campaign.message_class == Campaign.MessageClass.TRANSACTIONAL:
        return None
    return Quiet(tenant.quiet_start, tenant.quiet_end)


def said(version: Version) -> str:
    """Return a send window in words, empty for none: only from 09:00 to 18:00 on Monday and Friday."""
    hours = window(version)
    if hours is None:
        return ""
    days = [WEEKDAYS[day] for day in sorted(hours.weekdays)] if hours.weekdays != EVERY_DAY else []
    on = f" on {listed(days, 'and')}" if days else ""
    return f"only from {hours.start:%H:%M} to {hours.end:%H:%M}{on}, by each person's own clock"

"""Places on our pages that the apps above us fill: they register at start, we never import them."""

from __future__ import annotations

from collections.abc import Callable

from audiences.models import Profile
from tenants.http import TenantRequest

Panel = Callable[[TenantRequest, Profile], str]  # safe HTML, a card; empty for nothing to show

_of_profile: list[Panel] = []


def register_profile_panel(panel: Panel) -> None:
    """Show ``panel`` on every person's page, above their timeline. Call it from ``AppConfig.ready()``."""
    if panel not in _of_profile:
        _of_profile.append(panel)


def of_profile(request: TenantRequest, profile: Profile) -> list[str]:
    return [html for panel in _of_profile if (html := panel(request, profile))]

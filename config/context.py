"""What every page's frame shows: the pages this member may open, their tenants, the tenant's time."""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple, cast

from django.http import HttpRequest
from django.urls import NoReverseMatch, resolve, reverse

from tenants import access, clock
from tenants.models import Membership, User


class Page(NamedTuple):
    """A place in the rail; ``key`` is the letter after g that leads there."""

    label: str
    url_name: str
    icon: str
    key: str = ""
    only_sandbox: bool = False
    only_live: bool = False
    counted_by: str = ""  # the address of how many things wait there


RAIL: list[tuple[str, list[Page]]] = [
    (
        "",
        [
            Page("Home", "home", "home", "h"),
            Page("Campaigns", "campaign_list", "speakerphone", "c"),
            Page("Blocks", "block_list", "blocks", "q"),
            Page("Segments", "segment_list", "filter", "s"),
            Page("People", "profile_list", "users", "p"),
            Page("Places", "place_list", "map-pin", "w"),
            Page("Alarms", "alarms", "bell", "l", counted_by="alarm_count"),
        ],
    ),
    (
        "Data",
        [
            Page("Live events", "live_events", "activity", "e"),
            Page("Imports", "import_list", "file-import", "i"),
            Page("Sources", "source_list", "cloud-download", "r"),
            Page("Inbox", "inbox", "inbox", "b", only_sandbox=True),
        ],
    ),
    (
        "Settings",
        [
            Page("Data", "settings_data", "tags", "d"),
            Page("Team", "settings_team", "users-group", "t"),
            Page("API keys", "settings_keys", "key", "k"),
            Page("Sender identity", "settings_sender", "mail", "m"),
            Page("Brand", "settings_brand", "palette", "n"),
            Page("Caps and hours", "settings_caps", "hand-stop", "f"),
            Page("Mail server", "settings_mail_server", "send", "o", only_live=True),
            Page("Sending speed", "settings_speed", "adjustments", "v"),
            Page("Audit log", "settings_audit", "history", "a"),
        ],
    ),
]


def frame(request: HttpRequest) -> dict[str, Any]:
    """Return ``rail``, ``tenant``, ``tenants()`` and ``tenant_now()``; the last two ask the database once, if shown."""
    tenant = getattr(request, "tenant", None)
    if tenant is None:
        return {}
    return {
        "rail": _rail(request),
        "tenant": tenant,
        "tenants": cache(lambda: _tenants_of(request)),
        "tenant_now": cache(lambda: clock.now(tenant)),
    }


def _rail(request: HttpRequest) -> list[dict[str, Any]]:
    """The rail's groups without pages that do not exist, or that would refuse this member."""
    groups = []
    for heading, pages in RAIL:
        links = [link for page in pages if (link := _link(request, page))]
        if links:
            groups.append({"heading": heading, "links": links})
    return groups


def reachable(request: HttpRequest, *url_names: str) -> str | None:
    """The path of the first of these pages that exists and that this member may open."""
    for url_name in url_names:
        path, action = _address(url_name)
        if path and (action is None or access.may(request, action)):
            return path
    return None


def _link(request: HttpRequest, page: Page) -> dict[str, Any] | None:
    address, action = _address(page.url_name)
    is_sandbox = request.tenant.is_sandbox  # type: ignore[attr-defined]
    hidden = page.only_live if is_sandbox else page.only_sandbox
    if address is None or hidden or (action and not access.may(request, action)):
        return None
    here = request.path == address or (address != "/" and request.path.startswith(address))
    count_url = _address(page.counted_by)[0] if page.counted_by else None
    return {
        "label": page.label,
        "icon": page.icon,
        "key": page.key,
        "url": address,
        "is_here": here,
        "count_url": count_url,
    }


@cache
def _address(url_name: str) -> tuple[str | None, str | None]:
    """The page's path and what its view asks of a member (``access.allow``), or nothing for a page there is not."""
    try:
        path = reverse(url_name)
    except NoReverseMatch:
        return None, None
    return path, getattr(resolve(path).func, "allows", None)


def _tenants_of(request: HttpRequest) -> list[Membership]:
    """The memberships of the person signed in, by tenant name."""
    return list(
        Membership.objects.filter(user=cast(User, request.user))
        .select_related("tenant")
        .order_by("tenant__name", "id")
    )

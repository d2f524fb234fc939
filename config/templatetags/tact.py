"""Tags that every template may use without loading them: icons, and moments in the tenant's zone."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django import template
from django.template.context import RequestContext
from django.templatetags.static import static
from django.utils.html import format_html
from django.utils.safestring import SafeString

from audiences.rules import phrases
from tenants.access import may as request_may

register = template.Library()


@register.simple_tag
def icon(name: str, classes: str = "") -> SafeString:
    """An icon that frontend/icons.txt names. It says nothing to screen readers: the words beside it do."""
    return format_html(
        '<svg class="icon {}" aria-hidden="true" focusable="false"><use href="{}#{}"></use></svg>',
        classes,
        static("dist/icons.svg"),
        name,
    )


@register.simple_tag(takes_context=True)
def when(
    context: RequestContext, moment: datetime | None, otherwise: str = "never", *, is_raw: bool = False
) -> str:
    """How long ago or until, by the tenant's clock; the exact time in the tenant's zone shows on hover.

    ``is_raw``: the moment is the database's, as of what is made and changed here.
    """
    if not moment:  # None, or nothing of that name
        return otherwise
    tenant = context.get("tenant")
    if is_raw and tenant:
        moment += tenant.clock_offset
    local = moment.astimezone(ZoneInfo(tenant.timezone if tenant else "UTC"))
    words = distance(moment - context["tenant_now"]()) if tenant else f"{local:%-d %b %Y, %H:%M}"
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        moment.isoformat(),
        f"{local:%a %-d %b %Y, %H:%M:%S %Z}",
        words,
    )


@register.simple_tag(takes_context=True)
def may(context: RequestContext, action: str) -> bool:
    """Whether the member may do ``action``, to hide what would be refused: {% may "launch" as may_launch %}."""
    return request_may(context.get("request"), action)


@register.simple_tag(takes_context=True)
def page_url(context: RequestContext, param: str, number: int) -> str:
    """The address of another page of this list: the query at hand with ``param`` set."""
    query = context["request"].GET.copy()
    query[param] = str(number)
    return f"?{query.urlencode()}"


_UNITS = [("year", 31_536_000), ("month", 2_592_000), ("day", 86_400), ("hour", 3_600), ("minute", 60)]


def distance(span: timedelta) -> str:
    """Say a span from now in one unit, rounded down: "3 hours ago", "in 2 days", "just now"."""
    seconds = int(abs(span.total_seconds()))
    for unit, length in _UNITS:
        count = seconds // length
        if count:
            amount = f"{count} {unit}{'' if count == 1 else 's'}"
            return f"{amount} ago" if span < timedelta(0) else f"in {amount}"
    return "just now" if span <= timedelta(0) else "in a moment"


@register.filter
def minutes(number: int) -> str:
    """So many minutes in words: "5 min", "12 h", "3 days"."""
    return phrases.length(timedelta(minutes=number))


@register.filter
def initials(person: Any) -> str:
    """Up to two letters for a round badge: "Ana Lima" is AL, "ana@example.com" is A."""
    words = str(person).partition("@")[0].split()
    return "".join(word[0] for word in words[:2]).upper() or "?"

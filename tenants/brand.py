"""How a tenant's messages look: colours, logo, and where to find and reach it."""

from __future__ import annotations

from tenants import sender
from tenants.models import Tenant, User

FIELDS = (
    "primary_color", "background_color", "text_color", "logo_url", "logo_alt", "website", "support_email",
)  # fmt: skip
READABLE = 4.5  # to 1: WCAG 2.2, 1.4.3, for text of ordinary size
WHITE, BLACK = "#ffffff", "#000000"


def change(*, tenant: Tenant, actor: User, **new: str) -> Tenant:
    """Store what is in ``new`` (some of FIELDS) and return the tenant; what is live shows it from now on."""
    return sender.stored(tenant, actor, new, known=FIELDS, thing="brand")


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours, 1 to 21, as WCAG 2.2 defines it."""
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def readable_on(color: str) -> str:
    """Return white or black, whichever reads better on a colour; nothing on none."""
    return max((WHITE, BLACK), key=lambda words: contrast(words, color)) if color else ""


def _luminance(color: str) -> float:
    red, green, blue = (_linear(int(color[at : at + 2], 16) / 255) for at in (1, 3, 5))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(share: float) -> float:
    return share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4

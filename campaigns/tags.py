"""Tags: short words for what campaigns have in common, the same however they are typed."""

from __future__ import annotations

from campaigns.models import Campaign

LONGEST = 40
MOST = 20  # of one campaign


def clean(text: str) -> str:
    """Return one tag as it is stored: lower case, single spaces. Empty where nothing was said."""
    return " ".join(text.split()).lower()


def parse(text: str) -> list[str]:
    """Return the tags of a text, which commas separate, each once and in order. Raises ValueError, in words."""
    found = list(dict.fromkeys(tag for part in text.split(",") if (tag := clean(part))))
    if len(found) > MOST:
        raise ValueError(f"A campaign has at most {MOST} tags.")
    if too_long := [tag for tag in found if len(tag) > LONGEST]:
        raise ValueError(f"A tag has at most {LONGEST} characters; “{too_long[0]}” has more.")
    return found


def in_use() -> list[str]:
    """Return the tags of all the tenant's campaigns that are not archived, by name."""
    listed = Campaign.objects.shown().exclude(tags=[]).values_list("tags", flat=True)
    return sorted({tag for tags in listed for tag in tags})

"""Who may do what: four roles, each able to do all that the ones before it can."""

from __future__ import annotations

from django.db import models


class Role(models.TextChoices):
    ANALYST = "analyst", "Analyst"
    MARKETER = "marketer", "Marketer"
    PUBLISHER = "publisher", "Publisher"
    OWNER = "owner", "Owner"


# The least role that may do each thing.
LEAST: dict[str, Role] = {
    "view": Role.ANALYST,
    "edit": Role.MARKETER,  # draft campaigns, segments, imports; test sends to oneself
    "launch": Role.PUBLISHER,  # launch, pause, resume, stop
    "manage": Role.OWNER,  # team, keys, sender, the sandbox's clock
}

_RANK = {role: rank for rank, role in enumerate(Role)}


def may(role: str, action: str) -> bool:
    """Whether ``role`` may do ``action`` (one of ``LEAST``). Raises KeyError for an action nobody named."""
    return _RANK[Role(role)] >= _RANK[LEAST[action]]

"""What the team says about somebody: one attribute at a time, told as an identify call, so that all follows from it
that follows from any."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from django.db import transaction

from audiences import attributes, ingest
from audiences.ingest.clocks import may_count
from audiences.models import Identity, Profile
from tenants import audit
from tenants.models import User
from tenants.strict import Refused

POINT = ("latitude", "longitude")
# The first that somebody has says who is meant.
BY = (Identity.Kind.EXTERNAL_ID, Identity.Kind.ANONYMOUS_ID, Identity.Kind.EMAIL, Identity.Kind.PHONE)


def known(profile: Profile) -> dict[str, Any]:
    """Return every attribute that somebody has, by its name."""
    columns = {name: getattr(profile, name) for name in attributes.STANDARD}
    return attributes.flat(columns, profile.attributes)


def tell(*, profile: Profile, stated: dict[str, Any], actor: User, now: datetime) -> None:
    """Set the attributes ``stated``, by our names; None removes one. What is not named stays as it is.

    Raises Refused for what ingestion would not take.
    """
    before = known(profile)
    with transaction.atomic():
        stored = ingest.store(tenant=profile.tenant, calls=[_call(profile, stated, now)], now=now)
        for refusal in stored.refused:
            raise Refused(refusal.path, refusal.reason)
        told = Profile.objects.get(pk=profile.pk)
        if told.erased_at:
            raise Refused("", "This person was erased meanwhile.")
        after = known(told)
        told_of = set(map(attributes.whole, stated))
        changed = {name for name in {*before, *after} if before.get(name) != after.get(name)} & told_of
        audit.note(
            tenant=profile.tenant,
            actor=actor,
            action="changed attributes of",
            thing="profile",
            thing_id=profile.public_id,
            name=str(profile),
            fields={name: (before.get(name), after.get(name)) for name in sorted(changed)},
        )


def _call(profile: Profile, stated: dict[str, Any], now: datetime) -> dict[str, Any]:
    """Return the call that says it; newer than all we were told, else it would only fill gaps."""
    told = (profile.attributes_at, profile.located_at)
    newest = max([now, *(at for at in told if at and may_count(at, now=now))])
    return {
        "type": "identify",
        "messageId": str(uuid.uuid4()),  # the same thing said again is said again
        "traits": _traits(stated),
        "timestamp": newest.isoformat(),
        **_who(profile),
    }


def _traits(stated: dict[str, Any]) -> dict[str, Any]:
    traits: dict[str, Any] = {}
    for name, value in stated.items():
        parent, _, part = name.partition(".")
        if part and parent in attributes.NESTED:
            traits.setdefault(parent, {})[part] = value
        else:
            traits[name] = value
    return traits


def _who(profile: Profile) -> dict[str, Any]:
    found = dict(profile.identities.filter(kind__in=BY).order_by("-created_at").values_list("kind", "value"))
    for kind in BY:
        if (value := found.get(kind)) is None:
            continue
        match kind:
            case Identity.Kind.EXTERNAL_ID:
                return {"userId": value}
            case Identity.Kind.ANONYMOUS_ID:
                return {"anonymousId": value}
            case _:
                return {"context": {"externalIds": [{"type": kind.value, "id": value}]}}
    raise Refused("", "No identity finds this person any more, so nothing can be told about them.")

"""A block by itself, as one person would see it in a message, from words saved or still being typed."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.utils.text import normalize_newlines

from audiences import facts as audience_facts
from audiences.models import Profile
from campaigns import channels, contents, languages, past
from campaigns.blocks import editing, reading
from campaigns.channels import BlockWords
from campaigns.liquid.wire import Checked, Refused
from campaigns.models import Source
from campaigns.preview import INERT, SAMPLE, Preview
from campaigns.sources.asking import decoded
from tenants.models import Tenant

NAMELESS = "new-block"  # what one goes by until it has a name


def shown(
    text: str, *, name: str, tenant: Tenant, language: str, profile: Profile | None, now: datetime
) -> Preview:
    """Return how a block reads for a profile, or for a sample person where there is none.

    What it takes is given its own name, and sources the last they said.
    """
    name, channel, text = name or NAMELESS, channels.all()[0], normalize_newlines(text)
    found = editing.checked(text, name=name, tenant=tenant, language=language)
    address = channel.address(profile) if profile else str(SAMPLE["email"])
    if wrong := editing.problems(text, found):
        return Preview(channel.kind, address, problems=wrong)
    words = reading.all_words(tenant=tenant, language=language) | {name: BlockWords(text, 0)}
    fields = channel.around(_rendering(name, found), text)
    compiled = channel.compile(
        fields,
        is_marketing=False,
        language=language,
        blocks=words,
        is_mirrored=languages.are_opposite(language, tenant.language),
    )
    told = Preview(
        channel.kind,
        address,
        language,
        problems=compiled.problems,
        notes=compiled.notes,
        needs=compiled.needs,
    )
    if compiled.problems:
        return told
    local = now.astimezone(ZoneInfo(tenant.timezone))
    (answer,) = contents.filled(
        channel=channel.kind,
        parts=compiled.parts,
        people=[_person(profile, found, tenant, now)],
        shared={"brand": contents.brand(tenant), "campaign": {"name": "A campaign", "public_id": ""}},
        now=local,
        language=language,
    )
    if isinstance(answer, Refused):
        return Preview(channel.kind, address, language, refused=answer, needs=compiled.needs)
    return Preview(channel.kind, address, language, message=answer, needs=compiled.needs)


def _rendering(name: str, found: Checked) -> str:
    given = "".join(f', {taken}: "[{taken}]"' for taken in found.takes)
    return f'{{% render "{name}"{given} %}}'


def _person(profile: Profile | None, found: Checked, tenant: Tenant, now: datetime) -> dict[str, Any]:
    seen = profile and audience_facts.load(
        tenant_id=tenant.pk, ids=[profile.pk], rules=[], past=past.asked(found.variables), now=now
    ).get(profile.pk)
    person = (
        contents.person_context(seen, unsubscribe_url=INERT)
        if seen
        else {"profile": SAMPLE, "unsubscribe_url": INERT}
    )
    examples = Source.objects.exclude(example="")
    return person | {"source": {source.name: decoded(source.example) for source in examples}}

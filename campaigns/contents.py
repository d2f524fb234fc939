"""A variant's words: checked and compiled when saved, filled by the one renderer for previews, tests and real sends."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from math import inf
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django_q.tasks import async_task

from audiences import facts as audience_facts
from audiences.facts import Facts
from campaigns import channels, languages, past, versions
from campaigns.blocks import reading as blocks
from campaigns.channels import Compiled, Problem
from campaigns.holding import hold
from campaigns.liquid.renderer import shared as renderer
from campaigns.liquid.values import parsed, unmet
from campaigns.liquid.wire import Refused, Rendered, Source, Template
from campaigns.models import Campaign, Content, Variant, Version
from campaigns.sources import mapping, reading
from tenants import brand as looks
from tenants.audit import Actor
from tenants.meanwhile import ChangedMeanwhile as ChangedMeanwhile  # what saving raises is ours too
from tenants.models import Tenant

logger = logging.getLogger(__name__)

CHECKED_OF_SENDER = ("from_email", "postal_address")
AT_ONCE = 10  # drafts
LONG = 400  # characters: shorter texts stand in the log whole


class DefaultNeeds(Exception):
    """The default variant is for those who lack data, so it cannot need any. ``needs`` says what it asked for."""

    def __init__(self, needs: Sequence[str]) -> None:
        super().__init__(
            f"The default variant goes to people who lack data, so it cannot need any. It needs {', '.join(needs)}: "
            "give each a default, or put it inside an if."
        )
        self.needs = list(needs)


def save(
    *,
    variant: Variant,
    channel: str,
    fields: Mapping[str, Any],
    actor: Actor,
    seen_at: datetime | None = None,
    language: str = "",
) -> tuple[Content, Compiled]:
    """Store a variant's words on a channel, compiled; return them with what compiling found.

    Words with problems are stored too: they keep the campaign from being launched, not from being written.
    ``language`` is empty for those that go to whoever has none in their own, else a tag as languages.normal has it.
    ``seen_at`` is the content's ``updated_at`` as its author saw it. Raises DefaultNeeds, ChangedMeanwhile, and
    versions.Frozen for a launched version.
    """
    with transaction.atomic():
        version = versions.editable(variant.version)
        hold(version.tenant_id)
        compiled = compile_fields(channel=channel, fields=fields, version=version, language=language)
        variant = version.variants.get(pk=variant.pk)
        if variant.is_default and (needs := [*compiled.needs, *reading.demands(compiled.sources)]):
            raise DefaultNeeds(needs)
        content = variant.contents.select_for_update().filter(channel=channel, language=language).first()
        if content and seen_at and content.updated_at != seen_at:
            raise ChangedMeanwhile()
        old = content.fields if content else {}
        content = content or Content(
            tenant=version.tenant, variant=variant, channel=channel, language=language
        )
        _fill(content, dict(fields), compiled)
        content.save()
        versions.note(
            version,
            actor,
            "edited message",
            {
                f"{_key(variant, language)}.{name}": differing(old.get(name), value)
                for name, value in fields.items()
            },
        )
    return content, compiled


def languages_of(variants: Iterable[Variant]) -> tuple[str, ...]:
    """Return the languages that any of the variants is written in beside the default one, by name."""
    tags = {content.language for variant in variants for content in variant.contents.all()} - {""}
    return tuple(sorted(tags, key=languages.name))


def _key(variant: Variant, language: str) -> str:
    return f"{variant.key}.{language}" if language else variant.key


def differing(old: Any, new: Any) -> tuple[Any, Any]:
    """Return two values for the log: of long texts the lines between the first that differs and the last."""
    if not (isinstance(old, str) and isinstance(new, str)) or old == new or len(old + new) < LONG:
        return old, new
    olds, news = old.splitlines(), new.splitlines()
    start = _alike(olds, news)
    end = min(_alike(olds[::-1], news[::-1]), min(len(olds), len(news)) - start)
    return "\n".join(olds[start : len(olds) - end]), "\n".join(news[start : len(news) - end])


def _alike(ones: Sequence[str], others: Sequence[str]) -> int:
    """How many lines the two have in common before the first that differs."""
    pairs = enumerate(zip(ones, others, strict=False))
    return next((n for n, (one, other) in pairs if one != other), min(len(ones), len(others)))


def begin(*, variant: Variant, channel: str, fields: Mapping[str, Any], language: str = "") -> None:
    """Give a variant its first words in a language, as part of whatever calls for them."""
    hold(variant.tenant_id)
    content = Content(tenant=variant.tenant, variant=variant, channel=channel, language=language)
    compiled = compile_fields(channel=channel, fields=fields, version=variant.version, language=language)
    _fill(content, dict(fields), compiled)
    content.save()


def _fill(content: Content, fields: dict[str, Any], compiled: Compiled) -> None:
    content.fields = fields
    content.parts = compiled.parts
    content.needs = compiled.needs
    content.reads = compiled.variables
    content.sources = compiled.sources
    content.blocks = compiled.blocks
    content.problems = [problem.as_json() for problem in compiled.problems]
    content.is_stale = False


# Of a content, by compiling it.
MADE = ("parts", "needs", "reads", "sources", "blocks", "problems", "is_stale")


def compile_fields(
    *, channel: str, fields: Mapping[str, Any], version: Version, language: str = ""
) -> Compiled:
    """Return a channel's fields ready to be filled, with what is wrong with them; stores nothing."""
    is_marketing = version.campaign.is_marketing
    tenant = Tenant.objects.get(pk=version.tenant_id)  # the version's was read before the brand was held
    asking = mapping.mapped(fields, tenant=tenant)
    language = language or version.language
    compiled = channels.get(channel).compile(
        asking.fields,
        is_marketing=is_marketing,
        language=language,
        blocks=blocks.words(tenant=tenant, language=language, rendered_in=asking.fields.values()),
        is_mirrored=languages.are_opposite(language, version.language),
    )
    compiled.problems[:] = asking.said(compiled.problems)
    compiled.notes.extend(asking.notes)
    given = shared_context(version.campaign, tenant=tenant)
    for path in compiled.variables:
        if reading.root_of(path) == "event" and not version.has_event:
            why = "nothing triggers this campaign, so there is no event to read from"
            compiled.problems.append(Problem("", f"{path} has no value: {why}."))
        elif (
            (root := reading.root_of(path)) in given
            and len(keys := parsed(path)) > 1
            and keys[1] not in given[root]
        ):
            compiled.problems.append(
                Problem("", f"{path} has no value: {root} has {', '.join(given[root])}.")
            )
    for name in _unset(compiled.needs_of_brand, given["brand"]):
        said = f"brand.{name} has no value: set it under Settings, Brand, or give it a default."
        compiled.problems.append(Problem("", said))
    compiled.problems.extend(Problem("", said) for said in past.problems(compiled.variables))
    compiled.notes.extend(past.notes(compiled.variables))
    return reading.read(compiled, asking.fields, version=version)


def _unset(needs: Sequence[str], brand: Mapping[str, str]) -> list[str]:
    """Return what of the brand words cannot do without that it has not; not what no mail leaves without anyway."""
    needed = [need.removeprefix("brand.") for need in needs]
    return [name for name in needed if not brand.get(name, " ") and name not in CHECKED_OF_SENDER]


def compiled_anew(content: Content) -> Compiled:
    """Return what a content's words come to by what brand, blocks and sources say now; stores nothing."""
    version = content.variant.version
    return compile_fields(
        channel=content.channel, fields=content.fields, version=version, language=content.language
    )


@transaction.atomic
def compile_again(campaign: Campaign, *, if_stale: bool = False) -> None:
    """Compile the draft's contents anew, for what their compiling depends on has changed: the message class, the
    language, whether an event sets it off, or what the brand or a block says. ``if_stale``: if nobody did meanwhile.
    """
    drafts = Version.objects.select_for_update(of=("self",)).select_related("campaign", "tenant")
    version = drafts.filter(campaign=campaign, launched_at=None).first()  # locked: no launch comes between
    if version is None:
        return
    hold(version.tenant_id)
    drafted = list(Content.objects.filter(variant__version=version).select_related("variant").order_by("pk"))
    if if_stale and not any(content.is_stale for content in drafted):
        return
    for content in drafted:
        content.variant.version = version  # the locked one
        _fill(content, content.fields, compiled_anew(content))
        content.save(update_fields=MADE)  # nobody wrote it: whoever has it open may still save


def make_stale(found: QuerySet[Content], *, tenant: Tenant) -> None:
    """Mark drafts to be compiled anew, in the transaction of what changes under them: none is forgotten then.

    ``compile_stale`` is called after it.
    """
    hold(tenant.pk, alone=True)
    found.filter(variant__version__launched_at=None).update(is_stale=True)


def compile_stale(tenant: Tenant) -> None:
    """Compile anew what was made stale: the first drafts while somebody waits, the others by a task."""
    if not compile_some(most=AT_ONCE):
        async_task("campaigns.tasks.compile_stale", tenant.pk)


def compile_some(*, most: int | None = None, until: float = inf) -> bool:
    """Compile stale drafts anew, each by itself: ``most`` of them, ``until`` a monotonic time; return whether no more
    are left. One that cannot be compiled stays marked, and holds up no other.
    """
    stale = Campaign.objects.filter(versions__launched_at=None, versions__variants__contents__is_stale=True)
    stale = stale.distinct().order_by("pk")
    for campaign in stale[:most]:
        if time.monotonic() >= until:
            break
        try:
            renew(campaign)
        except Exception:
            logger.exception("The draft of campaign %s could not be compiled anew.", campaign.pk)
    return not stale.exists()


def renew(campaign: Campaign) -> None:
    """Compile a draft anew if something changed under it, or under what it was copied from."""
    compile_again(campaign, if_stale=True)


def template(parts: Mapping[str, Mapping[str, Any]]) -> Template:
    """Return what the renderer takes, from ``Content.parts``."""
    return Template({name: Source(part["text"], part["output"]) for name, part in parts.items()})


def shared_context(campaign: Campaign, *, tenant: Tenant) -> dict[str, Any]:
    """What a template sees whoever it is filled for: ``campaign`` and ``brand``."""
    return {
        "campaign": {"name": campaign.name, "public_id": str(campaign.public_id)},
        "brand": brand(tenant),
    }


def brand(tenant: Tenant) -> dict[str, str]:
    """What templates see of whose messages they are."""
    return {
        "name": tenant.name,
        "from_name": tenant.from_name,
        "from_email": tenant.from_email,
        "postal_address": tenant.postal_address,
        "currency": tenant.currency,
        "language": tenant.language,
        **{name: getattr(tenant, name) for name in looks.FIELDS},
        "on_primary_color": looks.readable_on(tenant.primary_color),
    }


def person_context(
    facts: Facts, *, unsubscribe_url: str, event: dict[str, Any] | None = None
) -> dict[str, Any]:
    """What a template sees of one person: ``profile``, their way out and, where one set it off, the ``event``."""
    seen = {"profile": audience_facts.liquid(facts), "unsubscribe_url": unsubscribe_url}
    return seen if event is None else seen | {"event": event}


def lacks(needs: Sequence[str], *, shared: Mapping[str, Any], person: Mapping[str, Any]) -> list[str]:
    """Return which needs a person's context does not meet, in order."""
    return unmet(list(needs), {**shared, **person})


def filled(
    *,
    channel: str,
    parts: Mapping[str, Mapping[str, Any]],
    people: Sequence[dict[str, Any]],
    shared: dict[str, Any],
    now: datetime,
    language: str = "",
) -> list[dict[str, str] | Refused]:
    """Return each person's finished message, or why there is none for them, in order; at most 500 people.

    ``now`` is aware, and its zone is the one dates are shown in. Numbers, money and lists are written as in
    ``language``, or as each person's own if it is not given. Costs one call of the renderer's process.
    """
    kind = channels.get(channel)
    spoken = shared | {"language": language} if language else shared
    answers = renderer().render(template(parts), list(people), shared=spoken, now=now)
    return [
        kind.finished(parts, answer.parts) if isinstance(answer, Rendered) else answer for answer in answers
    ]

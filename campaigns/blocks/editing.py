"""Writing blocks: each change is a version of its own, which drafts take over and what was launched does not."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.utils.text import normalize_newlines

from campaigns import contents, launching, versions
from campaigns.blocks import reading
from campaigns.channels import Problem
from campaigns.holding import hold
from campaigns.liquid.renderer import shared as renderer
from campaigns.liquid.wire import Checked, Source
from campaigns.models import Block, BlockVersion, Campaign, Content, Version
from tenants import audit
from tenants.audit import Actor
from tenants.models import Tenant, User

NAME = re.compile(r"[a-z0-9][a-z0-9_-]*\Z")
LONGEST_NAME = 40
LONGEST = 20_000  # characters a block may say in a language
MOST = 100  # blocks of a tenant: each check of a message that renders one reads all


class Refused(ValueError):
    """It cannot be saved so; the words say why. ``field`` is the one to change, ``problems`` what is wrong in it."""

    def __init__(self, field: str, words: str, problems: list[Problem] | None = None) -> None:
        super().__init__(words)
        self.field = field
        self.problems = problems or []


class NameTaken(Refused):
    """Another block has that name, perhaps an archived one."""


class Archived(Refused):
    """An archived block says what it said; bring it back to change that."""


class InUse(Exception):
    """Something renders it; the words say what."""

    def __init__(self, names: list[str]) -> None:
        said = ", ".join(f"“{name}”" for name in names[:5])
        more = f" and {len(names) - 5} more" if len(names) > 5 else ""
        super().__init__(f"It is used by {said}{more}: take it out of their words first.")


@dataclass(slots=True)
class Renewed:
    """Which campaigns send the new words from now on, and which could not be launched anew and why."""

    campaigns: list[Campaign] = field(default_factory=list)
    refused: list[tuple[Campaign, str]] = field(default_factory=list)


def add(*, tenant: Tenant, actor: Actor | None, name: str, text: str) -> Block:
    """Store a new block; drafts that name it already are compiled anew. Raises Refused."""
    if not NAME.match(name) or len(name) > LONGEST_NAME:
        raise Refused(
            "name",
            "Use small letters, digits, hyphens and underscores, at most 40, as in footer or legal-note.",
        )
    with transaction.atomic():
        _check_room()
        block = Block(tenant=tenant, name=name)
        try:
            with transaction.atomic():
                block.save()
        except IntegrityError as taken:
            archived = Block.objects.filter(name=name).exclude(archived_at=None).exists()
            more = ", archived: bring that one back." if archived else "."
            raise NameTaken("name", f"There is a block called {name} already{more}") from taken
        _write(block, {"": normalize_newlines(text)}, actor, "added", changed=[""])
        contents.make_stale(_lacking(name), tenant=tenant)
    contents.compile_stale(tenant)
    return block


def change(
    *, block: Block, actor: Actor | None, texts: Mapping[str, str | None], seen: int | None = None
) -> BlockVersion:
    """Let a block say something else, in the languages given (None: in that language nothing of its own any more).

    Drafts that render it are compiled anew; what was launched keeps the words it was launched with. ``seen`` is the
    number of the version its author saw. Raises Refused, Archived among them, and contents.ChangedMeanwhile.
    """
    with transaction.atomic():
        block = Block.objects.select_for_update(of=("self",)).select_related("tenant").get(pk=block.pk)
        if block.archived_at:
            raise Archived("", "It is archived: bring it back first.")
        last = newest_of(block)
        if seen is not None and seen != last.number:
            raise contents.ChangedMeanwhile("Copy your words, open it again and put them in.")
        merged = {**last.texts, **texts}
        new = {language: normalize_newlines(text) for language, text in merged.items() if text is not None}
        if new == last.texts:
            return last
        changed = [language for language in new if new[language] != last.texts.get(language)]
        version = _write(block, new, actor, "changed", changed=changed, before=last)
        contents.make_stale(Content.objects.filter(blocks__has_key=block.name), tenant=block.tenant)
    contents.compile_stale(block.tenant)
    return version


def newest_of(block: Block) -> BlockVersion:
    return block.versions.select_related("created_by").latest("number")


def checked(text: str, *, name: str, tenant: Tenant, language: str) -> Checked:
    """Return what is wrong with a block's text, and what it reads, needs, renders and takes."""
    others = {other: said.text for other, said in reading.all_words(tenant=tenant, language=language).items()}
    (found,) = renderer().check({"": Source(text, "html", others | {name: text})}, is_block=True).values()
    return found


def problems(text: str, found: Checked) -> list[Problem]:
    """Return what keeps a block from being saved, with its places."""
    said = [Problem("text", error.message, error.line, error.column) for error in found.errors]
    if not text.strip():
        said.append(Problem("text", "It says nothing yet."))
    elif text.endswith("{"):
        said.append(
            Problem("text", "A block cannot end with a {: what comes after it would be read as a tag.")
        )
    if len(text) > LONGEST:
        said.append(Problem("text", f"This is longer than {LONGEST:,} characters."))
    return said


def _write(
    block: Block,
    texts: dict[str, str],
    actor: Actor | None,
    action: str,
    *,
    changed: list[str],
    before: BlockVersion | None = None,
) -> BlockVersion:
    found = {
        language: checked(
            text, name=block.name, tenant=block.tenant, language=language or block.tenant.language
        )
        for language, text in texts.items()
    }
    for language in changed:
        if wrong := problems(texts[language], found[language]):
            first = wrong[0]
            place = f"Line {first.line}, column {first.column}: " if first.line else ""
            raise Refused("text", place + first.message, wrong)
    version = BlockVersion(
        tenant=block.tenant,
        block=block,
        number=before.number + 1 if before else 1,
        texts=texts,
        renders=sorted({name for one in found.values() for name in one.blocks}),
        takes=sorted({name for one in found.values() for name in one.takes}),
        created_by=audit.person(actor),
    )
    version.save()
    old = before.texts if before else {}
    _note(
        block,
        actor,
        action,
        {
            f"text in {language}" if language else "text": contents.differing(
                old.get(language), texts.get(language)
            )
            for language in {**old, **texts}
        },
    )
    return version


def _lacking(name: str) -> Any:
    """The contents in which a block was missed."""
    return Content.objects.filter(problems__icontains=f"block called '{name}'")


@transaction.atomic
def archive(*, block: Block, actor: Actor | None, now: datetime) -> None:
    """Put a block away that nothing renders. Raises InUse."""
    block = Block.objects.select_for_update(of=("self",)).select_related("tenant").get(pk=block.pk)
    if block.archived_at:
        return
    hold(block.tenant_id, alone=True)  # so that nobody begins to use it meanwhile
    users = [use.campaign.name for use in reading.uses().get(block.name, [])]
    if users := users + reading.rendered_by(block.name):
        raise InUse(users)
    _put(block, actor, "archived", now)


def restore(*, block: Block, actor: Actor | None) -> None:
    """Bring an archived block back. Raises Refused."""
    with transaction.atomic():
        block = Block.objects.select_for_update(of=("self",)).select_related("tenant").get(pk=block.pk)
        if not block.archived_at:
            return
        _check_room()
        _put(block, actor, "restored", None)
        contents.make_stale(_lacking(block.name), tenant=block.tenant)
    contents.compile_stale(block.tenant)


def _check_room() -> None:
    if Block.objects.filter(archived_at=None).count() >= MOST:
        raise Refused("", f"{MOST} blocks are as many as there can be: archive one that nothing uses.")


def _put(block: Block, actor: Actor | None, action: str, moment: datetime | None) -> None:
    block.archived_at = moment
    block.save(update_fields=["archived_at"])
    _note(block, actor, action, {})


def behind(block: Block) -> list[reading.Use]:
    """Return what goes on with older words of a block than its newest."""
    last = newest_of(block).number
    return [use for use in reading.uses().get(block.name, []) if use.launched and use.holds < last]


def may_renew(use: reading.Use, *, now: datetime) -> bool:
    """Whether a campaign can be launched anew as it is but for the words: it will send again, and nobody drafts it."""
    version = use.launched
    if version is None or use.is_drafted or use.campaign.state != Campaign.State.LIVE:
        return False
    if version.when == Version.When.AT:
        return version.starts_at is not None and version.starts_at > now
    return version.when != Version.When.NOW


def renew(*, block: Block, actor: User, now: datetime) -> Renewed:
    """Launch a new version of each live campaign that holds older words, with the new ones; segments are asked anew.

    Each in one transaction, so that nobody can write into a draft that goes live at once. One that cannot be launched
    keeps what it sends; its draft holds the new words.
    """
    done = Renewed()
    for use in behind(block):
        campaign = use.campaign
        if not may_renew(use, now=now):
            continue
        try:
            with transaction.atomic():
                Campaign.objects.select_for_update().get(pk=campaign.pk)
                if campaign.versions.filter(launched_at=None).exists():
                    continue
                launching.launch(version=_drafted(campaign, actor), actor=actor, now=now)
        except launching.NotReady as refused:
            _drafted(campaign, actor)
            done.refused.append((campaign, str(refused)))
        except versions.Frozen as refused:
            done.refused.append((campaign, str(refused)))
        else:
            done.campaigns.append(campaign)
    return done


def _drafted(campaign: Campaign, actor: User) -> Version:
    """Start a draft of what was launched, with the blocks' newest words."""
    draft = versions.start(campaign=campaign, actor=actor)
    contents.renew(campaign)
    return draft


def _note(block: Block, actor: Actor | None, action: str, changes: dict[str, tuple[Any, Any]]) -> None:
    audit.note(
        tenant=block.tenant,
        actor=actor,
        action=action,
        thing="block",
        thing_id=block.public_id,
        name=block.name,
        fields=changes,
    )

"""What blocks say, and which campaigns hold which of their versions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet

from campaigns import languages
from campaigns.channels import BlockWords
from campaigns.models import Block, BlockVersion, Campaign, Content, Version
from campaigns.sources import mapping
from tenants.models import Tenant

_NAMES_BLOCKS = ("render", "content_blocks")  # ours, and Braze's spelling


def newest() -> QuerySet[BlockVersion]:
    """Return the last version of each block that is not archived, with its block."""
    return _last(BlockVersion.objects.filter(block__archived_at=None).select_related("block"))


def last_of(blocks: Iterable[Block]) -> dict[int, BlockVersion]:
    """Return the last version of each of some blocks, archived or not, by the block's id, with who wrote it."""
    found = BlockVersion.objects.filter(block__in=blocks).select_related("created_by")
    return {version.block_id: version for version in _last(found)}


def _last(versions: QuerySet[BlockVersion]) -> QuerySet[BlockVersion]:
    return versions.order_by("block_id", "-number").distinct("block_id")


def words(*, tenant: Tenant, language: str, rendered_in: Iterable[Any]) -> dict[str, BlockWords]:
    """Return by name what each block says in a language; nothing where no text renders any, as in most messages."""
    texts = [text for text in rendered_in if isinstance(text, str)]
    if not any(name in text for text in texts for name in _NAMES_BLOCKS):
        return {}
    return all_words(tenant=tenant, language=language)


def all_words(*, tenant: Tenant, language: str) -> dict[str, BlockWords]:
    """The same, whoever asks."""
    versions = {version.block.name: version for version in newest().filter(tenant=tenant)}
    said = {
        name: text_in(version.texts, language, tenant.language) for name, version in sorted(versions.items())
    }
    said = mapping.mapped(said, tenant=tenant).fields
    return {name: BlockWords(text, versions[name].number) for name, text in said.items()}


def text_in(texts: Mapping[str, str], language: str, default: str) -> str:
    """Return which of a block's texts stands in a message in a language. ``default`` is that of its first."""
    return texts[languages.language_for(language, tuple(tag for tag in texts if tag), default)]


@dataclass(slots=True)
class Use:
    """A campaign that renders a block: in its draft, or with which version of the block it goes on."""

    campaign: Campaign
    is_drafted: bool = False
    launched: Version | None = None
    holds: int = 0  # the oldest version of the block in what was launched


def uses() -> dict[str, list[Use]]:
    """Return who renders each block, by its name: drafts, and the newest version of what goes on."""
    in_play = Version.objects.in_play().filter(campaign__archived_at=None)
    contents = (
        Content.objects.filter(variant__version__in=in_play)
        .exclude(blocks={})
        .select_related("variant__version__campaign")
        .defer("fields", "parts")
    )
    found: dict[str, dict[int, Use]] = {}
    for content in contents:
        version = content.variant.version
        for name, number in content.blocks.items():
            use = found.setdefault(name, {}).setdefault(version.campaign_id, Use(version.campaign))
            if version.launched_at is None:
                use.is_drafted = True
            else:
                use.launched, use.holds = version, min(number, use.holds or number)
    return {
        name: sorted(by_campaign.values(), key=lambda use: use.campaign.name.lower())
        for name, by_campaign in found.items()
    }


def renderers() -> dict[str, list[str]]:
    """Return the blocks that render each block, by its name."""
    found: dict[str, list[str]] = {}
    for version in newest():
        for name in version.renders:
            found.setdefault(name, []).append(version.block.name)
    return {name: sorted(others) for name, others in found.items()}


def rendered_by(name: str) -> list[str]:
    """Return the blocks that render a block."""
    return renderers().get(name, [])

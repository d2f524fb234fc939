"""The management API's blocks: what they say, who uses them, a new one, and new words for one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from django.shortcuts import get_object_or_404
from rest_framework import serializers
from rest_framework.response import Response

from campaigns import contents
from campaigns.blocks import editing, reading
from campaigns.contents_api import LanguageQuery, tag_of
from campaigns.models import Block, BlockVersion
from tenants.api import Api, Given, PageQuery, conflict, page
from tenants.api_errors import Problem, invalid
from tenants.api_schema import describes, paged
from tenants.models import Tenant

Shape = serializers.Serializer[Any]


class BlocksQuery(PageQuery):
    name = serializers.CharField(required=False, help_text="Only the one that messages render by this name.")
    archived = serializers.BooleanField(
        required=False, default=False, help_text="Those put away, in place of the others."
    )


class BlockTextShape(Shape):
    language = serializers.CharField(help_text="BCP 47.")
    is_default = serializers.BooleanField(help_text="For messages in a language it has no words in.")
    text = serializers.CharField(help_text="Liquid in plain words, HTML, or a piece of MJML.")


class BlockUseShape(Shape):
    campaign = serializers.UUIDField()
    name = serializers.CharField()
    is_drafted = serializers.BooleanField(help_text="Its draft renders the block, with its newest words.")
    sends_version = serializers.IntegerField(
        allow_null=True, help_text="The block's version in what is launched; null: none."
    )


class BlockShape(Shape):
    id = serializers.UUIDField()
    name = serializers.CharField(help_text='As messages say it: `{% render "footer" %}`.')
    version = serializers.IntegerField(help_text="Of its words: one more with each change.")
    texts = BlockTextShape(many=True)
    takes = serializers.ListField(
        child=serializers.CharField(), help_text="What whoever renders it gives a value."
    )
    renders = serializers.ListField(child=serializers.CharField(), help_text="Other blocks, by name.")
    used_by = BlockUseShape(many=True, help_text="Campaigns whose draft or launched version renders it.")
    rendered_by = serializers.ListField(child=serializers.CharField(), help_text="Other blocks, by name.")
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField(help_text="When its newest version was written.")
    archived_at = serializers.DateTimeField(allow_null=True)


class TextField(serializers.CharField):
    """A block's words as they were typed, white space and all."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(allow_blank=True, trim_whitespace=False, **kwargs)


class NewBlockBody(Given):
    name = serializers.CharField(
        help_text="Small letters, digits, hyphens and underscores, at most 40. It stays as it is."
    )
    text = TextField(help_text="Its words for everybody, in the tenant's language.")


class BlockWordsBody(Given):
    text = TextField(
        allow_null=True, help_text="Null takes its words in this language away; the default ones stay."
    )
    version = serializers.IntegerField(
        required=False,
        min_value=1,
        help_text="As you read it: refuses to write over what somebody saved since. Without it, the last one wins.",
    )


class Blocks(Api):
    scopes = {"GET": "read", "POST": "edit"}

    @describes("list_blocks", "Blocks, the newest first", paged(BlockShape), query=BlocksQuery)
    def get(self, request: Any) -> Response:
        """Words that several messages share."""
        asked = self.asked(BlocksQuery)
        found = Block.objects.filter(archived_at__isnull=not asked["archived"]).order_by("-pk")
        if name := asked.get("name"):
            found = found.filter(name=name)
        if cursor := asked.get("cursor"):
            found = found.filter(pk__lt=cursor.id)
        blocks = list(found[: asked["limit"] + 1])
        return page(blocks, limit=asked["limit"], shown=_Shown(self.tenant, blocks))

    @describes("create_block", "Write a block", BlockShape, status=201, body=NewBlockBody, errors=(409,))
    def post(self, request: Any) -> Response:
        """Checked as on its page: words with problems are not stored."""
        with _refusals():
            block = editing.add(tenant=self.tenant, actor=self.key, **self.given(NewBlockBody))
        return Response(_Shown(self.tenant, [block])(block), 201)


class BlockDetail(Api):
    scopes = {"GET": "read", "PUT": "edit"}

    @describes("get_block", "A block", BlockShape)
    def get(self, request: Any, public_id: UUID) -> Response:
        """Its newest words in every language, and who renders it."""
        block = _block_of(public_id)
        return Response(_Shown(self.tenant, [block])(block))

    @describes(
        "write_block", "Write what a block says", BlockShape, query=LanguageQuery, body=BlockWordsBody, errors=(409,)
    )  # fmt: skip
    def put(self, request: Any, public_id: UUID) -> Response:
        """In one language, as a version of its own: drafts take it over, what was launched keeps the words it has."""
        given, block = self.given(BlockWordsBody), _block_of(public_id)
        tag = tag_of(self.asked(LanguageQuery)["language"], own=self.tenant.language)
        if given["text"] is None and not tag:
            raise invalid("text", "The default words stay: say what they are.")
        with _refusals():
            editing.change(block=block, actor=self.key, texts={tag: given["text"]}, seen=given.get("version"))
        return Response(_Shown(self.tenant, [block])(block))


class Archive(Api):
    scopes = {"POST": "edit"}

    @describes("archive_block", "Put it away", BlockShape, errors=(409,))
    def post(self, request: Any, public_id: UUID) -> Response:
        """Refused while a draft, what a campaign goes on with, or other blocks render it. Archived already is fine."""
        block = _block_of(public_id)
        with _refusals():
            editing.archive(block=block, actor=self.key, now=self.now())
        block.refresh_from_db(fields=["archived_at"])
        return Response(_Shown(self.tenant, [block])(block))


class Restore(Api):
    scopes = {"POST": "edit"}

    @describes("restore_block", "Bring it back", BlockShape)
    def post(self, request: Any, public_id: UUID) -> Response:
        """Drafts that missed it have its words then. Not archived is fine."""
        block = _block_of(public_id)
        with _refusals():
            editing.restore(block=block, actor=self.key)
        block.refresh_from_db(fields=["archived_at"])
        return Response(_Shown(self.tenant, [block])(block))


@contextmanager
def _refusals() -> Iterator[None]:
    """Turn what a block can be refused for into the API's answers."""
    try:
        yield
    except contents.ChangedMeanwhile as exc:
        raise conflict("changed_meanwhile", exc) from exc
    except editing.InUse as exc:
        raise conflict("in_use", exc) from exc
    except editing.NameTaken as exc:
        raise conflict("name_taken", exc) from exc
    except editing.Archived as exc:
        raise conflict("archived", exc) from exc
    except editing.Refused as exc:
        if not exc.problems:
            raise invalid(exc.field, str(exc)) from exc
        places = [f"Line {each.line}, column {each.column}: " if each.line else "" for each in exc.problems]
        said = [("text", place + each.message) for place, each in zip(places, exc.problems, strict=True)]
        raise Problem(400, "invalid", str(exc), said) from exc


def _block_of(public_id: UUID) -> Block:
    return get_object_or_404(Block.objects.select_related("tenant"), public_id=public_id)


class _Shown:
    """Blocks as they are shown; what they say and who uses them is asked once, for all."""

    def __init__(self, tenant: Tenant, blocks: Iterable[Block]) -> None:
        self.tenant, self.newest = tenant, reading.last_of(blocks)
        self.uses, self.renderers = reading.uses(), reading.renderers()

    def __call__(self, block: Block) -> Mapping[str, Any]:
        newest = self.newest[block.pk]
        fields = {name: getattr(block, name) for name in ("name", "created_at", "archived_at")}
        shown = fields | {
            "id": block.public_id,
            "version": newest.number,
            "texts": self._texts(newest),
            "takes": newest.takes,
            "renders": newest.renders,
            "used_by": [self._use(use) for use in self.uses.get(block.name, [])],
            "rendered_by": self.renderers.get(block.name, []),
            "updated_at": newest.created_at,
        }
        return BlockShape(shown).data

    def _texts(self, newest: BlockVersion) -> list[dict[str, Any]]:
        return [
            {"language": tag or self.tenant.language, "is_default": not tag, "text": text}
            for tag, text in sorted(newest.texts.items())
        ]

    def _use(self, use: reading.Use) -> dict[str, Any]:
        return {
            "campaign": use.campaign.public_id,
            "name": use.campaign.name,
            "is_drafted": use.is_drafted,
            "sends_version": use.holds or None,
        }

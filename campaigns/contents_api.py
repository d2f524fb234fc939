"""The management API's words: a campaign's variants in their order, and what each says in a language."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from django.forms import Form
from django.http import Http404
from django.shortcuts import get_object_or_404
from rest_framework import serializers
from rest_framework.response import Response

from campaigns import channels, contents, languages, translating, versions
from campaigns.api_shapes import version_number
from campaigns.channels import Channel
from campaigns.drafts import Refused
from campaigns.editing import campaign_of
from campaigns.languages import NotALanguage
from campaigns.models import Campaign, Content, Variant, Version
from tenants.api import Api, Given, conflict
from tenants.api_errors import Problem, invalid
from tenants.api_schema import describes

Shape = serializers.Serializer[Any]


class VersionQuery(Given):
    version = version_number(
        "Its number. Without it: the draft if there is one, else what was launched last."
    )


class LanguageQuery(Given):
    language = serializers.CharField(
        required=False,
        default="",
        allow_blank=True,
        max_length=languages.LONGEST,
        help_text="BCP 47. Without it: the words for whoever has none in their own language.",
    )


class ContentQuery(VersionQuery, LanguageQuery):
    pass


class ProblemShape(Shape):
    path = serializers.CharField(allow_blank=True, help_text="The field; empty: all of it.")
    line = serializers.IntegerField(help_text="From 1; 0: no place in particular.")
    column = serializers.IntegerField()
    message = serializers.CharField()


class ContentSummaryShape(Shape):
    channel = serializers.CharField()
    language = serializers.CharField(allow_blank=True, help_text="Of the words: BCP 47.")
    is_default = serializers.BooleanField(help_text="For whoever has none in their own language.")
    needs = serializers.ListField(child=serializers.CharField(), help_text="The data it cannot do without.")
    problems = ProblemShape(many=True, help_text="What keeps it from being launched.")
    updated_at = serializers.DateTimeField()


class ContentShape(ContentSummaryShape):
    version = serializers.IntegerField()
    variant = serializers.CharField(help_text="Its key.")
    fields = serializers.DictField(  # type: ignore[assignment]
        child=serializers.CharField(allow_blank=True),
        help_text="As the channel has them; of `email`: subject, preheader, body_format (mjml or html), body, text.",
    )


class WrittenShape(ContentShape):
    notes = serializers.ListField(
        child=serializers.CharField(), help_text="What was done without being asked."
    )


class VariantShape(Shape):
    key = serializers.CharField(help_text="The arm's name in results; the same in every version.")
    name = serializers.CharField()
    weight = serializers.IntegerField(help_text="Its part of the people, next to others' for the same.")
    is_default = serializers.BooleanField(help_text="For those no other variant takes.")
    segment = serializers.UUIDField(
        allow_null=True, help_text="Whom it is for; null: everyone in the audience."
    )
    rule = serializers.JSONField(allow_null=True, help_text="The same written out, frozen at the launch.")
    where = serializers.ListField(
        child=serializers.JSONField(), help_text="Filters on the event that sets it off, which all hold."
    )
    contents = ContentSummaryShape(many=True)


class VariantsShape(Shape):
    version = serializers.IntegerField()
    is_draft = serializers.BooleanField()
    variants = VariantShape(
        many=True, help_text="In the order they are tried; the default is last in any case."
    )


class ContentBody(Given):
    fields = serializers.DictField(  # type: ignore[assignment]
        child=serializers.CharField(allow_blank=True, trim_whitespace=False),
        help_text="All of the channel's fields; one left out is emptied, but for `body_format`, which is asked for.",
    )
    updated_at = serializers.DateTimeField(
        required=False,
        help_text="As you read it: refuses to write over what somebody saved since. Without it, the last one wins.",
    )


class Variants(Api):
    @describes("list_variants", "A campaign's variants", VariantsShape, query=VersionQuery)
    def get(self, request: Any, public_id: UUID) -> Response:
        """Of one version, without their words."""
        version = _version(campaign_of(public_id), self.asked(VersionQuery).get("version"))
        found = (
            version.variants.select_related("segment").prefetch_related("contents").order_by("position", "id")
        )
        said = {
            "version": version.number,
            "is_draft": version.launched_at is None,
            "variants": [_variant(variant, version) for variant in found],
        }
        return Response(VariantsShape(said).data)


class Contents(Api):
    scopes = {"GET": "read", "PUT": "edit"}

    @describes("get_content", "What a variant says", ContentShape, query=ContentQuery)
    def get(self, request: Any, public_id: UUID, key: str, channel: str) -> Response:
        """In one language, on one channel."""
        asked = self.asked(ContentQuery)
        version = _version(campaign_of(public_id), asked.get("version"))
        variant = _of(version, key)
        found = variant.contents.filter(
            channel=channel, language=tag_of(asked["language"], own=version.language)
        )
        return Response(ContentShape(_content(get_object_or_404(found), variant)).data)

    @describes(
        "write_content", "Write what a variant says", WrittenShape, query=LanguageQuery, body=ContentBody, errors=(409,)
    )  # fmt: skip
    def put(self, request: Any, public_id: UUID, key: str, channel: str) -> Response:
        """Of the draft, checked as in the editor. Words with problems are stored; they keep it from being launched."""
        language, given = self.asked(LanguageQuery)["language"], self.given(ContentBody)
        with _refusals():
            draft = versions.draft_of(campaign_of(public_id))
            draft.tenant = self.tenant
            variant, kind, tag = _of(draft, key), _channel(channel), tag_of(language, own=draft.language)
            translating.check_room(variant, tag)
            content, compiled = contents.save(
                variant=variant,
                channel=kind.kind,
                language=tag,
                fields=_checked(kind, given["fields"], tag or draft.language),
                actor=self.key,
                seen_at=given.get("updated_at"),
            )
        return Response(WrittenShape(_content(content, variant) | {"notes": compiled.notes}).data)


@contextmanager
def _refusals() -> Iterator[None]:
    """Turn what words can be refused for into the API's answers."""
    try:
        yield
    except versions.NoDraft as exc:
        raise conflict("no_draft", exc) from exc
    except contents.ChangedMeanwhile as exc:
        raise conflict("changed_meanwhile", exc) from exc
    except versions.Frozen as exc:
        raise conflict("launched", exc) from exc
    except contents.DefaultNeeds as exc:
        raise invalid("fields", str(exc)) from exc
    except Refused as exc:
        raise invalid("language", str(exc)) from exc


def _version(campaign: Campaign, number: int | None) -> Version:
    if number is None:
        return versions.newest(campaign)
    return get_object_or_404(campaign.versions.all(), number=number)


def _of(version: Version, key: str) -> Variant:
    variant: Variant = get_object_or_404(version.variants.all(), key=key)
    variant.version = version
    return variant


def _channel(kind: str) -> Channel:
    try:
        return channels.get(kind)
    except KeyError:
        raise Http404 from None


def tag_of(language: str, *, own: str) -> str:
    """Return how words in a language are kept: those in one's own go to everybody else too, and name none."""
    try:
        tag = languages.normal(language) if language else ""
    except NotALanguage as exc:
        raise invalid("language", str(exc)) from exc
    return "" if tag == own else tag


def _checked(channel: Channel, fields: dict[str, str], language: str) -> dict[str, Any]:
    """Return the fields as the editor's form stores them. Raises Problem."""
    form: Form = channel.form(fields, fields={}, language=language)
    wrong = [(f"fields.{name}", "There is no such field.") for name in sorted(set(fields) - set(form.fields))]
    for name, errors in form.errors.items():
        wrong += [("fields" if name == "__all__" else f"fields.{name}", str(error)) for error in errors]
    if wrong:
        path, message = wrong[0]
        raise Problem(400, "invalid", f"{path}: {message}", wrong)
    return dict(form.cleaned_data)


# --- What is shown -------------------------------------------------------------------------------
def _variant(variant: Variant, version: Version) -> dict[str, Any]:
    variant.version = version
    names = ("key", "name", "weight", "is_default", "rule", "where")
    written = sorted(variant.contents.all(), key=lambda content: (content.channel, content.language))
    return {name: getattr(variant, name) for name in names} | {
        "segment": variant.segment and variant.segment.public_id,
        "contents": [_content(content, variant) for content in written],
    }


def _content(content: Content, variant: Variant) -> dict[str, Any]:
    return {
        "version": variant.version.number,
        "variant": variant.key,
        "channel": content.channel,
        "language": content.language or variant.version.language,
        "is_default": not content.language,
        "fields": content.fields,
        "needs": content.needs,
        "problems": [
            {"path": each["field"], **{name: each[name] for name in ("line", "column", "message")}}
            for each in content.problems
        ],
        "updated_at": content.updated_at,
    }

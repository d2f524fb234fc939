"""A campaign's words through the management API: read in any version, written in the draft as the editor does."""

from __future__ import annotations

from typing import Any

import pytest

from campaigns import launching, translating, versions
from campaigns.models import Campaign
from tenants.models import AuditEntry
from tests.api import Caller, shaped
from tests.campaigns.conftest import add, words, write


def at(campaign: Campaign, key: str = "a", channel: str = "email", language: str = "") -> str:
    asked = f"?language={language}" if language else ""
    return f"campaigns/{campaign.public_id}/variants/{key}/contents/{channel}{asked}"


def test_variants_are_listed_in_order_with_what_each_is_written_in(api, campaign, owner, make_segment):
    version = campaign.versions.get()
    segment = make_segment()
    write(version.variants.get(), owner, "<p>{{ profile.first_name }}</p>")
    add(version, owner, segment=segment, weight=7)
    translating.begin(variant=version.variants.get(key="a"), language="pt", actor=owner)
    shown = api.get(f"campaigns/{campaign.public_id}/variants").json()
    assert (shown["version"], shown["is_draft"]) == (1, True)
    first, second = shown["variants"]
    assert [(each["language"], each["is_default"]) for each in first["contents"]] == [
        ("en", True),
        ("pt", False),
    ]
    assert first["contents"][0]["needs"] == ["profile.first_name"]
    assert "fields" not in first["contents"][0]
    assert (second["key"], second["segment"], second["weight"]) == ("b", str(segment.public_id), 7)


def test_words_are_read_of_any_version(api, campaign, owner, now):
    version = campaign.versions.get()
    write(version.variants.get(), owner, "<p>First</p>")
    launching.launch(version=version, actor=owner, now=now)
    second = versions.start(campaign=campaign, actor=owner)
    write(second.variants.get(), owner, "<p>Second</p>")
    said = [api.get(at(campaign), version=number).json()["fields"]["body"] for number in (1, 2)]
    assert said == ["<p>First</p>", "<p>Second</p>"]
    assert api.get(at(campaign)).json()["version"] == 2
    shaped(api.get(at(campaign), version=3), 404, "not_found")


def test_words_are_written_as_they_are_read(api, campaign):
    read = api.get(at(campaign)).json()
    read["fields"]["body"] = "<p>\n{{ profile.first_name }}</p>\r\n"
    written = api.send(
        "PUT", at(campaign), {"fields": read["fields"], "updated_at": read["updated_at"]}
    ).json()
    assert (written["needs"], written["problems"]) == (["profile.first_name"], [])
    assert written["fields"]["body"] == "<p>\n{{ profile.first_name }}</p>\n"
    assert api.get(at(campaign)).json().items() <= written.items()
    assert AuditEntry.objects.filter(action="edited message").latest("id").actor_name == f"Key {api.row}"


def test_what_somebody_saved_meanwhile_is_not_written_over(api, campaign, owner):
    seen = api.get(at(campaign)).json()["updated_at"]
    write(campaign.versions.get().variants.get(), owner, "<p>Meanwhile</p>")
    late = api.send("PUT", at(campaign), {"fields": words("<p>Late</p>"), "updated_at": seen})
    shaped(late, 409, "changed_meanwhile")
    assert api.get(at(campaign)).json()["fields"]["body"] == "<p>Meanwhile</p>"


def test_another_language_is_begun_and_the_own_one_is_the_default(api, campaign):
    there = at(campaign, language="pt-br")
    written = api.send("PUT", there, {"fields": words("<p>Olá</p>")}).json()
    assert (written["language"], written["is_default"]) == ("pt-BR", False)
    assert api.get(at(campaign), language="pt_BR").json()["fields"]["body"] == "<p>Olá</p>"
    own = api.send("PUT", at(campaign, language="en"), {"fields": words("<p>Hi</p>")}).json()
    assert (own["language"], own["is_default"]) == ("en", True)
    assert api.get(at(campaign)).json()["fields"]["body"] == "<p>Hi</p>"


def test_problems_say_where_and_are_stored(api, campaign):
    body = "<p>Hello</p>\n<p>{% if profile.vip %}Dear"
    (problem,) = api.send("PUT", at(campaign), {"fields": words(body)}).json()["problems"]
    assert (problem["path"], problem["line"]) == ("body", 2)
    assert problem["column"] > 1
    assert api.get(at(campaign)).json()["problems"] == [problem]
    assert api.get(f"campaigns/{campaign.public_id}").json()["problems"][0]["path"] == "message.a"


@pytest.mark.parametrize(
    ("place", "body", "path"),
    [
        pytest.param({}, {"fields": words(body_format="rtf")}, "fields.body_format", id="a format there is not"),
        pytest.param({}, {"fields": words(subject="x" * 501)}, "fields.subject", id="too long"),
        pytest.param({}, {"fields": words() | {"colour": "red"}}, "fields.colour", id="a field there is not"),
        pytest.param({}, {"fields": {"subject": 5, "body": []}}, "fields.body", id="no text"),
        pytest.param({}, {"words": {}}, "words", id="another name"),
        pytest.param({"language": "klingon!"}, {"fields": words()}, "language", id="no language"),
        pytest.param({"key": "b"}, {"fields": words("<p>{{ profile.city }}</p>")}, "fields",
                     id="the default variant needs nothing"),
    ],
)  # fmt: skip
def test_what_cannot_be_stored_changes_nothing(
    api: Caller, campaign: Campaign, owner: Any, place: dict[str, str], body: Any, path: str
) -> None:
    add(campaign.versions.get(), owner, is_default=True)
    before = api.get(at(campaign)).json()
    error = shaped(api.send("PUT", at(campaign, **place), body), 400, "invalid")
    assert path in [each["path"] for each in error["details"]]
    assert api.get(at(campaign)).json() == before


def test_what_was_launched_stays(api, campaign, owner, now):
    launching.launch(version=campaign.versions.get(), actor=owner, now=now)
    shaped(api.send("PUT", at(campaign), {"fields": words()}), 409, "no_draft")


@pytest.mark.parametrize("place", [{"key": "z"}, {"channel": "fax"}])
def test_what_is_not_there_is_not_found(api, campaign, place):
    shaped(api.get(at(campaign, **place)), 404, "not_found")
    shaped(api.send("PUT", at(campaign, **place), {"fields": words()}), 404, "not_found")
    shaped(api.get(at(campaign, language="pt")), 404, "not_found")


def test_writing_asks_for_its_scope(tenant, campaign):
    shaped(Caller(tenant, scopes=["read"]).send("PUT", at(campaign), {"fields": words()}), 403, "not_allowed")

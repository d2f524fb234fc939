"""Blocks through the management API: read with who uses them, written as on their page."""

from __future__ import annotations

from typing import Any

import pytest

from campaigns import launching
from campaigns.blocks import editing
from campaigns.models import Block
from tenants.models import AuditEntry
from tests.api import Caller, shaped
from tests.campaigns.conftest import write


def at(block: Block, language: str = "") -> str:
    return f"blocks/{block.public_id}" + (f"?language={language}" if language else "")


def test_a_block_is_shown_with_its_words_and_who_uses_them(
    api: Caller, make_block: Any, campaign: Any, owner: Any, now: Any
) -> None:
    block = make_block("<p>{{ label }}</p>")
    version = campaign.versions.get()
    write(version.variants.get(), owner, "{% render 'footer', label: 'x' %}")
    launching.launch(version=version, actor=owner, now=now)
    editing.change(block=block, actor=owner, texts={"de": "<p>Tschüss</p>"})
    make_block("{% render 'footer', label: 'y' %}", name="sign")
    shown = api.get(at(block)).json()
    assert (shown["id"], shown["name"], shown["version"]) == (str(block.public_id), "footer", 2)
    assert shown["texts"] == [
        {"language": "en", "is_default": True, "text": "<p>{{ label }}</p>"},
        {"language": "de", "is_default": False, "text": "<p>Tschüss</p>"},
    ]
    assert (shown["takes"], shown["rendered_by"]) == (["label"], ["sign"])
    assert shown["used_by"] == [
        {"campaign": str(campaign.public_id), "name": "Spring", "is_drafted": False, "sends_version": 1}
    ]


def test_blocks_are_listed_the_newest_first_a_page_at_a_time(
    api: Caller, make_block: Any, owner: Any, now: Any
) -> None:
    made = [make_block(name=name) for name in ("one", "two", "three")]
    assert [each["name"] for each in api.all("blocks", limit=2)] == ["three", "two", "one"]
    editing.archive(block=made[1], actor=owner, now=now)
    assert [each["name"] for each in api.all("blocks")] == ["three", "one"]
    assert [each["name"] for each in api.all("blocks", archived="true")] == ["two"]
    assert [each["name"] for each in api.all("blocks", name="one")] == ["one"]
    shaped(api.get("blocks", cursor="x"), 400, "invalid")


def test_a_block_is_written_and_each_change_is_a_version(api: Caller, campaign: Any, owner: Any) -> None:
    write(campaign.versions.get().variants.get(), owner, "<p>x</p>{% render 'legal' %}")
    made = api.post("blocks", {"name": "legal", "text": "<p>One\r\nAddress</p>"})
    assert made.status_code == 201
    block = Block.objects.get(public_id=made.json()["id"])
    assert made.json()["texts"][0]["text"] == "<p>One\nAddress</p>"
    written = api.send("PUT", at(block), {"text": "<p>Two</p>", "version": 1}).json()
    assert (written["version"], written["texts"][0]["text"]) == (2, "<p>Two</p>")
    assert "Two" in campaign.versions.get().variants.get().contents.get().parts["html"]["text"]
    assert AuditEntry.objects.filter(thing="block").latest("id").actor_name == f"Key {api.row}"
    shaped(api.send("PUT", at(block), {"text": "<p>Late</p>", "version": 1}), 409, "changed_meanwhile")
    assert api.get(at(block)).json() == written


def test_a_language_is_begun_and_taken_away(api: Caller, make_block: Any) -> None:
    block = make_block()
    begun = api.send("PUT", at(block, "pt_br"), {"text": "<p>Tchau</p>"}).json()
    assert [each["language"] for each in begun["texts"]] == ["en", "pt-BR"]
    assert api.send("PUT", at(block, "en"), {"text": "<p>Bye</p>"}).json()["texts"][0]["text"] == "<p>Bye</p>"
    gone = api.send("PUT", at(block, "pt-BR"), {"text": None}).json()
    assert [each["language"] for each in gone["texts"]] == ["en"]


@pytest.mark.parametrize(
    ("language", "body", "path", "says"),
    [
        pytest.param("", {"text": "<p>\n{{ profile.x | nofilter }}"}, "text", "Line 2, column", id="a mistake in it"),
        pytest.param("", {"text": ""}, "text", "It says nothing yet.", id="nothing"),
        pytest.param("", {"text": None}, "text", "default words stay", id="no default words"),
        pytest.param("", {"words": "x"}, "words", "no such field", id="another name"),
        pytest.param("", {"text": "x" * 20_001}, "text", "longer than 20,000", id="too long"),
        pytest.param("klingon!", {"text": "x"}, "language", "klingon", id="no language"),
    ],
)  # fmt: skip
def test_what_cannot_be_stored_changes_nothing(
    api: Caller, make_block: Any, language: str, body: Any, path: str, says: str
) -> None:
    block = make_block()
    before = api.get(at(block)).json()
    error = shaped(api.send("PUT", at(block, language), body), 400, "invalid")
    assert any(each["path"] == path and says in each["message"] for each in error["details"])
    assert api.get(at(block)).json() == before


def test_a_name_is_had_once_and_an_archived_block_stays(
    api: Caller, make_block: Any, owner: Any, now: Any
) -> None:
    block = make_block()
    error = shaped(api.post("blocks", {"name": "No good", "text": "x"}), 400, "invalid")
    assert error["details"][0]["path"] == "name"
    shaped(api.post("blocks", {"name": "footer", "text": "x"}), 409, "name_taken")
    editing.archive(block=block, actor=owner, now=now)
    shaped(api.send("PUT", at(block), {"text": "x"}), 409, "archived")
    assert api.get(at(block)).json()["archived_at"]


def test_a_block_is_put_away_once_nothing_renders_it_and_brought_back(
    api: Caller, make_block: Any, campaign: Any, owner: Any
) -> None:
    block, variant = make_block(), campaign.versions.get().variants.get()
    write(variant, owner, "{% render 'footer' %}")
    said = shaped(api.post(f"{at(block)}/archive"), 409, "in_use")["message"]
    assert "“Spring”" in said
    write(variant, owner, "<p>x</p>")
    for _ in range(2):
        assert api.post(f"{at(block)}/archive").json()["archived_at"]
    write(variant, owner, "{% render 'footer' %}")
    assert "no block called" in variant.contents.get().problems[0]["message"]
    for _ in range(2):
        assert api.post(f"{at(block)}/restore").json()["archived_at"] is None
    assert variant.contents.get().problems == []
    noted = AuditEntry.objects.filter(thing="block").order_by("id").values_list("action", flat=True)
    assert list(noted) == ["added", "archived", "restored"]


def test_writing_asks_for_its_scope(tenant: Any, make_block: Any) -> None:
    block, reader = make_block(), Caller(tenant, scopes=["read"])
    assert reader.get(at(block)).status_code == 200
    shaped(reader.send("PUT", at(block), {"text": "x"}), 403, "not_allowed")
    for path, body in [("blocks", {"name": "other", "text": "x"}), (f"{at(block)}/archive", {})]:
        shaped(reader.post(path, body), 403, "not_allowed")
    shaped(reader.post(f"{at(block)}/restore"), 403, "not_allowed")

"""The pages of blocks."""

from __future__ import annotations

import html
from typing import Any

import pytest
from django.urls import reverse

from campaigns import launching, versions
from campaigns.blocks import editing
from campaigns.models import Block, Version
from tests.campaigns.conftest import url


def text(response: Any) -> str:
    return html.unescape(response.content.decode())


def at(name: str, block: Block) -> str:
    return reverse(name, args=[block.public_id])


def test_a_marketer_writes_one_and_finds_it_in_the_list_and_the_insert_menu(marketer, make_campaign):
    assert "No blocks yet" in text(marketer.get(reverse("block_list")))
    form = {"name": "footer", "text": "<p>{{ title }}</p>\r\n"}
    page = text(marketer.post(reverse("block_new"), form, follow=True))
    assert '{% render "footer", title: … %}' in page
    assert editing.newest_of(Block.objects.get()).texts == {"": "<p>{{ title }}</p>\n"}
    rows = text(marketer.get(reverse("block_list"), {"q": "foot"}, headers={"HX-Request": "true"}))
    assert "<p>{{ title }}</p>" in rows
    assert "<html" not in rows
    campaign = make_campaign(body="{% render 'footer', title: 'x' %}")
    assert "1 campaign" in text(marketer.get(reverse("block_list")))
    editor = text(marketer.get(url("campaign_variant", campaign, "a")))
    assert 'data-insert="{% render "footer", title: "" %}"' in editor
    assert "Nothing that is drafted" not in text(marketer.get(at("block_detail", Block.objects.get())))


@pytest.mark.parametrize(
    ("form", "says_why"),
    [
        pytest.param({"name": "My footer", "text": "x"}, "small letters", id="a name"),
        pytest.param({"name": "", "text": "x"}, "This field is required", id="no name"),
        pytest.param(
            {"name": "x", "text": "{{ profil.x }}"}, "Line 1, column 4: Unknown variable", id="words"
        ),
        pytest.param({"name": "x", "text": ""}, "It says nothing yet.", id="no words"),
    ],
)
def test_what_is_wrong_is_said_beside_the_field(marketer, form, says_why):
    response = marketer.post(reverse("block_new"), form)
    assert response.status_code == 422
    assert says_why in text(response)
    assert not Block.objects.exists()


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        pytest.param("<p>Dear {{ profile.first_name }}</p>", "Dear Ada", id="HTML"),
        pytest.param("<mj-section><mj-column><mj-text>{{ brand.name }}</mj-text></mj-column></mj-section>",
                     "Nightingale Records", id="a section"),
        pytest.param("<mj-text>Hi {{ label }}</mj-text>", "Hi [label]", id="a component that takes something"),
        pytest.param("{{ profil.x }}", "Line 1, column 4: Unknown variable", id="a mistake"),
        pytest.param("<mj-section><mj-txt>x</mj-txt></mj-section>", "Unknown tag <mj-txt>", id="no MJML"),
        pytest.param("{{ event.total }}", "event.total has no value", id="what only campaigns have"),
    ],
)  # fmt: skip
def test_the_preview_shows_what_is_typed(marketer, typed, says):
    shown = text(marketer.post(reverse("block_preview"), {"name": "new", "text": typed, "who": ""}))
    assert says in shown.encode().decode("unicode_escape", errors="replace")


def test_the_preview_is_as_somebody(marketer, make_profile):
    make_profile(email="grace@example.test", first_name="Grace")
    form = {"text": "Hi {{ profile.first_name }}"}
    assert "Hi Grace" in text(marketer.post(reverse("block_preview"), form | {"who": "grace@"}))
    assert "Nobody goes by that" in text(marketer.post(reverse("block_preview"), form | {"who": "nobody"}))


def test_old_words_come_back_as_a_new_version(marketer, make_block, owner):
    block = make_block()
    editing.change(block=block, actor=owner, texts={"": "<p>New</p>", "de": "<p>Neu</p>"})
    marketer.post(at("block_bring_back", block), {"number": "1"})
    newest = editing.newest_of(block)
    assert (newest.number, newest.texts) == (3, {"": "<p>Old</p>"})
    for number in ("9", "²", "9" * 5_000, ""):
        assert marketer.post(at("block_bring_back", block), {"number": number}).status_code == 404
    page = text(marketer.get(at("block_detail", block)))
    assert "Version 1" in page
    assert "<pre" in page


def test_languages_come_and_go(marketer, make_block):
    block = make_block()
    response = marketer.post(at("block_language", block), {"language": "German"})
    assert response["Location"].endswith("?language=de")
    marketer.post(at("block_save", block), {"text": "<p>Alt</p>", "seen": "2", "language": "de"})
    assert editing.newest_of(block).texts == {"": "<p>Old</p>", "de": "<p>Alt</p>"}
    marketer.post(at("block_language", block), {"language": "Klingonese"})
    marketer.post(at("block_language", block), {"remove": "de"})
    assert editing.newest_of(block).texts == {"": "<p>Old</p>"}
    assert marketer.get(at("block_detail", block) + "?language=de").status_code == 404


def test_a_publisher_puts_new_words_into_what_is_live(
    publisher, marketer, make_block, make_campaign, owner, now
):
    block, campaign = make_block(), make_campaign(body="{% render 'footer' %}")
    draft = versions.draft_of(campaign)
    Version.objects.filter(pk=draft.pk).update(when="api")
    launching.launch(version=Version.objects.get(pk=draft.pk), actor=owner, now=now)
    marketer.post(at("block_save", block), {"text": "<p>New</p>", "seen": "1"})
    assert "A publisher of your team" in text(marketer.get(at("block_detail", block)))
    assert marketer.post(at("block_renew", block)).status_code == 403
    assert "Use the new words in 1 running campaign" in text(publisher.get(at("block_detail", block)))
    page = text(publisher.post(at("block_renew", block), follow=True))
    assert "New versions with the new words are live: “Spring”" in page
    assert "older words" not in page


def test_what_is_used_is_not_archived_and_an_analyst_only_reads(
    client_of, marketer, make_block, make_campaign
):
    block = make_block()
    campaign = make_campaign(body="{% render 'footer' %}")
    assert "It is used by “Spring”" in text(marketer.post(at("block_archive", block), follow=True))
    analyst = client_of("analyst")
    page = text(analyst.get(at("block_detail", block)))
    assert "readonly" in page
    assert campaign.name in page
    assert analyst.post(at("block_save", block), {"text": "x"}).status_code == 403

"""A block's versions: drafts have the newest, what was launched keeps its own until somebody says otherwise."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse
from django_scopes import scope

from campaigns import contents, drafts, launching, lifecycle, versions
from campaigns.blocks import editing, reading
from campaigns.models import Block, Campaign, Content, Version
from tenants.models import AuditEntry
from tests.campaigns.conftest import write

RENDERING = "{% render 'footer' %}"


def says(version: Version) -> str:
    content = Content.objects.get(variant__version=version, language="")
    return str(content.parts["html"]["text"]) if content.parts else str(content.problems)


def launched(campaign: Campaign, owner, now, **schedule) -> Version:
    draft = versions.draft_of(campaign)
    if schedule:
        Version.objects.filter(pk=draft.pk).update(**schedule)
        draft.refresh_from_db()
    return launching.launch(version=draft, actor=owner, now=now)


@pytest.fixture
def on_event() -> dict[str, object]:
    return {"when": "event", "trigger": {"on": "event", "name": "Order Completed"}}


def test_drafts_have_the_newest_words_and_what_was_launched_keeps_its_own(
    make_block, make_campaign, owner, now
):
    block = make_block()
    sent, drafted = make_campaign("Sent", body=RENDERING), make_campaign("Drafted", body=RENDERING)
    version = launched(sent, owner, now)
    editing.change(block=block, actor=owner, texts={"": "<p>New</p>"})
    assert "Old" in says(version)
    assert "New" in says(versions.draft_of(drafted))
    content = Content.objects.get(variant__version=version)
    assert content.blocks == {"footer": 1}, "which words somebody got can be looked up"
    assert [use.campaign for use in editing.behind(block)] == [sent]


@pytest.mark.parametrize(
    "again",
    [
        pytest.param(
            lambda campaign, owner: lifecycle.duplicate(campaign=campaign, actor=owner), id="a copy"
        ),
        pytest.param(
            lambda campaign, owner: versions.start(campaign=campaign, actor=owner).campaign, id="a version"
        ),
    ],
)
def test_what_is_launched_next_has_the_newest_words(make_block, make_campaign, owner, now, again):
    block, campaign = make_block(), make_campaign(body=RENDERING)
    launched(campaign, owner, now)
    editing.change(block=block, actor=owner, texts={"": "<p>New</p>"})
    assert "New" in says(launched(again(campaign, owner), owner, now + timedelta(minutes=1)))


def test_new_words_go_into_what_is_live_as_new_versions(make_block, make_campaign, owner, now, on_event):
    block, campaign = make_block(), make_campaign(body=RENDERING)
    launched(campaign, owner, now, **on_event)
    once = make_campaign("Once", body=RENDERING)
    launched(once, owner, now)
    paused = make_campaign("Paused", body=RENDERING)
    launched(paused, owner, now, **on_event)
    Campaign.objects.filter(pk=paused.pk).update(state="paused")
    editing.change(block=block, actor=owner, texts={"": "<p>New</p>"})
    done = editing.renew(block=block, actor=owner, now=now)
    assert (done.campaigns, done.refused) == ([campaign], [])
    newest = versions.launched_last(campaign.pk)
    assert (newest.number, "New" in says(newest)) == (2, True)
    assert [use.campaign for use in editing.behind(block)] == [once, paused]
    assert editing.renew(block=block, actor=owner, now=now).campaigns == [], (
        "a second time there is nothing to do"
    )


def test_what_cannot_be_launched_anew_goes_on_as_it_was(make_block, make_campaign, owner, now, on_event):
    block, campaign = make_block(), make_campaign(body=RENDERING)
    version = launched(campaign, owner, now, **on_event)
    editing.change(block=block, actor=owner, texts={"": "{{ event.none }}{{ title }}"})
    done = editing.renew(block=block, actor=owner, now=now)
    ((refused, why),) = done.refused
    assert (refused, "has problems" in why) == (campaign, True)
    assert versions.launched_last(campaign.pk) == version
    assert "title" in says(versions.draft_of(campaign))


def test_a_block_in_a_block_counts_as_used_in_the_message(make_block, make_campaign, owner):
    inner = make_block("<p>{{ profile.city }}</p>", name="inner")
    make_block("{% render 'inner' %}", name="outer")
    campaign = make_campaign(body="{% render 'outer' %}")
    assert [use.campaign for use in reading.uses()["inner"]] == [campaign]
    assert reading.rendered_by("inner") == ["outer"]
    assert Content.objects.get().needs == ["profile.city"]
    with pytest.raises(editing.InUse, match="“Spring”, “outer”"):
        editing.archive(block=inner, actor=owner, now=campaign.created_at)


def test_the_default_variant_cannot_render_what_needs_data(make_block, make_campaign, owner):
    make_block("{{ profile.city }}", name="city")
    variant = make_campaign().versions.get().variants.get()
    drafts.change_variant(variant=variant, actor=owner, name="A", weight=50, segment=None, is_default=True)
    variant.refresh_from_db()
    with pytest.raises(contents.DefaultNeeds):
        write(variant, owner, "{% render 'city' %}")


def test_a_message_gets_its_language_of_a_block(make_block, make_campaign, owner):
    block = make_block("<p>Hello</p>")
    editing.change(block=block, actor=owner, texts={"de": "<p>Hallo</p>", "pt": "<p>Oi</p>"})
    variant = make_campaign(body=RENDERING).versions.get().variants.get()
    for language in ("de-AT", "pt-BR", "fr"):
        write(variant, owner, RENDERING, language=language)
    found = {one.language: one.parts["html"]["text"] for one in variant.contents.all()}
    heard = {
        tag: next(word for word in ("Hello", "Hallo", "Oi") if word in text) for tag, text in found.items()
    }
    assert heard == {"": "Hello", "de-AT": "Hallo", "pt-BR": "Oi", "fr": "Hello"}


def test_a_draft_that_named_it_first_is_well_once_it_is_written(make_block, make_campaign):
    campaign = make_campaign(body=RENDERING)
    assert "no block called 'footer'" in str(Content.objects.get().problems)
    make_block()
    assert "Old" in says(versions.draft_of(campaign))


def test_another_tenants_block_is_none(make_block, make_campaign, other_tenant):
    with scope(tenant=other_tenant):
        make_block("<p>Theirs</p>", of=other_tenant)
    campaign = make_campaign(body=RENDERING)
    assert "no block called 'footer'" in says(versions.draft_of(campaign))


@pytest.mark.parametrize(
    ("text", "says_why"),
    [
        pytest.param("a\n {{ profile.name | upcas }}", "Line 2, column 20: Unknown filter", id="a filter"),
        pytest.param("{{ profil.name }}", "Did you mean profile?", id="a slip"),
        pytest.param("{% if profile.name %}", "never closed", id="an open if"),
        pytest.param("{% render 'footer' %}", "in a circle: footer, footer", id="itself"),
        pytest.param("{% render 'other' %}", "in a circle: other, footer, other", id="itself by another"),
        pytest.param("{% render 'nothing' %}", "There is no block called 'nothing'", id="nothing"),
        pytest.param("{% break %}", "only makes sense inside", id="a way out of others' loops"),
        pytest.param("  \n", "It says nothing yet.", id="nothing said"),
        pytest.param("{", "cannot end with", id="half a tag"),
        pytest.param("x" * 20_001, "longer than 20,000", id="too long"),
    ],
)  # fmt: skip
def test_what_no_message_could_render_is_not_saved(make_block, owner, text, says_why):
    block = make_block()
    make_block("{% render 'footer' %}", name="other")
    with pytest.raises(editing.Refused, match=says_why):
        editing.change(block=block, actor=owner, texts={"": text})
    assert editing.newest_of(block).number == 1


@pytest.mark.parametrize("name", ["", "Footer", "my footer", "-x", "a" * 41, "fußnote", "a'b"])
def test_a_name_is_plain(make_block, name):
    with pytest.raises(editing.Refused, match="small letters"):
        make_block(name=name)


def test_it_is_taken_once_and_comes_back(make_block, owner, now):
    block = make_block()
    with pytest.raises(editing.Refused, match="already"):
        make_block()
    editing.archive(block=block, actor=owner, now=now)
    assert list(reading.newest()) == []
    with pytest.raises(editing.Refused, match="archived: bring that one back"):
        make_block()
    editing.restore(block=block, actor=owner)
    assert [version.block for version in reading.newest()] == [block]


def test_no_more_than_so_many_are_made_or_brought_back(make_block, owner, now, monkeypatch, marketer, api):
    monkeypatch.setattr(editing, "MOST", 2)
    block = make_block()
    editing.archive(block=block, actor=owner, now=now)
    make_block(name="one")
    make_block(name="two")
    with pytest.raises(editing.Refused, match="2 blocks are as many"):
        make_block(name="three")
    with pytest.raises(editing.Refused, match="2 blocks are as many"):
        editing.restore(block=block, actor=owner)
    page = marketer.post(reverse("block_restore", args=[block.public_id]), follow=True)
    assert "2 blocks are as many" in page.content.decode()
    assert api.post(f"blocks/{block.public_id}/restore").status_code == 400
    block.refresh_from_db()
    assert block.archived_at


@pytest.mark.django_db(transaction=True)
def test_drafts_that_missed_it_are_well_once_it_is_back(make_block, make_campaign, owner, now):
    block = make_block()
    editing.archive(block=block, actor=owner, now=now)
    campaign = make_campaign(body=RENDERING)
    assert "no block called 'footer'" in says(versions.draft_of(campaign))
    editing.restore(block=block, actor=owner)
    assert "Old" in says(versions.draft_of(campaign))


def test_whoever_has_a_message_open_may_save_after_a_block_changed(make_block, make_campaign, owner):
    block = make_block()
    make_campaign(body=RENDERING)
    opened = Content.objects.get().updated_at
    editing.change(block=block, actor=owner, texts={"": "<p>New</p>"})
    assert Content.objects.get().updated_at == opened


def test_two_who_change_it_do_not_undo_each_other(make_block, owner):
    block = make_block()
    editing.change(block=block, actor=owner, texts={"": "<p>Mine</p>"}, seen=1)
    with pytest.raises(contents.ChangedMeanwhile):
        editing.change(block=block, actor=owner, texts={"": "<p>Theirs</p>"}, seen=1)
    assert editing.change(block=block, actor=owner, texts={"": "<p>Mine</p>"}).number == 2, (
        "the same is no version"
    )


def test_each_change_is_in_the_log(make_block, owner, now):
    block = make_block()
    editing.change(block=block, actor=owner, texts={"": "<p>New</p>"})
    editing.archive(block=block, actor=owner, now=now)
    found = AuditEntry.objects.filter(thing="block").order_by("id").values_list("action", "changes")
    assert list(found) == [
        ("added", {"text": [None, "<p>Old</p>"]}),
        ("changed", {"text": ["<p>Old</p>", "<p>New</p>"]}),
        ("archived", {}),
    ]
    assert Block.objects.get().archived_at == now

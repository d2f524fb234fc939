"""The editor's languages: written one by one, each its own words, everybody else's said on the page."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import pytest
from django.test import Client

from audiences.models import Profile
from campaigns import contents, drafts, launching, translating, versions
from campaigns.models import Campaign, Variant, Version
from tenants.models import AuditEntry, User
from tests.campaigns.conftest import add, url, words, write


def variant_of(campaign: Campaign) -> Variant:
    return campaign.versions.get().variants.get()


def begin(campaign: Campaign, owner: User, language: str) -> Variant:
    variant = variant_of(campaign)
    translating.begin(variant=variant, language=language, actor=owner)
    return variant


def page(client: Client, campaign: Campaign, language: str = "") -> str:
    answer = client.get(url("campaign_variant", campaign, "a"), {"language": language})
    assert answer.status_code == 200
    return answer.content.decode()


def add_language(client: Client, campaign: Campaign, language: str) -> str:
    """Add it as a person does, and return the page that follows."""
    asked = {"language": language}
    return client.post(url("campaign_language_add", campaign, "a"), asked, follow=True).content.decode()


@pytest.mark.parametrize("given", ["Portuguese (Brazil)", "portuguese (brazil)", "pt-BR", "pt_br"])
def test_a_language_begins_with_the_default_words(marketer: Client, campaign: Campaign, given: str) -> None:
    shown = add_language(marketer, campaign, given)
    assert 'aria-current="page"> Portuguese (Brazil)' in " ".join(shown.split())
    default, other = variant_of(campaign).contents.order_by("language")
    assert (other.language, other.fields) == ("pt-BR", default.fields)
    assert 'lang="pt-BR"' in other.parts["html"]["text"]
    assert AuditEntry.objects.filter(action="added language").exists()


@pytest.mark.parametrize(
    ("given", "told"),
    [
        pytest.param("", "Choose a language from the list", id="nothing"),
        pytest.param("Elvish", "Choose a language from the list", id="no language"),
        pytest.param("English", "English is what the default words are in", id="the default one"),
    ],
)
def test_what_cannot_be_added_says_why(marketer: Client, campaign: Campaign, given: str, told: str) -> None:
    assert told in add_language(marketer, campaign, given)
    assert variant_of(campaign).contents.count() == 1


def test_adding_a_language_twice_leaves_what_is_written(
    marketer: Client, campaign: Campaign, owner: User
) -> None:
    add_language(marketer, campaign, "de")
    write(variant_of(campaign), owner, "<p>Hallo.</p>", language="de")
    add_language(marketer, campaign, "German")
    assert variant_of(campaign).contents.get(language="de").fields["body"] == "<p>Hallo.</p>"


def test_each_tab_saves_its_own_words(marketer: Client, campaign: Campaign, owner: User) -> None:
    begin(campaign, owner, "de")
    form = {"channel": "email", "language": "de", **words("<p>Hallo.</p>", subject="Hallo")}
    assert (
        marketer.post(url("campaign_variant", campaign, "a"), form, follow=True)
        .redirect_chain[0][0]
        .endswith("?language=de")
    )
    assert "Hallo." in page(marketer, campaign, "de")
    assert "Hallo." not in page(marketer, campaign)


def test_words_in_a_language_that_is_not_written_are_not_saved(marketer: Client, campaign: Campaign) -> None:
    form = {"channel": "email", "language": "de", **words()}
    assert marketer.post(url("campaign_variant", campaign, "a"), form).status_code == 404
    assert marketer.get(url("campaign_variant", campaign, "a"), {"language": "de"}).status_code == 302
    assert variant_of(campaign).contents.count() == 1


def test_removing_a_language_leaves_the_others(marketer: Client, campaign: Campaign, owner: User) -> None:
    begin(campaign, owner, "de")
    begin(campaign, owner, "fr")
    marketer.post(url("campaign_language_remove", campaign, "a"), {"language": "de"})
    assert {content.language for content in variant_of(campaign).contents.all()} == {"", "fr"}
    marketer.post(url("campaign_language_remove", campaign, "a"), {"language": ""})
    assert variant_of(campaign).contents.filter(language="").exists()


def test_the_default_language_is_told_and_compiled(marketer: Client, campaign: Campaign, owner: User) -> None:
    begin(campaign, owner, "de")
    shown = marketer.post(
        url("campaign_language_default", campaign, "a"), {"language": "German"}, follow=True
    )
    assert "A variant is written in German beside its default words" in shown.content.decode()
    marketer.post(url("campaign_language_default", campaign, "a"), {"language": "Arabic"})
    content = variant_of(campaign).contents.get(language="")
    assert content.variant.version.language == "ar"
    assert '<div lang="ar" dir="rtl">' in content.parts["html"]["text"]
    assert 'dir="rtl"' in page(marketer, campaign)


def test_fields_are_written_the_way_their_language_is(
    marketer: Client, campaign: Campaign, owner: User
) -> None:
    begin(campaign, owner, "ar")
    assert 'dir="rtl" lang="ar"' in page(marketer, campaign, "ar")
    assert 'dir="ltr" lang="en"' in page(marketer, campaign)


def test_the_panel_says_who_reads_what_and_gets_what(
    marketer: Client, campaign: Campaign, owner: User, make_profile: Callable[..., Profile], now: datetime
) -> None:
    for language in ("pl", "pl", "pt-BR", "en-GB", None):
        make_profile(language=language)
    begin(campaign, owner, "pt")
    answer = marketer.get(url("campaign_languages", campaign, "a"))
    assert answer.status_code == 200
    found = translating.standing(campaign.versions.get(), now=now)
    assert [(each.name, each.people, each.gets[0].name, each.gets[0].fit) for each in found.readers] == [
        ("Polish", 2, "English", "another"),
        ("Not known", 1, "English", "another"),
        ("English (United Kingdom)", 1, "English", "close"),
        ("Portuguese (Brazil)", 1, "Portuguese", "close"),
        ("English", 0, "English", "own"),
        ("Portuguese", 0, "Portuguese", "own"),
    ]
    assert (found.unserved, [each.tag for each in found.suggested]) == (2, ["pl"])
    assert "Your audience reads" in answer.content.decode()


def test_the_review_says_which_variants_lack_a_language(
    marketer: Client, campaign: Campaign, owner: User, make_profile: Callable[..., Profile]
) -> None:
    make_profile(language="de")
    version = campaign.versions.get()
    add(version, owner)
    begin_all(version, owner)
    shown = marketer.get(url("campaign_review", campaign)).content.decode()
    assert "Variant B is not written in German" in shown
    assert "Variant A in German still reads as it does in English" in shown
    assert "1 person reads a language" in shown
    write(version.variants.get(key="a"), owner, "<p>Hallo.</p>", language="de")
    write(version.variants.get(key="b"), owner, "<p>Hallo.</p>", language="de")
    shown = marketer.get(url("campaign_review", campaign)).content.decode()
    assert "not written in" not in shown
    assert "still reads as" not in shown
    assert "1 person reads" not in shown


def begin_all(version: Version, owner: User) -> None:
    translating.begin(variant=version.variants.get(key="a"), language="de", actor=owner)


def test_a_preview_in_their_own_language(
    marketer: Client, campaign: Campaign, owner: User, make_profile: Callable[..., Profile]
) -> None:
    """The words typed are shown to anybody; those saved in somebody's own language, where that is asked for."""
    person = make_profile(first_name="Ida", language="de-CH")
    begin(campaign, owner, "de")
    write(variant_of(campaign), owner, "<p>Hallo.</p>", subject="Guten Tag", language="de")
    asked = {"channel": "email", "language": "", "as": str(person.public_id), **words("<p>Typed.</p>")}
    typed = marketer.post(url("campaign_preview_draft", campaign, "a"), asked).content.decode()
    assert "Typed." in typed
    assert "German, for German (Switzerland) is not written" in typed
    own = marketer.post(url("campaign_preview_draft", campaign, "a"), asked | {"own": "yes"}).content.decode()
    assert "Guten Tag" in own
    assert "Typed." not in own
    saved = marketer.get(url("campaign_preview", campaign, "a"), {"as": str(person.public_id)})
    assert "Hallo." in saved.content.decode()
    default = {"as": str(person.public_id), "language": ""}
    assert "Hello." in marketer.get(url("campaign_preview", campaign, "a"), default).content.decode()


def test_a_variants_languages_come_along(campaign: Campaign, owner: User) -> None:
    """To a copy of it, and to the next version, with what the default words are in."""
    begin(campaign, owner, "de")
    version = campaign.versions.get()
    drafts.add_variant(version=version, actor=owner)
    launching.launch(version=version, actor=owner, now=version.created_at)
    draft = versions.start(campaign=campaign, actor=owner)
    assert draft.language == "en"
    for variant in draft.variants.all():
        assert {content.language for content in variant.contents.all()} == {"", "de"}


def test_the_default_variant_needs_nothing_in_any_language(campaign: Campaign, owner: User) -> None:
    variant = begin(campaign, owner, "de")
    write(variant, owner, "<p>{{ profile.first_name }}</p>", language="de")
    with pytest.raises(contents.DefaultNeeds):
        drafts.change_variant(variant=variant, actor=owner, name="A", weight=1, segment=None, is_default=True)


def test_a_launched_version_keeps_its_languages(campaign: Campaign, owner: User) -> None:
    variant = begin(campaign, owner, "de")
    version = campaign.versions.get()
    launching.launch(version=version, actor=owner, now=version.created_at)
    for change in (
        lambda: translating.begin(variant=variant, language="fr", actor=owner),
        lambda: translating.remove(variant=variant, language="de", actor=owner),
        lambda: translating.set_default(version=version, language="fr", actor=owner),
    ):
        with pytest.raises(versions.Frozen):
            change()

"""Who lacks what words need as they are typed, and what they get instead: the same that choosing decides one by one."""

from __future__ import annotations

import html
import re
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from urllib.parse import urlencode

import pytest
from django.test import Client
from django_scopes import scope

from audiences import facts, samples, segments
from audiences.models import AttributeDefinition, Event, EventDefinition, Profile, Segment
from audiences.rules import memory
from campaigns import arms, channels, contents, drafts, order, shortfall_views, shortfalls
from campaigns.labels import labels
from campaigns.models import Campaign, Variant, Version
from campaigns.shortfalls import Shortfalls, Written
from tenants.models import Tenant, User
from tests.campaigns.conftest import add, url, words, write

CITY, PLAN, NAME = "profile.city", "profile.plan", "profile.first_name"
NAMED = "<p>{{ profile.first_name }}</p>"
BERLIN = {"on": "attribute", "name": "city", "operator": "is", "value": "Berlin"}


@pytest.fixture
def crowd(make_profile: Callable[..., Profile]) -> list[Profile]:
    """Everybody with and without a name, a city and a plan, some out of reach, in three languages: 48 people."""
    return [
        make_profile(
            first_name=name, city=city, language=language, attributes={"plan": plan} if plan else {}, consent=consent
        )
        for name in ("Ada", None)
        for city in ("Berlin", None)
        for plan in ("gold", "")
        for language in ("en", "pt-BR", "ar")
        for consent in ({}, {"email": "unsubscribed"})
    ]  # fmt: skip


def one_by_one(
    variant: Variant, needs: list[str], language: str, now: datetime
) -> tuple[int, Counter[str], dict[str, Counter[str]]]:
    """How many come to the variant's group, and what those get who lack anything, or each need; asked one by one."""
    version = variant.version
    content = variant.contents.get(language=language)
    spec = arms.load(version, unsaved={content.pk: needs})
    shared = contents.shared_context(version.campaign, tenant=version.tenant)
    come, together, each = 0, Counter[str](), dict[str, Counter[str]]()
    everybody = list(Profile.objects.filter(tenant=version.tenant).values_list("pk", flat=True))
    for seen in facts.load(tenant_id=version.tenant_id, ids=everybody, rules=spec.rules, now=now).values():
        person = contents.person_context(seen, unsubscribe_url="https://out/")
        choice = arms.choose(
            spec,
            profile_id=seen.id,
            standing=None,
            matches=partial(_matches, seen, now),
            lacks=partial(contents.lacks, shared=shared, person=person),
            fits=partial(arms.fits, None, now),
            spoken=seen.attribute("language"),
        )
        index = next(
            n for n, group in enumerate(spec.groups) if any(way.key == variant.key for way in group.ways)
        )
        tried = [*choice.tried, None][index] if len(choice.tried) > index else None
        way = next(way for way in spec.groups[index].ways if way.key == variant.key)
        reads = way.content("email", seen.attribute("language"))
        if seen.consent or tried is None or not tried.matched or reads is None or reads.language != language:
            continue
        come += 1
        gets = arms.CONTROL if choice.is_control else choice.way.key if choice.way else ""
        for need in tried.lacks:
            each.setdefault(need, Counter())[gets] += 1
        together.update([gets] if tried.lacks else [])
    return come, together, each


def _matches(seen: facts.Facts, now: datetime, rule: arms.Rule) -> bool:
    return memory.matches(rule, seen, now=now)


def assert_alike(found: Shortfalls, told: tuple[int, Counter[str], dict[str, Counter[str]]]) -> None:
    come, together, each = told
    assert found.meant_for == come
    assert found.together.instead == together
    assert {one.need: one.instead for one in found.each if one.people} == each
    assert all(one.people == sum(one.instead.values()) for one in (*found.each, found.together))


CASES: dict[str, dict[str, Any]] = {
    "one variant: who lacks it gets nothing": {"needs": [NAME]},
    "of two needs each is counted, and who lacks any": {"needs": [NAME, PLAN]},
    "nothing needed": {"needs": []},
    "the default takes whoever lacks": {"needs": [NAME, CITY], "default": True},
    "the control group is counted apart": {"needs": [NAME], "default": True, "control": 40},
    "what shares its people needs counts for both": {"needs": [NAME], "beside": "<p>{{ profile.plan }}</p>"},
    "a later group takes its own": {"needs": [PLAN], "after": "<p>{{ profile.city }}</p>", "default": True},
    "who is in an earlier group does not come here": {"needs": [PLAN], "before": "<p>Berlin</p>"},
    "who lacks what the earlier group needs does": {"needs": [PLAN], "before": "<p>{{ profile.first_name }}</p>"},
    "in a language, those who read it": {"needs": [CITY], "language": "pt", "default": True},
    "in the default one, everybody else": {"needs": [NAME], "translated": "<p>{{ profile.city }}</p>"},
    "those beside it in the same language": {"needs": [NAME], "language": "pt", "beside": "<p>{{ profile.plan }}</p>"},
}  # fmt: skip


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_counts_are_what_choosing_decides(
    case: dict[str, Any],
    make_campaign: Callable[..., Campaign],
    make_segment: Callable[..., Segment],
    crowd: list[Profile],
    owner: User,
    now: datetime,
) -> None:
    version = make_campaign(control=case.get("control", 0)).versions.get()
    variant, language = version.variants.get(), case.get("language", "")
    for settings in ("before", "after", "beside"):
        if body := case.get(settings):
            more = add(version, owner, body, segment=None if settings == "beside" else make_segment(BERLIN))
            if settings == "before":
                order.arrange(version=version, actor=owner, keys=[more.key, variant.key])
    if case.get("default"):
        add(version, owner, is_default=True)
    if language or "translated" in case:
        write(variant, owner, case.get("translated", "<p>Olá</p>"), language="pt")
    version.refresh_from_db()
    variant.version = version
    written = Written(variant, "email", language, case["needs"])
    found = shortfalls.count(written, now=now)
    for one in (*found.each, found.together):
        people = shortfalls.people(written, need=one.need, now=now, limit=100)
        assert Counter(each.instead for each in people) == one.instead
        assert all(one.need in each.needs or not one.need for each in people)
        assert [each.profile.pk for each in people] == sorted(
            (each.profile.pk for each in people), reverse=True
        )
    told = one_by_one(variant, case["needs"], language, now)
    assert_alike(found, told)
    assert 0 < found.meant_for <= len(crowd) / 2
    assert bool(told[1]) == bool(case["needs"])


def test_what_only_the_variant_beside_it_needs_says_so(
    campaign: Campaign, crowd: list[Profile], owner: User, now: datetime
) -> None:
    version = campaign.versions.get()
    add(version, owner, "<p>{{ profile.plan }} {{ profile.first_name }}</p>")
    found = shortfalls.count(Written(version.variants.get(key="a"), "email", "", [NAME]), now=now)
    assert [(one.need, one.needed_by) for one in found.each] == [(NAME, ()), (PLAN, ("b",))]


def test_of_many_people_a_part_is_asked_and_the_answer_is_about_everybody(
    campaign: Campaign, crowd: list[Profile], now: datetime, monkeypatch: pytest.MonkeyPatch, tenant: Tenant
) -> None:
    monkeypatch.setattr(samples, "EVERYBODY_UP_TO", 10)
    monkeypatch.setattr(samples, "SIZE", 24)
    part = samples.of(tenant.pk)
    assert part.ids is not None
    assert 0 < len(part.ids) < len(crowd)
    assert part == samples.of(tenant.pk)
    found = shortfalls.count(Written(campaign.versions.get().variants.get(), "email", "", [NAME]), now=now)
    among = [person for person in crowd if person.pk in part.ids and not person.consent]
    assert found.is_about
    assert found.meant_for == part.scaled(len(among))
    assert found.together.people == part.scaled(sum(person.first_name is None for person in among))


def test_a_guess_is_said_in_round_numbers() -> None:
    part = samples.Sample(people=1_000_000, ids=list(range(19_987)))
    assert [part.scaled(count) for count in (0, 1, 1_234, 19_987)] == [0, 50, 62_000, 1_000_000]
    assert samples.Sample(people=7).scaled(5) == 5


def test_what_an_event_brings_is_told_by_those_that_came(
    make_campaign: Callable[..., Campaign],
    make_profile: Callable[..., Profile],
    make_event: Callable[..., Event],
    owner: User,
    now: datetime,
) -> None:
    """Of events that fit the trigger and what the variant asks of them; people are not asked what events bring."""
    version = make_campaign().versions.get()
    version.when, version.trigger = Version.When.EVENT, {
        "on": "event", "name": "Ordered",
        "where": [{"on": "property", "name": "test", "operator": "is_missing"}],
    }  # fmt: skip
    version.save()
    drafts.change_variant(
        variant=version.variants.get(), actor=owner, name="A", weight=50, segment=None, is_default=False,
        where=[{"on": "property", "name": "total", "operator": "less", "value": 10}],
    )  # fmt: skip
    ada = make_profile(first_name=None)
    for hours, properties in enumerate(
        ({"total": 5, "item": "x"}, {"total": 6}, {"total": 7, "item": " "}, {"total": 50}, {"test": True})
    ):
        make_event(ada, "Ordered", now - timedelta(hours=hours), **properties)
    variant = version.variants.get()
    variant.version = version
    found = shortfalls.count(Written(variant, "email", "", ["event.item", NAME]), now=now)
    assert [(one.need, one.lacking, one.looked_at) for one in found.of_events] == [("event.item", 2, 3)]
    assert [(one.need, one.people) for one in found.each] == [(NAME, 1)]


NOT_COUNTED = {
    "nobody chosen": ("Choose an audience first", {}),
    "weight 0": ("weight 0", {"weight": 0}),
    "the default": ("needs nothing", {"is_default": True}),
}


@pytest.mark.parametrize(("words_said", "changed"), NOT_COUNTED.values(), ids=NOT_COUNTED)
def test_where_there_is_nobody_to_count_the_page_says_what_to_do(
    words_said: str,
    changed: dict[str, Any],
    campaign: Campaign,
    owner: User,
    marketer: Client,
    crowd: list[Profile],
) -> None:
    version = campaign.versions.get()
    if changed:
        add(version, owner)
        base = {"name": "A", "weight": 50, "segment": None, "is_default": False}
        drafts.change_variant(variant=version.variants.get(key="a"), actor=owner, **(base | changed))
    else:
        Version.objects.filter(pk=version.pk).update(rule=None, segment=None)
    assert words_said in marketer.get(url("campaign_shortfalls", campaign, "a")).content.decode()


def test_the_page_says_who_lacks_what_and_what_they_get(
    campaign: Campaign, crowd: list[Profile], owner: User, marketer: Client, tenant: Tenant, now: datetime
) -> None:
    AttributeDefinition(tenant=tenant, name="plan", label="Favourite plan", first_seen_at=now).save()
    version = campaign.versions.get()
    add(version, owner, is_default=True)
    typed = words("<p>{{ profile.plan }} {{ profile.first_name | default: 'you' }}</p>") | {
        "channel": "email"
    }
    shown = marketer.post(
        url("campaign_preview_draft", campaign, "a"), typed | {"counted": ""}
    ).content.decode()
    asked = shown.split('hx-get="')[1].split('"')[0]
    page = " ".join(marketer.get(asked).content.decode().split())
    assert "Favourite plan" in page
    assert '<span class="tabular">12</span> of <span class="tabular">24</span> lack it</a> (50 %)' in page
    assert 'Variant B, the default (<span class="tabular">12</span>)' in page
    counted = page.split('name="counted" value="')[1].split('"')[0]
    again = marketer.post(url("campaign_preview_draft", campaign, "a"), typed | {"counted": counted})
    assert "hx-get" not in again.content.decode().split("preview-sources")[-1].split("Send a test")[-1]


def test_needs_that_nobody_wrote_are_not_counted(campaign: Campaign, marketer: Client) -> None:
    assert marketer.get(url("campaign_shortfalls", campaign, "a") + "?words=profile.x").status_code == 404


def lacking(page: str) -> list[str]:
    return re.findall(r"<bdi>(.*?)</bdi>", page)


def test_the_count_leads_to_its_people(
    campaign: Campaign, crowd: list[Profile], owner: User, marketer: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where a part was counted: the list and its own count are of everybody."""
    monkeypatch.setattr(samples, "EVERYBODY_UP_TO", 10)
    monkeypatch.setattr(shortfall_views, "PER_PAGE", 5)
    write(campaign.versions.get().variants.get(), owner, NAMED)
    add(campaign.versions.get(), owner, is_default=True)
    for number, person in enumerate(crowd):
        person.last_name = f"Nr{number}"
        person.save()
    nameless = [str(person) for person in crowd if not person.consent and not person.first_name][::-1]
    counts = marketer.get(url("campaign_shortfalls", campaign, "a")).content.decode()
    link = html.unescape(counts.split('class="shortfall-people"')[1].split('href="')[1].split('"')[0])
    page = " ".join(marketer.get(link).content.decode().split())
    assert "Who lacks First name" in page
    assert '<span class="tabular">12</span> of the <span class="tabular">24</span>' in page
    assert page.count("Variant B, the default") == 5
    shown = lacking(page)
    while "More people" in page:
        more = html.unescape(page.split('hx-trigger="revealed"')[0].split('hx-get="')[-1].split('"')[0])
        page = marketer.get(more, headers={"HX-Request": "true"}).content.decode()
        shown += lacking(page)
    assert shown == nameless
    found = marketer.get(link + "&q=" + nameless[3], headers={"HX-Request": "true"}).content.decode()
    assert lacking(found) == [name for name in nameless if name.startswith(nameless[3])]
    assert "None of them goes by that" in marketer.get(link + "&q=Ada").content.decode()


def test_nobody_is_found_among_those_of_one_language_where_none_of_them_goes_by_that(
    campaign: Campaign, crowd: list[Profile], owner: User, marketer: Client
) -> None:
    variant = campaign.versions.get().variants.get()
    write(variant, owner, NAMED, language="pt")
    words = urlencode({"words": shortfall_views.told(channel="email", language="pt", needs=[NAME])})
    for there in (url("campaign_lacking", campaign, "a"), url("campaign_review_lacking", campaign)):
        page = marketer.get(f"{there}?{words}&need={NAME}&q=nobody")
        assert page.status_code == 200
        assert "None of them goes by that" in page.content.decode()
        assert marketer.get(f"{there}?{words}&need={PLAN}&q=nobody").status_code == 404


def test_the_review_leads_to_those_it_counts(
    campaign: Campaign, crowd: list[Profile], owner: User, marketer: Client
) -> None:
    write(campaign.versions.get().variants.get(), owner, NAMED)
    page = marketer.get(url("campaign_review", campaign)).content.decode()
    link = html.unescape(page.split('title="Who they are"')[0].split('href="')[-1].split('"')[0])
    people = " ".join(marketer.get(link).content.decode().split())
    assert '<span class="tabular">12</span> of the <span class="tabular">24</span>' in people
    assert len(lacking(people)) == 12


def test_who_lacks_something_is_not_listed_where_that_cannot_be(
    campaign: Campaign, crowd: list[Profile], owner: User, marketer: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(campaign.versions.get().variants.get(), owner, NAMED)
    there = url("campaign_lacking", campaign, "a")
    assert marketer.get(f"{there}?need=profile.plan").status_code == 404
    assert marketer.get(f"{there}?words=profile.x").status_code == 404
    assert marketer.get(url("campaign_lacking", campaign, "zz")).status_code == 404
    monkeypatch.setattr(segments, "PATIENCE", timedelta(milliseconds=1))
    slow = lambda self, alias, is_marketing: "pg_sleep(60)::text = ''"  # noqa: E731
    monkeypatch.setattr(type(channels.get("email")), "reachable_sql", slow)
    assert "took too long: search for somebody" in marketer.get(there).content.decode()
    Version.objects.update(rule=None, segment=None)
    assert "Choose an audience first" in marketer.get(there).content.decode()
    assert marketer.get(f"{there}?need=[").status_code == 404
    monkeypatch.setattr(shortfalls, "people", lambda *_, **__: {}["fault"])
    with pytest.raises(KeyError):  # ours is no wrong address
        marketer.get(there)


def test_other_tenants_people_are_not_counted(
    campaign: Campaign,
    crowd: list[Profile],
    other_tenant: Tenant,
    make_profile: Callable[..., Profile],
    now: datetime,
) -> None:
    with scope(tenant=other_tenant):
        make_profile(of=other_tenant, first_name=None)
    found = shortfalls.count(Written(campaign.versions.get().variants.get(), "email", "", [NAME]), now=now)
    assert (found.meant_for, found.together.people) == (24, 12)
    written = Written(campaign.versions.get().variants.get(), "email", "", [NAME])
    assert len(shortfalls.people(written, need=NAME, now=now, limit=100)) == 12


LABELS = {
    "profile.first_name": "First name",
    "profile.plan": "Favourite plan",
    "profile.unheard_of": "Unheard of",
    "profile.plan.items[0].unit_price": "Favourite plan: items 0 unit price",
    "profile.cart.items[*].name": "Cart items, each: name",
    "profile.events.order_completed": "Order Completed",
    "profile.events.order_completed.last_at": "Order Completed: last time",
    "profile.events.order_completed.last.total": "Order Completed: last total",
    'profile.events["Order Completed"].first': "Order Completed: first",
    "event.total": "Total of the event",
}


def test_values_are_called_what_people_call_them(tenant: Tenant, now: datetime) -> None:
    AttributeDefinition(tenant=tenant, name="plan", label="Favourite plan", first_seen_at=now).save()
    EventDefinition(tenant=tenant, name="Order Completed", first_seen_at=now).save()
    assert labels(LABELS) == LABELS

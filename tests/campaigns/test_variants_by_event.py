"""Variants for some events only: set in the editor, checked before launch, shown with the event the preview takes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from django.test import Client

from audiences import ingest
from audiences.models import Profile
from audiences.rules.tree import InvalidRule
from campaigns import drafts, launching, preview, summary, versions
from campaigns.models import Campaign, Version
from campaigns.recipes import find
from tenants.models import AuditEntry, Tenant, User
from tests.audiences.rules.world import property_
from tests.campaigns.conftest import url

SMALL, LARGE = [property_("value", "less", 10)], [property_("value", "at_least", 200)]


@pytest.fixture
def carts(tenant: Tenant, owner: User, now: datetime) -> Campaign:
    """Small, large and in between, set off by Checkout Started."""
    campaign = drafts.create(tenant=tenant, actor=owner, name="Carts", recipe=find("cart-by-value"), now=now)
    version = campaign.versions.get()
    drafts.set_audience(version=version, actor=owner, segment=None, is_everyone=True, control_percent=0)
    return campaign


@pytest.fixture
def version(carts: Campaign) -> Version:
    return versions.draft_of(carts)


@pytest.fixture
def person(make_profile: Callable[..., Profile]) -> Profile:
    return make_profile(external_id="u1", email="u1@example.test")


@pytest.fixture
def checked_out(tenant: Tenant, person: Profile, now: datetime) -> Callable[..., None]:
    """Tell that the person began to check out."""

    def tell(**properties: Any) -> None:
        call = {"type": "track", "userId": "u1", "event": "Checkout Started", "properties": properties}
        ingest.store(tenant=tenant, calls=[call], now=now)

    return tell


def settings(**changed: Any) -> dict[str, Any]:
    return {"name": "A", "weight": 50, "segment": None, "is_default": False, **changed}


def posted(*filters: tuple[str, str, str]) -> dict[str, Any]:
    data: dict[str, Any] = {"variant-name": "Mine", "variant-weight": 50}
    for number, (name, operator, value) in enumerate(filters):
        prefix = f"variant-where-{number}"
        data |= {f"{prefix}-property": name, f"{prefix}-operator": operator, f"{prefix}-value": value}
    return data


def test_the_recipe_has_three_groups(version: Version) -> None:
    said = [(each.variant.name, each.share, each.where) for each in summary.variants(version)]
    assert said == [
        ("Under 10", 100, "where value is less than 10"),
        ("From 200", 100, "where value is at least 200"),
        ("In between", 0, ""),
    ]
    assert "“Under 10” to 100 % where value is less than 10" in summary.sentence(version)
    assert "“In between” to those who lack the data or fit no other" in summary.sentence(version)


def test_what_is_asked_of_the_event_is_set_in_the_editor(
    carts: Campaign, version: Version, marketer: Client, person: Profile, checked_out: Callable[..., None]
) -> None:
    checked_out(value=50)
    page = marketer.get(url("campaign_variant", carts, "a")).content.decode()
    assert "Only for events “Checkout Started”" in page
    assert "where value is less than 10" in page
    change = url("campaign_variant_change", carts, "a")
    marketer.post(change, posted(("value", "at_least", "10"), ("value", "less", "20,5")))
    variant = version.variants.get(key="a")
    assert variant.where == [property_("value", "at_least", 10), property_("value", "less", 20.5)]
    entry = AuditEntry.objects.filter(action="changed variant").latest("id")
    assert entry.changes["a.where"] == [SMALL, variant.where]
    marketer.post(change, posted(("", "is", "")))
    assert version.variants.get(key="a").where == []


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        pytest.param(posted(("value", "less", "a lot")), "“a lot” is no number", id="no number"),
        pytest.param(posted(("value", "less", "")), "“” is no number", id="no value"),
        pytest.param(posted(("a..b", "is", "x")), "Expected a name", id="no path"),
        pytest.param(
            posted(("value", "less", "10")) | {"variant-is_default": "on"},
            "default variant already",
            id="default",
        ),
    ],
)
def test_what_is_no_filter_is_refused_and_changes_nothing(
    carts: Campaign, version: Version, marketer: Client, sent: dict[str, Any], told: str
) -> None:
    answer = marketer.post(url("campaign_variant_change", carts, "a"), sent)
    page = answer.content.decode()
    assert (answer.status_code, told in page) == (422, True)
    assert f'name="variant-where-0-value" value="{sent["variant-where-0-value"]}"' in page  # as it was typed
    assert 'class="variant-settings" open' in page
    assert version.variants.get(key="a").where == SMALL


def test_the_default_variant_asks_nothing_of_the_event(version: Version, owner: User) -> None:
    last = version.variants.get(key="c")
    with pytest.raises(drafts.Refused, match="asks nothing of the event"):
        drafts.change_variant(variant=last, actor=owner, **settings(is_default=True, where=SMALL))


def test_filters_are_on_events_only(version: Version, owner: User) -> None:
    about_them = [{"on": "attribute", "name": "city", "operator": "exists"}]
    with pytest.raises(InvalidRule):
        drafts.change_variant(
            variant=version.variants.get(key="a"), actor=owner, **settings(where=about_them)
        )


def stops(version: Version, now: datetime) -> list[str]:
    return [check.words for check in launching.problems(version, now=now)]


def warnings(version: Version, now: datetime) -> list[str]:
    return [check.words for check in launching.checklist(version, now=now) if check.state == "warn"]


def test_without_an_event_a_variant_that_asks_about_it_is_refused(
    version: Version, owner: User, now: datetime
) -> None:
    before = stops(version, now)
    assert not any("asks about an event" in words for words in before)
    drafts.set_schedule(version=version, actor=owner, when="now", starts_at=None, lateness_hours=24)
    version.refresh_from_db()
    assert "Variant Under 10 asks about an event, but none sets this off" in stops(version, now)
    with pytest.raises(launching.NotReady):
        launching.launch(version=version, actor=owner, now=now)


def test_it_warns_of_a_property_that_never_came_and_of_events_that_fit_nothing(
    version: Version, owner: User, now: datetime, person: Profile, checked_out: Callable[..., None]
) -> None:
    assert not any("fit no variant" in words for words in warnings(version, now))
    drafts.remove_variant(variant=version.variants.get(key="c"), actor=owner)
    assert "Events that fit no variant send nothing" in warnings(version, now)
    checked_out(total=50)
    assert "No Checkout Started has come with value yet" in warnings(version, now)


@pytest.mark.parametrize(("value", "arm"), [(5, "a"), (200, "b"), (50, "c"), ("5", "c"), (None, "c")])
def test_the_preview_tells_by_the_persons_last_event(
    version: Version, now: datetime, person: Profile, checked_out: Callable[..., None], value: Any, arm: str
) -> None:
    checked_out(value=value)
    variant = version.variants.get(key="a")
    shown = preview.of_saved(variant=variant, channel="email", profile=person, now=now)
    assert shown.choice is not None
    assert shown.choice.arm == arm
    assert "event.value" in shown.event_seen


def test_the_preview_takes_an_event_that_the_variant_is_for_where_there_is_one(
    version: Version, now: datetime, person: Profile, checked_out: Callable[..., None]
) -> None:
    for value in (7, 350, 60):
        checked_out(value=value)
    for key in ("a", "b", "c"):
        shown = preview.of_saved(
            variant=version.variants.get(key=key), channel="email", profile=person, now=now
        )
        assert shown.choice is not None
        assert shown.choice.arm == key


def test_a_copy_asks_the_same(carts: Campaign, version: Version, owner: User) -> None:
    added = drafts.add_variant(version=version, actor=owner, like=version.variants.get(key="a"))
    assert added.where == SMALL
    twins = [each.share for each in summary.variants(version) if each.where]
    assert twins == [50, 100, 50]

"""Drafting and what follows a launch: each change noted, keys never reused, nothing shared between twins."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from audiences.models import Place, Segment
from campaigns import drafts, launching, lifecycle, order, summary, versions
from campaigns.models import Campaign, Version
from campaigns.recipes import RECIPES, find
from tenants.models import AuditEntry, Tenant, User
from tests.campaigns.conftest import add, write

State = Campaign.State


@pytest.fixture
def version(make_campaign: Callable[..., Campaign]) -> Version:
    return make_campaign().versions.get()


def keys(version: Version) -> list[str]:
    return list(version.variants.order_by("position", "id").values_list("key", flat=True))


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.key)
def test_a_recipe_lacks_only_its_audience(recipe: Any, tenant: Tenant, owner: User, now: datetime) -> None:
    Place(tenant=tenant, name="Shop in Soho", latitude=40.7, longitude=-74, radius_m=500).save()
    campaign = drafts.create(tenant=tenant, actor=owner, name=recipe.label, recipe=recipe, now=now)
    version = campaign.versions.get()
    assert [check.step for check in launching.problems(version, now=now)] == ["audience"]
    assert version.conversion_event == recipe.goal["conversion_event"]
    version.clean_fields(exclude=["rule", "counts"])  # no choice that is none


def test_the_recipe_with_a_place_waits_until_one_is_chosen(
    tenant: Tenant, owner: User, now: datetime
) -> None:
    campaign = drafts.create(tenant=tenant, actor=owner, name="Near", recipe=find("nearby"), now=now)
    asked = [check.words for check in launching.problems(campaign.versions.get(), now=now)]
    assert asked == ["Nobody is chosen to send to", "No event is chosen to set it off"]


def test_a_variant_is_added_with_the_words_of_another(version: Version, owner: User) -> None:
    write(version.variants.get(), owner, "<p>First</p>")
    variant = drafts.add_variant(version=version, actor=owner)
    assert (variant.key, variant.name, variant.contents.get().fields["body"]) == ("b", "B", "<p>First</p>")


def test_a_key_once_launched_never_means_something_else(version: Version, owner: User, now: datetime) -> None:
    add(version, owner)
    launching.launch(version=version, actor=owner, now=now)
    second = versions.start(campaign=version.campaign, actor=owner)
    drafts.remove_variant(variant=second.variants.get(key="b"), actor=owner)
    assert drafts.add_variant(version=second, actor=owner).key == "c"


def test_there_is_an_end_to_variants(version: Version, owner: User) -> None:
    for _ in range(drafts.MOST_VARIANTS - 1):
        drafts.add_variant(version=version, actor=owner)
    with pytest.raises(drafts.Refused):
        drafts.add_variant(version=version, actor=owner)


def test_the_last_variant_stays(version: Version, owner: User) -> None:
    variant = add(version, owner)
    drafts.remove_variant(variant=variant, actor=owner)
    with pytest.raises(drafts.Refused):
        drafts.remove_variant(variant=version.variants.get(), actor=owner)


def test_there_is_one_default(version: Version, owner: User, make_segment: Callable[..., Segment]) -> None:
    add(version, owner, is_default=True)
    with pytest.raises(drafts.Refused, match="can be one"):
        add(version, owner, is_default=True)
    default = version.variants.get(is_default=True)
    with pytest.raises(drafts.Refused, match="no segment"):
        drafts.change_variant(
            variant=default, actor=owner, name="B", weight=1, segment=make_segment(), is_default=True
        )


def test_hours_that_no_moment_can_be_counted_with_are_refused(version: Version, owner: User) -> None:
    forever = 2**31 - 1
    with pytest.raises(drafts.Refused, match="hours at the most"):
        drafts.set_schedule(version=version, actor=owner, when="now", starts_at=None, lateness_hours=forever)
    with pytest.raises(drafts.Refused, match="hours at the most"):
        drafts.set_goal(
            version=version,
            actor=owner,
            goal="",
            conversion_event="Order Completed",
            conversion_hours=forever,
            revenue_property="",
        )


def test_an_archived_segment_cannot_be_chosen(
    version: Version, owner: User, make_segment: Callable[..., Segment], now: datetime
) -> None:
    segment = make_segment()
    segment.archived_at = now
    segment.save()
    with pytest.raises(drafts.Refused):
        drafts.set_audience(
            version=version, actor=owner, segment=segment, is_everyone=False, control_percent=0
        )


def test_what_did_not_change_is_not_noted(version: Version, owner: User) -> None:
    before = AuditEntry.objects.count()
    for _ in range(2):
        drafts.set_audience(version=version, actor=owner, segment=None, is_everyone=True, control_percent=10)
    assert AuditEntry.objects.count() == before + 1
    assert AuditEntry.objects.latest("id").changes == {"control_percent": [0, 10]}


def test_every_change_is_noted_by_whoever_made_it(
    version: Version, owner: User, make_segment: Callable[..., Segment], now: datetime
) -> None:
    variant = add(version, owner, weight=10, segment=make_segment())
    order.arrange(version=version, actor=owner, keys=["b", "a"])
    drafts.remove_variant(variant=variant, actor=owner)
    drafts.set_schedule(version=version, actor=owner, when="at", starts_at=now, lateness_hours=4)
    drafts.set_goal(
        version=version, actor=owner, goal="", conversion_event="Order Completed", conversion_hours=24,
        revenue_property="",
    )  # fmt: skip
    lifecycle.archive(campaign=version.campaign, actor=owner, now=now)
    lifecycle.restore(campaign=version.campaign, actor=owner)
    done = list(AuditEntry.objects.order_by("id").values_list("action", flat=True))
    assert done == [
        "created", "set audience", "edited message", "added variant", "changed variant",
        "moved variant", "removed variant", "set schedule", "set goal", "archived", "restored",
    ]  # fmt: skip
    assert set(AuditEntry.objects.values_list("actor", flat=True)) == {owner.pk}


class TestLifecycle:
    @pytest.fixture
    def live(self, version: Version, owner: User, now: datetime) -> Campaign:
        return launching.launch(version=version, actor=owner, now=now).campaign

    @pytest.mark.parametrize(
        ("moves", "state"),
        [
            (["pause"], State.PAUSED),
            (["pause", "pause"], State.PAUSED),
            (["pause", "resume"], State.LIVE),
            (["stop"], State.STOPPED),
            (["pause", "stop"], State.STOPPED),
            (["stop", "stop"], State.STOPPED),
        ],
    )
    def test_where_moves_lead(self, live: Campaign, owner: User, moves: list[str], state: str) -> None:
        for move in moves:
            getattr(lifecycle, move)(campaign=live, actor=owner)
        live.refresh_from_db()
        assert live.state == state

    @pytest.mark.parametrize(
        ("first", "then"),
        [("stop", "resume"), ("stop", "pause")],
        ids=["resume a stopped", "pause a stopped"],
    )
    def test_moves_that_are_refused(self, live: Campaign, owner: User, first: str, then: str) -> None:
        getattr(lifecycle, first)(campaign=live, actor=owner)
        with pytest.raises(lifecycle.NotNow):
            getattr(lifecycle, then)(campaign=live, actor=owner)

    def test_a_draft_cannot_be_paused(self, version: Version, owner: User) -> None:
        with pytest.raises(lifecycle.NotNow):
            lifecycle.pause(campaign=version.campaign, actor=owner)

    def test_resuming_wakes_those_who_wait(
        self, live: Campaign, owner: User, django_capture_on_commit_callbacks: Any
    ) -> None:
        lifecycle.pause(campaign=live, actor=owner)
        with django_capture_on_commit_callbacks() as callbacks:
            lifecycle.resume(campaign=live, actor=owner)
        assert callbacks

    def test_what_may_still_send_is_not_archived(self, live: Campaign, owner: User, now: datetime) -> None:
        with pytest.raises(lifecycle.NotNow):
            lifecycle.archive(campaign=live, actor=owner, now=now)
        lifecycle.stop(campaign=live, actor=owner)
        lifecycle.archive(campaign=live, actor=owner, now=now)
        assert not Campaign.objects.shown().exists()

    def test_a_duplicate_is_a_draft_of_its_own(
        self, live: Campaign, owner: User, make_segment: Callable[..., Segment]
    ) -> None:
        add(versions.start(campaign=live, actor=owner), owner, "<p>B</p>", weight=7)
        twin = lifecycle.duplicate(campaign=live, actor=owner)
        version = twin.versions.get()
        assert (twin.state, twin.name, version.number) == (State.DRAFT, "Spring (copy)", 1)
        assert twin.salt != live.salt
        assert [(v.key, v.weight) for v in version.variants.order_by("position")] == [("a", 50), ("b", 7)]
        write(version.variants.get(key="b"), owner, "<p>Other</p>")
        original = versions.draft_of(live).variants.get(key="b").contents.get()
        assert original.fields["body"] == "<p>B</p>"


class TestSentence:
    """What a version does, in one sentence."""

    def test_one_message_at_once(self, version: Version) -> None:
        assert summary.sentence(version) == "Goes to everyone, as soon as it is launched."

    def test_nobody_yet(self, tenant: Tenant, owner: User) -> None:
        campaign = drafts.create(tenant=tenant, actor=owner, name="New")
        assert summary.sentence(campaign.versions.get()) == "Goes to nobody yet, as soon as it is launched."

    def test_variants_default_control_segment_and_time(
        self, make_campaign: Callable[..., Campaign], make_segment: Callable[..., Segment], owner: User
    ) -> None:
        version = make_campaign(segment=make_segment(name="Berliners"), control=10).versions.get()
        add(version, owner, weight=150)
        add(version, owner, segment=make_segment(name="Gold"))
        add(version, owner, is_default=True)
        at = datetime(2030, 7, 1, 7, tzinfo=UTC)
        drafts.set_schedule(version=version, actor=owner, when="at", starts_at=at, lateness_hours=24)
        version.refresh_from_db()
        assert summary.sentence(version) == (
            "Goes to everyone in “Berliners”, on Monday, 1 July 2030 at 09:00 (CEST): “A” to 25 %, “B” to 75 %, "
            "“C” to 100 % of “Gold”, “D” to those who lack the data or fit no other. "
            "10 % are held back to compare with."
        )

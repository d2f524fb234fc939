"""Launching: not before it is ready, once however often it is asked for, and frozen from then on."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import TransactionTestCase
from django_scopes import scope

from audiences import places, segments
from audiences.models import EventDefinition, Place, Profile, Segment, Suppression
from campaigns import contents, drafts, launching, lifecycle, order, triggers, versions
from campaigns.models import Campaign, Version
from tenants.models import AuditEntry, Tenant, User
from tests.campaigns.conftest import add, write

BERLIN = {"on": "attribute", "name": "city", "operator": "is", "value": "Berlin"}
PARIS = {"on": "attribute", "name": "city", "operator": "is", "value": "Paris"}


@pytest.fixture
def version(make_campaign: Callable[..., Campaign]) -> Version:
    return make_campaign().versions.get()


def stops(version: Version, now: datetime) -> list[tuple[str, str]]:
    return [(check.step, check.words) for check in launching.problems(version, now=now)]


class TestChecklist:
    def test_a_draft_with_audience_and_words_is_ready(self, version: Version, now: datetime) -> None:
        assert stops(version, now) == []

    def test_a_new_campaign_lacks_only_its_audience(self, tenant: Tenant, owner: User, now: datetime) -> None:
        campaign = drafts.create(tenant=tenant, actor=owner, name="New")
        assert stops(campaign.versions.get(), now) == [("audience", "Nobody is chosen to send to")]

    def test_a_place_that_was_deleted_meanwhile_stops(
        self, version: Version, tenant: Tenant, owner: User, now: datetime
    ) -> None:
        shop = Place.objects.create(tenant=tenant, name="Shop", latitude=1, longitude=2, radius_m=100)
        Version.objects.filter(pk=version.pk).update(
            when="event",
            trigger={"on": "event", "name": "Came"},
            exceptions=[triggers.on_place(shop, "left")],
        )
        version.refresh_from_db()
        assert stops(version, now) == []
        lifecycle.archive(campaign=version.campaign, actor=owner, now=now)
        places.delete(place=shop, actor=owner)
        lifecycle.restore(campaign=version.campaign, actor=owner)
        assert stops(version, now) == [("schedule", "“Shop”, which the schedule waits for, is gone")]

    def test_a_sample_link_warns(self, tenant: Tenant, owner: User, now: datetime) -> None:
        version = drafts.create(tenant=tenant, actor=owner, name="New").versions.get()
        checks = launching.checklist(version, now=now)
        assert [c.words for c in checks if c.state == "warn"][0] == "Variant A still leads to example.com"
        write(version.variants.get(), owner)
        assert "example.com" not in str(launching.checklist(version, now=now))

    def test_an_empty_subject_stops(self, version: Version, owner: User, now: datetime) -> None:
        write(version.variants.get(), owner, subject=" ")
        assert stops(version, now) == [("message", "Variant A has problems")]

    def test_a_variant_without_words_stops(self, version: Version, now: datetime) -> None:
        version.variants.get().contents.all().delete()
        assert ("message", "Variant A says nothing") in stops(version, now)

    def test_weights_that_are_all_zero_stop(self, version: Version, owner: User, now: datetime) -> None:
        drafts.change_variant(
            variant=version.variants.get(), actor=owner, name="A", weight=0, segment=None, is_default=False
        )
        assert stops(version, now) == [("message", "Every variant has weight 0")]

    def test_needs_without_a_default_warn(self, version: Version, owner: User, now: datetime) -> None:
        write(version.variants.get(), owner, "<p>{{ profile.first_name }}</p>")
        warned = [check for check in launching.checklist(version, now=now) if check.state == "warn"]
        assert "profile.first_name" in next(check.detail for check in warned if check.step == "message")
        add(version, owner, is_default=True)
        assert [
            c for c in launching.checklist(version, now=now) if c.state == "warn" and c.step == "message"
        ] == []

    def test_marketing_needs_a_postal_address_and_transactional_does_not(
        self, version: Version, tenant: Tenant, owner: User, now: datetime
    ) -> None:
        tenant.postal_address = " "
        tenant.save()
        version = Version.objects.get()
        assert stops(version, now) == [("settings", "Marketing mail needs the brand's postal address")]
        drafts.describe(
            campaign=version.campaign, actor=owner, name="Receipt", description="", message_class="transactional",
            topic="", priority=3,
        )  # fmt: skip
        assert stops(Version.objects.get(), now) == []

    @pytest.mark.parametrize(("hours", "found"), [(-1, ["schedule"]), (0, ["schedule"]), (1, [])])
    def test_a_time_has_to_be_ahead(
        self, version: Version, owner: User, now: datetime, hours: int, found: list[str]
    ) -> None:
        at = now + timedelta(hours=hours)
        drafts.set_schedule(version=version, actor=owner, when="at", starts_at=at, lateness_hours=24)
        version.refresh_from_db()
        assert [step for step, _ in stops(version, now)] == found

    def test_an_event_that_never_came_warns(
        self, version: Version, owner: User, tenant: Tenant, now: datetime
    ) -> None:
        drafts.set_goal(
            version=version, actor=owner, goal="", conversion_event="Order Completed", conversion_hours=24,
            revenue_property="total",
        )  # fmt: skip
        version.refresh_from_db()

        def goal() -> str:
            return next(
                check.state for check in launching.checklist(version, now=now) if check.step == "goal"
            )

        assert goal() == "warn"
        EventDefinition(tenant=tenant, name="Order Completed", first_seen_at=now).save()
        assert goal() == "done"


class TestLaunch:
    def test_it_goes_live_with_what_was_counted(
        self, version: Version, owner: User, make_profile: Callable[..., Profile], now: datetime
    ) -> None:
        make_profile()
        launched = launching.launch(version=version, actor=owner, now=now)
        assert (launched.launched_at, launched.launched_by, launched.rule) == (now, owner, {"all": []})
        assert (launched.counts["audience"], launched.counts["arms"]) == (1, {"a": 1})
        assert Campaign.objects.get().state == Campaign.State.LIVE

    def test_what_is_not_ready_is_refused_with_all_reasons(
        self, version: Version, owner: User, now: datetime
    ) -> None:
        write(version.variants.get(), owner, subject="")
        drafts.set_audience(version=version, actor=owner, segment=None, is_everyone=False, control_percent=0)
        version.refresh_from_db()
        with pytest.raises(launching.NotReady) as refused:
            launching.launch(version=version, actor=owner, now=now)
        assert [check.step for check in refused.value.problems] == ["audience", "message"]
        assert Campaign.objects.get().state == Campaign.State.DRAFT
        assert Version.objects.get().launched_at is None

    def test_a_second_launch_is_the_same_launch(self, version: Version, owner: User, now: datetime) -> None:
        launching.launch(version=version, actor=owner, now=now)
        again = launching.launch(version=version, actor=owner, now=now + timedelta(minutes=1))
        assert again.launched_at == now
        assert AuditEntry.objects.filter(action="launched").count() == 1

    @pytest.mark.parametrize(
        "changed",
        [
            pytest.param(
                lambda draft, owner: drafts.set_audience(
                    version=draft, actor=owner, segment=None, is_everyone=True, control_percent=0
                ),
                id="audience",
            ),
            pytest.param(
                lambda draft, owner: drafts.set_audience(
                    version=draft, actor=owner, segment=draft.segment, is_everyone=False, control_percent=9
                ),
                id="control group",
            ),
            pytest.param(
                lambda draft, owner: segments.update(
                    segment=draft.segment, actor=owner, name="Here", rule=PARIS
                ),
                id="what its segment means",
            ),
            pytest.param(
                lambda draft, owner: drafts.set_schedule(
                    version=draft, actor=owner, when="now", starts_at=None, lateness_hours=3
                ),
                id="schedule",
            ),
            pytest.param(lambda draft, owner: write(draft.variants.get(), owner, "<p>Half</p>"), id="words"),
            pytest.param(
                lambda draft, owner: write(draft.variants.get(), owner, language="de"), id="a language"
            ),
            pytest.param(lambda draft, owner: drafts.add_variant(version=draft, actor=owner), id="a variant"),
            pytest.param(
                lambda draft, owner: drafts.describe(
                    campaign=draft.campaign,
                    actor=owner,
                    name="Spring",
                    description="",
                    message_class="transactional",
                    topic="",
                    priority=3,
                ),
                id="message class",
            ),
        ],
    )
    def test_what_was_changed_since_its_review_is_not_launched(
        self,
        make_campaign: Callable[..., Campaign],
        make_segment: Callable[..., Segment],
        owner: User,
        now: datetime,
        changed: Callable[[Version, User], Any],
    ) -> None:
        version = make_campaign(segment=make_segment(BERLIN, name="Here")).versions.get()
        seen = launching.stamp(version)
        changed(version, owner)
        with pytest.raises(contents.ChangedMeanwhile, match="since it was reviewed"):
            launching.launch(version=version, actor=owner, now=now, seen=seen)
        draft = Version.objects.get()
        assert (draft.launched_at, draft.campaign.state) == (None, "draft")
        launching.launch(version=draft, actor=owner, now=now, seen=launching.stamp(draft))
        assert Version.objects.get().launched_at == now

    @pytest.fixture
    def segmented(
        self, make_campaign: Callable[..., Campaign], make_segment: Callable[..., Segment], owner: User
    ) -> Version:
        """A draft for one segment, with a variant for another."""
        version = make_campaign(segment=make_segment(BERLIN)).versions.get()
        add(version, owner, segment=make_segment(PARIS))
        return version

    def test_its_stamp_stays_when_it_is_launched_and_its_segments_change(
        self, segmented: Version, owner: User, now: datetime
    ) -> None:
        version, some = segmented, segmented.variants.get(key="b").segment
        seen = launching.stamp(version)
        for minute in (0, 1):
            launching.launch(version=version, actor=owner, now=now + timedelta(minutes=minute), seen=seen)
            segments.update(segment=some, actor=owner, name="Some", rule={"all": []})
        assert Version.objects.get().launched_at == now

    def test_segments_are_frozen(self, segmented: Version, owner: User, now: datetime) -> None:
        version = launching.launch(version=segmented, actor=owner, now=now)
        Segment.objects.update(rule={"all": []})
        version.refresh_from_db()
        assert version.rule == BERLIN
        assert version.variants.get(key="b").rule == PARIS

    def test_it_is_in_the_audit_log(self, version: Version, owner: User, now: datetime) -> None:
        launching.launch(version=version, actor=owner, now=now)
        entry = AuditEntry.objects.get(action="launched")
        assert (entry.actor, entry.thing_name) == (owner, "Spring")
        assert entry.changes["state"] == ["draft", "live"]

    def test_it_wakes_those_who_wait(
        self, version: Version, owner: User, now: datetime, django_capture_on_commit_callbacks: Any
    ) -> None:
        with django_capture_on_commit_callbacks() as callbacks:
            launching.launch(version=version, actor=owner, now=now)
        assert callbacks, "a tap after commit"

    def test_what_was_launched_changes_no_more(self, version: Version, owner: User, now: datetime) -> None:
        launching.launch(version=version, actor=owner, now=now)
        variant = version.variants.get()
        forbidden: list[Callable[[], Any]] = [
            lambda: drafts.set_audience(
                version=version, actor=owner, segment=None, is_everyone=True, control_percent=0
            ),
            lambda: drafts.set_schedule(
                version=version, actor=owner, when="now", starts_at=None, lateness_hours=1
            ),
            lambda: drafts.set_goal(
                version=version,
                actor=owner,
                goal="",
                conversion_event="",
                conversion_hours=1,
                revenue_property="",
            ),
            lambda: drafts.add_variant(version=version, actor=owner),
            lambda: drafts.remove_variant(variant=variant, actor=owner),
            lambda: order.arrange(version=version, actor=owner, keys=["a"]),
            lambda: drafts.change_variant(
                variant=variant, actor=owner, name="B", weight=1, segment=None, is_default=False
            ),
        ]
        for change in forbidden:
            with pytest.raises(versions.Frozen):
                change()

    def test_a_new_version_takes_over_and_the_old_one_stays(
        self, version: Version, owner: User, now: datetime
    ) -> None:
        first = launching.launch(version=version, actor=owner, now=now)
        second = versions.start(campaign=version.campaign, actor=owner)
        assert second.number == 2
        assert versions.start(campaign=version.campaign, actor=owner) == second, "there is one draft"
        write(second.variants.get(), owner, "<p>Second</p>")
        launching.launch(version=second, actor=owner, now=now + timedelta(hours=1))
        assert first.variants.get().contents.get().fields["body"] == "<p>Hello.</p>"
        assert [v.launched_at for v in Version.objects.order_by("number")] == [now, now + timedelta(hours=1)]

    def test_control_and_class_stay_from_the_first_launch_on(
        self, version: Version, owner: User, now: datetime
    ) -> None:
        launching.launch(version=version, actor=owner, now=now)
        second = versions.start(campaign=version.campaign, actor=owner)
        with pytest.raises(versions.Frozen):
            drafts.set_audience(
                version=second, actor=owner, segment=None, is_everyone=True, control_percent=20
            )
        with pytest.raises(versions.Frozen):
            drafts.describe(
                campaign=version.campaign, actor=owner, name="x", description="", message_class="transactional",
                topic="", priority=3,
            )  # fmt: skip

    def test_a_stopped_campaign_is_not_launched_again(
        self, version: Version, owner: User, now: datetime
    ) -> None:
        launching.launch(version=version, actor=owner, now=now)
        second = versions.start(campaign=version.campaign, actor=owner)
        lifecycle.stop(campaign=version.campaign, actor=owner)
        for each in (second, version):
            with pytest.raises(versions.Frozen):
                launching.launch(version=each, actor=owner, now=now)

    def test_an_archived_campaign_is_launched_once_it_is_restored(
        self, version: Version, owner: User, now: datetime
    ) -> None:
        lifecycle.archive(campaign=version.campaign, actor=owner, now=now)
        with pytest.raises(versions.Archived, match="restore it first"):
            launching.launch(version=version, actor=owner, now=now)
        assert Campaign.objects.get().state == Campaign.State.DRAFT
        lifecycle.restore(campaign=version.campaign, actor=owner)
        launching.launch(version=version, actor=owner, now=now)
        assert Campaign.objects.get().state == Campaign.State.LIVE


class TestCounts:
    def test_each_reason_is_counted_and_they_add_up(
        self,
        make_campaign: Callable[..., Campaign],
        make_profile: Callable[..., Profile],
        tenant: Tenant,
        owner: User,
        now: datetime,
    ) -> None:
        version = make_campaign().versions.get()
        write(version.variants.get(), owner, "<p>{{ profile.first_name }}</p>")
        make_profile(first_name="Ada")
        make_profile(first_name="Bob", email=None)
        make_profile(first_name="Cleo", consent={"email": "unsubscribed"})
        bounced = make_profile(first_name="Dan", email="Dan@example.test")
        Suppression(
            tenant=tenant, channel="email", address="dan@example.test", reason="bounced", at=now
        ).save()
        for blank in (None, "", " \t"):
            make_profile(first_name=blank)
        make_profile(first_name="Gone", erased_at=now)
        make_profile(first_name="Merged", merged_into=bounced)
        counts = launching.counts(version, now=now)
        assert (counts.audience, counts.reachable, counts.unreachable) == (7, 4, 3)
        assert (counts.arms, counts.left_out, counts.control) == ({"a": 1}, 3, 0)
        assert counts.lacking == {"profile.first_name": 3}

    def test_another_tenants_suppression_and_people_do_not_count(
        self, version: Version, make_profile: Callable[..., Profile], other_tenant: Tenant, now: datetime
    ) -> None:
        make_profile(email="ada@example.test")
        with scope(tenant=other_tenant):
            make_profile(of=other_tenant)
            Suppression(
                tenant=other_tenant, channel="email", address="ada@example.test", reason="manual", at=now
            ).save()
        assert launching.counts(version, now=now).sent == 1

    def test_transactional_reaches_who_unsubscribed(
        self, version: Version, owner: User, make_profile: Callable[..., Profile], now: datetime
    ) -> None:
        make_profile(consent={"email": "unsubscribed"})
        assert launching.counts(version, now=now).sent == 0
        Campaign.objects.update(message_class="transactional")
        assert launching.counts(Version.objects.get(), now=now).sent == 1

    def test_nobody_chosen_is_nobody(self, tenant: Tenant, owner: User, now: datetime) -> None:
        campaign = drafts.create(tenant=tenant, actor=owner, name="New")
        assert launching.counts(campaign.versions.get(), now=now) == launching.Counts()


class TestRace(TransactionTestCase):
    """Two publishers press the button at the same time."""

    def test_two_launches_at_once_are_one(self) -> None:
        tenant = Tenant.objects.create(
            name="Race", is_sandbox=True, from_email="a@example.test", postal_address="1 Road"
        )
        actor = User.objects.create_user("race@example.test")
        with scope(tenant=tenant):
            campaign = drafts.create(tenant=tenant, actor=actor, name="Race")
            version = campaign.versions.get()
            drafts.set_audience(
                version=version, actor=actor, segment=None, is_everyone=True, control_percent=0
            )
            now = campaign.created_at
            results: list[Any] = []

            def press(minute: int) -> None:
                try:
                    with scope(tenant=tenant):
                        mine = Version.objects.get(pk=version.pk)
                        at = now + timedelta(minutes=minute)
                        results.append(launching.launch(version=mine, actor=actor, now=at).launched_at)
                finally:
                    connection.close()

            with transaction.atomic():  # both arrive while somebody holds the row, so neither is simply first
                versions.editable(version)
                presses = [threading.Thread(target=press, args=[minute]) for minute in (0, 1)]
                for each in presses:
                    each.start()
            for each in presses:
                each.join(30)
            assert len(results) == 2
            assert results[0] == results[1]
            assert AuditEntry.objects.filter(action="launched").count() == 1

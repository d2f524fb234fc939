"""The pages a campaign is made on, as browsers ask for them: by role, by step, by what goes wrong."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse
from django_scopes import scope

from audiences.models import EventDefinition, Profile, Segment
from campaigns import launching, lifecycle, versions
from campaigns.models import Campaign, Version
from campaigns.recipes import RECIPES
from tenants.models import Tenant, User
from tests.campaigns.conftest import url, write

HTMX = {"HX-Request": "true"}


class TestList:
    def test_an_empty_list_offers_recipes_that_make_drafts(self, marketer: Client) -> None:
        page = marketer.get(reverse("campaign_list")).content.decode()
        assert page.count('name="recipe"') == len(RECIPES)
        made = marketer.post(reverse("campaign_new"), {"name": "Win them back", "recipe": "win-back"})
        campaign = Campaign.objects.get()
        assert made["Location"] == url("campaign_edit", campaign)
        assert campaign.control_percent == 10

    def test_an_analyst_is_offered_none(self, client_of: Callable[..., Client]) -> None:
        page = client_of("analyst").get(reverse("campaign_list")).content.decode()
        assert 'name="recipe"' not in page
        assert reverse("campaign_new") not in page

    def test_it_searches_and_filters(
        self, make_campaign: Callable[..., Campaign], marketer: Client, owner: User, now: datetime
    ) -> None:
        make_campaign("Spring sale")
        live = make_campaign("Summer sale")
        launching.launch(version=live.versions.get(), actor=owner, now=now)

        def names(**query: str) -> list[str]:
            page = marketer.get(reverse("campaign_list"), query, headers=HTMX).content.decode()
            assert "<html" not in page
            return re.findall(r"\w+ sale", page)

        assert names() == ["Summer sale", "Spring sale"]
        assert names(q="spring") == ["Spring sale"]
        assert names(state="live") == ["Summer sale"]
        assert names(q="nothing") == []

    def test_archived_campaigns_have_their_own_filter(self, campaign: Campaign, marketer: Client) -> None:
        marketer.post(url("campaign_archive", campaign))
        assert "Spring" not in marketer.get(reverse("campaign_list"), {"q": "spring"}).content.decode()
        assert "Spring" in marketer.get(reverse("campaign_list"), {"state": "archived"}).content.decode()

    def test_it_is_paged(self, make_campaign: Callable[..., Campaign], marketer: Client) -> None:
        for n in range(26):
            make_campaign(f"Number {n:02}")
        second = marketer.get(reverse("campaign_list"), {"page": 2}).content.decode()
        assert re.findall(r"Number \d\d", second) == ["Number 00"]

    def test_its_queries_do_not_grow(
        self, make_campaign: Callable[..., Campaign], marketer: Client, django_assert_max_num_queries: Any
    ) -> None:
        for n in range(10):
            make_campaign(f"Number {n}")
        with django_assert_max_num_queries(13):
            marketer.get(reverse("campaign_list"))

    def test_a_campaign_waiting_for_its_time_is_scheduled(
        self, campaign: Campaign, marketer: Client, owner: User, now: datetime
    ) -> None:
        version = campaign.versions.get()
        version.when, version.starts_at = "at", now + timedelta(days=1)
        version.save()
        launching.launch(version=version, actor=owner, now=now)
        page = marketer.get(reverse("campaign_list"), headers=HTMX).content.decode()
        assert "Scheduled" in page


class TestRoles:
    READ = ("campaign_detail",)
    EDIT = ("campaign_audience", "campaign_schedule", "campaign_goal", "campaign_review", "campaign_details")

    def test_an_analyst_looks_and_touches_nothing(
        self, campaign: Campaign, client_of: Callable[..., Client]
    ) -> None:
        analyst = client_of("analyst")
        assert analyst.get(url("campaign_detail", campaign)).status_code == 200
        assert analyst.get(url("campaign_preview", campaign, "a")).status_code == 200
        assert {analyst.get(url(name, campaign)).status_code for name in self.EDIT} == {403}
        assert analyst.post(reverse("campaign_new"), {"name": "x"}).status_code == 403
        assert analyst.post(url("campaign_duplicate", campaign)).status_code == 403

    @pytest.mark.parametrize("action", ["launch", "pause", "resume", "stop"])
    def test_a_marketer_drafts_and_does_not_launch(
        self, campaign: Campaign, marketer: Client, action: str
    ) -> None:
        assert marketer.post(url(f"campaign_{action}", campaign)).status_code == 403
        assert marketer.get(url("campaign_review", campaign)).status_code == 200
        assert "Only a publisher" in marketer.get(url("campaign_review", campaign)).content.decode()

    def test_strangers_are_asked_to_sign_in(self, campaign: Campaign) -> None:
        assert "/accounts/login/" in Client().get(url("campaign_detail", campaign))["Location"]

    def test_another_tenants_campaign_is_not_there(
        self, campaign: Campaign, other_tenant: Tenant, client_of: Callable[..., Client]
    ) -> None:
        stranger = client_of("owner", of=other_tenant, email="stranger@example.test")
        for name in (*self.READ, *self.EDIT, "campaign_message", "campaign_count"):
            assert stranger.get(url(name, campaign)).status_code == 404, name
        for name in ("launch", "pause", "resume", "stop", "duplicate", "archive", "restore", "new_version"):
            assert stranger.post(url(f"campaign_{name}", campaign)).status_code == 404, name
        for name in ("preview_draft", "test", "variant_change", "order", "variant_remove"):
            assert stranger.post(url(f"campaign_{name}", campaign, "a")).status_code == 404, name
        assert stranger.get(url("campaign_preview", campaign, "a")).status_code == 404

    def test_another_tenants_segment_cannot_be_chosen(
        self, campaign: Campaign, other_tenant: Tenant, make_segment: Callable[..., Segment], marketer: Client
    ) -> None:
        with scope(tenant=other_tenant):
            theirs = make_segment(of=other_tenant)
        form = {"audience": str(theirs.public_id), "control_percent": "0"}
        assert marketer.post(url("campaign_audience", campaign), form).status_code == 422

    def test_another_tenants_person_is_not_shown(
        self, campaign: Campaign, other_tenant: Tenant, make_profile: Callable[..., Profile], marketer: Client,
        owner: User,
    ) -> None:  # fmt: skip
        write(
            campaign.versions.get().variants.get(),
            owner,
            "<p>Dear {{ profile.first_name | default: 'you' }}</p>",
        )
        with scope(tenant=other_tenant):
            theirs = make_profile(of=other_tenant, first_name="Zelda")
        page = marketer.get(
            url("campaign_preview", campaign, "a"), {"as": str(theirs.public_id)}
        ).content.decode()
        assert "Zelda" not in page


class TestSteps:
    def test_the_way_from_a_name_to_a_launch(
        self, marketer: Client, publisher: Client, make_segment: Callable[..., Segment],
        make_profile: Callable[..., Profile],
    ) -> None:  # fmt: skip
        make_profile(city="Berlin")
        segment = make_segment({"on": "attribute", "name": "city", "operator": "is", "value": "Berlin"})
        marketer.post(reverse("campaign_new"), {"name": "First"})
        campaign = Campaign.objects.get()
        steps = [
            ("campaign_audience", {"audience": str(segment.public_id), "control_percent": "0"}),
            ("campaign_schedule", {"when": "now", "starts": "", "lateness_hours": "24"}),
            ("campaign_goal", {"conversion_event": "Order Completed", "goal": "", "conversion_hours": "168",
                               "revenue_property": "total"}),
        ]  # fmt: skip
        for name, form in steps:
            answer = marketer.post(url(name, campaign), form)
            assert answer.status_code == 302, (name, answer.content.decode())
        review = publisher.get(url("campaign_review", campaign)).content.decode()
        assert "Ready to launch" in review
        assert "1 person will get it" in review
        answer = publisher.post(url("campaign_launch", campaign))
        assert answer["Location"] == url("campaign_detail", campaign)
        campaign.refresh_from_db()
        assert campaign.state == Campaign.State.LIVE

    def test_saving_goes_on_or_stays(self, campaign: Campaign, marketer: Client) -> None:
        form = {"audience": "everyone", "control_percent": "5"}
        assert marketer.post(url("campaign_audience", campaign), form)["Location"] == url(
            "campaign_message", campaign
        )
        stayed = marketer.post(url("campaign_audience", campaign), form | {"stay": "yes"})
        assert stayed["Location"] == url("campaign_audience", campaign)

    @pytest.mark.parametrize(
        ("name", "theirs", "mine", "typed"),
        [
            (
                "campaign_audience",
                {"audience": "everyone", "control_percent": "5"},
                {"audience": "everyone", "control_percent": "20"},
                'value="20"',
            ),
            (
                "campaign_schedule",
                {"when": "at", "starts": "2030-07-01T09:00", "lateness_hours": "24"},
                {"when": "at", "starts": "2030-07-02T10:00", "lateness_hours": "24"},
                'value="2030-07-02T10:00"',
            ),
            (
                "campaign_goal",
                {"conversion_event": "Order Completed", "conversion_hours": "168"},
                {"conversion_event": "Signed Up", "conversion_hours": "168"},
                'value="Signed Up"',
            ),
        ],
    )
    def test_a_page_opened_before_somebody_else_saved_overwrites_only_knowingly(
        self,
        campaign: Campaign,
        marketer: Client,
        name: str,
        theirs: dict[str, str],
        mine: dict[str, str],
        typed: str,
    ) -> None:
        there = url(name, campaign)

        def kept() -> dict[str, Any]:
            return Version.objects.values(*versions.COPIED, "campaign__control_percent").get()

        def seen(page: HttpResponse) -> str:
            return re.findall(r'name="seen" value="(\w+)"', page.content.decode())[0]

        old = {"seen": seen(marketer.get(there))}
        for attempt in ("first", "the same again"):
            assert marketer.post(there, theirs | old).status_code == 302, attempt
        stored = kept()
        mistyped = marketer.post(
            there, mine | old | dict.fromkeys(("control_percent", "starts", "conversion_hours"), "soon")
        )
        assert mistyped.status_code == 422
        refused = marketer.post(there, mine | {"seen": seen(mistyped)})
        assert refused.status_code == 422
        page = refused.content.decode()
        assert "Somebody else saved this meanwhile. Save again to put yours in its place" in page
        assert typed in page
        assert kept() == stored
        assert marketer.post(there, mine | {"seen": seen(refused)}).status_code == 302
        assert kept() != stored

    def test_another_step_that_was_saved_meanwhile_is_in_nobodys_way(
        self, campaign: Campaign, marketer: Client
    ) -> None:
        goal, version = url("campaign_goal", campaign), campaign.versions.get()
        seen = versions.stamp(version, "goal")
        marketer.post(url("campaign_audience", campaign), {"audience": "everyone", "control_percent": "5"})
        marketer.post(url("campaign_schedule", campaign), {"when": "now", "lateness_hours": "4"})
        mine = {"conversion_event": "Signed Up", "conversion_hours": "168", "seen": seen}
        assert marketer.post(goal, mine).status_code == 302

    def test_a_time_is_meant_in_the_tenants_zone(self, campaign: Campaign, marketer: Client) -> None:
        form = {"when": "at", "starts": "2030-07-01T09:00", "lateness_hours": "24"}
        marketer.post(url("campaign_schedule", campaign), form)
        assert Version.objects.get().starts_at.isoformat() == "2030-07-01T07:00:00+00:00"  # Berlin, in summer
        assert 'value="2030-07-01T09:00"' in marketer.get(url("campaign_schedule", campaign)).content.decode()

    @pytest.mark.parametrize(
        "starts", ["", "2031-03-30T02:30", "soon"], ids=["none", "skipped by the clocks", "words"]
    )
    def test_a_time_that_cannot_be_is_refused(
        self, campaign: Campaign, marketer: Client, starts: str
    ) -> None:
        form = {"when": "at", "starts": starts, "lateness_hours": "24"}
        assert marketer.post(url("campaign_schedule", campaign), form).status_code == 422
        assert Version.objects.get().when == "now"

    def test_counts_follow_the_form_and_store_nothing(
        self, campaign: Campaign, marketer: Client, make_segment: Callable[..., Segment],
        make_profile: Callable[..., Profile],
    ) -> None:  # fmt: skip
        for city in ("Berlin", "Berlin", "Paris"):
            make_profile(city=city)
        segment = make_segment({"on": "attribute", "name": "city", "operator": "is", "value": "Berlin"})

        def sent(**form: str) -> str:
            page = marketer.get(url("campaign_count", campaign), form, headers=HTMX).content.decode()
            found = re.search(r'data-sent="(\d+)"', page)
            return found[1] if found else page

        assert sent(audience=str(segment.public_id), control_percent="0") == "2"
        assert sent(audience="everyone", control_percent="0") == "3"
        assert "Nobody is chosen" in sent(audience="", control_percent="0")
        assert sent() == "3"
        assert campaign.versions.get().segment is None

    def test_the_review_says_what_is_in_the_way_and_where(
        self, campaign: Campaign, publisher: Client, owner: User
    ) -> None:
        write(campaign.versions.get().variants.get(), owner, subject="")
        page = publisher.get(url("campaign_review", campaign)).content.decode()
        assert "Not ready yet" in page
        assert url("campaign_variant", campaign, "a") in page
        assert "disabled" in page
        assert publisher.post(url("campaign_launch", campaign))["Location"] == url(
            "campaign_review", campaign
        )
        assert Campaign.objects.get().state == Campaign.State.DRAFT

    def test_many_people_have_to_be_typed(
        self, campaign: Campaign, publisher: Client, make_profile: Callable[..., Profile], tenant: Tenant
    ) -> None:
        Profile.objects.bulk_create(Profile(tenant=tenant, email=f"m{n}@example.test") for n in range(1_000))
        assert 'data-confirm-word="' not in publisher.get(url("campaign_review", campaign)).content.decode()
        make_profile()
        assert 'data-confirm-word="1001"' in publisher.get(url("campaign_review", campaign)).content.decode()

    def test_the_editor_of_what_was_launched_leads_to_its_page(
        self, campaign: Campaign, marketer: Client, owner: User, now: datetime
    ) -> None:
        launching.launch(version=campaign.versions.get(), actor=owner, now=now)
        answer = marketer.get(url("campaign_audience", campaign))
        assert answer["Location"] == url("campaign_detail", campaign)
        assert marketer.post(url("campaign_new_version", campaign))["Location"] == url(
            "campaign_edit", campaign
        )
        assert "Draft of version 2" in marketer.get(url("campaign_audience", campaign)).content.decode()

    def test_two_presses_of_launch_are_one(self, campaign: Campaign, publisher: Client) -> None:
        first, second = (publisher.post(url("campaign_launch", campaign)) for _ in range(2))
        assert first["Location"] == second["Location"] == url("campaign_detail", campaign)
        assert Version.objects.get().number == 1

    def test_an_archived_campaign_is_not_launched(
        self, campaign: Campaign, marketer: Client, publisher: Client
    ) -> None:
        marketer.post(url("campaign_archive", campaign))
        page = publisher.post(url("campaign_launch", campaign), follow=True).content.decode()
        assert "An archived campaign is not launched: restore it first." in page
        assert Campaign.objects.get().state == Campaign.State.DRAFT

    def test_only_what_was_reviewed_is_launched(
        self, campaign: Campaign, marketer: Client, publisher: Client, owner: User
    ) -> None:
        def review() -> dict[str, str]:
            page = publisher.get(url("campaign_review", campaign)).content.decode()
            return {"seen": re.findall(r'name="seen" value="(\w+)"', page)[0]}

        def press(seen: dict[str, str]) -> tuple[str, str]:
            answer = publisher.post(url("campaign_launch", campaign), seen)
            page = publisher.get(url("campaign_detail", campaign)).content.decode()
            return answer["Location"], page

        there = url("campaign_detail", campaign)
        first = review()
        assert [press(first)[0] for _ in range(2)] == [there, there]
        marketer.post(url("campaign_new_version", campaign))
        draft = versions.draft_of(campaign)
        write(draft.variants.get(), owner, "<p>Half written</p>")
        again, page = press(first)
        assert again == url("campaign_review", campaign)
        assert "The draft was changed since it was reviewed. Look at it again" in page
        half = review()
        write(draft.variants.get(), owner, "<p>Written</p>")
        assert press(half)[0] == url("campaign_review", campaign)
        assert versions.draft_of(campaign) == draft
        assert press(review())[0] == there
        assert versions.newest(campaign).launched_at is not None

    def test_events_that_came_in_are_offered_as_goals(
        self, campaign: Campaign, marketer: Client, tenant: Tenant, now: datetime
    ) -> None:
        EventDefinition(
            tenant=tenant,
            name="Order Completed",
            properties={"total": ["number"], "sku": ["text"], "items": ["list"]},
            first_seen_at=now,
        ).save()
        page = marketer.get(url("campaign_goal", campaign)).content.decode()
        assert '<option value="Order Completed">' in page
        revenue = page.partition('<datalist id="numbers">')[2].partition("</datalist>")[0]
        assert revenue == '<option value="total">Order Completed</option>'
        assert '<option value="sku"></option>' in page


class TestDetail:
    def test_it_leads_on_by_state(
        self, campaign: Campaign, publisher: Client, owner: User, now: datetime
    ) -> None:
        def offers(name: str) -> bool:
            return url(name, campaign) in publisher.get(url("campaign_detail", campaign)).content.decode()

        assert (offers("campaign_edit"), offers("campaign_pause")) == (True, False)
        launching.launch(version=campaign.versions.get(), actor=owner, now=now)
        assert (offers("campaign_edit"), offers("campaign_pause"), offers("campaign_stop")) == (
            False,
            True,
            True,
        )
        publisher.post(url("campaign_pause", campaign))
        assert (offers("campaign_resume"), offers("campaign_pause")) == (True, False)
        publisher.post(url("campaign_stop", campaign))
        assert (offers("campaign_resume"), offers("campaign_archive"), offers("campaign_new_version")) == (
            False, True, False,
        )  # fmt: skip

    def test_a_move_that_is_refused_says_why(self, campaign: Campaign, publisher: Client) -> None:
        page = publisher.post(url("campaign_pause", campaign), follow=True).content.decode()
        assert "cannot be paused" in page

    def test_duplicating_opens_the_twin(self, campaign: Campaign, marketer: Client) -> None:
        answer = marketer.post(url("campaign_duplicate", campaign))
        twin = Campaign.objects.latest("id")
        assert answer["Location"] == url("campaign_edit", twin)

    def test_details_are_changed_but_not_the_class_of_what_was_launched(
        self, campaign: Campaign, marketer: Client, owner: User, now: datetime
    ) -> None:
        form = {
            "name": "Summer",
            "description": "",
            "message_class": "marketing",
            "topic": "",
            "priority": "2",
        }
        marketer.post(url("campaign_details", campaign), form)
        launching.launch(version=campaign.versions.get(), actor=owner, now=now)
        refused = marketer.post(url("campaign_details", campaign), form | {"message_class": "transactional"})
        assert refused.status_code == 422
        campaign.refresh_from_db()
        assert (campaign.name, campaign.priority, campaign.message_class) == ("Summer", 2, "marketing")

    def test_details_opened_before_somebody_else_saved_are_overwritten_only_knowingly(
        self, campaign: Campaign, marketer: Client
    ) -> None:
        there = url("campaign_details", campaign)
        theirs = {"name": "Spring", "message_class": "marketing", "topic": "promo", "priority": "3"}
        mine = theirs | {"topic": "", "description": "Words"}

        def seen(page: HttpResponse) -> dict[str, str]:
            return {"seen": re.findall(r'name="seen" value="(\w+)"', page.content.decode())[0]}

        old = seen(marketer.get(there))
        for attempt in ("first", "the same again"):
            assert marketer.post(there, theirs | old).status_code == 302, attempt
        mistyped = marketer.post(there, mine | {"priority": "soon"} | old)
        refused = marketer.post(there, mine | seen(mistyped))
        assert (mistyped.status_code, refused.status_code) == (422, 422)
        assert refused.content.decode().count("Somebody else saved this meanwhile. Save again") == 1
        campaign.refresh_from_db()
        assert (campaign.topic, campaign.description) == ("promo", "")
        assert marketer.post(there, mine | seen(refused)).status_code == 302
        campaign.refresh_from_db()
        assert (campaign.topic, campaign.description) == ("", "Words")

    def test_the_topic_of_what_was_launched_is_changed_by_those_who_may_launch(
        self, campaign: Campaign, marketer: Client, publisher: Client, owner: User, now: datetime
    ) -> None:
        form = {"name": "Spring", "message_class": "marketing", "topic": "news", "priority": "2"}
        marketer.post(url("campaign_details", campaign), form)
        launching.launch(version=campaign.versions.get(), actor=owner, now=now)
        assert marketer.post(url("campaign_details", campaign), form | {"priority": "4"}).status_code == 302
        refused = marketer.post(url("campaign_details", campaign), form | {"topic": ""})
        assert refused.status_code == 422
        assert "only those who may launch it" in refused.content.decode()
        campaign.refresh_from_db()
        assert (campaign.topic, campaign.priority) == ("news", 4)
        publisher.post(url("campaign_details", campaign), form | {"topic": "promo"})
        campaign.refresh_from_db()
        assert campaign.topic == "promo"

    def test_a_stopped_campaign_starts_no_version(
        self, campaign: Campaign, marketer: Client, owner: User, now: datetime
    ) -> None:
        launching.launch(version=campaign.versions.get(), actor=owner, now=now)
        lifecycle.stop(campaign=campaign, actor=owner)
        page = marketer.post(url("campaign_new_version", campaign), follow=True).content.decode()
        assert "duplicate it" in page
        with pytest.raises(versions.NoDraft):
            versions.draft_of(campaign)

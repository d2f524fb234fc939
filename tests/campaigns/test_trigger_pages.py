"""The schedule step's triggers: what sets a campaign off, as it is typed, kept, shown and said."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import pytest
from django.test import Client
from django_scopes import scope

from audiences import ingest
from audiences.models import AttributeDefinition, EventDefinition, Segment
from campaigns.models import Campaign
from tenants.models import Tenant
from tests.campaigns.conftest import url, words

HTMX = {"HX-Request": "true"}

TRIGGER = {
    "when": "event", "lateness_hours": "24", "starts": "",
    "trigger-event": "Cart Viewed", "trigger-0-property": "total", "trigger-0-operator": "at_least",
    "trigger-0-value": "99.5", "delay": "2", "delay_unit": "hours",
    "exception-0-event": "Order Completed", "replaces_waiting": "on", "again": "after", "again_hours": "168",
}  # fmt: skip


class TestTrigger:
    def test_an_event_with_filters_delay_and_exceptions_is_kept_and_shown(
        self, campaign: Campaign, marketer: Client
    ) -> None:
        assert marketer.post(url("campaign_schedule", campaign), TRIGGER).status_code == 302
        draft = campaign.versions.get()
        where = [{"on": "property", "name": "total", "operator": "at_least", "value": 99.5}]
        assert draft.trigger == {"on": "event", "name": "Cart Viewed", "where": where}
        assert draft.exceptions == [{"on": "event", "name": "Order Completed"}]
        assert (draft.delay_minutes, draft.replaces_waiting) == (120, True)
        assert (draft.again, draft.again_hours) == ("after", 168)
        page = marketer.get(url("campaign_schedule", campaign)).content.decode()
        for shown in ('value="Cart Viewed"', 'value="99.5"', 'value="Order Completed"', 'value="2"'):
            assert shown in page
        review = marketer.get(url("campaign_review", campaign)).content.decode()
        assert "2 hours after they do" in review

    def test_between_takes_both_numbers_in_any_order_and_says_them(
        self, campaign: Campaign, marketer: Client
    ) -> None:
        between = {"trigger-0-operator": "between", "trigger-0-value": "49,5 to 10"}
        assert marketer.post(url("campaign_schedule", campaign), TRIGGER | between).status_code == 302
        draft = campaign.versions.get()
        assert draft.trigger
        assert draft.trigger["where"][0]["value"] == [10, 49.5]
        assert 'value="10 and 49.5"' in marketer.get(url("campaign_schedule", campaign)).content.decode()
        assert (
            "total is between 10 and 49.5" in marketer.get(url("campaign_review", campaign)).content.decode()
        )

    def test_hours_are_kept_and_shown(self, campaign: Campaign, marketer: Client) -> None:
        hours = {
            "window_start": "09:00",
            "window_end": "18:00",
            "window_days": ["0", "4"],
            "outside_hours": "skip",
        }
        plain = {"when": "now", "starts": "", "lateness_hours": "24"}
        assert marketer.post(url("campaign_schedule", campaign), plain | hours).status_code == 302
        draft = campaign.versions.get()
        assert (draft.window_days, draft.outside_hours) == ([0, 4], "skip")
        page = marketer.get(url("campaign_schedule", campaign)).content.decode()
        assert 'value="09:00"' in page
        answer = marketer.post(url("campaign_schedule", campaign), plain | {"window_start": "09:00"})
        assert "or neither" in answer.content.decode()
        assert marketer.post(url("campaign_schedule", campaign), plain).status_code == 302
        assert campaign.versions.get().window_start is None

    @pytest.mark.parametrize(
        ("change", "said"),
        [
            ({"trigger-event": ""}, "Say which event sets it off"),
            ({"trigger-0-value": "much"}, "is no number"),
            ({"trigger-0-operator": "between", "trigger-0-value": "10"}, "such as 10 and 50"),
            ({"trigger-0-operator": "between", "trigger-0-value": "10 and x"}, "is no number"),
            ({"delay": "-1"}, "greater than or equal to 0"),
            ({"delay": "61", "delay_unit": "days"}, "60 days at the most"),
            (
                {"exception-0-0-property": "total", "exception-0-0-operator": "less"},
                "is no number",
            ),
            ({"trigger-event": "a\x00b"}, "not allowed"),
        ],
    )  # fmt: skip
    def test_what_is_wrong_is_said(
        self, campaign: Campaign, marketer: Client, change: dict[str, str], said: str
    ) -> None:
        answer = marketer.post(url("campaign_schedule", campaign), TRIGGER | change)
        assert answer.status_code == 422
        assert said in answer.content.decode()
        assert campaign.versions.get().when == "now"

    @pytest.mark.parametrize(
        ("kinds", "typed", "value"),
        [
            (["number"], "5", 5), (["text"], "5", "5"), (["boolean"], "yes", True), (["text", "number"], "5", "5"),
            ([], "x", "x"),
        ],
    )  # fmt: skip
    def test_a_value_is_of_the_kind_its_property_comes_with(
        self, campaign: Campaign, marketer: Client, tenant: Tenant, now: datetime,
        kinds: list[str], typed: str, value: object,
    ) -> None:  # fmt: skip
        definition = {"name": "Cart Viewed", "properties": {"kind": kinds}, "first_seen_at": now}
        EventDefinition(tenant=tenant, **definition).save()
        filter_ = {"trigger-0-property": "kind", "trigger-0-operator": "is", "trigger-0-value": typed}
        marketer.post(url("campaign_schedule", campaign), TRIGGER | filter_)
        trigger = campaign.versions.get().trigger
        assert trigger
        assert trigger["where"][0]["value"] == value

    def test_the_preview_shows_what_the_last_such_event_brought(
        self, campaign: Campaign, marketer: Client, tenant: Tenant, now: datetime
    ) -> None:
        call = {"type": "track", "userId": "u1", "event": "Cart Viewed", "properties": {"total": 77}}
        ingest.store(tenant=tenant, calls=[call], now=now)
        marketer.post(url("campaign_schedule", campaign), TRIGGER)
        form = {"channel": "email", **words("<p>Worth {{ event.total }}</p>")}
        preview = marketer.post(url("campaign_preview_draft", campaign, "a"), form, headers=HTMX)
        assert "Worth 77" in preview.content.decode()

    def test_an_attributes_change_is_kept_and_said(
        self, campaign: Campaign, marketer: Client, tenant: Tenant, now: datetime
    ) -> None:
        AttributeDefinition(tenant=tenant, name="visits", kinds=["number"], first_seen_at=now).save()
        change = {"trigger-kind": "attribute", "trigger-attribute": "visits", "trigger-attribute_to": "3"}
        assert marketer.post(url("campaign_schedule", campaign), TRIGGER | change).status_code == 302
        assert campaign.versions.get().trigger == {"on": "attribute", "name": "visits", "to": 3}
        page = marketer.get(url("campaign_schedule", campaign)).content.decode()
        assert 'value="attribute" class="form-check-input" id="id_trigger-kind_1" checked' in " ".join(
            page.split()
        )
        review = marketer.get(url("campaign_review", campaign)).content.decode()
        assert "2 hours after they have their visits changed to 3" in review

    @pytest.mark.parametrize("typed", ["nan", "inf", "-Infinity", "1e999"])
    def test_no_attribute_changes_to_what_is_no_number(
        self, campaign: Campaign, marketer: Client, tenant: Tenant, now: datetime, typed: str
    ) -> None:
        AttributeDefinition(tenant=tenant, name="visits", kinds=["number"], first_seen_at=now).save()
        change = {"trigger-kind": "attribute", "trigger-attribute": "visits", "trigger-attribute_to": typed}
        assert marketer.post(url("campaign_schedule", campaign), TRIGGER | change).status_code == 422
        assert campaign.versions.get().when == "now"

    def test_a_segments_entering_is_kept_and_said(
        self, campaign: Campaign, marketer: Client, make_segment: Callable[..., Segment]
    ) -> None:
        segment = make_segment(name="Gold")
        change = {
            "trigger-kind": "segment",
            "trigger-segment": str(segment.public_id),
            "trigger-moved": "left",
        }
        assert marketer.post(url("campaign_schedule", campaign), TRIGGER | change).status_code == 302
        assert campaign.versions.get().trigger == {
            "on": "segment", "did": "left", "id": str(segment.public_id), "name": "Gold",
        }  # fmt: skip
        review = marketer.get(url("campaign_review", campaign)).content.decode()
        assert "2 hours after they leave the segment “Gold”" in review

    def test_another_campaigns_message_is_kept_and_said(
        self, campaign: Campaign, marketer: Client, make_campaign: Callable[..., Campaign]
    ) -> None:
        other = make_campaign("News")
        change = {
            "trigger-kind": "message", "trigger-campaign": str(other.public_id), "trigger-made_of_it": "ignored",
        }  # fmt: skip
        assert marketer.post(url("campaign_schedule", campaign), TRIGGER | change).status_code == 302
        review = marketer.get(url("campaign_review", campaign)).content.decode()
        assert "get a message of “News”, neither opening nor clicking it meanwhile" in review

    def test_a_campaign_is_not_offered_itself(self, campaign: Campaign, marketer: Client) -> None:
        page = marketer.get(url("campaign_schedule", campaign)).content.decode()
        assert f'<option value="{campaign.public_id}"' not in page

    @pytest.mark.parametrize(
        ("change", "said"),
        [
            ({"trigger-kind": "attribute"}, "Say which attribute’s change"),
            ({"trigger-kind": "segment"}, "Choose the segment that sets it off"),
            ({"trigger-kind": "message"}, "Choose the campaign whose messages"),
            ({"trigger-kind": "weather"}, "not one of the available choices"),
            ({"trigger-kind": "segment", "trigger-segment": "x"}, "is not a valid UUID"),
        ],
    )
    def test_what_is_left_empty_or_wrong_is_said(
        self, campaign: Campaign, marketer: Client, change: dict[str, str], said: str
    ) -> None:
        answer = marketer.post(url("campaign_schedule", campaign), TRIGGER | change)
        assert answer.status_code == 422
        assert said in answer.content.decode()

    def test_another_tenants_segment_is_no_choice(
        self, campaign: Campaign, marketer: Client, make_segment: Callable[..., Segment], other_tenant: Tenant
    ) -> None:
        with scope(tenant=other_tenant):
            theirs = make_segment(name="Theirs", of=other_tenant)
        change = {"trigger-kind": "segment", "trigger-segment": str(theirs.public_id)}
        answer = marketer.post(url("campaign_schedule", campaign), TRIGGER | change)
        assert answer.status_code == 422
        assert "Theirs" not in answer.content.decode()

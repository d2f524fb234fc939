"""The step where a campaign's words are written: saved, previewed, refused in words."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.test import Client
from django.urls import reverse

from audiences.models import AttributeDefinition, Event, EventDefinition, Profile, Segment
from campaigns.models import Campaign
from tenants.models import Tenant, User
from tests.campaigns.conftest import add, url, words, write

HTMX = {"HX-Request": "true"}


class TestMessage:
    @pytest.fixture
    def ada(self, make_profile: Callable[..., Profile]) -> Profile:
        return make_profile(first_name="Ada", last_name="Lovelace", email="ada@example.test")

    def preview(self, client: Client, campaign: Campaign, body: str, **more: str) -> str:
        form = {"channel": "email", **words(body), **more}
        answer = client.post(url("campaign_preview_draft", campaign, "a"), form, headers=HTMX)
        assert answer.status_code == 200
        return answer.content.decode()

    def test_saving_answers_with_a_note_and_the_steps(self, campaign: Campaign, marketer: Client) -> None:
        form = {"channel": "email", **words("<p>New</p>")}
        answer = marketer.post(url("campaign_variant", campaign, "a"), form, headers=HTMX)
        assert "Saved" in answer.content.decode()
        assert 'hx-swap-oob="true"' in answer.content.decode()
        assert "tact:saved" in answer["HX-Trigger"]
        assert campaign.versions.get().variants.get().contents.get().fields["body"] == "<p>New</p>"

    def test_saving_works_without_scripts(self, campaign: Campaign, marketer: Client) -> None:
        form = {"channel": "email", **words("<p>New</p>")}
        answer = marketer.post(url("campaign_variant", campaign, "a"), form, follow=True)
        assert answer.redirect_chain == [(url("campaign_variant", campaign, "a"), 302)]
        assert "Saved." in answer.content.decode()

    def test_saving_after_somebody_else_is_refused(
        self, campaign: Campaign, marketer: Client, owner: User
    ) -> None:
        page = marketer.get(url("campaign_variant", campaign, "a")).content.decode()
        seen_at = re.search(r'name="seen_at" value="([^"]+)"', page)
        assert seen_at
        write(campaign.versions.get().variants.get(), owner, "<p>Theirs</p>")
        form = {"channel": "email", "seen_at": seen_at[1], **words("<p>Mine</p>")}
        for refused in (
            form | {"subject": ""},
            form,
        ):  # what is put right after a refusal saw no more than before it
            answer = marketer.post(url("campaign_variant", campaign, "a"), refused, headers=HTMX)
            assert answer.status_code == 422
            assert seen_at[0] in answer.content.decode()
        assert "Somebody else saved" in answer.content.decode()

    def test_a_default_that_needs_data_is_refused_by_name(
        self, campaign: Campaign, marketer: Client, owner: User
    ) -> None:
        add(campaign.versions.get(), owner, is_default=True)
        form = {"channel": "email", **words("<p>{{ profile.first_name }}</p>")}
        answer = marketer.post(url("campaign_variant", campaign, "b"), form, headers=HTMX)
        assert answer.status_code == 422
        assert "profile.first_name" in answer.content.decode()

    def test_windows_line_ends_are_not_kept(self, campaign: Campaign, marketer: Client) -> None:
        marketer.post(url("campaign_variant", campaign, "a"), {"channel": "email", **words("a\r\nb")})
        assert campaign.versions.get().variants.get().contents.get().fields["body"] == "a\nb"

    def test_the_preview_shows_unsaved_words_as_a_person_gets_them(
        self, campaign: Campaign, marketer: Client, ada: Profile
    ) -> None:
        page = self.preview(
            marketer,
            campaign,
            "<p>Dear {{ profile.first_name }}</p>",
            subject="To {{ profile.city | default: 'you' }}",
        )
        assert "Dear Ada" in page
        assert "To you" in page
        assert "Ada Lovelace" in page
        assert campaign.versions.get().variants.get().contents.get().fields["body"] == "<p>Hello.</p>"

    def test_the_preview_names_what_a_person_lacks(
        self, campaign: Campaign, marketer: Client, ada: Profile
    ) -> None:
        page = self.preview(marketer, campaign, "<p>{{ profile.city }}</p>")
        assert "Ada Lovelace lacks" in page
        assert "<code>profile.city</code>" in page
        assert "would get nothing" in page

    def test_the_preview_says_which_variant_they_would_get(
        self, campaign: Campaign, marketer: Client, ada: Profile, owner: User
    ) -> None:
        assert "would get variant A" in self.preview(marketer, campaign, "<p>Hi</p>")
        add(campaign.versions.get(), owner, is_default=True)
        assert "would get variant B" in self.preview(marketer, campaign, "<p>{{ profile.city }}</p>")

    def test_problems_reach_the_editor_with_line_and_column(
        self, campaign: Campaign, marketer: Client
    ) -> None:
        page = self.preview(marketer, campaign, "<p>\n  {{ profile.city | shout }}</p>")
        marks = re.search(r'data-problems-for="id_body">(\[.+?\])</script>', page)
        assert marks
        assert '"line": 2' in marks[1]
        assert "line 2, column" in page

    def test_what_a_message_says_cannot_end_the_script_that_carries_it(
        self, campaign: Campaign, marketer: Client, ada: Profile
    ) -> None:
        page = self.preview(marketer, campaign, "<p></script><script>alert(1)</script></p>")
        assert "<script>alert" not in page

    def test_the_next_person_comes_and_then_the_first_again(
        self, campaign: Campaign, marketer: Client, ada: Profile, make_profile: Callable[..., Profile]
    ) -> None:
        bob = make_profile(first_name="Bob", last_name="")
        shown = self.preview(marketer, campaign, "<p>Hi</p>", go="next", **{"as": str(ada.public_id)})
        assert f'name="as" value="{bob.public_id}"' in shown
        shown = self.preview(marketer, campaign, "<p>Hi</p>", go="next", **{"as": str(bob.public_id)})
        assert f'name="as" value="{ada.public_id}"' in shown

    def test_a_random_person_is_of_the_audience(
        self, make_campaign: Callable[..., Campaign], make_segment: Callable[..., Segment], marketer: Client,
        ada: Profile, make_profile: Callable[..., Profile],
    ) -> None:  # fmt: skip
        berlin = make_profile(first_name="Greta", city="Berlin")
        make_profile(first_name="Zoe")
        segment = make_segment({"on": "attribute", "name": "city", "operator": "is", "value": "Berlin"})
        campaign = make_campaign(segment=segment)
        for _ in range(5):
            assert f'value="{berlin.public_id}"' in self.preview(marketer, campaign, "<p>Hi</p>", go="random")

    def test_without_people_a_sample_person_is_shown(self, campaign: Campaign, marketer: Client) -> None:
        page = self.preview(marketer, campaign, "<p>Dear {{ profile.first_name }}</p>")
        assert "a sample person" in page
        assert "Dear Ada" in page

    def test_people_are_found_by_name_and_email(
        self, campaign: Campaign, marketer: Client, ada: Profile, make_profile: Callable[..., Profile]
    ) -> None:
        make_profile(first_name="Bob", email="bob@example.test")
        for who in ("ada", "LOVE", "ada@ex", "Ada Love"):
            found = marketer.get(url("campaign_preview_people", campaign, "a"), {"who": who}).content.decode()
            assert ("Ada Lovelace" in found, "Bob" in found) == (True, False), who
        assert (
            "Nobody"
            in marketer.get(url("campaign_preview_people", campaign, "a"), {"who": "%"}).content.decode()
        )

    def test_what_can_be_inserted_comes_with_values(
        self, campaign: Campaign, marketer: Client, ada: Profile, tenant: Tenant, now: datetime
    ) -> None:
        AttributeDefinition(tenant=tenant, name="plan", label="Plan", first_seen_at=now).save()
        page = marketer.get(url("campaign_variant", campaign, "a")).content.decode()
        assert 'data-insert="{{ profile.plan }}"' in page
        assert re.search(
            r'data-insert="\{\{ profile.first_name \}\}"><span>First name</span>\s*<span[^>]*>Ada<', page
        )

    def test_past_events_can_be_inserted_and_completed(
        self,
        campaign: Campaign,
        marketer: Client,
        ada: Profile,
        tenant: Tenant,
        now: datetime,
        make_event: Callable[..., Event],
    ) -> None:
        properties = {"total": ["number"], "cart.size": ["number"]}
        EventDefinition(
            tenant=tenant, name="Order Completed", properties=properties, first_seen_at=now
        ).save()
        make_event(ada, "Order Completed", now - timedelta(days=1), total=30)
        page = marketer.get(url("campaign_variant", campaign, "a")).content.decode()
        assert re.search(
            r'data-insert="\{\{ profile.events.order_completed.last.total \}\}">'
            r"<span>Order Completed: last total</span>\s*<span[^>]*>30<",
            page,
        )
        assert 'data-insert="{{ campaign.name }}"' in page
        names = json.loads(re.findall(r'data-variables-for="id_body">(.+?)</script>', page)[0])
        assert names["profile.events"] == ["order_completed"]
        assert names["profile.events.order_completed"] == ["count", "last_at", "first_at", "last"]
        assert names["profile.events.order_completed.last"] == ["cart", "total"]
        assert names["campaign"] == ["name"]

    def test_what_the_form_refuses_is_said_in_the_preview(self, campaign: Campaign, marketer: Client) -> None:
        page = self.preview(marketer, campaign, "<p>Hi</p>", subject="x" * 501)
        assert "Subject: Ensure this value has at most 500 characters" in page

    def test_a_moment_that_is_none_changes_nothing(self, campaign: Campaign, marketer: Client) -> None:
        form = {"channel": "email", "seen_at": "2026-13-45T99:00:00Z", **words("<p>New</p>")}
        assert marketer.post(url("campaign_variant", campaign, "a"), form, headers=HTMX).status_code == 200

    def test_names_are_offered_to_the_code_editor(
        self, campaign: Campaign, marketer: Client, tenant: Tenant, now: datetime
    ) -> None:
        for name in ("plan", "group.size", "group.name", "odd name"):
            AttributeDefinition(tenant=tenant, name=name, first_seen_at=now).save()
        page = marketer.get(url("campaign_variant", campaign, "a")).content.decode()
        carried = re.search(r'data-variables-for="id_body">(.+?)</script>', page)
        assert carried
        names = json.loads(carried[1])
        assert {"first_name", "plan", "group"} <= set(names["profile"])
        assert names["profile.group"] == ["name", "size"]
        assert "postal_address" in names["brand"]
        assert "{{ profile[&quot;odd name&quot;] }}" in page

    def test_preview_is_what_gets_sent(
        self, campaign: Campaign, marketer: Client, ada: Profile, owner: User
    ) -> None:
        """One compiling, one renderer: unsaved preview and saved page are the same document."""
        body = "<p>Dear {{ profile.first_name }}, {{ profile.last_name | upcase }}</p>"
        unsaved = self.preview(marketer, campaign, body, **{"as": str(ada.public_id)})
        write(campaign.versions.get().variants.get(), owner, body)
        saved = marketer.get(
            url("campaign_preview", campaign, "a"), {"as": str(ada.public_id)}
        ).content.decode()
        carried = re.search(
            r'<script id="mail-page" type="application/json">(.+?)</script>', unsaved, re.DOTALL
        )
        assert carried
        assert json.loads(carried[1]) == saved

    def test_a_message_is_framed_under_its_own_strict_rules(
        self, campaign: Campaign, marketer: Client
    ) -> None:
        answer = marketer.get(url("campaign_preview", campaign, "a"))
        policy = answer["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "sandbox" in policy
        assert "frame-ancestors 'self'" in policy
        assert "script-src" not in policy
        assert "X-Frame-Options" not in answer
        empty = marketer.get(reverse("campaign_frame"))["Content-Security-Policy"]
        assert "default-src 'none'" in empty

    def test_variants_are_added_changed_moved_and_removed(
        self, campaign: Campaign, make_segment: Callable[..., Segment], marketer: Client
    ) -> None:
        assert marketer.post(url("campaign_variant_add", campaign))["Location"] == url(
            "campaign_variant", campaign, "b"
        )
        change = {"variant-name": "Bold", "variant-weight": "150", "variant-segment": ""}
        marketer.post(url("campaign_variant_change", campaign, "b"), change)
        opened = marketer.get(url("campaign_variant_change", campaign, "b"), headers={"accept": "text/html"})
        assert (opened.status_code, "Nothing was done" in opened.content.decode()) == (405, True)
        page = marketer.get(url("campaign_variant", campaign, "b")).content.decode()
        assert "75 %" in page
        change["variant-segment"] = str(make_segment().public_id)
        marketer.post(url("campaign_variant_change", campaign, "b"), change)
        marketer.post(url("campaign_order", campaign, "b"), {"order": "b,a"})
        assert [v.name for v in campaign.versions.get().variants.order_by("position")] == ["Bold", "A"]
        marketer.post(url("campaign_variant_remove", campaign, "a"))
        assert campaign.versions.get().variants.count() == 1

    def test_a_starter_is_shown_and_saved_only_when_asked(self, campaign: Campaign, marketer: Client) -> None:
        page = marketer.get(url("campaign_variant", campaign, "a"), {"starter": "welcome"}).content.decode()
        assert "Welcome to {{ brand.name }}" in page
        assert "data-unsaved" in page
        assert campaign.versions.get().variants.get().contents.get().fields["subject"] == "Hello"

    def test_a_channel_nobody_registered_is_not_there(self, campaign: Campaign, marketer: Client) -> None:
        form = {"channel": "pigeon", **words()}
        assert marketer.post(url("campaign_variant", campaign, "a"), form).status_code == 404

"""Campaigns through the management API: what there is, and the moments of its life, each as good once as twice."""

from __future__ import annotations

from datetime import timedelta

import pytest

from campaigns import drafts, launching, lifecycle, versions
from campaigns.models import Campaign
from tenants import clock
from tenants.models import AuditEntry
from tests.api import Caller, shaped


def at(campaign: Campaign, more: str = "") -> str:
    return f"campaigns/{campaign.public_id}{more}"


def test_a_campaign_says_what_it_does(api, make_campaign, make_segment, make_profile, owner, now):
    make_profile(city="Paris")
    campaign = make_campaign(segment=make_segment(name="Everybody"), control=10)
    draft = api.get(at(campaign)).json()
    assert (draft["state"], draft["audience"], draft["control_percent"]) == ("draft", "Everybody", 10)
    assert (draft["problems"], draft["versions"][0]["counts"]) == ([], None)
    launching.launch(version=versions.newest(campaign), actor=owner, now=now)
    shown = api.get(at(campaign)).json()
    assert shown["state"] == "live"
    assert shown["sentence"].startswith("Goes to everyone in “Everybody”")
    (version,) = shown["versions"]
    assert (version["number"], version["when"], version["sentence"]) == (1, "now", shown["sentence"])
    assert version["counts"]["audience"] == 1
    assert version["launched_at"].endswith("Z")
    assert api.get("campaigns").json()["data"][0].items() <= shown.items()


def test_campaigns_are_listed_newest_first_by_their_state(api, make_campaign, owner, now, tenant):
    made = [make_campaign(f"C{n}") for n in range(4)]
    launching.launch(version=versions.newest(made[1]), actor=owner, now=now)
    drafts.set_schedule(
        version=versions.newest(made[2]),
        actor=owner,
        when="at",
        starts_at=now + timedelta(hours=1),
        lateness_hours=1,
    )
    launching.launch(version=versions.newest(made[2]), actor=owner, now=now)
    lifecycle.archive(campaign=made[0], actor=owner, now=clock.now(tenant))
    assert [each["name"] for each in api.all("campaigns", limit=1)] == ["C3", "C2", "C1"]
    live = api.all("campaigns", state="live")
    assert [(each["name"], each["state"]) for each in live] == [("C2", "scheduled"), ("C1", "live")]
    assert [each["name"] for each in api.all("campaigns", is_archived="true")] == ["C0"]
    assert shaped(api.get("campaigns", state="loud"), 400, "invalid")["details"][0]["path"] == "state"


def test_every_step_of_its_life_may_be_asked_for_twice(api, make_campaign):
    campaign = make_campaign()
    for step, state in [("launch", "live"), ("pause", "paused"), ("resume", "live"), ("stop", "stopped")]:
        first, again = (api.post(at(campaign, f"/{step}")) for _ in range(2))
        assert (first.status_code, first.json()["state"]) == (200, state)
        assert (again.status_code, again.json()) == (200, first.json())
    entries = AuditEntry.objects.filter(thing="campaign", actor_name=f"Key {api.row}").order_by("id")
    assert [entry.action for entry in entries] == ["launched", "paused", "resumed", "stopped"]
    assert versions.newest(campaign).launched_by is None


def test_what_stands_in_the_way_of_a_launch_is_told(api, tenant, owner):
    campaign = drafts.create(tenant=tenant, actor=owner, name="New")
    error = shaped(api.post(at(campaign, "/launch")), 422, "not_ready")
    assert error["details"] == [
        {"path": "audience", "message": "Nobody is chosen to send to. Choose a segment, or everyone."}
    ]
    assert api.get(at(campaign)).json()["problems"] == error["details"]
    campaign.refresh_from_db()
    assert campaign.state == "draft"


def test_a_launch_may_say_which_version_it_means(api, make_campaign, owner):
    campaign = make_campaign()
    shaped(api.post(at(campaign, "/launch"), {"version": 2}), 409, "changed_meanwhile")
    shaped(api.post(at(campaign, "/launch"), {"version": "newest"}), 400, "invalid")
    shaped(api.post(at(campaign, "/launch"), {"number": 1}), 400, "invalid")
    for _ in range(2):
        assert api.post(at(campaign, "/launch"), {"version": 1}).json()["state"] == "live"
    second = versions.start(campaign=campaign, actor=owner)
    shaped(api.post(at(campaign, "/launch"), {"version": 1}), 409, "changed_meanwhile")
    assert versions.draft_of(campaign) == second
    assert api.post(at(campaign, "/launch"), {"version": 2}).status_code == 200
    assert versions.newest(campaign).launched_at is not None


def test_an_archived_campaign_is_not_launched(api, make_campaign, owner, now):
    campaign = make_campaign()
    lifecycle.archive(campaign=campaign, actor=owner, now=now)
    shaped(api.post(at(campaign, "/launch")), 409, "archived")
    assert api.get(at(campaign)).json()["state"] == "draft"


@pytest.mark.parametrize("kind", ["", "application/json", "application/x-www-form-urlencoded"])
def test_a_launch_needs_no_body(api, make_campaign, kind):
    campaign = make_campaign()
    answer = api.client.generic("POST", f"/api/v1/{at(campaign, '/launch')}", b"", content_type=kind)
    assert (answer.status_code, answer.json()["state"]) == (200, "live")


@pytest.mark.parametrize("step", ["pause", "resume", "stop"])
def test_a_draft_is_in_no_state_for_it(api, make_campaign, step):
    error = shaped(api.post(at(make_campaign(), f"/{step}")), 409, "not_now")
    assert "draft" in error["message"]


def test_a_stopped_campaign_does_not_go_on(api, make_campaign):
    campaign = make_campaign()
    for step in ("launch", "stop"):
        api.post(at(campaign, f"/{step}"))
    shaped(api.post(at(campaign, "/resume")), 409, "not_now")
    shaped(api.post(at(campaign, "/launch")), 409, "stopped")


@pytest.mark.parametrize("step", ["launch", "pause", "resume", "stop"])
def test_only_a_key_that_may_launch_moves_it(tenant, make_campaign, step):
    campaign = make_campaign()
    drafter = Caller(tenant, scopes=["read", "edit", "send", "ingest"])
    shaped(drafter.post(at(campaign, f"/{step}")), 403, "not_allowed")
    campaign.refresh_from_db()
    assert campaign.state == "draft"

"""Deliveries with their decisions, and results, through the management API."""

from __future__ import annotations

import pytest

from delivery import results
from delivery.models import Delivery
from tests.api import shaped
from tests.delivery import steps

pytestmark = pytest.mark.usefixtures("postbox")


@pytest.fixture
def sent(make_campaign, make_profile, run):
    """A campaign with two variants and a control group that went to 40 people, two of whom may not be written to."""
    for _ in range(38):
        make_profile()
    make_profile(email=None, external_id="mute")
    make_profile(consent={"email": "unsubscribed"}, external_id="deaf")
    campaign = make_campaign(
        variants=(("a", 50, "A", "<p>A</p>"), ("b", 50, "B", "<p>B</p>")), control_percent=20
    )
    run()
    return campaign


def at(campaign, more):
    return f"campaigns/{campaign.public_id}/{more}"


def test_what_a_filter_finds_is_what_the_results_count(api, sent):
    found = api.get(at(sent, "results")).json()
    assert found["audience"] == sum(found["states"].values()) == 40
    assert found["is_finished"] is True
    listed = api.all(at(sent, "deliveries"), limit=7)
    assert len({each["id"] for each in listed}) == 40
    for state, count in found["states"].items():
        assert len(api.all(at(sent, "deliveries"), state=state)) == count
    for reason in found["reasons"]:
        rows = api.all(at(sent, "deliveries"), reason=reason["code"])
        assert len(rows) == reason["count"]
        assert {row["why"]["words"] for row in rows} == {reason["words"]}
    (version,) = found["versions"]
    assert {arm["key"] for arm in version["arms"]} >= {"a", "b", "control"}
    for arm in version["arms"]:
        assert len(api.all(at(sent, "deliveries"), arm=arm["key"] or "none", version=1)) == arm["audience"]
    assert sum(arm["audience"] for arm in version["arms"]) == 40
    assert version["verdict"] == results.verdict(results.of(sent).versions[0])


def test_a_delivery_says_why_gate_by_gate(api, sent):
    row = next(
        row
        for row in api.all(at(sent, "deliveries"), state="skipped")
        if row["profile"]["external_id"] == "deaf"
    )
    shown = api.get(f"deliveries/{row['id']}").json()
    assert row.items() <= shown.items()
    assert shown["why"] == {"code": "unsubscribed", "words": "Unsubscribed"}
    assert shown["decision"]["verdict"] == "skip"
    *passed, last = shown["decision"]["gates"]
    assert all(gate["passed"] for gate in passed)
    assert (last["gate"], last["asks"], last["saw"]) == (
        "consent",
        "May be written to",
        {"email": "unsubscribed"},
    )


def test_a_delivery_that_is_not_decided_yet_has_no_decision(api, make_campaign, make_profile, tenant):
    make_profile()
    campaign = make_campaign()
    steps.planned(tenant)
    (row,) = api.all(at(campaign, "deliveries"))
    shown = api.get(f"deliveries/{row['id']}").json()
    assert (shown["state"], shown["decision"], shown["why"], shown["version"]) == (
        "planned",
        None,
        None,
        None,
    )


def test_somebodys_deliveries_are_theirs_alone(api, sent):
    row = Delivery.objects.filter(state="sent").select_related("profile")[0]
    (found,) = api.all(f"profiles/{row.profile.public_id}/deliveries")
    assert found["profile"] == {"id": str(row.profile.public_id), "external_id": row.profile.external_id}
    assert found["campaign"] == {"id": str(sent.public_id), "name": sent.name}
    assert found["sent_at"] is not None


@pytest.mark.parametrize("word", ["x", "0" * 32, "f" * 32, "0" * 31, "%00"])
def test_a_made_up_delivery_is_a_404(api, sent, word):
    shaped(api.get(f"deliveries/{word}"), 404, "not_found")

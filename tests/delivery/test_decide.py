"""The decision is one pure function: gates in order, the first that says no, and what it saw."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from campaigns.arms import Choice, Way, Words
from delivery import explaining
from delivery.decide import GATES, REASONS, Circumstances, Room, decide
from delivery.models import Delivery

NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)
WAY = Way(key="a", weight=100, contents=(Words(id=1, channel="email", language="", needs=()),))
CHOICE = Choice(is_control=False, way=WAY, share=None, reason="", lacks=(), tried=())
WELL = Circumstances(
    campaign_state="live",
    is_marketing=True,
    due_at=NOW - timedelta(hours=1),
    lateness=timedelta(hours=24),
    is_living=True,
    is_in_audience=True,
    choice=CHOICE,
    channel="email",
    address="ada@example.test",
    standing="",
    is_suppressed=False,
    has_sender=True,
)
OPEN = Room(cap_id=1, words="At most 3 emails in 7 days", limit=3, used=2, opens_at=None)
FULL = replace(OPEN, used=3, opens_at=NOW + timedelta(hours=5))
FULL_LONGER = Room(
    cap_id=2, words="At most 1 message a day", limit=1, used=1, opens_at=NOW + timedelta(hours=9)
)
NOBODYS = replace(CHOICE, way=None, reason="no_variant")
LACKING = replace(CHOICE, way=None, reason="lacks_data", lacks=("profile.city",))
ELSEWHERE = replace(CHOICE, way=replace(WAY, contents=()))


@pytest.mark.parametrize(
    ("differently", "reason", "at"),
    [
        pytest.param({"campaign_state": "stopped"}, "campaign_not_live", "campaign_live", id="stopped"),
        pytest.param({"due_at": NOW - timedelta(hours=24, seconds=1)}, "too_late", "not_late", id="too late"),
        pytest.param(
            {"is_living": False, "is_in_audience": False}, "gone", "in_audience", id="merged or erased"
        ),
        pytest.param({"is_in_audience": False}, "left_audience", "in_audience", id="left the audience"),
        pytest.param({"choice": NOBODYS}, "no_variant", "arm", id="no variant is theirs"),
        pytest.param({"choice": LACKING}, "lacks_data", "arm", id="lacks data"),
        pytest.param({"choice": ELSEWHERE}, "no_words", "arm", id="no words on the channel"),
        pytest.param({"address": ""}, "no_address", "address", id="no address"),
        pytest.param({"address": None}, "no_address", "address", id="address never given"),
        pytest.param({"standing": "unsubscribed"}, "unsubscribed", "consent", id="unsubscribed"),
        pytest.param(
            {"standing": "opted_in", "topic": "news", "topic_standing": "unsubscribed"},
            "unsubscribed",
            "consent",
            id="unsubscribed from the topic",
        ),
        pytest.param({"is_suppressed": True}, "suppressed", "suppression", id="suppressed"),
        pytest.param({"has_sender": False}, "no_sender_identity", "sender", id="nobody to send it"),
        pytest.param({"caps": (OPEN, FULL)}, "capped", "caps", id="one of its caps is full"),
        pytest.param(
            {"caps": (FULL,), "waits_if_capped": True, "lateness": timedelta(hours=5)},
            "capped",
            "caps",
            id="there would be room too late",
        ),
    ],
)
def test_a_gate_that_says_no_ends_it_with_its_reason(differently, reason, at):
    decision = decide(replace(WELL, **differently), now=NOW)
    assert (decision.verdict, decision.reason) == ("skip", reason)
    assert (decision.gates[-1].name, decision.gates[-1].passed) == (at, False)
    assert all(gate.passed for gate in decision.gates[:-1])
    assert reason in REASONS


@pytest.mark.parametrize(
    "differently",
    [
        pytest.param({}, id="all well"),
        pytest.param({"due_at": NOW - timedelta(hours=24)}, id="as late as it may be"),
        pytest.param({"due_at": NOW + timedelta(hours=1)}, id="claimed early by a clock set back"),
        pytest.param({"standing": "subscribed"}, id="subscribed"),
        pytest.param({"topic": "news"}, id="never said anything of the topic"),
        pytest.param({"is_marketing": False, "standing": "unsubscribed"}, id="transactional passes consent"),
        pytest.param({"caps": (OPEN,)}, id="its cap has room"),
        pytest.param({"caps": (FULL,), "is_cap_exempt": True}, id="exempt from caps"),
        pytest.param(
            {"is_marketing": False, "topic": "news", "topic_standing": "unsubscribed"},
            id="transactional passes a topic",
        ),
    ],
)
def test_who_passes_every_gate_is_sent_to(differently):
    decision = decide(replace(WELL, **differently), now=NOW)
    assert (decision.verdict, decision.reason) == ("send", "")
    assert len(decision.gates) == len(GATES)


def test_suppression_stops_transactional_messages_too():
    assert decide(replace(WELL, is_marketing=False, is_suppressed=True), now=NOW).reason == "suppressed"


def test_the_control_group_passes_the_same_gates():
    held_out = replace(CHOICE, is_control=True)
    assert decide(replace(WELL, choice=held_out), now=NOW).verdict == "hold_out"
    assert decide(replace(WELL, choice=held_out, address=""), now=NOW).verdict == "skip"


def test_of_several_gates_that_would_say_no_the_first_is_the_reason():
    nothing_right = replace(WELL, is_in_audience=False, address="", is_suppressed=True)
    assert decide(nothing_right, now=NOW).reason == "left_audience"


def test_the_record_names_each_gate_and_what_it_saw():
    record = decide(replace(WELL, choice=LACKING), now=NOW).as_json()
    assert record["verdict"] == "skip"
    names = ["campaign_live", "not_late", "in_audience", "exception", "at_rest", "re_eligible", "arm"]
    assert [gate[0] for gate in record["gates"]] == names
    assert record["gates"][1] == ["not_late", True, {"late_seconds": 3600}]
    assert record["gates"][-1][2]["lacks"] == ["profile.city"]


@pytest.mark.parametrize(
    ("caps", "until"),
    [
        pytest.param((FULL, OPEN), NOW + timedelta(hours=5), id="until the full one opens"),
        pytest.param((FULL, FULL_LONGER), NOW + timedelta(hours=9), id="until the last of them opens"),
    ],
)
def test_who_may_wait_for_room_waits_until_each_cap_has_some(caps, until):
    decision = decide(replace(WELL, caps=caps, waits_if_capped=True, lateness=timedelta(hours=10)), now=NOW)
    assert (decision.verdict, decision.reason, decision.until) == ("wait", "capped", until)
    assert decision.gates[-1].saw["room_at"] == until.isoformat()


def test_the_record_of_a_capped_row_names_the_caps_and_how_full_each_is():
    saw = decide(replace(WELL, caps=(OPEN, FULL_LONGER)), now=NOW).gates[-1].saw
    assert saw["full"] == ["At most 1 message a day"]
    assert saw["used"] == {"At most 3 emails in 7 days": "2 of 3", "At most 1 message a day": "1 of 1"}


def test_every_gate_has_words():
    passed = decide(WELL, now=NOW)
    assert {gate.name for gate in passed.gates} <= set(explaining.GATES)


def test_a_decision_is_said_gate_by_gate():
    row = Delivery(decision=decide(replace(WELL, choice=LACKING), now=NOW).as_json())
    steps = explaining.steps(row)
    assert [step.passed for step in steps] == [True] * (len(steps) - 1) + [False]
    assert steps[-1].asks == "A variant is meant for them"
    assert ("lacks", "profile.city") in steps[-1].saw
    assert explaining.steps(Delivery()) == []


def test_full_caps_are_said_in_words_each_with_what_was_used():
    decision = decide(replace(WELL, caps=(OPEN, FULL_LONGER)), now=NOW)
    saw = dict(explaining.steps(Delivery(decision=decision.as_json()))[-1].saw)
    assert (
        saw["used"] == f"{OPEN.words}: 2 of 3, {FULL_LONGER.words}: {FULL_LONGER.used} of {FULL_LONGER.limit}"
    )

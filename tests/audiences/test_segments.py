"""Segments as saved rules: their names, what they refer to, whom they mean and why."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django_scopes import scope

from audiences import segments
from audiences.models import Event, Profile, Segment
from audiences.rules import words
from audiences.rules.tree import InvalidRule
from tenants.models import AuditEntry, Tenant, User
from tests.audiences.rules.world import attribute, event, near, segment

PARIS = attribute("city", "is", "Paris")
PRO = attribute("plan", "is", "pro")
Make = Callable[..., Segment]


@pytest.fixture
def make(tenant: Tenant, owner: User) -> Make:
    def make(name: str, rule: Any = PARIS, **more: Any) -> Segment:
        return segments.create(tenant=tenant, actor=owner, name=name, rule=rule, **more)

    return make


def change(one: Segment, rule: Any, owner: User) -> Segment:
    return segments.update(segment=one, actor=owner, name=one.name, rule=rule)


def test_what_is_no_rule_is_not_saved(make: Make) -> None:
    with pytest.raises(InvalidRule, match=r"all\[0\].operator"):
        make("Broken", {"all": [attribute("city", "like", "Paris")]})
    assert not Segment.objects.exists()


def test_two_segments_in_use_have_two_names(make: Make, owner: User, now: datetime) -> None:
    first = make("Lapsed")
    with pytest.raises(segments.NameTaken, match="Lapsed"):
        make("Lapsed")
    segments.archive(segment=first, actor=owner, now=now)
    make("Lapsed")
    with pytest.raises(segments.NameTaken):
        segments.restore(segment=first, actor=owner)


def test_changes_are_noted_with_old_and_new(make: Make, owner: User) -> None:
    one = make("Parisians")
    segments.update(segment=one, actor=owner, name="Pros", rule=PRO)
    segments.update(segment=one, actor=owner, name="Pros", rule=PRO)
    entries = list(AuditEntry.objects.filter(thing="segment").order_by("id").values_list("action", "changes"))
    assert entries == [
        ("created", {"rule": [None, PARIS]}),
        ("changed", {"name": ["Parisians", "Pros"], "rule": [PARIS, PRO]}),
    ]


def test_changing_it_leaves_what_others_changed_meanwhile(make: Make, owner: User, now: datetime) -> None:
    one = make("Parisians")
    opened, restored = Segment.objects.get(), Segment.objects.get()
    segments.archive(segment=one, actor=owner, now=now)
    assert segments.update(segment=opened, actor=owner, name="Pros", rule=PRO).archived_at == now
    restored.archived_at = now
    segments.restore(segment=restored, actor=owner)
    kept = Segment.objects.get()
    assert (kept.name, kept.rule, kept.archived_at) == ("Pros", PRO, None)


def test_segments_within_segments_come_to_no_more_than_a_rule_may_hold(make: Make, owner: User) -> None:
    inner = make("Level 0")
    levels = [inner, *(make(f"Level {number}", {"all": []}) for number in (1, 2, 3))]
    for low, high in ((2, 3), (1, 2), (0, 1)):  # each of them harmless as it is saved
        change(levels[high], {"any": [segment(levels[low].public_id)] * 60}, owner)
    segments.resolve(levels[1].rule)
    with pytest.raises(InvalidRule, match="holds at most"):
        segments.resolve(levels[3].rule)
    with pytest.raises(InvalidRule, match="holds at most"):
        make("Level 4", segment(levels[3].public_id))


def test_a_point_may_say_that_it_is_no_place(
    make: Make, make_profile: Callable[..., Profile], tenant: Tenant, now: datetime
) -> None:
    there = make_profile(latitude=48.85, longitude=2.35)
    point = {"place": None, "latitude": 48.85, "longitude": 2.35}
    made = make("Here", near(point, within_km=1))
    assert made.rule == near(point, within_km=1)
    assert segments.count(made.rule, tenant=tenant, now=now) == 1
    assert segments.containing(there, now=now) == ([made], 1)


def test_a_copy_has_its_own_name_and_life(make: Make, owner: User) -> None:
    one = make("x" * 120)
    twins = [segments.duplicate(segment=one, actor=owner) for _ in range(3)]
    assert len({one.name, *(twin.name for twin in twins)}) == 4
    change(one, PRO, owner)
    assert {Segment.objects.get(pk=twin.pk).rule["value"] for twin in twins} == {"Paris"}


def test_a_segment_is_kept_by_id_and_resolved_by_its_rule_of_the_moment(make: Make, owner: User) -> None:
    inner = make("Parisians")
    outer = make("Outer", {"none": [segment(inner.public_id, name="forged", rule=PRO)]})
    assert outer.rule == {"none": [segment(inner.public_id)]}
    before = segments.resolve(outer.rule)
    change(inner, PRO, owner)
    assert before == {"none": [segment(inner.public_id, name="Parisians", rule=PARIS)]}
    assert segments.resolve(outer.rule) == {"none": [segment(inner.public_id, name="Parisians", rule=PRO)]}
    assert words.sentence(before) == "everyone who is not in the segment “Parisians”"


def test_a_circle_is_refused_however_long(make: Make, owner: User) -> None:
    first = make("First")
    second = make("Second", segment(first.public_id))
    third = make("Third", {"any": [PARIS, segment(second.public_id, in_=False)]})
    for rule in (segment(first.public_id), segment(third.public_id), {"none": [segment(second.public_id)]}):
        with pytest.raises(segments.SegmentCycle, match="First"):
            change(first, rule, owner)
    assert Segment.objects.get(pk=first.pk).rule == PARIS


def test_a_circle_that_got_in_anyway_is_no_endless_loop(make: Make) -> None:
    first = make("First")
    second = make("Second", segment(first.public_id))
    Segment.objects.filter(pk=first.pk).update(rule=segment(second.public_id))
    with pytest.raises(segments.SegmentCycle) as refusal:
        segments.resolve(second.rule)
    assert refusal.value.names == ["First", "Second", "First"]


def test_the_same_segment_twice_is_no_circle(make: Make) -> None:
    inner = make("Inner")
    rule = {"any": [segment(inner.public_id), {"all": [PRO, segment(inner.public_id)]}]}
    assert make("Outer", rule).rule == rule


def test_doubling_segments_are_refused_before_they_fill_the_memory(make: Make) -> None:
    one = make("0", {"all": [PARIS] * 30})
    for number in range(1, 19):
        try:
            one = make(str(number), {"all": [segment(one.public_id), segment(one.public_id)]})
        except InvalidRule as refusal:
            assert "at most" in refusal.message or "deep" in refusal.message
            break
    else:
        pytest.fail("rules of any size are taken")


def test_a_segment_that_does_not_exist_is_refused_with_its_place(make: Make) -> None:
    with pytest.raises(InvalidRule, match=r"all\[1\].id: There is no such segment"):
        make("Outer", {"all": [PARIS, segment(uuid4())]})


def test_another_tenants_segment_does_not_exist(make: Make, other_tenant: Tenant, owner: User) -> None:
    with scope(tenant=other_tenant):
        theirs = segments.create(tenant=other_tenant, actor=owner, name="Theirs", rule=PARIS)
    with pytest.raises(InvalidRule, match="There is no such segment"):
        make("Outer", segment(theirs.public_id))


def test_what_others_are_built_on_is_not_archived(make: Make, owner: User, now: datetime) -> None:
    inner = make("Inner")
    outer = make("Outer", {"all": [{"any": [segment(inner.public_id)]}]})
    with pytest.raises(segments.SegmentInUse) as refusal:
        segments.archive(segment=inner, actor=owner, now=now)
    assert refusal.value.users == [outer]
    segments.archive(segment=outer, actor=owner, now=now)
    segments.archive(segment=inner, actor=owner, now=now)
    assert segments.resolve(outer.rule)["all"][0]["any"][0]["name"] == "Inner"


def test_a_glimpse_counts_and_picks_some_at_random(
    tenant: Tenant, now: datetime, make_profile: Callable[..., Profile]
) -> None:
    for number in range(40):
        make_profile(city="Paris" if number % 2 else "Lyon")
    make_profile(city="Paris", erased_at=now)
    seen = [segments.glimpse(PARIS, tenant=tenant, now=now, seed=seed) for seed in (0, 0, 1)]
    assert [(one.count, one.total, one.percent, len(one.people)) for one in seen] == [(20, 40, 50.0, 10)] * 3
    picked = [[profile.pk for profile in one.people] for one in seen]
    assert picked[0] == picked[1] != picked[2]
    assert all(profile.city == "Paris" for profile in seen[0].people)
    assert segments.count(PARIS, tenant=tenant, now=now) == 20


def test_no_people_are_no_division_by_zero(tenant: Tenant, now: datetime) -> None:
    assert segments.glimpse(PARIS, tenant=tenant, now=now).percent == 0


def test_counting_gives_up_after_a_while(
    tenant: Tenant, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    Profile.objects.bulk_create(
        [Profile(tenant=tenant, attributes={"d": "2026-06-15"}) for _ in range(2_000)]
    )
    monkeypatch.setattr(segments, "PATIENCE", timedelta(milliseconds=1))
    slow = {
        "any": [
            attribute("d", "between", [f"20{year}-01-01", "2999-01-01"], or_missing=True)
            for year in range(27, 77)
        ]
    }
    with pytest.raises(segments.TooSlow):
        segments.count(slow, tenant=tenant, now=now)
    with connection.cursor() as cursor:
        cursor.execute("SHOW statement_timeout")
        assert cursor.fetchone() == ("0",), "what follows may take its time"


def test_why_shows_each_verdict_with_what_was_seen(
    make: Make, now: datetime, make_profile: Callable[..., Profile], make_event: Callable[..., Event]
) -> None:
    ana = make_profile(city="Paris", attributes={"age": "36"}, consent={"email": "unsubscribed"})
    make_event(ana, "Order Completed", now - timedelta(days=1), total=5)
    make_event(ana, "Order Completed", now - timedelta(days=2), total=70)
    inner = make("Parisians")
    rule = {
        "all": [
            segment(inner.public_id),
            attribute("age", "greater", 30),
            attribute("plan", "is_not", "pro"),
            event("Order Completed", at_least=2, within={"days": 30}),
            {"none": [{"on": "consent", "subject": "email", "operator": "is", "value": "unsubscribed"}]},
        ]
    }
    why = segments.why(rule, profile=ana, now=now)
    assert why is not None
    assert not why.verdict
    told = [(part.verdict, part.seen) for part in why.children]
    assert told[:3] == [(True, "in it"), (False, "“36”, which is no number"), (False, "missing")]
    assert told[3][0]
    assert told[3][1].startswith("twice, last on ")
    assert (why.children[0].sentence, why.children[0].children[0].seen) == (
        "who is in the segment “Parisians”",
        "Paris",
    )
    assert (why.children[4].verdict, why.children[4].children[0].seen) == (False, "unsubscribed from email")


def test_why_has_nothing_to_say_of_the_erased(make_profile: Callable[..., Profile], now: datetime) -> None:
    assert segments.why(PARIS, profile=make_profile(erased_at=now), now=now) is None

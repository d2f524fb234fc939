"""What becomes of people sets campaigns off: an attribute changes, a segment is entered or left, a message is read."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django_scopes import scope

from audiences import ingest, memberships, places, segments
from audiences.models import Event, Profile, SegmentMember, WatchedSegment
from campaigns import drafts, launching, lifecycle, triggers, versions
from campaigns.launching import NotReady
from campaigns.models import Campaign, Version
from delivery import tasks, traces, watching
from delivery.models import Delivery
from tenants import binary, clock

pytestmark = pytest.mark.usefixtures("postbox")
GOLD = {"on": "attribute", "name": "plan", "operator": "is", "value": "gold"}
BOUGHT_LATELY = {"on": "event", "name": "Order Completed", "within": {"days": 7}}


@pytest.fixture
def call(tenant):
    """Store one call of somebody's."""

    def store(kind, user="u1", origin=ingest.Origin.SERVER, **fields):
        now = clock.now(tenant)
        given = {"type": kind, "userId": user, **fields}
        assert ingest.store(tenant=tenant, calls=[given], now=now, origin=origin).accepted == 1

    return store


@pytest.fixture
def says(call):
    """Store what somebody's attributes are."""
    return lambda user="u1", **traits: call("identify", user, traits={"email": f"{user}@a.test"} | traits)


@pytest.fixture
def gold(tenant, owner):
    return segments.create(tenant=tenant, actor=owner, name="Gold", rule=GOLD)


@pytest.fixture
def waits(make_campaign):
    """A campaign that something sets off."""

    def make(trigger, **fields):
        words = fields.pop("words", "<p>Hello</p>")
        return make_campaign(when="event", trigger=trigger, variants=(("a", 100, "Hello", words),), **fields)

    return make


def rows(campaign):
    found = Delivery.objects.filter(campaign=campaign).order_by("id")
    return [(row.profile.external_id, row.state) for row in found.select_related("profile")]


def count(campaign):
    return Delivery.objects.filter(campaign=campaign).count()


# --- An attribute changes --------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("to", "before", "after", "expected"),
    [
        (None, "basic", "gold", 1),
        (None, "gold", "gold", 0),
        (None, "", "gold", 1),
        (None, "gold", None, 1),
        ("gold", "basic", "gold", 1),
        ("gold", "basic", "silver", 0),
        ("gold", "gold", None, 0),
        (3, 2, 3, 1),
        (3, 2, "3", 0),
        (True, False, True, 1),
    ],
    ids=[
        "any change will do",
        "the same value again is no change",
        "a first value is a change",
        "a value that goes is a change",
        "to the one value",
        "to another value",
        "one value is not its going",
        "to a number",
        "a text is no number",
        "to yes",
    ],
)
def test_an_attribute_changes(waits, says, to, before, after, expected):
    says(**({"plan": before} if before != "" else {}))
    campaign = waits(triggers.on_attribute("plan", to))
    says(plan=after)
    assert count(campaign) == expected


def test_a_standard_attribute_changes(waits, says):
    says(city="Paris")
    campaign = waits(triggers.on_attribute("city", "Rome"))
    says(address={"city": "Rome"})
    assert rows(campaign) == [("u1", "planned")]


def test_the_message_knows_the_old_value_and_the_new(waits, says, postbox, run):
    says(plan="basic")
    waits(triggers.on_attribute("plan"), words="<p>From {{ event.old }} to {{ event.new }}</p>")
    says(plan="gold")
    run()
    assert "From basic to gold" in postbox.to("u1@a.test").get_body(("html",)).get_content()


def test_an_attribute_nobody_waits_for_leaves_no_event(waits, says):
    waits(triggers.on_attribute("plan"))
    says(shoe_size=43)
    assert not Event.objects.filter(name=triggers.ATTRIBUTE_CHANGED).exists()


def test_what_a_client_calls_so_is_not_our_event(waits, call, says):
    says()
    campaign = waits(triggers.on_attribute("plan"))
    call("track", event=triggers.ATTRIBUTE_CHANGED, properties={"attribute": "plan", "new": "gold"})
    assert count(campaign) == 0


# --- A segment is entered or left --------------------------------------------------------------------
def test_whoever_is_in_at_launch_has_not_entered(waits, says, gold):
    says(plan="gold")
    campaign = waits(triggers.on_segment(gold, "entered"))
    says(plan="gold", shoe_size=43)
    assert rows(campaign) == []
    assert SegmentMember.objects.count() == 1


def test_entering_counts_with_the_same_requests_attributes(waits, says, gold):
    campaign = waits(triggers.on_segment(gold, "entered"))
    says(plan="gold")
    assert rows(campaign) == [("u1", "planned")]


def test_leaving_is_noticed(waits, says, gold):
    says(plan="gold")
    campaign = waits(triggers.on_segment(gold, "left"))
    says(plan="basic")
    assert rows(campaign) == [("u1", "planned")]
    assert not SegmentMember.objects.exists()


def test_each_entering_counts_where_every_time_is_chosen(waits, says, gold):
    campaign = waits(triggers.on_segment(gold, "entered"), again="always")
    for plan in ("gold", "basic", "gold"):
        says(plan=plan)
    assert count(campaign) == 2


def test_an_event_brings_somebody_in(tenant, owner, waits, says, call):
    says()
    lately = segments.create(tenant=tenant, actor=owner, name="Bought", rule=BOUGHT_LATELY)
    campaign = waits(triggers.on_segment(lately, "entered"))
    call("track", event="Order Completed")
    assert rows(campaign) == [("u1", "planned")]


def test_time_alone_takes_somebody_out(tenant, owner, waits, says, call, later):
    says()
    lately = segments.create(tenant=tenant, actor=owner, name="Bought", rule=BOUGHT_LATELY)
    campaign = waits(triggers.on_segment(lately, "left"))
    call("track", event="Order Completed")
    later(timedelta(days=8))
    rested(tenant)
    assert watching.look_around() == 1
    assert rows(campaign) == [("u1", "planned")]
    rested(tenant)
    assert watching.look_around() == 0


def rested(tenant):
    WatchedSegment.objects.update(rests_until=clock.raw_now() - timedelta(seconds=1))


def test_everybody_is_looked_at_now_and_then_only(tenant, waits, says, gold):
    waits(triggers.on_segment(gold, "entered"))
    says(plan="gold")
    SegmentMember.objects.all().delete()
    rested(tenant)
    assert [watching.look_around(), watching.look_around()] == [1, 0]
    SegmentMember.objects.all().delete()
    assert watching.look_around() == 0


def test_nobody_enters_because_the_rule_was_changed(tenant, owner, waits, says, gold):
    says(plan="silver")
    campaign = waits(triggers.on_segment(gold, "entered"))
    silver = GOLD | {"value": "silver"}
    segments.update(segment=gold, actor=owner, name="Gold", rule=silver)
    rested(tenant)
    watching.look_around()
    assert (rows(campaign), SegmentMember.objects.count()) == ([], 1)
    says("u2", plan="silver")
    assert rows(campaign) == [("u2", "planned")]


def test_two_who_turn_out_to_be_one_have_not_entered(waits, says, call, gold):
    says(plan="gold")
    says("u2")
    campaign = waits(triggers.on_segment(gold, "entered"))
    call("alias", "u2", previousId="u1")
    assert rows(campaign) == []
    assert [member.profile.external_id for member in SegmentMember.objects.select_related("profile")] == [
        "u2"
    ]


def test_a_segment_that_nothing_waits_for_is_forgotten(waits, says, gold, owner):
    says(plan="gold")
    campaign = waits(triggers.on_segment(gold, "entered"))
    lifecycle.stop(campaign=campaign, actor=owner)
    watching.look_around()
    assert not WatchedSegment.objects.exists()
    assert not SegmentMember.objects.exists()


def test_the_queues_tick_looks_around(tenant, waits, says, gold):
    campaign = waits(triggers.on_segment(gold, "entered"))
    Profile.objects.create(tenant=tenant, external_id="u9", attributes={"plan": "gold"})
    rested(tenant)
    tasks.tick()
    assert rows(campaign) == [("u9", "planned")]


def test_many_who_move_at_once_are_noticed_in_slices(tenant, waits, gold, monkeypatch):
    monkeypatch.setattr(memberships, "SLICE", 2)
    campaign = waits(triggers.on_segment(gold, "entered"))
    Profile.objects.bulk_create(Profile(tenant=tenant, attributes={"plan": "gold"}) for _ in range(5))
    rested(tenant)
    assert watching.look_around() == 5
    assert count(campaign) == 5


def test_a_merge_looks_up_two_peoples_memberships_only(tenant, waits, gold):
    waits(triggers.on_segment(gold, "entered"))
    Profile.objects.bulk_create(Profile(tenant=tenant, attributes={"plan": "gold"}) for _ in range(300))
    rested(tenant)
    watching.look_around()
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE audiences_segmentmember")
        cursor.execute("SET LOCAL enable_seqscan = off")  # a small table is read as a whole
    plan = binary.run(f"EXPLAIN {memberships.UNITE}", [tenant.pk, [1], tenant.pk, tenant.pk, [1], [2]])
    assert any("segment_id = ANY" in line and "profile_id = ANY" in line for (line,) in plan)


def test_another_tenants_people_are_not_looked_at(waits, says, gold, other_tenant):
    campaign = waits(triggers.on_segment(gold, "entered"))
    Profile._base_manager.create(tenant=other_tenant, attributes={"plan": "gold"})
    WatchedSegment._base_manager.update(rests_until=clock.raw_now() - timedelta(seconds=1))
    assert watching.look_around() == 0
    assert count(campaign) == 0


def test_a_segment_that_cannot_be_looked_at_holds_up_no_other_tenant(waits, gold, other_tenant):
    campaign = waits(triggers.on_segment(gold, "entered"))
    Profile.objects.create(tenant=gold.tenant, external_id="u9", attributes={"plan": "gold"})
    gone = {"on": "segment", "id": "6d2d8be8-fd61-4b1c-a67c-2ad3e29ae5fb"}
    with scope(tenant=other_tenant):
        broken = segments.Segment.objects.create(tenant=other_tenant, name="Broken", rule=gone)
        WatchedSegment.objects.create(tenant=other_tenant, segment=broken, rule=GOLD)
        listens = triggers.on_segment(broken, "entered")
        theirs = Campaign.objects.create(tenant=other_tenant, name="Theirs", state="live")
        Version.objects.create(
            tenant=other_tenant,
            campaign=theirs,
            number=1,
            when="event",
            trigger=listens,
            launched_at=clock.raw_now(),
        )
    WatchedSegment._base_manager.update(rests_until=clock.raw_now() - timedelta(seconds=1))
    assert watching.look_around() == 1
    assert count(campaign) == 1


def removed_variant(tenant, owner, now, waits, make_campaign):
    """Let a segment be waited for that names a variant, and a marketer take the variant out of its draft."""
    draft = make_campaign(is_launched=False, name="News")
    variant = drafts.add_variant(version=versions.draft_of(draft), actor=owner)
    received = {"on": "message", "what": "received", "campaign": str(draft.public_id), "variant": variant.key}
    waits(
        triggers.on_segment(
            segments.create(tenant=tenant, actor=owner, name="Got it", rule=received), "entered"
        )
    )
    return lambda: drafts.remove_variant(variant=variant, actor=owner)


def deleted_place(tenant, owner, now, waits, make_campaign):
    """Let a segment be waited for that names a place, be archived, and the place deleted."""
    shop = {"name": "Shop", "latitude": 1.0, "longitude": 1.0, "radius_m": 100, "tags": []}
    place = places.create(tenant=tenant, actor=owner, now=now, dwell_minutes=0, cooldown_minutes=0, **shop)
    near = {"on": "near", "of": [{"place": str(place.public_id)}]}
    segment = segments.create(tenant=tenant, actor=owner, name="Near", rule=near)
    waits(triggers.on_segment(segment, "entered"))

    def delete():
        segments.archive(segment=segment, actor=owner, now=now)
        places.delete(place=place, actor=owner)

    return delete


@pytest.mark.parametrize("lost", [removed_variant, deleted_place])
def test_a_segment_whose_rule_lost_what_it_names_holds_up_no_other(
    tenant, owner, now, waits, gold, make_campaign, lost
):
    lose = lost(tenant, owner, now, waits, make_campaign)
    campaign = waits(triggers.on_segment(gold, "entered"))
    lose()
    Profile.objects.create(tenant=tenant, external_id="u9", attributes={"plan": "gold"})
    rested(tenant)
    watching.look_around()
    assert rows(campaign) == [("u9", "planned")]


def test_a_segment_whose_rule_broke_goes_by_the_one_before_until_it_is_mended(tenant, owner, waits, says):
    plans = {"any": [GOLD, {"on": "attribute", "name": "plan", "operator": "is", "value": "silver"}]}
    segment = segments.create(tenant=tenant, actor=owner, name="Plans", rule=plans)
    campaign = waits(triggers.on_segment(segment, "entered"))
    gone = {"on": "segment", "id": "6d2d8be8-fd61-4b1c-a67c-2ad3e29ae5fb"}
    segments.Segment.objects.filter(pk=segment.pk).update(rule=gone)
    says("u1", plan="silver")
    rested(tenant)
    watching.look_around()
    assert rows(campaign) == [("u1", "planned")]
    segments.update(segment=segment, actor=owner, name="Plans", rule=GOLD)
    rested(tenant)
    watching.look_around()
    says("u2", plan="silver")
    says("u3", plan="gold")
    assert [who for who, _ in rows(campaign)] == ["u1", "u3"]


# --- What they make of a message ------------------------------------------------------------------------
@pytest.fixture
def news(make_campaign):
    return make_campaign(is_launched=False, name="News")


@pytest.fixture
def got(tenant, owner, run, later):
    """Send a campaign to everybody."""

    def send(campaign):
        launching.launch(version=versions.draft_of(campaign), actor=owner, now=clock.now(tenant))
        later(timedelta(seconds=1))
        run()

    return send


def seen(tenant, campaign, name, **properties):
    """Leave what tracking leaves."""
    row = Delivery.objects.get(campaign=campaign)
    message = traces.find(tenant_id=tenant.pk, delivery_id=row.pk, occasion_at=row.occasion_at)
    now = clock.now(tenant)
    event = ingest.InternalEvent(f"{name} {now}", row.profile_id, name, now, message.properties(**properties))
    ingest.record_internal(tenant=tenant, events=[event], now=now)


@pytest.mark.parametrize(
    ("did", "name", "properties", "expected"),
    [
        ("got", None, {}, 1),
        ("opened", None, {}, 0),
        ("opened", "Email Opened", {}, 1),
        ("opened", "Email Opened", {"machine": "yes"}, 0),
        ("clicked", "Email Opened", {}, 0),
        ("clicked", "Email Link Clicked", {}, 1),
    ],
    ids=[
        "who gets it",
        "who gets it has not opened it",
        "who opens it",
        "what a machine opens nobody has opened",
        "who opens it has not clicked",
        "who clicks",
    ],
)
def test_a_message_sets_another_campaign_off(tenant, waits, says, news, got, did, name, properties, expected):
    says()
    campaign = waits(triggers.on_message(news, did))
    got(news)
    if name:
        seen(tenant, news, name, **properties)
    assert count(campaign) == expected


@pytest.mark.parametrize(
    ("name", "properties", "state"),
    [
        (None, {}, "sent"),
        ("Email Opened", {}, "cancelled"),
        ("Email Link Clicked", {}, "cancelled"),
        ("Email Opened", {"machine": "yes"}, "sent"),
    ],
    ids=["ignored it", "opened it", "clicked it", "a machine opened it"],
)
def test_a_message_that_is_ignored_is_followed_up(
    tenant, waits, says, news, got, later, run, name, properties, state
):
    says()
    campaign = waits(triggers.on_message(news, "ignored"), delay_minutes=3 * 24 * 60, delay_from="trigger")
    got(news)
    later(timedelta(days=1))
    if name:
        seen(tenant, news, name, **properties)
    later(timedelta(days=2, minutes=1))
    run()
    assert rows(campaign) == [("u1", state)]


def test_another_campaigns_message_sets_nothing_off(tenant, waits, says, news, got, make_campaign):
    says()
    campaign = waits(triggers.on_message(news, "got"))
    got(make_campaign(is_launched=False, name="Other"))
    assert count(campaign) == 0


# --- What cannot be launched, or drafted --------------------------------------------------------------------
def drafted(owner, campaign, trigger):
    version = versions.draft_of(campaign)
    drafts.set_schedule(
        version=version, actor=owner, when="event", starts_at=None, lateness_hours=24, trigger=trigger,
        delay_minutes=0, delay_from="trigger", exceptions=[], replaces_waiting=False, again="once",
        again_hours=24, ends_at=None,
    )  # fmt: skip
    return versions.draft_of(campaign)


def test_a_campaign_cannot_set_itself_off(tenant, owner, news):
    draft = drafted(owner, news, triggers.on_message(news, "opened"))
    with pytest.raises(NotReady, match="Its own messages would set it off"):
        launching.launch(version=draft, actor=owner, now=clock.now(tenant))


def test_nor_through_another(tenant, owner, news, waits):
    other = waits(triggers.on_message(news, "got"), name="Other")
    draft = drafted(owner, news, triggers.on_message(other, "ignored"))
    with pytest.raises(NotReady, match="through “Other”"):
        launching.launch(version=draft, actor=owner, now=clock.now(tenant))


def test_another_tenants_segment_is_none(owner, news, other_tenant):
    theirs = segments.Segment._base_manager.create(tenant=other_tenant, name="Theirs", rule=GOLD)
    with pytest.raises(triggers.InvalidRule, match="There is no such segment"):
        drafted(owner, news, triggers.on_segment(theirs, "entered"))


@pytest.mark.parametrize(
    "trigger",
    [
        {},
        {"on": "weather"},
        {"on": "attribute"},
        {"on": "attribute", "name": "plan", "to": [1]},
        {"on": "attribute", "name": "plan", "to": None},
        {"on": "attribute", "name": "plan", "to": float("nan")},
        {"on": "attribute", "name": "plan", "to": float("inf")},
        {"on": "attribute", "name": "plan", "to": "a\0"},
        {"on": "attribute", "name": "plan", "more": 1},
        {"on": "segment", "id": "x", "did": "entered"},
        {"on": "segment", "id": "6d2d8be8-fd61-4b1c-a67c-2ad3e29ae5fb", "did": "opened"},
        {"on": "message", "id": "6d2d8be8-fd61-4b1c-a67c-2ad3e29ae5fb", "did": "left"},
        {"on": "event", "name": "Cart Viewed", "within": {"days": 7}},
    ],
)
def test_what_is_no_trigger_is_refused(trigger):
    with pytest.raises(triggers.InvalidRule):
        triggers.check(trigger)

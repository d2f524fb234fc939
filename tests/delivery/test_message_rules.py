"""Rules about messages, on what real messages left behind: sent, opened, clicked, converted, unsubscribed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django_scopes import scope

from audiences import ingest, messages, segments, vocabulary
from audiences.models import Event, Profile
from audiences.rules import words
from audiences.rules.tree import InvalidRule
from campaigns.models import Campaign
from delivery import conversions, tokens, tracking
from delivery.models import Delivery
from tenants import clock
from tenants.models import Tenant, User
from tests.audiences.rules.world import message

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
GOAL = {"goal": "Orders", "conversion_event": "Order Completed", "conversion_hours": 48}


@pytest.fixture
def spring(make_profile, make_campaign, postbox, run, later) -> Campaign:
    """A campaign that Ada, Ben and Cleo had an hour ago; another that nobody had is beside it."""
    for name in ("ada", "ben", "cleo"):
        make_profile(external_id=name, email=f"{name}@example.test")
    campaign = make_campaign(name="Spring", **GOAL)
    run()
    make_campaign(name="Autumn", is_launched=False)
    later(HOUR)
    return campaign


@pytest.fixture
def meant(tenant: Tenant) -> Callable[..., set[str | None]]:
    """Whom a rule means at this moment, by SQL and, one by one, in memory."""

    def find(what: str, **more: Any) -> set[str | None]:
        rule, now = message(what, **more), clock.now(tenant)
        found = {person.external_id for person in segments.sample(rule, tenant=tenant, now=now)}
        for profile in Profile.objects.all():
            why = segments.why(rule, profile=profile, now=now)
            assert why is not None
            assert why.verdict == (profile.external_id in found)
        return found

    return find


def did(tenant: Tenant, who: str, what: Callable[..., None], **more: Any) -> None:
    row = Delivery.objects.get(profile__external_id=who)
    mark = tokens.Mark(what.__name__[0], tenant.pk, row.pk, row.occasion_at, "https://shop.test")
    what(tenant=tenant, mark=mark, now=clock.now(tenant), **more)


def ordered(tenant: Tenant, who: str, now: datetime | None = None) -> None:
    call = {"type": "track", "userId": who, "event": "Order Completed", "properties": {"revenue": 30}}
    ingest.store(tenant=tenant, calls=[call], now=now or clock.now(tenant))


def test_what_people_did_with_a_message(spring, tenant, meant, later):
    did(tenant, "ada", tracking.opened, by_machine=False)
    did(tenant, "ada", tracking.clicked, by_machine=False)
    did(tenant, "ben", tracking.opened, by_machine=True)
    did(tenant, "ben", tracking.unsubscribed, origin="link")
    ordered(tenant, "cleo")
    of = {"campaign": str(spring.public_id), "variant": "a", "channel": "email"}
    assert meant("received", **of) == {"ada", "ben", "cleo"}
    assert meant("opened", **of) == meant("clicked", **of) == {"ada"}
    assert meant("unsubscribed", **of) == {"ben"}
    assert meant("converted", **of) == {"cleo"}
    assert meant("ignored", unopened_for={"days": 1}, **of) == set()
    later(DAY)
    assert meant("ignored", unopened_for={"days": 1}, **of) == {"ben", "cleo"}
    autumn = str(Campaign.objects.get(name="Autumn").public_id)
    assert meant("received", campaign=autumn) == set()


def converted() -> list[tuple[str, dict[str, Any]]]:
    found = Event.objects.filter(name="Message Converted", is_internal=True).order_by("id")
    return [(event.profile.external_id, event.properties) for event in found.select_related("profile")]


def test_a_conversion_leaves_one_trace_however_much_is_ordered(spring, tenant, later):
    ordered(tenant, "ada")
    later(HOUR)
    ordered(tenant, "ada")
    ((who, properties),) = converted()
    assert (who, properties["campaign"], properties["variant"]) == ("ada", str(spring.public_id), "a")
    assert (properties["goal"], properties["revenue"]) == ("Orders", 30)
    first = Event.objects.filter(name="Order Completed").earliest("occurred_at")
    assert Event.objects.get(name="Message Converted").occurred_at == first.occurred_at


def test_a_conversion_counted_anew_leaves_no_second_trace(spring, tenant):
    ordered(tenant, "ada")
    ids = [Profile.objects.get(external_id="ada").pk]
    conversions.recount(tenant=tenant, profile_ids=ids, now=clock.now(tenant))
    assert len(converted()) == 1


def test_who_was_held_out_had_no_message_that_could_convert(
    make_profile, make_campaign, postbox, run, tenant
):
    people = [make_profile(external_id=f"u{number}") for number in range(20)]
    make_campaign(control_percent=50, **GOAL)
    run()
    for person in people:
        ordered(tenant, person.external_id)
    reached = Delivery.objects.filter(state="sent").values_list("profile__external_id", flat=True)
    assert 0 < len(reached) < 20
    assert {who for who, _ in converted()} == set(reached)


def test_a_merge_that_brings_an_order_to_its_message_leaves_the_trace(
    make_profile, make_campaign, postbox, run, tenant, later
):
    make_profile(external_id="ada")
    make_campaign(**GOAL)
    run()
    now = later(HOUR)
    call = {"type": "track", "anonymousId": "n1", "event": "Order Completed"}
    ingest.store(tenant=tenant, calls=[call], now=now)
    assert converted() == []
    same = {"type": "identify", "userId": "ada", "anonymousId": "n1"}
    ingest.store(tenant=tenant, calls=[same], now=later(HOUR))
    assert [who for who, _ in converted()] == ["ada"]


def test_a_segment_keeps_the_campaigns_id_and_says_its_name(spring, tenant, owner: User):
    rule = message("opened", campaign=str(spring.public_id), variant="a", campaign_name="Forged")
    made = segments.create(tenant=tenant, actor=owner, name="Readers", rule=rule)
    assert made.rule == message("opened", campaign=str(spring.public_id), variant="a")
    Campaign.objects.filter(pk=spring.pk).update(name="Spring sale")
    inside = {"on": "segment", "id": str(made.public_id)}
    said = segments.resolve(inside)["rule"]
    assert words.sentence(said) == "everyone who opened variant “A” of “Spring sale”"


@pytest.mark.parametrize("which", ["another tenant's", "one that never existed"])
def test_a_campaign_that_is_not_there_is_refused_alike(which: str, spring, tenant, other_tenant, owner: User):
    with scope(tenant=other_tenant):
        theirs = Campaign(tenant=other_tenant, name="Theirs")
        theirs.save()
    id_ = theirs.public_id if which.startswith("another") else uuid4()
    rule = {"all": [message("opened", campaign=str(id_))]}
    with pytest.raises(InvalidRule) as refusal:
        segments.create(tenant=tenant, actor=owner, name="Readers", rule=rule)
    assert (refusal.value.path, refusal.value.message) == ("all[0].campaign", "There is no such campaign.")


def test_a_variant_that_is_not_there_is_refused(spring, tenant):
    with pytest.raises(InvalidRule, match=r"variant: “Spring” has no such variant"):
        segments.resolve(message("opened", campaign=str(spring.public_id), variant="z"))


def test_the_builder_offers_campaigns_with_variants_archived_ones_last(spring, tenant, now):
    Campaign.objects.filter(name="Autumn").update(archived_at=now)
    offered = vocabulary.describe()["messages"]
    assert [one["name"] for one in offered["campaigns"]] == ["Spring", "Autumn (archived)"]
    assert offered["campaigns"][0]["variants"] == [("a", "A")]
    assert offered["channels"] == [["email", "Email"]]
    assert [deed for deed, _ in offered["deeds"]] == list(messages.DEEDS)

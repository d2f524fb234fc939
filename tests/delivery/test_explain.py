"""Why: for every person and campaign, the delivery's gates, what is still to come, or how far the way in went."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.urls import reverse

from audiences import ingest
from audiences.models import Profile
from campaigns import lifecycle, triggers
from delivery import explain
from delivery.models import CapUse, Delivery, Entry, FrequencyCap
from tenants import clock
from tests.api import shaped
from tests.delivery import steps

pytestmark = pytest.mark.usefixtures("postbox")
PARIS = {"all": [{"on": "attribute", "name": "city", "operator": "is", "value": "Paris"}]}
BIG = [{"on": "property", "name": "total", "operator": "at_least", "value": 100}]


@pytest.fixture
def ask(tenant):
    """Ask in a transaction that the database keeps from changing or locking anything."""

    def why(campaign, profile):
        campaign.refresh_from_db()
        profile.refresh_from_db()
        now = clock.now(tenant)
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("SET LOCAL transaction_read_only = on")
            answer = explain.why(campaign, profile, now=now)
            json.dumps(answer.as_json())
            transaction.set_rollback(True)
        return answer

    return why


def said_no(asked):
    return [step.name for step in asked if not step.passed]


# --- Those who have a delivery ------------------------------------------------------------------------------------
def test_who_got_it_is_told_when_and_by_which_gates(ask, make_profile, make_campaign, run):
    profile, campaign = make_profile(), make_campaign()
    run()
    answer = ask(campaign, profile)
    (told,) = answer.deliveries
    assert (answer.verdict, answer.sentence) == ("got_it", "Got it")
    assert answer.at == told.delivery.sent_at
    assert said_no(told.steps) == []
    assert answer.now is None, "a campaign that goes once cannot come again"
    assert answer.entering is None


@pytest.mark.parametrize(
    ("fields", "sentence", "gate"),
    [
        ({"consent": {"email": "unsubscribed"}}, "Did not get it: unsubscribed", "consent"),
        ({"email": None}, "Did not get it: has no address on this channel", "address"),
    ],
    ids=["unsubscribed", "no address"],
)
def test_who_did_not_get_it_is_told_the_gate(ask, make_profile, make_campaign, run, fields, sentence, gate):
    profile, campaign = make_profile(**fields), make_campaign()
    run()
    answer = ask(campaign, profile)
    assert (answer.verdict, answer.sentence) == ("did_not", sentence)
    assert said_no(answer.deliveries[0].steps) == [gate]


def test_who_was_held_out_is_told_so(ask, make_profile, make_campaign, run):
    profiles, campaign = [make_profile() for _ in range(20)], make_campaign(control_percent=50)
    run()
    held_out = Delivery.objects.filter(state="held_out").first()
    assert held_out is not None
    answer = ask(campaign, next(one for one in profiles if one.pk == held_out.profile_id))
    assert (answer.verdict, answer.sentence) == ("held_out", "Held out: in the control group")


def test_of_several_the_newest_is_the_verdict_and_all_are_shown(ask, triggered, person, did, later, run):
    profile, campaign = person(), triggered(again="always")
    did(total=1)
    run()
    later(timedelta(hours=1))
    Profile.objects.filter(pk=profile.pk).update(consent={"email": "unsubscribed"})
    did(total=2)
    run()
    answer = ask(campaign, profile)
    assert [told.verdict for told in answer.deliveries] == ["did_not", "got_it"]
    assert answer.sentence == "Did not get it: unsubscribed"
    assert said_no(answer.now.steps) == ["consent"], "it may come again, and would not be sent"


# --- What is still to come ----------------------------------------------------------------------------------------
def test_who_waits_is_told_until_when_and_what_may_still_stop_it(ask, triggered, person, did, later):
    profile, campaign = person(city="Paris"), triggered(rule=PARIS, delay_minutes=60)
    did(total=1)
    answer = ask(campaign, profile)
    (told,) = answer.deliveries
    assert (answer.verdict, answer.sentence) == ("will_get_it", "Will get it")
    assert answer.at == told.delivery.due_at
    assert told.waits_for == "Waits until it is due"
    assert said_no(told.forecast.steps) == []
    Profile.objects.filter(pk=profile.pk).update(city="Rome", consent={"email": "unsubscribed"})
    answer = ask(campaign, profile)
    assert answer.verdict == "will_not"
    assert answer.sentence == "Will not get it, as things stand: not in the audience"
    assert said_no(answer.deliveries[0].forecast.steps) == ["in_audience", "consent"]
    assert Delivery.objects.get().state == "planned"


def test_a_forecast_is_what_then_becomes_of_it(ask, triggered, person, did, later, run):
    """The same gates on the same circumstances: what was foretold at each moment is decided."""
    people = {
        "will_get_it": person("u1"),
        "will_not": person("u2", consent={"email": "unsubscribed"}),
        "will_wait": person("u3", timezone="Pacific/Kiritimati"),
    }
    local = clock.now(people["will_get_it"].tenant)
    start = (local + timedelta(minutes=30)).time().replace(second=0, microsecond=0)
    end = (local + timedelta(hours=3)).time().replace(second=0, microsecond=0)
    campaign = triggered(delay_minutes=60, window_start=start, window_end=end, lateness_hours=48)
    Profile.objects.filter(external_id__in=["u1", "u2"]).update(timezone="UTC")
    for user in ("u1", "u2", "u3"):
        did(total=1, user=user)
    foretold = {verdict: ask(campaign, profile) for verdict, profile in people.items()}
    assert {verdict: answer.verdict for verdict, answer in foretold.items()} == {
        verdict: verdict for verdict in people
    }
    later(timedelta(minutes=60))
    run()
    rows = {row.profile_id: row for row in Delivery.objects.all()}
    assert rows[people["will_get_it"].pk].state == "sent"
    assert rows[people["will_not"].pk].reason == "unsubscribed"
    waiting = rows[people["will_wait"].pk]
    assert waiting.state == "planned"
    assert waiting.due_at == foretold["will_wait"].at
    answer = ask(campaign, people["will_wait"])
    assert answer.deliveries[0].waits_for == "Due outside the hours in which it may be sent"
    assert answer.verdict == "will_get_it", "when it is due again the window is open"


def test_a_paused_campaign_is_what_it_waits_for(ask, make_profile, make_campaign, owner, tenant):
    profile, campaign = make_profile(), make_campaign()
    steps.planned(tenant)
    lifecycle.pause(campaign=campaign, actor=owner)
    answer = ask(campaign, profile)
    assert answer.deliveries[0].waits_for == "Waits until the campaign is resumed"
    assert said_no(answer.deliveries[0].forecast.steps) == ["campaign_live"]


def test_asking_reserves_nothing(ask, triggered, person, did, tenant):
    FrequencyCap(tenant=tenant, limit=1, kind="day", scope="all").save()
    profile, campaign = person(), triggered(delay_minutes=5)
    did(total=1)
    for _ in range(3):
        assert ask(campaign, profile).verdict == "will_get_it"
    assert not CapUse.objects.exists()
    assert not Entry.objects.exists()


# --- Those who never entered --------------------------------------------------------------------------------------
def test_a_campaign_that_was_never_launched_says_so(ask, make_profile, make_campaign):
    answer = ask(make_campaign(is_launched=False, rule=PARIS), make_profile(city="Rome"))
    assert answer.sentence == "Never entered: the campaign has not been launched"
    assert not answer.audience.verdict
    assert answer.audience.children[0].seen == "Rome"
    assert answer.now is None


def test_who_was_not_in_the_audience_is_told_so_with_what_is_seen(ask, make_profile, make_campaign, run):
    profile, campaign = make_profile(city="Rome"), make_campaign(rule=PARIS)
    run()
    answer = ask(campaign, profile)
    assert answer.verdict == "never_entered"
    assert answer.sentence == "Never entered: they were not in the audience when it was planned"
    assert [child.seen for child in answer.audience.children] == ["Rome"]
    assert answer.now.words == "Would not get it: not in the audience"
    Profile.objects.filter(pk=profile.pk).update(city="Paris")
    assert ask(campaign, profile).now.words == "Would get it"


def test_who_came_later_is_told_so(ask, make_profile, make_campaign, run):
    make_profile()
    campaign = make_campaign()
    run()
    answer = ask(campaign, make_profile())
    assert answer.sentence == "Never entered: they came after it was planned"


def test_before_its_hour_and_before_planning_it_says_which(ask, make_profile, make_campaign, tenant, later):
    starts_at = clock.now(tenant) + timedelta(days=1)
    profile, campaign = make_profile(), make_campaign(when="at", starts_at=starts_at)
    answer = ask(campaign, profile)
    assert answer.sentence == "Never entered: its hour has not come"
    assert starts_at in [condition.at for condition in answer.entering.conditions]
    later(timedelta(days=2))
    assert ask(campaign, profile).sentence == "Never entered: planning has not come to them yet"


def test_who_never_did_what_triggers_it_is_told_so(ask, triggered, person):
    answer = ask(triggered(words="<p>Hello</p>"), person())
    assert answer.sentence == "Never entered: what sets it off has never happened"
    assert answer.now.words == "Would get it"


def test_events_that_set_nothing_off_are_listed_with_the_filter_that_said_no(ask, triggered, person, did):
    profile = person()
    did(total=500, ago=1)
    campaign = triggered(triggers.make("Cart Viewed", BIG), words="<p>Hello</p>")
    did(total=12)
    did("Order Completed", total=900)
    answer = ask(campaign, profile)
    assert answer.sentence == (
        "Never entered: when “Cart Viewed” came last, what it brought did not pass the filter"
    )
    newest, oldest = answer.entering.occurrences
    assert not newest.filters.verdict
    assert newest.filters.children[0].seen == "12"
    assert oldest.filters.verdict
    assert oldest.reason == "it happened before the campaign began to listen"


def test_what_became_of_them_is_explained_like_what_they_did(ask, triggered, person, tenant):
    """An attribute's change is an event of our own: changes of other attributes are not listed, other values are."""
    profile = person()
    campaign = triggered(triggers.on_attribute("plan", "gold"), words="<p>Hello</p>")
    for traits in ({"plan": "silver"}, {"city": "Rome"}):
        call = {"type": "identify", "userId": "u1", "messageId": str(traits), "traits": traits}
        assert ingest.store(tenant=tenant, calls=[call], now=clock.now(tenant)).accepted == 1
    answer = ask(campaign, profile)
    (occurrence,) = answer.entering.occurrences
    assert [child.verdict for child in occurrence.filters.children] == [True, False]
    assert occurrence.filters.children[1].seen == "silver"
    assert answer.now.words == "Would get it"


def test_what_a_message_needs_of_the_event_is_taken_from_the_newest(ask, triggered, person, did):
    profile, other = person(), person("u2")
    did(total=3)
    campaign = triggered()
    assert ask(campaign, profile).now.words == "Would get it"
    nothing_known = ask(campaign, other).now
    assert said_no(nothing_known.steps) == ["arm"]
    assert ("lacks", "event.total") in next(step.saw for step in nothing_known.steps if step.name == "arm")


def test_who_had_it_once_would_not_get_it_again(ask, triggered, person, did, run):
    profile, campaign = person(), triggered()
    did(total=1)
    run()
    answer = ask(campaign, profile)
    assert answer.verdict == "got_it"
    assert said_no(answer.now.steps) == ["re_eligible"]


# --- Pages --------------------------------------------------------------------------------------------------------
def test_the_page_answers_from_both_sides(make_profile, make_campaign, run, client_of):
    profile, campaign = make_profile(email="ada@example.test"), make_campaign()
    run()
    client = client_of("analyst")
    address = reverse("campaign_why", args=[campaign.public_id])
    there = f"{address}?profile={profile.public_id}"
    assert client.get(address, {"q": "ada@example.test"}).url == there
    from_person = reverse("profile_why", args=[profile.public_id])
    assert client.get(from_person, {"campaign": campaign.public_id}).url == there
    page = client.get(there).content.decode()
    assert "variant A" in page
    assert "arm a" not in page
    assert "Got it" in page
    assert "May be written to" in page
    for listing in (
        reverse("campaign_people", args=[campaign.public_id]),
        reverse("profile_detail", args=[profile.public_id]),
    ):
        assert there in client.get(listing).content.decode()


def test_words_that_mean_several_people_offer_them(make_profile, make_campaign, client_of):
    for n in range(3):
        make_profile(first_name="Ada", email=f"ada{n}@example.test")
    campaign = make_campaign()
    page = client_of("analyst").get(reverse("campaign_why", args=[campaign.public_id]), {"q": "ada"})
    assert page.content.decode().count("?profile=") == 3
    nobody = client_of("analyst").get(reverse("campaign_why", args=[campaign.public_id]), {"q": "zoe"})
    assert "Nobody goes by that" in nobody.content.decode()


def test_who_was_merged_is_answered_for_as_the_person_they_are(make_profile, make_campaign, client_of):
    winner, campaign = make_profile(), make_campaign()
    loser = make_profile(merged_into=winner)
    address = reverse("campaign_why", args=[campaign.public_id])
    assert str(winner.public_id) in client_of("analyst").get(address, {"profile": loser.public_id}).url


@pytest.mark.parametrize("asked", ["nonsense", "0", "6a5f0b8e-1111-4222-8333-444455556666"])
def test_nobody_of_that_id_is_a_404(make_campaign, client_of, asked):
    address = reverse("campaign_why", args=[make_campaign().public_id])
    assert client_of("analyst").get(address, {"profile": asked}).status_code == 404


def test_another_tenants_person_is_a_404(make_profile, make_campaign, client_of, other_tenant):
    theirs, campaign = make_profile(of=other_tenant), make_campaign()
    address = reverse("campaign_why", args=[campaign.public_id])
    assert client_of("analyst").get(address, {"profile": theirs.public_id}).status_code == 404


def test_every_kind_of_page_renders(make_profile, make_campaign, triggered, person, did, run, client_of):
    """Draft, waiting, never entered and erased."""
    draft, waiting = make_campaign(is_launched=False, rule=PARIS), triggered(delay_minutes=5)
    filtered = triggered(triggers.make("Cart Viewed", BIG))
    profile = person()
    did(total=1)
    erased = make_profile(erased_at="2026-01-01T00:00Z")
    client = client_of("analyst")
    for campaign, words in ((draft, "has not been launched"), (waiting, "Will get it"), (filtered, "total")):
        address = reverse("campaign_why", args=[campaign.public_id])
        assert words in client.get(address, {"profile": profile.public_id}).content.decode()
        assert client.get(address, {"profile": erased.public_id}).status_code == 200


# --- Programs -----------------------------------------------------------------------------------------------------
def test_programs_are_told_the_same(api, triggered, person, did, tenant):
    had, never, campaign = person("u1"), person("u2"), triggered(delay_minutes=5)
    did(total=7)
    now = clock.now(tenant)
    for profile, verdict in ((had, "will_get_it"), (never, "never_entered")):
        answer = api.get(f"campaigns/{campaign.public_id}/why", profile=profile.public_id)
        assert answer.status_code == 200
        told = answer.json()
        ours = explain.why(campaign, profile, now=now).as_json()
        assert set(told) == set(ours)
        assert (told["verdict"], told["sentence"]) == (verdict, ours["sentence"])
        assert [row["words"] for row in told["deliveries"]] == [row["words"] for row in ours["deliveries"]]
    assert told["conditions"] == ours["conditions"]
    assert told["now"]["gates"] == ours["now"]["gates"]


def test_programs_ask_about_somebody_there_is(api, triggered, make_profile, other_tenant):
    address = f"campaigns/{triggered().public_id}/why"
    shaped(api.get(address), 400, "invalid")
    shaped(api.get(address, profile=make_profile(of=other_tenant).public_id), 404, "not_found")

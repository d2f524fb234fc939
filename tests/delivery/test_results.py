"""Results: totals add up, every number leads to its people, and lifts claim no more than the data."""

from __future__ import annotations

import csv
import re
from datetime import timedelta
from io import StringIO

import pytest
from django.urls import reverse

from audiences import ingest
from campaigns import launching, versions
from campaigns.models import Variant, Version
from delivery import results
from delivery.models import Conversion, Delivery
from tenants import clock

GOAL = {"goal": "Ordered", "conversion_event": "Order Completed", "conversion_hours": 48}
NAMED = "<p>Dear {{ profile.first_name }}</p>"


@pytest.fixture
def sent(make_profile, make_campaign, postbox, run):
    """A campaign to 300 people, a third held out, some of them not to be written to."""
    for n in range(300):
        make_profile(
            first_name="Ada" if n % 10 else None,
            email=None if n % 25 == 1 else f"p{n}@example.test",
            consent={"email": "unsubscribed"} if n % 30 == 2 else {},
        )
    campaign = make_campaign(
        variants=(("a", 50, "Hi", NAMED), ("b", 50, "Ho", NAMED)),
        default=("c", "Hello", "<p>Hello</p>"),
        control_percent=30,
        **GOAL,
    )
    run()
    return campaign


def order(tenant, row, *, after, total=30.0, call_id=None):
    call = {
        "type": "track",
        "messageId": call_id or f"order-{row.pk}-{after}",
        "userId": row.profile.external_id,
        "event": "Order Completed",
        "timestamp": (row.exposed_at + after).isoformat(),
        "properties": {"revenue": total},
    }
    return ingest.store(tenant=tenant, calls=[call], now=clock.now(tenant))


def test_totals_add_up_to_the_audience(sent):
    found = results.of(sent)
    (version,) = found.versions
    assert found.audience == 300 == sum(arm.audience for arm in version.everyone)
    for arm in version.everyone:
        assert sum(arm.reasons.values()) == arm.states["skipped"]
    assert found.is_finished
    assert version.treated.exposed + version.held_out.exposed + found.progress["skipped"] == 300


def test_an_arms_control_is_who_could_have_got_it(sent):
    (version,) = results.of(sent).versions
    a, b, c, _ = version.arms
    assert a.control == b.control
    assert a.control.exposed + c.control.exposed == version.held_out.exposed
    assert c.control.exposed > 0


def test_orders_inside_the_window_are_conversions_and_their_revenue_adds_up(sent, tenant, later):
    first, second, held_out = [
        *Delivery.objects.filter(state="sent").select_related("profile")[:2],
        Delivery.objects.filter(state="held_out").select_related("profile").first(),
    ]
    later(timedelta(hours=50))
    order(tenant, first, after=timedelta(hours=1))
    order(tenant, first, after=timedelta(hours=2), total=12.5)
    order(tenant, second, after=timedelta(hours=49))
    order(tenant, held_out, after=timedelta(hours=3))
    (version,) = results.of(sent).versions
    assert version.treated.converted == 1
    assert version.treated.revenue == pytest.approx(42.5)
    assert version.held_out.converted == 1
    assert Conversion.objects.count() == 2


def test_the_same_order_again_changes_nothing(sent, tenant, later):
    row = Delivery.objects.filter(state="sent").select_related("profile").first()
    later(timedelta(hours=2))
    for _ in range(2):
        order(tenant, row, after=timedelta(hours=1), call_id="once")
    assert Conversion.objects.get().events == 1


def test_with_few_conversions_the_verdict_claims_nothing(sent):
    (version,) = results.of(sent).versions
    assert results.verdict(version).startswith("Too few people")


def test_every_number_on_the_page_counts_the_people_it_leads_to(sent, client_of, tenant, later):
    client = client_of("analyst")
    page = client.get(reverse("campaign_progress", args=[sent.public_id])).content.decode()
    links = re.findall(r'href="([^"]+/people/[^"]*)"[^>]*>([\d,]+)</a>', page)
    assert len(links) >= 20
    for url, number in links:
        listed = count_people(client, url.replace("&amp;", "&"))
        assert listed == int(number.replace(",", "")), url


def count_people(client, url):
    counted = 0
    while url:
        page = client.get(url, headers={"HX-Request": "true"}).content.decode()
        counted += page.count('data-label="State"')
        more = re.search(r'hx-get="([^"]+)"', page)
        url = more[1].replace("&amp;", "&") if more else ""
    return counted


def test_the_csv_says_the_same(sent, client_of):
    response = client_of("analyst").get(reverse("campaign_results_csv", args=[sent.public_id]))
    rows = list(csv.DictReader(StringIO(response.content.decode())))
    assert sum(int(row["audience"]) for row in rows) == 300
    assert {row["arm"] for row in rows} >= {"a", "b", "c", "control"}


def test_another_tenants_campaign_is_a_404(sent, client_of, other_tenant):
    client = client_of("owner", of=other_tenant)
    for name in ("campaign_progress", "campaign_people", "campaign_results_csv"):
        assert client.get(reverse(name, args=[sent.public_id])).status_code == 404


@pytest.mark.parametrize("number", ["²", "x", pytest.param("9" * 5_000, id="5000 digits"), "9" * 18])
def test_the_people_behind_a_number_are_asked_for_by_numbers(sent, client_of, number):
    address = reverse("campaign_people", args=[sent.public_id])
    for asked in ({"after": number}, {"version": number, "arm": "a"}):
        assert client_of("analyst").get(address, asked).status_code == 200


def test_pages_call_an_arm_by_its_variants_name(sent, client_of):
    Variant.objects.filter(version__campaign=sent, key="a").update(name="To the point")
    row = Delivery.objects.filter(campaign=sent, arm="a").first()
    addresses = [
        reverse("profile_detail", args=[row.profile.public_id]),
        reverse("campaign_why", args=[sent.public_id]) + f"?profile={row.profile.public_id}",
        reverse("campaign_people", args=[sent.public_id]) + "?arm=a",
    ]
    pages = [client_of("analyst").get(address).content.decode() for address in addresses]
    assert ["To the point" in page for page in pages] == [True, True, True]
    assert pages[2].count("To the point") > 1  # in the title and on every line


def test_a_persons_page_tells_what_they_got_and_why_not(sent, client_of):
    browser = client_of("analyst")
    skipped = Delivery.objects.filter(campaign=sent, state="skipped").first()
    held_out = Delivery.objects.filter(campaign=sent, state="held_out").first()
    for row, words in ((skipped, results.reason_words(skipped.reason)), (held_out, "Control group")):
        page = browser.get(reverse("profile_detail", args=[row.profile.public_id])).content.decode()
        assert sent.name in page
        assert row.state.replace("_", " ").capitalize() in page
        assert words in page
        assert "How it was decided" in page
        assert "In the audience" in page


def test_those_compared_lead_to_each_person_once_by_what_their_version_waited_for(
    triggered, person, did, postbox, run, owner, client_of, tenant, later
):
    """Reached three times, by two versions with different goals: each counts where they were reached first."""
    person()
    campaign = triggered(again="always", **GOAL)
    for _ in range(2):
        did(total=1)
        run()
        later(timedelta(minutes=1))
    versions.start(campaign=campaign, actor=owner)
    draft = versions.draft_of(campaign)
    Version.objects.filter(pk=draft.pk).update(goal="Signed up", conversion_event="Signed Up")
    launching.launch(version=versions.draft_of(campaign), actor=owner, now=clock.now(tenant))
    did(total=1)
    run()
    assert Delivery.objects.filter(state="sent").count() == 3
    sign_up = {"type": "track", "userId": "u1", "event": "Signed Up"}
    ingest.store(tenant=tenant, calls=[sign_up], now=later(timedelta(minutes=1)))
    assert Conversion.objects.get().goal == "Signed up"
    shown = {one.version.number: one.treated for one in results.of(campaign).versions}
    assert {number: (one.exposed, one.converted) for number, one in shown.items()} == {1: (1, 0), 2: (0, 0)}
    page = client_of("analyst").get(reverse("campaign_progress", args=[campaign.public_id])).content.decode()
    for url, number in re.findall(r'href="([^"]+/people/[^"]*)"[^>]*>([\d,]+)</a>', page):
        assert count_people(client_of("analyst"), url.replace("&amp;", "&")) == int(number), url


def test_who_still_waits_for_the_mail_server_is_no_lost_half_of_the_split(
    make_profile, make_campaign, postbox, run
):
    for n in range(160):
        make_profile(first_name="Ada", email=f"full{n}@example.test")
    campaign = make_campaign(variants=(("a", 50, "Hi", NAMED), ("b", 50, "Ho", NAMED)), control_percent=50)
    run()
    (version,) = results.of(campaign).versions
    assert version.held_out.exposed > 50
    assert version.treated.exposed == 0
    assert not version.is_split_off

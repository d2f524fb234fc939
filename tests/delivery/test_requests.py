"""Campaigns that wait for a server's word: one request, one message, however often it is sent also by many at once."""

from __future__ import annotations

import json
import threading
from datetime import timedelta

import pytest
from django.db import connection
from django.test import TransactionTestCase
from django_scopes import scope

from audiences import ingest
from audiences.models import Event, Identity, Profile
from campaigns import drafts, launching, lifecycle, preview, summary, versions
from campaigns.models import Campaign, Version
from delivery import requests
from delivery.models import Delivery
from delivery.requests import Request
from tenants import clock
from tenants.models import Tenant, User
from tests.api import Caller, shaped

pytestmark = pytest.mark.usefixtures("postbox")


def at(campaign, more="send"):
    return f"campaigns/{campaign.public_id}/{more}"


def to(who="u1", key="order-1", **more):
    return {"to": {"external_id": who}, "idempotency_key": key, "properties": {"order": key}} | more


# --- Sending ----------------------------------------------------------------------------------------
def test_a_request_sends_a_message_that_knows_what_it_brought(api, receipt, make_profile, postbox, run):
    make_profile(external_id="u1", email="ada@example.test")
    answer = api.post(at(receipt()), to())
    assert answer.status_code == 202
    reference = answer.json()["delivery"]
    assert answer.headers["Location"] == f"/api/v1/deliveries/{reference}"
    assert api.get(f"deliveries/{reference}").json()["state"] == "planned"
    run()
    assert "Order order-1 is on its way" in postbox.to("ada@example.test").get_body(("html",)).get_content()
    told = api.get(f"deliveries/{reference}").json()
    assert (told["state"], told["decision"]["verdict"]) == ("sent", "send")
    (event,) = [
        each for each in api.all(f"profiles/{told['profile']['id']}/events") if "Requested" in each["name"]
    ]
    assert event["properties"] == {"order": "order-1", "campaign": told["campaign"]["id"]}
    assert event["is_internal"] is True


def test_the_same_key_again_gets_the_first_answer_and_sends_nothing(api, receipt, make_profile, postbox, run):
    make_profile(external_id="u1", email="ada@example.test")
    campaign = receipt()
    first = api.post(at(campaign), to())
    run()
    again = api.post(at(campaign), to(properties={"order": "another"}))
    assert (again.status_code, again.json()) == (202, first.json())
    assert "Idempotency-Replayed" not in first.headers
    assert again.headers["Idempotency-Replayed"] == "true"
    run()
    assert postbox.recipients() == ["ada@example.test"]
    another = api.post(at(campaign), to(key="order-2"))
    assert another.json() != first.json()
    run()
    assert len(postbox.recipients()) == 2


def test_the_key_may_come_as_a_header(api, receipt, make_profile):
    make_profile(external_id="u1")
    campaign, body = receipt(), to()
    in_body = api.post(at(campaign), body).json()
    del body["idempotency_key"]
    by_header = api.post(at(campaign), body, **{"Idempotency-Key": "order-1"})
    assert by_header.json() == in_body
    shaped(api.post(at(campaign), to(), **{"Idempotency-Key": "other"}), 400, "invalid")
    error = shaped(api.post(at(campaign), body), 400, "invalid")
    assert error["details"][0]["path"] == "idempotency_key"


def test_one_key_is_good_in_each_campaign(api, receipt, make_profile):
    make_profile(external_id="u1")
    answers = {api.post(at(receipt()), to()).json()["delivery"] for _ in range(2)}
    assert len(answers) == 2


def test_a_key_used_for_somebody_else_is_a_conflict(api, receipt, make_profile):
    make_profile(external_id="u1")
    make_profile(external_id="u2")
    campaign = receipt()
    api.post(at(campaign), to())
    shaped(api.post(at(campaign), to("u2")), 409, "key_used")
    assert Delivery.objects.count() == 1


def test_nobody_outside_can_use_up_a_key(api, receipt, make_profile, tenant):
    """A write key may choose any messageId, and whoever reads a page has one."""
    make_profile(external_id="u1")
    campaign = receipt()
    for id_ in (f"api:{campaign.public_id}:order-1", f"\0api:{campaign.public_id}:order-1"):
        call = {"type": "track", "userId": "u1", "event": "Campaign Requested", "messageId": id_}
        ingest.store(tenant=tenant, calls=[call], now=clock.now(tenant))
    assert not Delivery.objects.exists()
    assert api.post(at(campaign), to()).status_code == 202


# --- Whom -------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "who",
    [
        lambda profile: {"external_id": "u1"},
        lambda profile: {"email": "ADA@example.test"},
        lambda profile: {"profile": str(profile.public_id)},
        lambda profile: {"external_id": "u1", "email": "somebody-else@example.test"},
    ],
    ids=["external id", "email", "profile", "external id decides"],
)
def test_people_are_meant_in_three_ways(api, receipt, make_profile, who):
    profile = make_profile(external_id="u1", email="ada@example.test")
    assert api.post(at(receipt()), to() | {"to": who(profile)}).status_code == 202
    assert Delivery.objects.get().profile_id == profile.pk


@pytest.mark.parametrize(
    ("who", "path"),
    [
        ({"external_id": "nobody"}, "to.external_id"),
        ({"email": "nobody@example.test"}, "to.email"),
        ({"profile": "7b0e2f1c-3b0f-4a57-9d5e-0f8f6f0d1c11"}, "to.profile"),
    ],
)
def test_somebody_unknown_is_told_by_the_path(api, receipt, who, path):
    error = shaped(api.post(at(receipt()), to() | {"to": who}), 404, "no_such_person")
    assert error["details"][0]["path"] == path
    assert not Profile.objects.exists()


@pytest.mark.parametrize(
    ("who", "path"),
    [
        ({}, "to"),
        ({"name": "Ada"}, "to.name"),
        ({"profile": "x"}, "to.profile"),
        ({"profile": "7b0e2f1c-3b0f-4a57-9d5e-0f8f6f0d1c11", "email": "a@b.test"}, "to"),
        ("u1", "to"),
    ],
)
def test_whom_it_means_has_to_be_said_well(api, receipt, who, path):
    error = shaped(api.post(at(receipt()), to() | {"to": who}), 400, "invalid")
    assert error["details"][0]["path"] == path


def test_somebody_unknown_is_made_if_asked_for(api, receipt, postbox, run):
    campaign = receipt()
    who = {"external_id": "new", "email": "new@example.test"}
    for key in ("k1", "k1", "k2"):
        assert api.post(at(campaign), to(key=key, to=who, create=True)).status_code == 202
    assert (
        api.post(at(campaign), to(key="k3", to={"email": "new@example.test"}, create=True)).status_code == 202
    )
    assert (
        api.post(at(campaign), to(key="k4", to={"email": "other@example.test"}, create=True)).status_code
        == 202
    )
    assert Profile.objects.count() == 2
    run()
    assert postbox.recipients() == ["new@example.test"] * 3 + ["other@example.test"]


def test_an_address_is_known_by_how_it_was_written(api, receipt, postbox, run):
    """It is kept with its domain in ASCII."""
    campaign = receipt()
    for key, address in (("k1", "ada@exämple.test"), ("k2", "ADA@EXÄMPLE.test")):
        answer = api.post(at(campaign), to(key=key, to={"email": address}, create=True))
        assert answer.status_code == 202
    (found,) = api.all("profiles?email=ada@exämple.test")
    assert found["email"] == "ada@xn--exmple-cua.test"
    run()
    assert postbox.recipients() == ["ada@xn--exmple-cua.test"] * 2


def test_making_people_needs_the_scope_for_it(tenant, receipt):
    sender = Caller(tenant, scopes=["send"])
    shaped(sender.post(at(receipt()), to(create=True)), 403, "not_allowed")
    assert not Profile.objects.exists()


def test_an_address_that_is_none_is_told(api, receipt):
    error = shaped(api.post(at(receipt()), to(to={"email": "no address"}, create=True)), 400, "invalid")
    assert error["details"][0]["path"] == "to.email"


def test_an_address_of_several_people_says_too_little(api, receipt, make_profile):
    for name in ("u1", "u2"):
        make_profile(external_id=name, email="both@example.test")
    error = shaped(api.post(at(receipt()), to(to={"email": "both@example.test"})), 409, "several_people")
    assert error["details"][0]["path"] == "to.email"


def test_who_was_merged_is_still_answered_by_their_first_message(api, receipt, tenant, now):
    ingest.store(
        tenant=tenant,
        calls=[{"type": "track", "anonymousId": "x", "event": "Seen"}, {"type": "identify", "userId": "u1"}],
        now=now,
    )
    anonymous = Identity.objects.get(kind="anonymous_id").profile
    campaign, body = receipt(), to() | {"to": {"profile": str(anonymous.public_id)}}
    first = api.post(at(campaign), body).json()
    ingest.store(tenant=tenant, calls=[{"type": "alias", "userId": "u1", "previousId": "x"}], now=now)
    assert api.post(at(campaign), body).json() == first
    assert api.post(at(campaign), to()).json() == first


# --- When -------------------------------------------------------------------------------------------
def test_a_campaign_that_is_not_launched_or_not_for_requests_says_so(api, make_campaign, make_profile, owner):
    make_profile(external_id="u1")
    draft = make_campaign(when="api", is_launched=False)
    assert "not been launched" in shaped(api.post(at(draft), to()), 409, "not_askable")["message"]
    scheduled = make_campaign()
    assert "schedule" in shaped(api.post(at(scheduled), to()), 409, "not_askable")["message"]


def test_what_is_asked_for_while_paused_waits_and_what_comes_after_a_stop_is_refused(
    api, receipt, make_profile, owner, run
):
    make_profile(external_id="u1")
    campaign = receipt()
    lifecycle.pause(campaign=campaign, actor=owner)
    reference = api.post(at(campaign), to()).json()["delivery"]
    run()
    assert api.get(f"deliveries/{reference}").json()["state"] == "planned"
    lifecycle.resume(campaign=campaign, actor=owner)
    run()
    assert api.get(f"deliveries/{reference}").json()["state"] == "sent"
    lifecycle.stop(campaign=campaign, actor=owner)
    assert "stopped" in shaped(api.post(at(campaign), to(key="k2")), 409, "not_askable")["message"]


@pytest.mark.parametrize(
    ("message_class", "state"),
    [("transactional", "sent"), ("marketing", "skipped")],
    ids=["asked for", "marketing"],
)
def test_its_class_decides_about_consent(api, receipt, make_profile, run, message_class, state):
    make_profile(external_id="u1", consent={"email": "unsubscribed"})
    reference = api.post(at(receipt(message_class=message_class)), to()).json()["delivery"]
    run()
    assert api.get(f"deliveries/{reference}").json()["state"] == state


def test_its_audience_is_asked_at_the_gate(api, receipt, make_profile, run):
    make_profile(external_id="u1", city="Rome")
    rule = {"on": "attribute", "name": "city", "operator": "is", "value": "Paris"}
    reference = api.post(at(receipt(rule=rule)), to()).json()["delivery"]
    run()
    assert api.get(f"deliveries/{reference}").json()["why"]["code"] == "left_audience"


def test_the_clock_alone_plans_nothing(receipt, make_profile, run, later):
    make_profile(external_id="u1")
    receipt()
    later(timedelta(days=2))
    run()
    assert not Delivery.objects.exists()


def test_only_a_key_that_may_send_does(tenant, receipt, make_profile):
    make_profile(external_id="u1")
    other = Caller(tenant, scopes=["ingest", "read", "edit", "launch"])
    campaign = receipt()
    for path, body in ((at(campaign), to()), (at(campaign, "send/batch"), {"messages": [to()]})):
        shaped(other.post(path, body), 403, "not_allowed")
    assert not Delivery.objects.exists()


@pytest.mark.parametrize(
    "properties",
    [
        {"a": "x" * 40_000},
        {"deep": json.loads("[" * 20 + "]" * 20)},
        {f"k{n}": n for n in range(600)},
        ["x"],
        "x",
        {"campaign": "Summer"},
    ],
    ids=["large", "deep", "many", "list", "text", "a name of ours"],
)
def test_properties_are_what_an_event_can_hold(api, receipt, make_profile, properties):
    make_profile(external_id="u1")
    error = shaped(api.post(at(receipt()), to(properties=properties)), 400, "invalid")
    assert error["details"][0]["path"].startswith("properties")


# --- Many -------------------------------------------------------------------------------------------
def test_a_batch_is_answered_in_order_and_one_unknown_takes_nobody_with_it(
    api, receipt, make_profile, postbox, run
):
    for name in ("u1", "u2"):
        make_profile(external_id=name, email=f"{name}@example.test")
    campaign = receipt()
    messages = [to("u1", "k1"), to("nobody", "k2"), to("u2", "k3"), to("u1", "k1"), to("u2", "k1")]
    answer = api.post(at(campaign, "send/batch"), {"messages": messages})
    assert answer.status_code == 202
    first, unknown, second, again, used = answer.json()["messages"]
    assert first["delivery"] == again["delivery"] == api.post(at(campaign), to("u1", "k1")).json()["delivery"]
    assert second["delivery"] not in (None, first["delivery"])
    assert (unknown["delivery"], unknown["error"]["code"]) == (None, "no_such_person")
    assert (used["delivery"], used["error"]["code"]) == (None, "key_used")
    run()
    assert postbox.recipients() == ["u1@example.test", "u2@example.test"]


@pytest.mark.parametrize("count", [0, 101])
def test_a_batch_holds_one_to_a_hundred(api, receipt, make_profile, count):
    make_profile(external_id="u1")
    body = {"messages": [to(key=f"k{n}") for n in range(count)]}
    error = shaped(api.post(at(receipt(), "send/batch"), body), 400, "invalid")
    assert error["details"][0]["path"] == "messages"
    assert not Delivery.objects.exists()


def test_one_malformed_message_refuses_the_batch(api, receipt, make_profile):
    make_profile(external_id="u1")
    body = {"messages": [to(), {"to": {"external_id": "u1"}}]}
    error = shaped(api.post(at(receipt(), "send/batch"), body), 400, "invalid")
    assert error["details"][0]["path"] == "messages[1].idempotency_key"
    assert not Delivery.objects.exists()


# --- In the editor ----------------------------------------------------------------------------------
def test_the_editor_offers_it_and_shows_the_call(client_of, make_campaign, owner):
    campaign = make_campaign(is_launched=False)
    url = f"/campaigns/{campaign.public_id}/edit/schedule/"
    client = client_of()
    page = client.get(url).content.decode()
    assert f"/api/v1/campaigns/{campaign.public_id}/send" in page
    client.post(url, {"when": "api", "lateness_hours": "24"})
    draft = versions.newest(campaign)
    assert (draft.when, draft.again, draft.exceptions) == ("api", "always", [])
    assert "whenever your server asks" in summary.sentence(draft)


@pytest.mark.parametrize(("message_class", "warns"), [("marketing", True), ("transactional", False)])
def test_a_receipt_that_counts_as_marketing_is_worth_a_thought(make_campaign, now, message_class, warns):
    campaign = make_campaign(when="api", is_launched=False)
    Campaign.objects.filter(pk=campaign.pk).update(message_class=message_class)
    checks = launching.checklist(versions.newest(campaign), now=now)
    assert ("It counts as marketing" in [check.words for check in checks if check.state == "warn"]) is warns


def test_what_called_off_an_earlier_trigger_calls_off_no_request(make_campaign, owner, tenant):
    campaign = make_campaign(
        when="event",
        trigger={"on": "event", "name": "Cart Viewed"},
        exceptions=[{"on": "event", "name": "Order Completed"}],
        is_launched=False,
    )
    draft = versions.newest(campaign)
    drafts.set_schedule(version=draft, actor=owner, when="api", starts_at=None, lateness_hours=1)
    assert versions.newest(campaign).exceptions == []


def test_its_words_may_use_the_event_and_are_shown_with_the_last_request(api, receipt, make_profile, now):
    profile = make_profile(external_id="u1")
    campaign, other = receipt(), receipt()
    variant = Version.objects.get(campaign=campaign).variants.get()
    assert variant.contents.get().problems == []
    api.post(at(campaign), to(properties={"order": "seen"}))
    api.post(at(other), to(properties={"order": "another campaign's"}))
    shown = preview.of_saved(variant=variant, channel="email", profile=profile, now=now)
    assert "Order seen is on its way" in str(shown.message)


# --- At once ----------------------------------------------------------------------------------------
class TestTwins(TransactionTestCase):
    """Two web processes that got the same request."""

    def test_the_same_request_by_many_at_once_owes_one_message(self) -> None:
        tenant = Tenant.objects.create(name="T", is_sandbox=True, from_email="a@b.test", postal_address="x")
        owner = User.objects.create_user("o@b.test")
        with scope(tenant=tenant):
            campaign = drafts.create(tenant=tenant, actor=owner, name="Receipt")
            version = versions.newest(campaign)
            drafts.set_audience(
                version=version, actor=owner, segment=None, is_everyone=True, control_percent=0
            )
            drafts.set_schedule(version=version, actor=owner, when="api", starts_at=None, lateness_hours=24)
            launching.launch(version=versions.newest(campaign), actor=owner, now=clock.now(tenant))
            campaign.refresh_from_db()
            people = [Profile.objects.create(tenant=tenant, external_id=f"u{n}").pk for n in range(5)]
        found: list[list[int]] = []
        failed: list[Exception] = []
        barrier = threading.Barrier(6)

        def ask(turn: int) -> None:
            try:
                with scope(tenant=tenant):
                    asked = [Request(pk, f"k{pk}", {}) for pk in (people if turn % 2 else people[::-1])]
                    barrier.wait()
                    owed = requests.ask(campaign=campaign, requests=asked, now=clock.now(tenant))
                    found.append(sorted(each.id for each in owed if each))
            except Exception as error:
                failed.append(error)
            finally:
                connection.close()

        threads = [threading.Thread(target=ask, args=(turn,)) for turn in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failed == []
        with scope(tenant=tenant):
            assert Delivery.objects.count() == 5
            assert Event.objects.filter(name="Campaign Requested").count() == 5
            assert found == [sorted(Delivery.objects.values_list("pk", flat=True))] * 6

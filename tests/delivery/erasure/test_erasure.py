"""Somebody is erased: nothing in any table names them, results stay as they were, and what they refused holds."""

from __future__ import annotations

import json
import re
from datetime import timedelta

import pytest
from django.db import connection
from django.urls import reverse

from audiences import consent, erasure, refusals, returning, segments, suppression, tasks, telling
from audiences.models import (
    ConsentChange,
    Erasure,
    Event,
    EventTotal,
    Import,
    Place,
    Profile,
    RefusedCall,
    RefusedRow,
)
from campaigns.models import Source, SourceAnswer
from campaigns.sources import erasing
from delivery import results
from delivery.models import CapUse, Delivery, FrequencyCap
from delivery.sandbox import inbox
from delivery.sandbox.keeping import INBOX_NAME, Keeper
from tenants import binary, clock
from tenants.models import AuditEntry
from tests.api import shaped
from tests.delivery.erasure.zebedia import EMAIL, NAME, naming


def test_no_table_names_them_and_results_are_as_they_were(
    person, store, erase, make_campaign, receipt, postbox, run, later, tenant, owner, api, settings, tmp_path
):
    settings.SANDBOX_INBOX = tmp_path
    keeper = Keeper(tmp_path)
    for address in (EMAIL, "other@example.test"):
        keeper.keep(tenant.public_id.hex, "x@y.test", [address], b"Subject: Hello\r\n\r\nHello")
    keeper.close()
    now = clock.now(tenant)
    cap = FrequencyCap.objects.create(tenant=tenant, limit=9, kind="rolling", hours=1, scope="all")
    sent = make_campaign(conversion_event="Order Completed", goal="Order")
    run()
    later(timedelta(hours=1))
    store({"type": "track", "userId": "zebedia-1", "event": "Order Completed", "properties": {"revenue": 5}})
    api.post(
        f"campaigns/{receipt().public_id}/send",
        {"to": {"external_id": "zebedia-1"}, "idempotency_key": "zebedia"},
    )
    run()
    later(timedelta(hours=1))
    waits = make_campaign(name="Waits", when="once", starts_at=now + timedelta(hours=3))
    later(timedelta(minutes=50))
    Delivery.objects.create(
        tenant=tenant,
        campaign=waits,
        profile=person,
        occasion="once",
        occasion_at=now,
        due_at=now,
        channel="email",
    )
    assert CapUse.objects.filter(cap=cap, profile=person).exists()
    EventTotal.objects.create(
        tenant=tenant,
        profile=person,
        name="Old",
        count=1,
        first_at=now,
        last_at=now,
        last_properties={"who": NAME},
    )
    RefusedCall.objects.create(
        tenant=tenant, received_at=now, index=0, reason="x", call=f'{{"userId": "{EMAIL}"'
    )
    RefusedCall.objects.create(tenant=tenant, received_at=now, index=0, reason="x", call='{"userId": "u7"}')
    file = Import.objects.create(tenant=tenant, file_name="people.csv", rows_refused=1)
    RefusedRow.objects.create(
        tenant=tenant, import_file=file, number=2, reason="x", values=["1", f" {EMAIL} "]
    )
    for name, url in (("personal", "https://x.test/{{ profile.email }}"), ("same", "https://x.test/")):
        source = Source.objects.create(tenant=tenant, name=name, url=url, example=f'"for {name}"')
        SourceAnswer.objects.create(
            tenant=tenant,
            source=source,
            question="q",
            body=f'"{NAME if name == "personal" else "all"}"',
            kept_until=now,
        )
    consent.change(
        tenant=tenant, profile_id=person.pk, subject="email", standing="unsubscribed", origin="x", now=now
    )
    suppression.add(
        tenant=tenant, channel="email", address=EMAIL, reason="bounced", detail=f"550 {EMAIL}", now=now
    )
    telling.tell(profile=person, stated={"plan": "zebedias own"}, actor=owner, now=clock.now(tenant))
    assert len(naming("zebedia")) > 8
    before = [results.of(sent).audience, results.of(sent).progress, results.of(sent).versions]

    begun = erase(person)

    assert naming("zebedia") == []
    assert naming("30901820") == []
    after = [results.of(sent).audience, results.of(sent).progress, results.of(sent).versions]
    assert str(after) == str(before)
    assert Delivery.objects.get(campaign=waits, profile=person).reason == "erased"
    assert not Event.objects.filter(profile=person).exists()
    assert not ConsentChange.objects.filter(profile=person).exists()
    assert not CapUse.objects.filter(profile=person).exists()
    assert RefusedCall.objects.get().call == '{"userId": "u7"}'
    assert SourceAnswer.objects.get().source.name == "same"
    assert [mail.recipient for mail in inbox.newest(tmp_path / INBOX_NAME, tenant=tenant.public_id.hex)] == [
        "other@example.test"
    ]
    begun.refresh_from_db()
    assert begun.done_at
    kept = (
        AuditEntry.objects.filter(thing="profile")
        .order_by("pk")
        .values_list("action", "thing_name", "changes")
    )
    assert list(kept) == [
        ("changed attributes of", "An erased person", {"plan": [None, None]}),
        ("erased", "An erased person", {}),
    ]


def test_killed_anywhere_or_run_beside_its_twin_it_ends_the_same(person, store, tenant, owner, monkeypatch):
    monkeypatch.setattr(erasure, "BATCH", 2)
    store(*({"type": "track", "userId": "zebedia-1", "event": f"E{n}"} for n in range(7)))
    others = Event.objects.exclude(profile=person).count()
    begun = erasure.begin(profile=person, actor=owner, now=clock.now(tenant))
    with pytest.raises(erasure.Gone):
        erasure.begin(profile=person, actor=owner, now=clock.now(tenant))
    left = []
    twin = Erasure.objects.select_related("tenant").get(pk=begun.pk)
    while not erasure.go_on(begun, is_over=lambda: True, now=clock.now(tenant)):
        left.append(Event.objects.filter(profile=person).count())
    assert left == [6, 4, 2, 0]
    assert erasure.go_on(twin, is_over=lambda: True, now=clock.now(tenant))
    assert tasks.erase(begun.pk)
    assert Event.objects.count() == others


def test_what_was_refused_is_read_in_portions_each_once(person, tenant, owner, monkeypatch):
    monkeypatch.setattr(refusals, "CALLS_AT_ONCE", 2)
    Event.objects.filter(profile=person).delete()
    now = clock.now(tenant)
    refused = {"tenant": tenant, "reason": "x"}
    for minutes, who in ((0, "u7"), (1, "u7"), (1, "u7"), (1, EMAIL), (2, "u7"), (3, "u7"), (4, EMAIL)):
        at = now - timedelta(minutes=minutes)
        RefusedCall.objects.create(**refused, index=0, received_at=at, call=f'{{"userId": "{who}"}}')
    for name in ("a.csv", "b.csv"):
        file = Import.objects.create(tenant=tenant, file_name=name, rows_refused=1)
        RefusedRow.objects.create(**refused, import_file=file, number=2, values=[EMAIL])
    begun = erasure.begin(profile=person, actor=owner, now=now)
    left = []
    for _ in range(5):  # each time in a process that knows nothing of the last
        assert not erasure.go_on(Erasure.objects.get(pk=begun.pk), is_over=lambda: True, now=now)
        left.append((RefusedCall.objects.count(), RefusedRow.objects.count()))
    assert left == [(6, 2), (6, 2), (5, 2), (5, 1), (5, 0)]
    assert erasure.go_on(Erasure.objects.get(pk=begun.pk), is_over=lambda: True, now=now)


def test_what_was_refused_is_theirs_however_it_is_written(store, erase, client_of, tenant):
    who = {"type": "identify", "userId": "zé/b", "anonymousId": "4711"}
    store(who | {"traits": {"email": "Zeb+x@münchen.test", "phone": "+4930901820"}})
    person = Profile.objects.get()
    now = clock.now(tenant)
    calls = [
        json.dumps({"userId": "zé/b"}),
        json.dumps({"userId": "zé/b"}).replace("/", "\\/"),
        '{"userId": "zé\\/b"}',
        json.dumps({"traits": {"email": "zeb+x@münchen.test"}}),
        '{"traits": {"email": "Zeb\\u002Bx@münchen.test"}}',
        '{"traits": {"phone": "+49 (30) 90-18-20"}}',
        '{"traits": {"phone": "0049 30\\/901820"}}',
        '{"traits": {"phone": 4930901820}}',
    ]
    others = ['{"traits": {"phone": "+49 30 9018200"}}', '{"userId": "zb"}', '{"userId": "47110"}']
    for call in [*calls, *others]:
        RefusedCall.objects.create(tenant=tenant, received_at=now, index=0, reason="x", call=call)
    file = Import.objects.create(tenant=tenant, file_name="people.csv", rows_refused=1)
    cells = ["+49 (30) 901820", "0049 30 901820", "\u00a0+4930901820\t", "\u00a0ZEB+x@münchen.test "]
    for number, cell in enumerate([*cells, "+49 30 9018200", "0"]):
        row = {"tenant": tenant, "import_file": file, "number": number, "reason": "x"}
        RefusedRow.objects.create(**row, values=["Z", cell])
    answer = client_of("analyst").get(reverse("profile_export", args=[person.public_id]))
    told = json.loads(b"".join(answer.streaming_content))
    assert {one["call"] for one in told["refused_calls"]} == set(calls[:5])
    assert [one["values"][1] for one in told["refused_rows_of_files"]] == cells
    erase(person)
    assert set(RefusedCall.objects.values_list("call", flat=True)) == set(others)
    assert [values[1] for values in RefusedRow.objects.values_list("values", flat=True)] == [
        "+49 30 9018200",
        "0",
    ]


def test_answers_of_sources_go_in_portions(person, tenant, owner, make_source, monkeypatch):
    monkeypatch.setattr(erasing, "BATCH", 2)
    source = make_source("https://x.test/{{ profile.email }}")
    now = clock.now(tenant)
    for question in "abcde":
        SourceAnswer.objects.create(tenant=tenant, source=source, question=question, kept_until=now)
    begun = erasure.begin(profile=person, actor=owner, now=now)
    left = []
    while not erasing.forget(begun, [person.pk], lambda: True):
        left.append(SourceAnswer.objects.count())
    assert left == [3, 1]
    assert not SourceAnswer.objects.exists()


def test_of_a_source_that_is_asked_all_the_time_what_is_new_keeps_no_erasure_going(
    person, tenant, owner, make_source
):
    source = make_source("https://x.test/{{ profile.email }}")
    begun = erasure.begin(profile=person, actor=owner, now=clock.now(tenant))
    asked = []

    def ask_again(execute, sql, *rest):
        if "FROM campaigns_sourceanswer" in sql and len(asked) < 9:
            asked.append(f"question {len(asked)}")
            SourceAnswer.objects.create(
                tenant=tenant, source=source, question=asked[-1], kept_until=clock.now(tenant)
            )
        return execute(sql, *rest)

    with connection.execute_wrapper(ask_again):
        assert erasing.forget(begun, [person.pk], lambda: False)
    assert len(asked) == 1


def test_others_who_go_by_an_address_are_found_by_an_index(tenant):
    Profile.objects.bulk_create(
        Profile(tenant=tenant, email=f"{'Aa'[n % 2]}{n}@x.test", phone=f"+49{n}") for n in range(300)
    )
    with connection.cursor() as cursor:
        cursor.execute(
            "ANALYZE audiences_profile"
        )  # of few people any index will do, whenever they were counted
        cursor.execute("SET LOCAL enable_seqscan = off")  # a small table is read as a whole
    values = [["email", "phone"], ["email", "sms"], ["a@x.test", "+49"]]
    plan = binary.run(f"EXPLAIN {returning.LIFT}", [tenant.pk, *values, *[tenant.pk] * 4])
    for index in ("profile_email", "profile_email_capitals", "profile_phone"):
        assert any(re.search(rf"\b{index}\b", line) for (line,) in plan), plan  # by a scan or a bitmap


def test_what_is_being_handed_over_is_emptied_once_it_is_settled(
    person, make_campaign, run, postbox, tenant, owner
):
    make_campaign()
    run()
    Delivery.objects.filter(profile=person).update(state="sending")
    begun = erasure.begin(profile=person, actor=owner, now=clock.now(tenant))
    assert not tasks.erase(begun.pk)
    assert tasks.resume_erasures() == 1
    Delivery.objects.filter(profile=person).update(state="sent")
    assert tasks.erase(begun.pk)
    assert tasks.resume_erasures() == 0
    assert naming("zebedia") == []


def test_what_is_settled_while_it_is_looked_for_is_emptied_the_next_time(
    person, make_campaign, run, postbox, tenant, owner
):
    make_campaign()
    run()
    Delivery.objects.filter(profile=person).update(state="sending")
    begun = erasure.begin(profile=person, actor=owner, now=clock.now(tenant))

    def settle_after_all_else_is_emptied(execute, sql, *rest):
        if "delivery_capuse" in sql:
            Delivery.objects.filter(profile=person).update(state="sent")
        return execute(sql, *rest)

    with connection.execute_wrapper(settle_after_all_else_is_emptied):
        assert not tasks.erase(begun.pk)
    assert tasks.erase(begun.pk)
    assert naming("zebedia") == []


def test_only_an_owner_erases_and_the_page_says_what_goes(person, client_of):
    url = reverse("profile_erase", args=[person.public_id])
    page = reverse("profile_detail", args=[person.public_id])
    assert client_of("publisher").post(url).status_code == 403
    assert "Erase…" not in client_of("publisher").get(page).content.decode()
    browser = client_of("owner")
    assert "Erase…" in browser.get(page).content.decode()
    assert "What stays" in browser.get(url).content.decode()
    assert browser.post(url)["Location"] == page
    shown = browser.get(page).content.decode()
    assert "is being removed" in shown
    assert NAME not in shown
    assert tasks.erase(Erasure.objects.get().pk)
    assert "Nothing is known of this person" in browser.get(page).content.decode()
    assert browser.get(url).status_code == 404
    assert browser.get(reverse("profile_export", args=[person.public_id])).status_code == 404


def test_a_program_erases_and_asks_how_far_it_is(person, api):
    path = f"profiles/{person.public_id}"
    answers = [api.send("DELETE", path) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [202, 202]
    assert answers[0].json() == answers[1].json()
    assert answers[0].json()["done_at"] is None
    shaped(api.get(path), 404, "not_found")
    assert tasks.erase(Erasure.objects.get().pk)
    assert api.send("DELETE", path).json()["done_at"]
    assert AuditEntry.objects.get(action="erased").actor_name.startswith("Key Nightly")


def test_the_export_has_all_that_is_known(
    person, client_of, store, make_campaign, run, postbox, tenant, owner, later, monkeypatch
):
    monkeypatch.setattr(refusals, "CALLS_AT_ONCE", 2)
    now = clock.now(tenant)
    FrequencyCap.objects.create(tenant=tenant, limit=9, kind="rolling", hours=1, scope="all")
    store({"type": "page", "userId": "zebedia-1", "anonymousId": "7"})
    theirs = [
        '{"userId": "zebedia-1"}',
        '{"anonymousId":7}',
        f'{{"traits": {{"email": "{EMAIL.upper()}", "cut o',
        f'{{"context": {{"externalIds": [{{"id": "{EMAIL}"}}]}}}}',
    ]
    others = [
        '{"userId": "u1", "properties": {"sku": "zebedia-1", "id": "zebedia-1", "count": 7}}',
        '{"anonymousId": 77}',
        '{"userId": "Zebedia-1"}',
    ]
    for minutes, call in enumerate([*theirs[:2], *others, *theirs[2:]]):
        at = now - timedelta(minutes=minutes)
        RefusedCall.objects.create(tenant=tenant, received_at=at, index=0, reason="x", call=call)
    file = Import.objects.create(tenant=tenant, file_name="people.csv", rows_refused=2)
    for number, values in enumerate([[f" {EMAIL} ", "Z"], ["7", "Other"]], 2):
        RefusedRow.objects.create(tenant=tenant, import_file=file, number=number, reason="x", values=values)
    place = Place.objects.create(
        tenant=tenant, name="Corner Shop", latitude=52.5, longitude=13.4, radius_m=500
    )
    rule = {"all": [{"on": "attribute", "name": "plan", "operator": "is", "value": "zebedias"}]}
    segments.create(tenant=tenant, actor=owner, name="Zebedian", rule=rule)
    segments.create(tenant=tenant, actor=owner, name="Nobody", rule={"any": []})
    store({"type": "identify", "userId": "zebedia-2", "traits": {"email": "old@example.test"}})
    make_campaign(conversion_event="Order Completed", goal="Order")
    run()
    later(timedelta(hours=1))
    store(
        {"type": "alias", "userId": "zebedia-1", "previousId": "zebedia-2"},
        {"type": "track", "userId": "zebedia-1", "event": "Order Completed", "properties": {"revenue": 5}},
        {"type": "identify", "userId": "zebedia-1", "traits": {"latitude": 52.5, "longitude": 13.4}},
    )
    telling.tell(profile=person, stated={"city": "Berlin"}, actor=owner, now=clock.now(tenant))
    answer = client_of("analyst").get(reverse("profile_export", args=[person.public_id]))
    assert "attachment" in answer["Content-Disposition"]
    told = json.loads(b"".join(answer.streaming_content))
    assert (told["profile"]["first_name"], told["attributes"]) == (NAME, {"plan": "zebedias"})
    assert {one["value"] for one in told["identities"]} >= {"zebedia-1", "anon-zebedia-1", EMAIL.lower()}
    assert {event["name"] for event in told["events"]} >= {"Looked", "Email Sent", "Order Completed"}
    assert told["segments"] == ["Zebedian"]
    assert [stay["place__name"] for stay in told["stays_at_places"]] == [place.name]
    former = Profile.objects.get(merged_into=person)
    assert [one["public_id"] for one in told["former_profiles"]] == [str(former.public_id)]
    assert Delivery.objects.filter(profile=former).exists()
    sent = {(one["state"], one["address"]) for one in told["messages"]}
    assert sent == {("sent", EMAIL), ("sent", "old@example.test")}
    assert [one["count"] for one in told["campaigns"]] == [2]
    assert [(one["goal"], float(one["revenue"])) for one in told["conversions"]] == [("Order", 5)]
    assert [one["changes"] for one in told["changes_by_the_team"]] == [{"city": [None, "Berlin"]}]
    assert [one["call"] for one in told["refused_calls"]] == theirs
    assert [(one["line"], one["values"]) for one in told["refused_rows_of_files"]] == [
        (2, [f" {EMAIL} ", "Z"])
    ]
    (counted,) = told["messages_counted_towards_caps"]
    assert (counted["cap"], len(counted["at"])) == ("At most 9 messages in 1 hour", 2)

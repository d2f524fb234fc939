"""The segment pages over HTTP: list, builder, live count, why, and what each role may do."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse

from audiences import ingest, segments, vocabulary
from audiences.models import AttributeDefinition, Profile, Segment
from tenants.models import AuditEntry, Tenant, User
from tests.audiences.rules.world import attribute, segment

PARIS = attribute("city", "is", "Paris")


@pytest.fixture
def parisians(tenant: Tenant, owner: User) -> Segment:
    return segments.create(tenant=tenant, actor=owner, name="Parisians", rule=PARIS)


@pytest.fixture
def client(client_of: Callable[..., Client]) -> Client:
    return client_of("marketer")


def posted(rule: Any, **more: Any) -> dict[str, Any]:
    return {"rule": json.dumps(rule), **more}


def test_without_segments_the_list_says_what_to_do(client: Client, client_of: Callable[..., Client]) -> None:
    assert reverse("segment_new") in client.get(reverse("segment_list")).content.decode()
    assert reverse("segment_new") not in client_of("analyst").get(reverse("segment_list")).content.decode()


def test_the_list_shows_sentences_and_searches(
    client: Client, parisians: Segment, tenant: Tenant, owner: User
) -> None:
    segments.create(tenant=tenant, actor=owner, name="Others", rule=segment(parisians.public_id, in_=False))
    page = client.get(reverse("segment_list")).content.decode()
    assert "Everyone whose city is Paris" in page
    assert "Everyone who is not in the segment “Parisians”" in page
    found = client.get(
        reverse("segment_list"), {"q": "pari"}, headers={"HX-Request": "true"}
    ).content.decode()
    assert "Parisians</a>" in found
    assert "Others" not in found
    assert "<html" not in found


def test_a_segment_that_broke_does_not_take_the_list_down(client: Client, parisians: Segment) -> None:
    Segment.objects.filter(pk=parisians.pk).update(rule={"all": [segment(parisians.public_id)]})
    assert (
        "Cannot be used: This would go round in a circle"
        in client.get(reverse("segment_list")).content.decode()
    )
    assert "—" in client.get(reverse("segment_size", args=[parisians.public_id])).content.decode()
    assert client.get(reverse("segment_detail", args=[parisians.public_id])).status_code == 200


def test_the_size_comes_on_its_own(
    client: Client, parisians: Segment, make_profile: Callable[..., Profile]
) -> None:
    make_profile(city="Paris")
    make_profile(city="Lyon")
    assert ">1<" in client.get(reverse("segment_size", args=[parisians.public_id])).content.decode()


def test_saving_a_new_segment_leads_to_its_page(client: Client, tenant: Tenant) -> None:
    answer = client.post(reverse("segment_new"), posted(PARIS, name=" Parisians ", description="For June"))
    made = Segment.objects.get()
    assert answer.headers["Location"] == reverse("segment_detail", args=[made.public_id])
    assert (made.name, made.description, made.rule) == ("Parisians", "For June", PARIS)
    assert AuditEntry.objects.get().actor == made.created_by


@pytest.mark.parametrize(
    "rule, said",
    [
        pytest.param("{", "This is no JSON", id="no JSON"),
        pytest.param('{"all": [NaN]}', "This is no JSON", id="NaN"),
        pytest.param("[" * 100_000, "This is no JSON", id="endless"),
        pytest.param('{"all": [{"on": "event"}]}', "Missing `name`. (all[0])", id="no rule"),
        pytest.param('{"all": [{"on": "100 %d"}]}', "100 %d", id="a per cent sign"),
        pytest.param(json.dumps(segment(uuid4())), "There is no such segment", id="another segment"),
    ],
)
def test_what_is_wrong_with_a_rule_is_said_and_nothing_lost(client: Client, rule: str, said: str) -> None:
    answer = client.post(reverse("segment_new"), {"name": "Mine", "rule": rule})
    assert answer.status_code == 422
    page = answer.content.decode()
    assert said in page
    assert 'value="Mine"' in page
    assert not Segment.objects.exists()


def test_the_place_of_a_problem_reaches_the_builder(client: Client) -> None:
    answer = client.post(
        reverse("segment_new"), posted({"all": [PARIS, {"on": "event", "name": ""}]}, name="x")
    )
    assert 'data-problem-path="all[1].name"' in answer.content.decode()
    tried = client.post(reverse("segment_count"), {"rule": json.dumps({"all": [{"on": "event"}]})})
    assert "</strong> Missing `name`.<div" in tried.content.decode()  # where it is stands beside it, once


def test_a_name_that_is_taken_is_said_beside_the_name(client: Client, parisians: Segment) -> None:
    answer = client.post(reverse("segment_new"), posted(PARIS, name="Parisians"))
    assert answer.status_code == 422
    assert "already a segment called “Parisians”" in answer.content.decode()


def test_editing_keeps_the_name_in_the_way_back(
    client: Client, parisians: Segment, tenant: Tenant, owner: User
) -> None:
    segments.create(tenant=tenant, actor=owner, name="Taken", rule=PARIS)
    answer = client.post(reverse("segment_edit", args=[parisians.public_id]), posted(PARIS, name="Taken"))
    assert answer.status_code == 422
    assert ">Parisians</a>" in answer.content.decode()
    answer = client.post(
        reverse("segment_edit", args=[parisians.public_id]), posted(segment(parisians.public_id), name="P")
    )
    assert "round in a circle" in answer.content.decode()
    client.post(reverse("segment_edit", args=[parisians.public_id]), posted({"all": []}, name="All"))
    parisians.refresh_from_db()
    assert (parisians.name, parisians.rule) == ("All", {"all": []})


def test_a_segment_opened_before_somebody_else_saved_is_overwritten_only_knowingly(
    client: Client, parisians: Segment
) -> None:
    there = reverse("segment_edit", args=[parisians.public_id])
    theirs = posted(attribute("city", "is", "Lyon"), name="Parisians")

    def seen(page: Any) -> dict[str, str]:
        return {"seen": re.findall(r'name="seen" value="([^"]+)"', page.content.decode())[0]}

    old = seen(client.get(there))
    for attempt in ("first", "the same again"):
        assert client.post(there, theirs | old).status_code == 302, attempt
    mistyped = client.post(there, {"name": "Mine", "rule": "{"} | old)
    refused = client.post(there, posted(PARIS, name="Mine") | seen(mistyped))
    assert (mistyped.status_code, refused.status_code) == (422, 422)
    assert "Somebody else saved this meanwhile. Save again" in refused.content.decode()
    assert 'value="Mine"' in refused.content.decode()
    parisians.refresh_from_db()
    assert (parisians.name, parisians.rule["value"]) == ("Parisians", "Lyon")
    assert client.post(there, posted(PARIS, name="Mine") | seen(refused)).status_code == 302
    parisians.refresh_from_db()
    assert (parisians.name, parisians.rule) == ("Mine", PARIS)


@pytest.mark.parametrize("seen", ["soon", "2026-02-30T00:00", "\0"])
def test_a_moment_that_is_none_of_ours_is_not_held_against_anybody(
    client: Client, parisians: Segment, seen: str
) -> None:
    there = reverse("segment_edit", args=[parisians.public_id])
    assert client.post(there, posted(PARIS, name="Mine", seen=seen)).status_code == 302


def test_the_live_count_says_sentence_number_and_people(
    client: Client, make_profile: Callable[..., Profile]
) -> None:
    make_profile(city="Paris", first_name="Ana", last_name="Lima", email="ana@example.test")
    make_profile(city="Lyon")
    page = client.post(reverse("segment_count"), posted(PARIS)).content.decode()
    assert "Everyone whose city is Paris." in page
    assert "50 % of 2" in page
    assert "Ana Lima" in page
    assert "ana@example.test" in page


def test_an_unfinished_rule_is_no_error(client: Client) -> None:
    answer = client.post(reverse("segment_count"), posted({"all": [attribute("plan", "greater")]}))
    assert answer.status_code == 200
    assert 'data-rule-problem="all[0].value"' in answer.content.decode()
    assert "Not finished yet" in answer.content.decode()


@pytest.mark.parametrize(
    "sent", [{"rule": "{}\0"}, {"rule": "9" * 60_000}, {"rule": '{"all": []}', "seed": "x"}, {}]
)
def test_what_is_no_rule_at_all_is_no_error_either(client: Client, sent: dict[str, str]) -> None:
    answer = client.post(reverse("segment_count"), sent)
    assert answer.status_code == 200
    assert "Not finished yet" in answer.content.decode()


def test_values_in_the_page_are_only_text(client: Client, make_profile: Callable[..., Profile]) -> None:
    hostile = "<script>alert(1)</script>"
    make_profile(city=hostile, first_name=hostile)
    for url in ("segment_count", "segment_why"):
        page = client.post(
            reverse(url), posted(attribute("city", "is", hostile), person="p1@example.test")
        ).content
        assert b"<script" not in page
        assert b"&lt;script&gt;" in page


def test_why_finds_people_by_address_id_or_beginning(client: Client, tenant: Tenant, now: datetime) -> None:
    people = [
        {"city": "Paris", "firstName": "Ana", "lastName": "Lima", "email": "ana@example.test"},
        {"city": "Lyon", "firstName": "Anabel", "email": "ana@example.testing"},
    ]
    calls = [{"type": "identify", "userId": f"u{n}", "traits": traits} for n, traits in enumerate(people)]
    ingest.store(tenant=tenant, calls=calls, now=now)
    ana = Profile.objects.get(last_name="Lima")

    def ask(person: str) -> str:
        return client.post(reverse("segment_why"), posted(PARIS, person=person)).content.decode()

    assert "is in" in ask("ANA@example.test")
    assert "Seen: Paris" in ask(str(ana.public_id))
    assert "Whom do you mean?" in ask("Ana")
    assert "Nobody is found" in ask("zoe")
    assert ask("").strip() == ""


def test_values_are_suggested_from_the_data(client: Client, tenant: Tenant, now: datetime) -> None:
    calls = [
        {
            "type": "identify",
            "userId": f"u{n}",
            "traits": {"plan": plan, "genres": ["jazz", plan], "email": f"u{n}@x.test"},
        }
        for n, plan in enumerate(["pro", "pro", "free"])
    ]
    calls += [
        {"type": "track", "userId": "u1", "event": "Order", "properties": {"total": 5, "shop": {"x": 1}}}
    ]
    ingest.store(tenant=tenant, calls=calls, now=now)

    def ask(**query: str) -> list[Any]:
        return client.get(reverse("segment_values"), query).json()["values"]

    assert ask(name="plan") == ["pro", "free"]
    assert ask(name="genres") == ["jazz", "pro", "free"]
    assert ask(name="email") == ask(name="never.seen") == ask(name="shop", event="Order") == []
    assert ask(name="total", event="Order") == [5]


def test_the_builder_offers_what_the_data_brought(tenant: Tenant, parisians: Segment, now: datetime) -> None:
    ingest.store(
        tenant=tenant,
        calls=[
            {"type": "identify", "userId": "u", "traits": {"age": 36}},
            {"type": "track", "userId": "u", "event": "Order", "properties": {"total": 5}},
        ],
        now=now,
    )
    offered = vocabulary.describe()
    assert {"name": "age", "label": "", "kinds": ["number"], "suggests": True} in offered["attributes"]
    assert {"name": "Order", "label": "", "properties": {"total": ["number"]}} in offered["events"]
    assert [one["name"] for one in offered["segments"]] == ["Parisians"]
    assert vocabulary.describe(leave_out=parisians)["segments"] == []


def test_every_operator_is_offered_under_its_name() -> None:
    from audiences.rules import operators

    assert {name for name, _, _ in vocabulary.OPERATORS} == set(operators.NAMES)


def test_a_column_is_offered_once_even_if_data_named_it(tenant: Tenant, now: datetime) -> None:
    AttributeDefinition.objects.create(tenant=tenant, name="city", kinds=["text"], first_seen_at=now)
    assert [one["name"] for one in vocabulary.describe()["attributes"]].count("city") == 1


def test_archiving_can_be_undone(client: Client, parisians: Segment) -> None:
    client.post(reverse("segment_archive", args=[parisians.public_id]))
    assert "Parisians" not in client.get(reverse("segment_list")).content.decode()
    assert "Parisians" in client.get(reverse("segment_list"), {"state": "archived"}).content.decode()
    page = client.get(reverse("segment_detail", args=[parisians.public_id])).content.decode()
    assert reverse("segment_restore", args=[parisians.public_id]) in page
    client.post(reverse("segment_restore", args=[parisians.public_id]))
    parisians.refresh_from_db()
    assert parisians.archived_at is None


def test_archiving_what_others_need_says_which(
    client: Client, parisians: Segment, tenant: Tenant, owner: User
) -> None:
    segments.create(tenant=tenant, actor=owner, name="Outer", rule=segment(parisians.public_id))
    answer = client.post(reverse("segment_archive", args=[parisians.public_id]), follow=True)
    assert "built on it: “Outer”" in answer.content.decode()
    parisians.refresh_from_db()
    assert parisians.archived_at is None


def test_duplicating_leads_to_the_copys_editor(client: Client, parisians: Segment) -> None:
    answer = client.post(reverse("segment_duplicate", args=[parisians.public_id]))
    twin = Segment.objects.exclude(pk=parisians.pk).get()
    assert answer.headers["Location"] == reverse("segment_edit", args=[twin.public_id])
    assert (twin.name, twin.rule) == ("Parisians (copy)", PARIS)


@pytest.mark.parametrize("name", ["segment_edit", "segment_duplicate", "segment_archive", "segment_restore"])
def test_analysts_read_only(client_of: Callable[..., Client], parisians: Segment, name: str) -> None:
    analyst = client_of("analyst")
    assert (
        analyst.post(reverse(name, args=[parisians.public_id]), posted({"all": []}, name="x")).status_code
        == 403
    )
    page = analyst.get(reverse("segment_detail", args=[parisians.public_id]))
    assert page.status_code == 200
    assert reverse("segment_edit", args=[parisians.public_id]) not in page.content.decode()

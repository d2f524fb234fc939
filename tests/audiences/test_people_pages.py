"""People's pages: who is found, what is shown of one, and what can be changed there."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse
from django.utils.html import format_html

from audiences import consent, ingest, panels, people, people_views, segments, suppression
from audiences.models import ConsentChange, Profile, Suppression
from tenants import clock
from tenants.models import AuditEntry, Tenant

ClientOf = Callable[..., Client]
Store = Callable[..., ingest.Stored]
Found = Callable[[str, str], Profile]


def identify(user: str, **traits: Any) -> dict[str, Any]:
    return {"type": "identify", "userId": user, "traits": traits}


def page_of(profile: Profile) -> str:
    return reverse("profile_detail", args=[profile.public_id])


# --- The list ------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "words,names",
    [
        ("", ["Grace Hopper", "Ada King", "Ada Lovelace"]),
        ("ada", ["Ada King", "Ada Lovelace"]),
        ("ADA l", ["Ada Lovelace"]),
        ("Lovelace, Ada", ["Ada Lovelace"]),
        ("lace", []),
        ("hop", ["Grace Hopper"]),
        ("grace@", ["Grace Hopper"]),
        ("GRACE@EXAMPLE.TEST", ["Grace Hopper"]),
        ("u-1", ["Ada Lovelace"]),
        ("U-1", []),
        ("u_1", []),
        ("%", []),
        ("\x00ada k", ["Ada King"]),
        ("+49 170", ["Grace Hopper"]),
        ("device-7", ["Ada King"]),
        ("'; DROP TABLE", []),
    ],
)
def test_people_are_found_by_the_first_letters_of_what_they_go_by(
    client_of: ClientOf, store: Store, words: str, names: list[str]
) -> None:
    store(
        identify("u-1", firstName="Ada", lastName="Lovelace"),
        identify("u-2", firstName="Ada", lastName="King") | {"anonymousId": "device-7"},
        identify(
            "u-3", firstName="Grace", lastName="Hopper", email="Grace@Example.test", phone="+49170123456"
        )
        | {"context": {"externalIds": [{"type": "phone", "id": "+49170123456"}]}},
    )
    page = client_of("analyst").get("/people/", {"q": words})
    assert [str(profile) for profile in page.context["people"]] == names


def test_a_person_under_two_keys_and_a_shared_address_is_found(store: Store, tenant: Tenant) -> None:
    store(identify("u1", email="both@example.test"), identify("u2", email="both@example.test"))
    assert len(people.newest(tenant_id=tenant.pk, words="both@example.test").people) == 2


def test_the_list_goes_on_where_it_stopped(client_of: ClientOf, store: Store) -> None:
    store(*(identify(f"u{n}") for n in range(120)))
    browser, before, seen = client_of("analyst"), "", []
    while True:
        page = browser.get("/people/", {"before": before, "q": "u"}, headers={"HX-Request": "true"})
        seen += [profile.pk for profile in page.context["people"]]
        if not page.context["has_more"]:
            break
        before = str(seen[-1])
        assert f"before={before}" in page.content.decode()
    assert len(seen) == len(set(seen)) == 120
    assert seen == sorted(seen, reverse=True)


def test_merged_and_erased_people_are_not_listed(client_of: ClientOf, store: Store, found: Found) -> None:
    store({"type": "page", "anonymousId": "a1"}, identify("u1"))
    store(identify("u1") | {"anonymousId": "a1"}, identify("u2"))
    Profile.objects.filter(pk=found("external_id", "u2").pk).update(erased_at="2026-01-01T00:00Z")
    page = client_of("analyst").get("/people/")
    assert list(page.context["people"]) == [found("external_id", "u1")]
    assert page.context["total"] == 1


def test_without_anyone_the_page_says_what_to_do(client_of: ClientOf, tenant: Tenant) -> None:
    assert "Nobody here yet" in client_of("marketer").get("/people/").content.decode()


# --- One person ----------------------------------------------------------------------------------
def test_the_page_shows_who_someone_is_and_what_they_did(
    client_of: ClientOf, store: Store, found: Found, tenant: Tenant
) -> None:
    store(
        identify("u1", firstName="Ada", email="ada@example.test", plan="pro", favourites={"genre": "jazz"}),
        {"type": "track", "userId": "u1", "event": "Order Completed", "properties": {"total": 12.5}},
        {"type": "group", "userId": "u1", "groupId": "g1"},
    )
    profile = found("external_id", "u1")
    sent = ingest.InternalEvent(
        "d1", profile.pk, "Email Sent", clock.now(tenant), {"campaign": "c-1", "campaign_name": "Spring"}
    )
    ingest.record_internal(tenant=tenant, events=[sent], now=clock.now(tenant))
    text = client_of("analyst").get(page_of(profile)).content.decode()
    for shown in [
        "ada@example.test",
        "plan",
        "pro",
        "group.id",
        "Order Completed",
        "12.5",
        "Email Sent",
        "Spring",
    ]:
        assert shown in text
    assert "c-1" not in text.split("<summary>")[1].split("</summary>")[0]


def test_markup_in_data_is_shown_and_not_run(client_of: ClientOf, store: Store, found: Found) -> None:
    nasty = "<script>alert(1)</script>"
    store(
        identify("u1", firstName=nasty, **{nasty: nasty, "nested": {nasty: nasty}}),
        {"type": "track", "userId": "u1", "event": nasty, "properties": {nasty: nasty}},
    )
    browser = client_of("analyst")
    for url in [page_of(found("external_id", "u1")), "/people/", "/events/"]:
        text = browser.get(url).content.decode()
        assert nasty not in text
        assert "&lt;script&gt;alert(1)" in text


def test_the_timeline_goes_back_to_the_first_event(client_of: ClientOf, store: Store, found: Found) -> None:
    store(*({"type": "track", "userId": "u1", "event": f"E{n:03}"} for n in range(130)))  # all at one moment
    browser, url = client_of("analyst"), page_of(found("external_id", "u1"))
    page = browser.get(url)
    names = [happening.shown.name for happening in page.context["woven"].happenings]
    while more := re.search(r'hx-get="([^"]+\?show=&amp;at=[^"]+)"', page.content.decode()):
        page = browser.get(html.unescape(more[1]))
        names += [happening.shown.name for happening in page.context["woven"].happenings]
    assert names == [f"E{n:03}" for n in reversed(range(130))]


def test_a_tombstone_leads_to_the_living(client_of: ClientOf, store: Store, found: Found) -> None:
    store({"type": "page", "anonymousId": "a1"}, identify("u1"))
    gone = found("anonymous_id", "a1")
    store(identify("u1") | {"anonymousId": "a1"})
    answer = client_of("analyst").get(page_of(gone))
    assert (answer.status_code, answer["Location"]) == (302, page_of(found("external_id", "u1")))


@pytest.mark.parametrize("page", ["", "timeline/", "segments/"])
def test_another_tenants_person_is_a_404(client_of: ClientOf, other_tenant: Tenant, page: str) -> None:
    ingest.store(tenant=other_tenant, calls=[identify("u1")], now=clock.now(other_tenant))
    theirs = Profile.objects.model._base_manager.get(tenant=other_tenant)
    for public_id in (theirs.public_id, uuid4()):
        assert client_of("owner").get(f"/people/{public_id}/{page}").status_code == 404


def test_the_segments_somebody_is_in_are_listed(
    client_of: ClientOf, store: Store, found: Found, tenant: Tenant
) -> None:
    for city in ("Paris", "Rome"):
        rule = {"on": "attribute", "name": "city", "operator": "is", "value": city}
        segments.create(tenant=tenant, actor=None, name=f"In {city}", rule=rule)
    store(identify("u1", city="Paris"))
    page = client_of("analyst").get(page_of(found("external_id", "u1")) + "segments/")
    assert [segment.name for segment in page.context["segments"]] == ["In Paris"]


def test_apps_above_add_their_own_panels(
    client_of: ClientOf, store: Store, found: Found, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(panels, "_of_profile", [])
    panels.register_profile_panel(lambda request, profile: format_html("<p>Messages of {}</p>", profile))
    store(identify("u1", firstName="A&B"))
    text = client_of("analyst").get(page_of(found("external_id", "u1"))).content.decode()
    assert "<p>Messages of A&amp;B</p>" in text


# --- Consent -------------------------------------------------------------------------------------
def test_a_marketer_unsubscribes_somebody_and_it_is_on_record(
    client_of: ClientOf, store: Store, found: Found
) -> None:
    store(identify("u1"))
    profile = found("external_id", "u1")
    browser = client_of("marketer")
    for standing in ("unsubscribed", "unsubscribed", "subscribed"):
        browser.post(page_of(profile) + "consent/", {"subject": "email", "standing": standing})
    profile.refresh_from_db()
    assert profile.consent == {"email": "subscribed"}
    proofs = ConsentChange.objects.order_by("id").values_list("standing", "origin")
    member = f"by marketer-{profile.tenant_id}@example.test"
    assert list(proofs) == [("unsubscribed", member), ("subscribed", member)]
    changes = AuditEntry.objects.filter(thing="profile").order_by("id").values_list("changes", flat=True)
    assert list(changes) == [{"email": [None, "unsubscribed"]}, {"email": ["unsubscribed", "subscribed"]}]


@pytest.mark.parametrize("subject,standing", [("email", "maybe"), ("topic:unheard", "subscribed"), ("", "")])
def test_consent_that_means_nothing_is_not_stored(
    client_of: ClientOf, store: Store, found: Found, subject: str, standing: str
) -> None:
    store(identify("u1"))
    profile = found("external_id", "u1")
    client_of("marketer").post(page_of(profile) + "consent/", {"subject": subject, "standing": standing})
    assert not ConsentChange.objects.exists()


def test_consent_of_somebody_erased_meanwhile_is_nobodys(
    client_of: ClientOf, store: Store, found: Found, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    store(identify("u1"))
    profile = found("external_id", "u1")

    def erased_once_found(public_id: object) -> Profile:
        Profile.objects.filter(public_id=public_id).update(erased_at=clock.now(tenant))
        return profile

    monkeypatch.setattr(people_views, "living", erased_once_found)
    said = {"subject": "email", "standing": "unsubscribed"}
    assert client_of("marketer").post(page_of(profile) + "consent/", said).status_code == 404
    assert not AuditEntry.objects.filter(thing="profile").exists()


def test_an_analyst_only_looks(client_of: ClientOf, store: Store, found: Found) -> None:
    store(identify("u1"))
    url = page_of(found("external_id", "u1"))
    browser = client_of("analyst")
    assert browser.post(url + "consent/", {"subject": "email", "standing": "unsubscribed"}).status_code == 403
    assert browser.post(url + "unsuppress/", {"channel": "email"}).status_code == 403
    assert "Unsubscribe" not in browser.get(url).content.decode()


def test_changing_consent_follows_a_merge_and_refuses_nobody(
    store: Store, found: Found, tenant: Tenant
) -> None:
    store({"type": "page", "anonymousId": "a1"}, identify("u1"))
    gone = found("anonymous_id", "a1")
    store(identify("u1") | {"anonymousId": "a1"})
    said: dict[str, Any] = {"subject": "topic:news", "standing": "unsubscribed", "origin": "one-click"}
    now = clock.now(tenant)
    assert consent.change(tenant=tenant, profile_id=gone.pk, now=now, **said)
    assert not consent.change(tenant=tenant, profile_id=gone.pk, now=now + timedelta(1), **said)
    assert found("external_id", "u1").consent == {"topic:news": "unsubscribed"}
    with pytest.raises(consent.NoSuchProfile):
        consent.change(tenant=tenant, profile_id=2**40, now=now, **said)
    with pytest.raises(ValueError):
        consent.change(tenant=tenant, profile_id=gone.pk, now=now, **said | {"standing": "maybe"})


# --- Suppression ---------------------------------------------------------------------------------
def test_suppressed_addresses_are_known_whatever_their_case(tenant: Tenant, other_tenant: Tenant) -> None:
    now = clock.now(tenant)
    add: dict[str, Any] = {"channel": "email", "reason": "bounced", "now": now}
    assert suppression.add(tenant=tenant, address=" Gone@Example.test ", detail="550", **add)
    assert not suppression.add(tenant=tenant, address="gone@example.test", **add | {"reason": "complained"})
    assert Suppression.objects.get().reason == "bounced"
    asked = ["GONE@example.test", "here@example.test"]
    assert suppression.among(tenant_id=tenant.pk, channel="email", addresses=asked) == {"GONE@example.test"}
    assert suppression.among(tenant_id=tenant.pk, channel="sms", addresses=asked) == set()
    assert suppression.remove(tenant=tenant, channel="email", address="gone@EXAMPLE.test")
    assert not suppression.remove(tenant=tenant, channel="email", address="gone@example.test")
    for wrong in ({"address": " "}, {"address": "x@example.test", "reason": "bored"}):
        with pytest.raises(ValueError):
            suppression.add(tenant=tenant, **add | wrong)


def test_a_suppression_is_shown_and_lifted_by_who_may_launch(
    client_of: ClientOf, store: Store, found: Found, tenant: Tenant
) -> None:
    store(identify("u1", email="Ada@example.test"))
    suppression.add(
        tenant=tenant, channel="email", address="ada@example.test", reason="bounced", now=clock.now(tenant)
    )
    url = page_of(found("external_id", "u1"))
    assert "Bounced" in client_of("analyst").get(url).content.decode()
    assert client_of("marketer").post(url + "unsuppress/", {"channel": "email"}).status_code == 403
    client_of("publisher").post(url + "unsuppress/", {"channel": "email"})
    assert not Suppression.objects.exists()
    assert AuditEntry.objects.filter(action="lifted suppression of").count() == 1

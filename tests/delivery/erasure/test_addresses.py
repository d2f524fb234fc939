"""What somebody refused holds for their addresses after they are erased, and nobody else's; none stays readable."""

from __future__ import annotations

import pytest

from audiences import consent, erasure, ingest, suppression, tasks
from audiences.models import ConsentChange, ErasedAddress, Erasure, Import, Profile, RefusedRow, Suppression
from delivery import claim, pipeline
from delivery.channels.email.sending import Mailer
from delivery.models import Delivery
from tenants import clock
from tests.delivery.erasure.zebedia import EMAIL, calls, naming
from tests.delivery.steps import planned


def test_an_address_that_bounces_in_the_moment_of_its_erasure_is_kept_in_no_plain_letters(
    store, make_campaign, postbox, tenant, owner
):
    store({"type": "identify", "userId": "u1", "traits": {"email": "Bounce+zebedia@example.test"}})
    make_campaign()
    planned(tenant)
    now = clock.now(tenant)
    begun = []

    def erase_once_the_mail_has_left():
        if not begun and Delivery.objects.filter(state="sending").exists():
            begun.append(erasure.begin(profile=Profile.objects.get(), actor=owner, now=now))
            assert not tasks.erase(begun[0].pk)
        return True

    chunk = claim.claim(tenant=tenant, channel="email", now=now)
    settling = {"tenant": tenant, "channel": "email", "now": now}
    pipeline.settle(chunk, Mailer(tenant), **settling, goes_on=erase_once_the_mail_has_left)
    assert Delivery.objects.get().state == "failed"
    assert not Suppression.objects.exists()
    assert ErasedAddress.objects.get().reason == "bounced"
    assert tasks.erase(begun[0].pk)
    assert naming("zebedia") == []


@pytest.mark.parametrize(
    ("origin", "said", "standing"),
    [
        pytest.param(ingest.Origin.IMPORT, {}, "unsubscribed", id="a file brings them back unsubscribed"),
        pytest.param(ingest.Origin.IMPORT, {"email": "subscribed"}, "unsubscribed", id="whatever it says"),
        pytest.param(ingest.Origin.SERVER, {}, "unsubscribed", id="so does a call"),
        pytest.param(ingest.Origin.SERVER, {"email": "opted_in"}, "opted_in", id="unless they say yes again"),
    ],
)
def test_an_address_that_comes_back_is_still_refused(
    person, store, erase, tenant, other_tenant, origin, said, standing
):
    now = clock.now(tenant)
    for subject in ("email", "topic:news"):
        consent.change(
            tenant=tenant, profile_id=person.pk, subject=subject, standing="unsubscribed", origin="x", now=now
        )
    suppression.add(tenant=tenant, channel="email", address=EMAIL, reason="complained", now=now)
    erase(person)
    assert not Suppression.objects.exists()
    assert set(ErasedAddress.objects.values_list("kind", "reason")) == {
        ("email", "complained"),
        ("phone", ""),
    }
    store(*calls(user="new", **said), origin=origin)
    again = Profile.objects.living().get(external_id="new")
    assert again.consent == {"email": standing, "topic:news": "unsubscribed"}
    assert Suppression.objects.get().reason == "complained"
    told = set(ConsentChange.objects.filter(profile=again).values_list("origin", flat=True))
    assert "refused before they were erased" in told
    ingest.store(tenant=other_tenant, calls=calls(user="new"), now=now)
    assert Profile.objects.model._base_manager.get(tenant=other_tenant).consent == {}


@pytest.mark.parametrize("address", [EMAIL.upper(), EMAIL.lower()])
def test_somebody_elses_address_stays_suppressed(person, erase, make_profile, tenant, address):
    make_profile(email=address)
    suppression.add(tenant=tenant, channel="email", address=EMAIL, reason="bounced", now=clock.now(tenant))
    erase(person)
    assert Suppression.objects.get().address == EMAIL.lower()


def test_an_address_they_had_before_is_kept_in_no_plain_letters(
    person, erase, store, make_campaign, run, postbox, tenant
):
    make_campaign()
    run()
    suppression.add(tenant=tenant, channel="email", address=EMAIL, reason="bounced", now=clock.now(tenant))
    store({"type": "identify", "userId": "zebedia-1", "traits": {"email": "new@example.test"}})
    file = Import.objects.create(tenant=tenant, file_name="people.csv", rows_refused=1)
    RefusedRow.objects.create(tenant=tenant, import_file=file, number=2, reason="x", values=[EMAIL])
    begun = erase(person)
    assert not Suppression.objects.exists()
    assert ErasedAddress.objects.get().reason == "bounced"
    assert naming("zebedia") == []
    erasure.learn(begun, [EMAIL])  # a twin that was slower
    assert Erasure.objects.get().known == []


def test_nobody_is_remembered_who_refused_nothing(person, erase):
    erase(person)
    assert not ErasedAddress.objects.exists()

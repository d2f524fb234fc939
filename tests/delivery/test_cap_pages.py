"""The pages of frequency caps: what each cap does in words, who may change it, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django_scopes import scope

from campaigns.models import Campaign, Version
from delivery import cap_editing, caps
from delivery.models import FrequencyCap
from tenants import clock
from tenants.models import AuditEntry

LIST, NEW = "/settings/caps/", "/settings/caps/new/"
GOOD = {"limit": "3", "about": "channel:email", "kind": "rolling", "amount": "7", "unit": "days", "tag": ""}


@pytest.fixture
def cap(tenant, owner) -> FrequencyCap:
    return cap_editing.add(
        tenant=tenant, actor=owner, now=clock.now(tenant), limit=1, kind="day", scope="tag", value="promo"
    )


def url(name: str, cap: FrequencyCap) -> str:
    return reverse(name, args=[cap.public_id])


def test_without_any_the_page_says_what_they_are_for(client_of: Callable[..., Client]):
    assert "No caps yet" in client_of().get(LIST).content.decode()
    assert NEW not in client_of("analyst").get(LIST).content.decode()


def test_everybody_reads_what_each_does(cap, client_of):
    for role in ("analyst", "marketer", "publisher", "owner"):
        page = client_of(role).get(LIST).content.decode()
        assert "At most 1 message tagged promo a day, by each person&#x27;s own clock" in page
        assert ("Remove:" in page) == (role in ("publisher", "owner"))
        assert 'href="/settings/caps/"' in page


@pytest.mark.parametrize("role", ["analyst", "marketer"])
def test_who_may_not_launch_may_not_change_them(cap, client_of, role, tenant):
    client = client_of(role)
    asked = [
        client.get(NEW),
        client.post(NEW, GOOD),
        client.get(url("cap_change", cap)),
        client.post(url("cap_change", cap), GOOD),
        client.post(url("cap_remove", cap)),
    ]
    assert {answer.status_code for answer in asked} == {403}
    assert [caps.words(one) for one in caps.in_force(tenant)] == [caps.words(cap)]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        pytest.param({}, "At most 3 emails in 7 days", id="rolling days"),
        pytest.param({"amount": "36", "unit": "hours"}, "At most 3 emails in 36 hours", id="rolling hours"),
        pytest.param(
            {"about": "tag", "tag": " Promo ", "kind": "week", "amount": ""},
            "At most 3 messages tagged promo a week from Monday, by each person's own clock",
            id="a tag's, however it is typed",
        ),
        pytest.param(
            {"about": "all", "tag": "left over", "kind": "day"},
            "At most 3 messages a day, by each person's own clock",
            id="what the choice hides is left out",
        ),
    ],
)
def test_a_publisher_adds_one(client_of, tenant, given, words):
    answer = client_of("publisher").post(NEW, GOOD | given, follow=True)
    assert answer.status_code == 200
    assert [caps.words(one) for one in caps.in_force(tenant)] == [words]
    noted = AuditEntry.objects.get(thing="frequency cap")
    assert (noted.action, noted.actor_name, noted.changes) == (
        "added", f"publisher-{tenant.pk}@example.test", {"cap": [None, words]},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("given", "says"),
    [
        pytest.param({"limit": "0"}, "greater than or equal to 1", id="lets nothing through"),
        pytest.param({"limit": "many"}, "Enter a whole number", id="no number"),
        pytest.param({"limit": ""}, "This field is required", id="no limit"),
        pytest.param({"about": "channel:pigeon"}, "not one of the available choices", id="no such channel"),
        pytest.param({"about": "tag"}, "Say which tag.", id="no tag"),
        pytest.param({"about": "tag", "tag": "x" * 41}, "at most 40 characters", id="a long tag"),
        pytest.param({"kind": "month"}, "not one of the available choices", id="no such period"),
        pytest.param({"amount": ""}, "Say how long the period is.", id="no length"),
        pytest.param({"amount": "0"}, "greater than or equal to 1", id="no time at all"),
        pytest.param({"amount": "91"}, "from 1 hour to 90 days", id="too long"),
        pytest.param({"amount": "9" * 30}, "from 1 hour to 90 days", id="beyond any number"),
        pytest.param(
            {"about": "tag", "tag": "promo", "kind": "day"}, "There is one already", id="there already"
        ),
    ],
)
def test_what_cannot_be_is_refused_in_words(cap, client_of, given, says, tenant):
    answer = client_of().post(NEW, GOOD | given)
    assert answer.status_code == 422
    assert says in answer.content.decode()
    assert len(caps.in_force(tenant)) == 1


def test_one_is_changed_where_it_stands(cap, client_of, tenant):
    client = client_of()
    page = client.get(url("cap_change", cap)).content.decode()
    assert 'value="promo"' in page
    assert client.post(url("cap_change", cap), GOOD | {"limit": "5"}).status_code == 302
    assert [(one.pk, caps.words(one)) for one in caps.in_force(tenant)] == [
        (cap.pk, "At most 5 emails in 7 days")
    ]


@pytest.mark.parametrize(
    ("hours", "shown"), [(36, ("36", "hours")), (48, ("2", "days")), (24, ("1", "days"))]
)
def test_a_stored_period_is_shown_as_people_say_it(tenant, owner, client_of, hours, shown):
    cap = cap_editing.add(
        tenant=tenant, actor=owner, now=clock.now(tenant), limit=1, kind="rolling", hours=hours, scope="all"
    )
    form = client_of().get(url("cap_change", cap)).context["form"]
    assert (str(form["amount"].value()), form["unit"].value()) == shown


def test_one_is_removed_for_good(cap, client_of, tenant):
    client = client_of()
    assert client.post(url("cap_remove", cap)).status_code == 302
    assert caps.in_force(tenant) == []
    for answer in (client.get(url("cap_change", cap)), client.post(url("cap_remove", cap))):
        assert answer.status_code == 404


def test_another_tenants_is_a_404_and_stays(other_tenant, owner, client_of, tenant):
    with scope(tenant=other_tenant):
        theirs = cap_editing.add(
            tenant=other_tenant, actor=owner, now=clock.now(other_tenant), limit=1, kind="day", scope="all"
        )
    client = client_of()
    assert caps.words(theirs) not in client.get(LIST).content.decode()
    asked = [
        client.get(url("cap_change", theirs)),
        client.post(url("cap_change", theirs), GOOD),
        client.post(url("cap_remove", theirs)),
    ]
    assert {answer.status_code for answer in asked} == {404}
    with scope(tenant=other_tenant):
        assert caps.in_force(other_tenant) == [theirs]


def test_the_page_names_live_campaigns_that_are_exempt_and_tags_nobody_has(cap, client_of, make_campaign):
    make_campaign(name="Receipt", is_cap_exempt=True)
    make_campaign(name="Newsletter")
    page = client_of().get(LIST).content.decode()
    assert "Receipt" in page
    assert "Newsletter" not in page
    assert "No campaign has this tag." in page
    Campaign.objects.filter(name="Newsletter").update(tags=["promo"])
    assert "No campaign has this tag." not in client_of().get(LIST).content.decode()


class TestInTheEditor:
    """A campaign says what caps mean for it, in its schedule, its review and on its page."""

    @pytest.fixture
    def campaign(self, make_campaign) -> Campaign:
        campaign: Campaign = make_campaign(is_launched=False)
        return campaign

    def post(self, client: Client, campaign: Campaign, **form: str) -> Any:
        address = reverse("campaign_schedule", args=[campaign.public_id])
        return client.post(address, {"when": "now", "lateness_hours": "24"} | form)

    @pytest.mark.parametrize(
        ("form", "kept", "says"),
        [
            ({"when_capped": "skip"}, (False, "skip"), "Whoever has reached a frequency cap is left out"),
            ({"when_capped": "wait"}, (False, "wait"), "gets it once there is room, if that is not too late"),
            ({"when_capped": "wait", "is_cap_exempt": "on"}, (True, "wait"), "Exempt from frequency caps"),
            ({}, (False, "skip"), "is left out"),
        ],
    )
    def test_it_is_chosen_kept_and_said(self, campaign, client_of, form, kept, says):
        client = client_of()
        Version.objects.update(when_capped="wait", is_cap_exempt=True)
        assert self.post(client, campaign, **form).status_code == 302
        version = Version.objects.get()
        assert (version.is_cap_exempt, version.when_capped) == kept
        for name in ("campaign_review", "campaign_detail"):
            assert says in client.get(reverse(name, args=[campaign.public_id])).content.decode()
        if kept != (True, "wait"):
            assert AuditEntry.objects.latest("id").changes.keys() <= {"is_cap_exempt", "when_capped"}

    def test_a_choice_there_is_not_is_refused(self, campaign, client_of):
        assert self.post(client_of(), campaign, when_capped="never").status_code == 422

    def test_the_next_version_takes_them_over(self, make_campaign, client_of):
        campaign = make_campaign(is_cap_exempt=True, when_capped="wait")
        client_of().post(reverse("campaign_new_version", args=[campaign.public_id]))
        draft = Version.objects.get(launched_at=None)
        assert (draft.is_cap_exempt, draft.when_capped) == (True, "wait")

    @pytest.mark.parametrize(
        ("typed", "tags"),
        [
            ("Promo,  summer   sale ,promo", ["promo", "summer sale"]),
            ("", []),
            (" , ", []),
        ],
    )
    def test_tags_are_the_same_however_they_are_typed(self, campaign, client_of, typed, tags):
        form = {"name": "N", "message_class": "marketing", "priority": "3", "tags": typed}
        address = reverse("campaign_details", args=[campaign.public_id])
        assert client_of().post(address, form).status_code == 302
        assert Campaign.objects.get().tags == tags
        assert f'value="{", ".join(tags)}"' in client_of().get(address).content.decode() or not tags

    @pytest.mark.parametrize("typed", ["x" * 41, ",".join(f"tag {n}" for n in range(21))])
    def test_tags_that_cannot_be_are_refused(self, campaign, client_of, typed):
        form = {"name": "N", "message_class": "marketing", "priority": "3", "tags": typed}
        answer = client_of().post(reverse("campaign_details", args=[campaign.public_id]), form)
        assert answer.status_code == 422
        assert "at most" in answer.content.decode()

"""The page of the sending speed: what is kept, what is said of the plan, and what is refused."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest
from django.urls import reverse
from django_scopes import scope

from delivery import providers
from delivery.models import Pace, Provider
from tenants import clock
from tenants.models import AuditEntry, Tenant
from tenants.roles import Role

NOW = datetime(2026, 12, 14, 12, tzinfo=UTC)
PLAN = {
    "per_minute": "600", "is_warming_up": "on", "warm_up_date": "2026-12-14", "warm_up_first": "500",
    "warm_up_percent": "30", "warm_up_ceiling": "50000",
}  # fmt: skip
PAGE = "/settings/sending-speed/"


@pytest.fixture
def owners(client_of: Any, tenant: Tenant) -> Any:
    clock.set_to(tenant, NOW)
    return client_of(Role.OWNER)


def test_a_plan_is_kept_noted_and_shown_day_by_day(owners, tenant):
    assert owners.post(PAGE, PLAN).status_code == 302
    provider = Provider.objects.get()
    Pace.objects.create(tenant=tenant, provider=provider, day=NOW.date(), used_today=120)
    page = owners.get(PAGE)
    shown = [(day.date, day.most) for day in page.context["days"]]
    assert shown[:2] == [(date(2026, 12, 14), 500), (date(2026, 12, 15), 650)]
    assert len(shown) == 14
    words = " ".join(page.content.decode().split())
    assert "<strong>120</strong> of 500 have gone" in words
    assert "50,000 a day are reached on <strong>1 January 2027</strong>" in words
    assert page.context["form"]["warm_up_percent"].value() == 30
    entry = AuditEntry.objects.get(thing="sending speed")
    assert entry.changes["warm_up_date"] == [None, "2026-12-14"]
    assert entry.changes["per_minute"] == [None, 600]


@pytest.mark.parametrize(
    ("begins", "said"),
    [
        pytest.param("2026-12-20", "The warm-up begins on 20 December 2026", id="to come"),
        pytest.param("2026-11-01", "Since 19 November 2026 only the rate holds.", id="over"),
    ],
)
def test_a_plan_that_is_not_going_on_says_so(owners, begins, said):
    owners.post(PAGE, PLAN | {"warm_up_date": begins})
    assert said in owners.get(PAGE).content.decode()


def test_without_the_switch_there_is_no_plan_whatever_else_is_filled_in(owners):
    owners.post(PAGE, PLAN)
    owners.post(PAGE, {name: value for name, value in PLAN.items() if name != "is_warming_up"})
    assert (Provider.objects.get().per_minute, Provider.objects.get().warm_up_date) == (600, None)


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        pytest.param({"per_minute": "0"}, "greater than or equal to 1", id="none a minute"),
        pytest.param({"warm_up_first": ""}, "The plan needs this.", id="half a plan"),
        pytest.param({"warm_up_percent": "0"}, "greater than or equal to 1", id="does not grow"),
        pytest.param({"warm_up_first": "50000"}, "has to be below", id="nothing to warm up"),
        pytest.param(
            {"warm_up_first": "1", "warm_up_percent": "1"}, "takes longer than a year", id="hardly grows"
        ),
    ],
)
def test_what_goes_nowhere_is_refused_and_says_why(owners, changed, says):
    answer = owners.post(PAGE, PLAN | changed)
    assert answer.status_code == 422
    assert says in answer.content.decode()
    assert not Provider.objects.exists()


def test_a_live_brand_needs_a_server_first_and_keeps_its_limits_when_the_server_changes(client_of, owner):
    live = Tenant.objects.create(name="Live Brand")
    owners = client_of(Role.OWNER, of=live)
    assert "No mail server yet" in owners.get(PAGE).content.decode()
    assert owners.post(PAGE, {"per_minute": "60"}).status_code == 422
    given = {"host": "smtp.brand.test", "port": 587, "tls": "starttls", "username": "", "password": None}
    with scope(tenant=live):
        providers.save_smtp(tenant=live, actor=owner, **given)
    assert owners.post(PAGE, {"per_minute": "60"}).status_code == 302
    with scope(tenant=live):
        providers.save_smtp(tenant=live, actor=owner, **given | {"port": 465})
        assert Provider.objects.get().per_minute == 60


def test_only_who_manages_sees_it(client_of):
    assert client_of(Role.MARKETER).get(reverse("settings_speed")).status_code == 403

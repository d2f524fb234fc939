"""Drafts under which something changed are compiled anew: a few while somebody waits, the others soon, none never."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from django_q.models import OrmQ

from campaigns import contents, launching, tasks, versions
from campaigns.models import Campaign, Content
from tenants.models import Tenant, User
from tests.campaigns.conftest import write

READING = "<p>{{ source.weather.sky | default: 'clear' }}</p>"
QUESTION = "https://api.example.com/weather?city={{ profile.city }}"


@pytest.fixture
def lacking(make_campaign: Callable[..., Campaign], owner: User) -> list[Campaign]:
    """Three drafts that name a source which is not there yet, and one that has nothing to do with it."""
    made = [make_campaign(name=f"Draft {number}") for number in range(3)]
    for campaign in made:
        write(campaign.versions.get().variants.get(), owner, READING)
    make_campaign(name="Another")
    return made


def compiled(campaigns: list[Campaign]) -> list[bool]:
    found = [Content.objects.get(variant__version__campaign=campaign) for campaign in campaigns]
    assert all(content.is_stale == bool(content.problems) for content in found)
    return [not content.problems for content in found]


def test_a_few_are_compiled_at_once_and_the_others_by_a_task(
    lacking: list[Campaign], make_source: Any, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contents, "AT_ONCE", 1)
    make_source(QUESTION)
    assert compiled(lacking) == [True, False, False]
    (queued,) = OrmQ.objects.all()
    assert (queued.task["func"], queued.task["args"]) == ("campaigns.tasks.compile_stale", (tenant.pk,))
    monkeypatch.setattr(tasks, "SLICE_SECONDS", 0.0)
    assert [tasks.compile_stale(tenant.pk) for _ in range(3)] == [False, True, True]
    assert compiled(lacking) == [True, True, True]


def test_what_a_process_left_behind_when_it_died_is_taken_up(
    lacking: list[Campaign], make_source: Any, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(tenant: Tenant) -> None:
        raise SystemExit

    with monkeypatch.context() as dying:
        dying.setattr(contents, "compile_stale", die)
        with pytest.raises(SystemExit):
            make_source(QUESTION)
    assert compiled(lacking) == [False, False, False]
    assert tasks.resume_compiling() == 1
    assert tasks.compile_stale(tenant.pk)
    assert compiled(lacking) == [True, True, True]
    assert tasks.resume_compiling() == 0


def test_a_launch_waits_for_no_task(
    lacking: list[Campaign], make_source: Any, owner: User, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contents, "AT_ONCE", 0)
    make_source(QUESTION)
    draft = versions.draft_of(lacking[1])
    launching.launch(version=draft, actor=owner, now=now)
    assert Content.objects.get(variant__version=draft).sources == {"weather": []}
    contents.make_stale(Content.objects.all())
    assert not Content.objects.get(variant__version=draft).is_stale

"""Drafts under which something changed are compiled anew: a few while somebody waits, the others soon, none never."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any

import pytest
from django.db import transaction
from django_q.models import OrmQ

from campaigns import contents, launching, lifecycle, tasks, versions
from campaigns.blocks import editing as blocks
from campaigns.models import Campaign, Content
from campaigns.sources import editing as sources
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
    with monkeypatch.context() as hurried:
        hurried.setattr(tasks, "SLICE_SECONDS", 0.0)
        assert not tasks.compile_stale(tenant.pk)
    assert compiled(lacking) == [True, False, False]
    assert [tasks.compile_stale(tenant.pk) for _ in range(2)] == [True, True]
    assert compiled(lacking) == [True, True, True]


def test_a_draft_that_cannot_be_compiled_holds_up_no_other(
    lacking: list[Campaign], make_source: Any, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    compile_anew, first = contents.compiled_anew, Content.objects.get(variant__version__campaign=lacking[0])

    def compiled_anew(content: Content) -> Any:
        if content == first:
            raise RuntimeError("broken")
        return compile_anew(content)

    with monkeypatch.context() as broken:
        broken.setattr(contents, "compiled_anew", compiled_anew)
        make_source(QUESTION)
        assert not tasks.compile_stale(tenant.pk)
        assert compiled(lacking) == [False, True, True]
    assert tasks.compile_stale(tenant.pk)
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


def test_a_twin_of_the_task_compiles_nothing_twice(
    lacking: list[Campaign], make_source: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as later:
        later.setattr(contents, "compile_stale", lambda tenant: None)
        make_source(QUESTION)
    compile_anew, done = contents.compiled_anew, []

    def compiled_anew(content: Content) -> Any:
        done.append(content.pk)
        if len(done) == 1:  # its twin does the others meanwhile
            for campaign in lacking[1:]:
                contents.compile_again(campaign, if_stale=True)
        return compile_anew(content)

    monkeypatch.setattr(contents, "compiled_anew", compiled_anew)
    assert contents.compile_some()
    assert len(done) == len(set(done)) == 3
    assert compiled(lacking) == [True, True, True]


@pytest.mark.django_db(transaction=True)
def test_who_refers_to_the_tenant_waits_for_no_change_of_what_drafts_read(
    refer: Callable[[], None],
    tenant: Tenant,
    owner: User,
    make_source: Any,
    campaign: Campaign,
    now: datetime,
) -> None:
    """Else somebody saving words, whom the change waits for, waits for it in turn: the log refers to the tenant."""
    source, block = (
        make_source(QUESTION),
        blocks.add(tenant=tenant, actor=owner, name="footer", text="<p>x</p>"),
    )
    launching.launch(version=campaign.versions.get(), actor=owner, now=now)
    changes: list[Callable[[], Any]] = [
        partial(blocks.change, block=block, actor=owner, texts={"": "<p>y</p>"}),
        partial(blocks.archive, block=block, actor=owner, now=now),
        partial(blocks.restore, block=block, actor=owner),
        partial(sources.change, source=source, actor=owner, headers={}, url=f"{QUESTION}&more=1"),
        partial(sources.remove, source=source, actor=owner),
        partial(lifecycle.pause, campaign=campaign, actor=owner),
    ]

    for change in changes:
        with transaction.atomic():
            change()
            refer()

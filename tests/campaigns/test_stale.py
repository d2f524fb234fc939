"""Drafts under which something changed are compiled anew: a few while somebody waits, the others soon, none never."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime
from functools import partial
from importlib import import_module
from typing import Any

import pytest
from django.apps import apps
from django.db import connection, transaction
from django.urls import reverse
from django_q.models import OrmQ, Schedule
from django_scopes import scope

from campaigns import contents, drafts, launching, lifecycle, tasks, translating, versions
from campaigns.blocks import editing as blocks
from campaigns.holding import LOCK
from campaigns.models import Campaign, Content
from campaigns.sources import editing as sources
from tenants.models import Tenant, User
from tests.campaigns.conftest import write

WAITS = """
SELECT 1 FROM pg_locks l JOIN pg_database d ON d.oid = l.database
WHERE l.classid = %s AND NOT l.granted AND d.datname = current_database()
"""
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
    lacking: list[Campaign],
    make_source: Any,
    tenant: Tenant,
    owner: User,
    now: datetime,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(contents, "AT_ONCE", 0)
    make_source(QUESTION)
    draft = versions.draft_of(lacking[1])
    launching.launch(version=draft, actor=owner, now=now)
    assert Content.objects.get(variant__version=draft).sources == {"weather": []}
    contents.make_stale(Content.objects.all(), tenant=tenant)
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


@pytest.fixture
def beside(tenant: Tenant) -> Iterator[Callable[[Callable[[], Any]], Future[Any]]]:
    """Run something on another connection, in the tenant's scope."""

    def run(work: Callable[[], Any]) -> None:
        try:
            with scope(tenant=tenant):
                work()
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        yield lambda work: pool.submit(run, work)


def until_held_up(done: Future[Any]) -> None:
    """Wait until somebody waits for who compiles words or changes what they are compiled with, or is through."""
    with connection.cursor() as cursor:
        for _ in range(300):
            cursor.execute(WAITS, [LOCK])
            if done.done() or cursor.fetchone():
                return
            time.sleep(0.1)
    raise AssertionError("neither waits nor is through")


def is_told(content: Content) -> bool:
    """Whether a content is as it would be compiled now, or marked to be."""
    new = contents.compiled_anew(content)
    found = new.parts, new.needs, new.blocks, [problem.as_json() for problem in new.problems]
    return content.is_stale or found == (content.parts, content.needs, content.blocks, content.problems)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "is_change_first", [pytest.param(True, id="the change first"), pytest.param(False, id="the words first")]
)
def test_words_stored_while_something_changes_under_them_have_the_new_or_are_marked(
    tenant: Tenant,
    owner: User,
    client_of: Any,
    make_campaign: Any,
    make_source: Any,
    beside: Any,
    monkeypatch: pytest.MonkeyPatch,
    is_change_first: bool,
) -> None:
    monkeypatch.setattr(contents, "compile_stale", lambda tenant: None)
    source = make_source(QUESTION)
    block = blocks.add(tenant=tenant, actor=owner, name="footer", text="<p>x</p>")
    texts = {"block": '{% render "footer" %}', "brand": "{{ brand.website }}", "source": READING}
    look = reverse("settings_brand")
    ask = partial(sources.change, source=source, actor=owner, headers={})
    changes: dict[str, list[Callable[[], Any]]] = {
        "source": [partial(ask, url=f"{QUESTION}&of={{{{ profile.{name} }}}}") for name in ("a", "b", "c")],
        "block": [partial(blocks.change, block=block, actor=owner, texts={"": "<p>y</p>"})],
        "brand": [partial(client_of("owner").post, look, {"website": "https://nightingale.test/"})],
    }
    drafted = {name: make_campaign(name=name).versions.get() for name in (*texts, "copied", "translated")}
    for name in ("copied", "translated"):
        write(drafted[name].variants.get(), owner, READING)
    stores: list[tuple[str, Callable[[], Any]]] = [
        *((name, partial(write, drafted[name].variants.get(), owner, text)) for name, text in texts.items()),
        ("source", partial(drafts.add_variant, version=drafted["copied"], actor=owner)),
        (
            "source",
            partial(
                translating.begin, variant=drafted["translated"].variants.get(), language="de", actor=owner
            ),
        ),
    ]

    for what, store in stores:
        first, second = (changes[what].pop(), store)[:: 1 if is_change_first else -1]
        with transaction.atomic():
            first()
            done = beside(second)
            until_held_up(done)
        done.result(timeout=30)
        assert all(is_told(content) for content in Content.objects.all()), (what, store)


@pytest.mark.django_db(transaction=True)
def test_no_source_goes_that_somebody_begins_to_use(
    beside: Any, owner: User, campaign: Campaign, make_source: Any
) -> None:
    source = make_source(QUESTION)
    with transaction.atomic():
        write(campaign.versions.get().variants.get(), owner, READING)
        gone = beside(partial(sources.remove, source=source, actor=owner))
        until_held_up(gone)
    with pytest.raises(sources.InUse):
        gone.result(timeout=30)


def test_what_changes_while_a_launch_counts_is_launched(
    campaign: Campaign, make_source: Any, owner: User, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, draft = make_source(QUESTION), campaign.versions.get()
    write(draft.variants.get(), owner, READING)
    monkeypatch.setattr(contents, "compile_stale", lambda tenant: None)
    count = launching.counts

    def counts(version: Any, *, now: datetime) -> Any:
        url = QUESTION.replace("city", "country")
        sources.change(source=source, actor=owner, headers={}, url=url)
        return count(version, now=now)

    monkeypatch.setattr(launching, "counts", counts)
    launching.launch(version=draft, actor=owner, now=now)
    assert Content.objects.get().needs == ["profile.country"]


def test_a_copy_of_what_was_launched_is_compiled_with_what_changed_since(
    campaign: Campaign, make_source: Any, owner: User, now: datetime
) -> None:
    source, launched = make_source(QUESTION), campaign.versions.get()
    write(launched.variants.get(), owner, READING)
    launching.launch(version=launched, actor=owner, now=now)
    url = QUESTION.replace("city", "country")
    sources.change(source=source, actor=owner, headers={}, url=url)
    started = versions.start(campaign=campaign, actor=owner)
    assert Content.objects.get(variant__version=started).is_stale
    twin = lifecycle.duplicate(campaign=campaign, actor=owner)
    launching.launch(version=started, actor=owner, now=now)
    for version, needs in [
        (launched, "profile.city"),
        (started, "profile.country"),
        (twin.versions.get(), "profile.country"),
    ]:
        assert Content.objects.get(variant__version=version).needs == [needs]


@pytest.mark.django_db
def test_the_schedule_that_takes_up_what_was_left_goes_with_its_migration() -> None:
    migration = import_module("campaigns.migrations.0018_stale_contents")
    ours = Schedule.objects.filter(name="tact drafts")
    migration.schedule(apps, None)
    assert ours.get().func == "campaigns.tasks.resume_compiling"
    migration.Migration.operations[-1].reverse_code(apps, None)
    assert not ours.exists()

"""A file becomes people: rehearsed, and stored once however often it is run or killed."""

from __future__ import annotations

import csv
import io
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.conf import settings as django_settings
from django.core.files.base import ContentFile
from django.db import connection
from django.db.models.fields.files import FieldFile
from django_q.models import OrmQ

from audiences import tasks
from audiences.imports import csv_files, lifecycle, mapping, rows, running
from audiences.models import ConsentChange, Event, Import, Profile, Receipt, RefusedRow, RehearsedIdentity
from tenants.models import User

Found = Callable[[str, str], Profile]


def test_known_people_are_met_again_by_id_or_address(
    stored: Callable[..., Import], store: Callable[..., Any], found: Found
) -> None:
    store({"type": "identify", "userId": "u1", "traits": {"email": "ada@example.test", "plan": "free"}})
    done = stored("id,email,plan,city\n,ADA@example.test,pro,Paris\nu1,,,Rome\nu2,new@example.test,,\n")
    assert done.profiles_created == 1
    profile = found("external_id", "u1")
    assert (profile.attributes, profile.city) == ({"plan": "pro"}, "Rome")
    assert Profile.objects.count() == 2


def test_an_empty_cell_changes_nothing(
    stored: Callable[..., Import], store: Callable[..., Any], found: Found
) -> None:
    store({"type": "identify", "userId": "u1", "traits": {"plan": "pro", "city": "Paris"}})
    stored("id,plan,city\nu1,, \nu1\n")
    profile = found("external_id", "u1")
    assert (profile.attributes, profile.city, profile.last_seen_at) == ({"plan": "pro"}, "Paris", None)
    assert not Event.objects.exists()


def test_a_consent_column_fills_and_tightens_and_never_lifts_an_unsubscribe(
    stored: Callable[..., Import], store: Callable[..., Any], found: Found
) -> None:
    store({"type": "identify", "userId": "gone", "consent": {"email": "unsubscribed"}})
    store({"type": "identify", "userId": "open", "consent": {"email": "opted_in"}})
    done = stored("id,Email consent\ngone,yes\nopen,opted out\nnew,opted in\nodd,perhaps\nnone,\n")
    standing = {who: found("external_id", who).consent for who in ("gone", "open", "new", "none")}
    assert standing == {
        "gone": {"email": "unsubscribed"},
        "open": {"email": "unsubscribed"},
        "new": {"email": "opted_in"},
        "none": {},
    }
    assert "perhaps" in RefusedRow.objects.get().reason
    assert done.rows_refused == 1
    assert ConsentChange.objects.filter(origin="import").count() == 2


def test_a_rehearsal_counts_and_stores_nobody(
    stored: Callable[..., Import], store: Callable[..., Any], files: Path
) -> None:
    store({"type": "identify", "userId": "u1", "traits": {"email": "ada@example.test"}})
    receipts = Receipt.objects.count()
    done = stored(
        "id,email\nu1,\n,ada@example.test\nu2,b@example.test\n,b@example.test\nu3,wrong\n", is_dry_run=True
    )
    assert (done.state, done.is_dry_run) == ("done", True)
    assert (done.rows_done, done.profiles_created, done.rows_refused) == (5, 1, 1)
    assert Profile.objects.count() == 1
    assert Receipt.objects.count() == receipts
    assert done.file
    assert len(list(files.rglob("*.csv"))) == 1


@pytest.mark.parametrize("batch", [1, 100])
@pytest.mark.parametrize(
    "lines",
    [
        pytest.param("u1,a@x.test\nu2,a@x.test\nu3,a@x.test\n", id="a family shares an address"),
        pytest.param("u9,known@x.test\n", id="with somebody known"),
        pytest.param(",a@x.test\nu1,a@x.test\nu2,a@x.test\n", id="the address comes first"),
        pytest.param("u9,nameless@x.test\nu8,nameless@x.test\n", id="with somebody who has no id"),
        pytest.param("u0,b@x.test\nu1,b@x.test\n,b@x.test\nu0,\n", id="a known one tells a new address"),
        pytest.param("u1,\nu1,a@x.test\nu1,b@x.test\n,b@x.test\n", id="one person in many rows"),
    ],
)
def test_a_rehearsal_counts_as_many_new_people_as_storing_makes(
    stored: Callable[..., Import],
    store: Callable[..., Any],
    lines: str,
    batch: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(running, "BATCH", batch)
    store({"type": "identify", "userId": "u0", "traits": {"email": "known@x.test"}})
    store({"type": "identify", "anonymousId": "a0", "traits": {"email": "nameless@x.test"}})
    rehearsed, done = (stored(f"id,email\n{lines}", is_dry_run=is_dry_run) for is_dry_run in (True, False))
    assert rehearsed.profiles_created == done.profiles_created == Profile.objects.count() - 2


def test_a_long_rehearsal_counts_nobody_twice_who_stands_in_two_of_its_tasks(
    uploaded: Callable[..., Import], owner: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks, "SLICE_SECONDS", 0.0)
    monkeypatch.setattr(running, "BATCH", 10)
    read: list[int] = []
    make_calls, keep = rows.calls, running._keep

    def counted(batch: list[csv_files.Row], *columns: Any, **named: Any) -> Any:
        read.extend(row.line for row in batch)
        return make_calls(batch, *columns, **named)

    def killed_in_the_second_task(*what: Any) -> None:
        if len(read) == 20:
            raise KeyboardInterrupt
        keep(*what)

    monkeypatch.setattr(rows, "calls", counted)
    monkeypatch.setattr(running, "_keep", killed_in_the_second_task)
    made = uploaded("id\n" + "".join(f"u{n % 15}\n" for n in range(35)))
    lifecycle.start(import_=made, columns=mapping.loaded(made.mapping), is_dry_run=True, actor=owner)
    assert not tasks.run_import(made.pk)
    with pytest.raises(KeyboardInterrupt):
        tasks.run_import(made.pk)
    assert [tasks.run_import(made.pk) for _ in range(4)] == [False, False, True, True]
    made.refresh_from_db()
    assert (made.state, made.rows_done, made.profiles_created) == ("done", 35, 15)
    assert len(read) == 10 + 10 + 25  # each row once, but for those it was killed at
    assert not RehearsedIdentity.objects.exists()


def test_the_file_is_deleted_once_its_people_are_stored(stored: Callable[..., Import], files: Path) -> None:
    done = stored("email\na@example.test\n")
    assert not done.file
    assert not list(files.rglob("*.csv"))


@pytest.mark.parametrize("step", ["delete", "_end"])
def test_killed_while_it_ends_an_import_leaves_no_file_behind(
    uploaded: Callable[..., Import], owner: User, files: Path, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = uploaded("id\nu1\n")
    lifecycle.start(import_=made, columns=mapping.loaded(made.mapping), is_dry_run=False, actor=owner)

    def killed(*what: Any, **how: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(FieldFile if step == "delete" else running, step, killed)
        with pytest.raises(KeyboardInterrupt):
            tasks.run_import(made.pk)
    assert tasks.resume_imports() == 1
    assert tasks.run_import(made.pk)
    made.refresh_from_db()
    assert (made.state, made.error, bool(made.file), made.profiles_created) == ("done", "", False, 1)
    assert not list(files.rglob("*.csv"))


def test_running_it_again_changes_nothing(stored: Callable[..., Import]) -> None:
    lines = "id,plan\n" + "".join(f"u{n},pro\n" for n in range(2500))
    done = stored(lines)
    assert (done.rows_done, done.profiles_created) == (2500, 2500)
    before = list(Profile.objects.order_by("id").values())
    assert tasks.run_import(done.pk)
    done.file.save("again.csv", ContentFile(lines))  # as if nothing had been noted of what was stored
    Import.objects.update(state="running", rows_done=0, profiles_created=0)
    assert tasks.run_import(done.pk)
    done.refresh_from_db()
    assert (done.state, done.rows_done, done.profiles_created) == ("done", 2500, 0)
    assert list(Profile.objects.order_by("id").values()) == before


def test_a_long_import_goes_on_in_its_next_task(
    uploaded: Callable[..., Import], owner: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks, "SLICE_SECONDS", 0.0)
    made = uploaded("id\n" + "".join(f"u{n}\n" for n in range(2100)))
    lifecycle.start(import_=made, columns=mapping.loaded(made.mapping), is_dry_run=False, actor=owner)
    finished = []
    for _ in range(3):
        finished.append(tasks.run_import(made.pk))
        finished.append(Profile.objects.count())
    assert finished == [False, 1000, False, 2000, True, 2100]
    assert OrmQ.objects.count() == 2


def test_a_second_process_at_the_same_import_leaves_it_alone(
    uploaded: Callable[..., Import], owner: User
) -> None:
    made = uploaded("id\nu1\n")
    lifecycle.start(import_=made, columns=mapping.loaded(made.mapping), is_dry_run=False, actor=owner)
    with psycopg.connect(**connection.get_connection_params() | {"cursor_factory": None}) as other:
        other.execute("SELECT pg_advisory_lock(7113002, %s)", [made.pk])
        assert tasks.run_import(made.pk)
        assert not Profile.objects.exists()
    assert tasks.run_import(made.pk)
    assert Profile.objects.count() == 1


def test_an_import_whose_file_is_gone_fails_in_words(
    uploaded: Callable[..., Import], owner: User, files: Path
) -> None:
    made = uploaded("id\nu1\n")
    lifecycle.start(import_=made, columns=mapping.loaded(made.mapping), is_dry_run=False, actor=owner)
    next(files.rglob("*.csv")).unlink()
    tasks.run_import(made.pk)
    made.refresh_from_db()
    assert (made.state, "gone" in made.error) == ("failed", True)


def test_refused_rows_are_put_right_and_sent_again_as_often_as_it_takes(
    stored: Callable[..., Import], found: Found
) -> None:
    file = "id,phone,debt,email\nu1,+4930901820,-5,wrong\nu2,+4930901821,-6,wrong\n"
    for n in (1, 2):
        done = stored(file)
        lines = io.StringIO()
        csv.writer(lines).writerows(running.refused_lines(done))
        file = lines.getvalue().replace("wrong", f"u{n}@example.test", 1)
        assert file.startswith("line,id,phone,debt,email,reason")
    assert stored(file).rows_refused == 0
    for n in (1, 2):
        profile = found("external_id", f"u{n}")
        assert (profile.phone, profile.email) == (f"+493090182{n - 1}", f"u{n}@example.test")
        assert profile.attributes == {"debt": -4 - n}


WORKER = """
import django, sys
django.setup()
from django.conf import settings
settings.STORAGES["default"]["OPTIONS"]["location"] = sys.argv[2]
from django.db import connection
connection.settings_dict["NAME"] = sys.argv[3]
from audiences import tasks
from audiences.imports import running
running.BATCH = 100
print("at work", flush=True)
tasks.run_import(int(sys.argv[1]))
"""


@pytest.mark.django_db(transaction=True)
def test_killed_in_the_middle_it_goes_on_and_stores_each_row_once(
    uploaded: Callable[..., Import], owner: User, files: Path
) -> None:
    rows = 3_000
    lines = "".join(f"u{n},u{n}@example.test,{n}\n" for n in range(rows))
    made = uploaded("id,email,n\n" + lines)
    lifecycle.start(import_=made, columns=mapping.loaded(made.mapping), is_dry_run=False, actor=owner)
    kills = 0
    for _ in range(3):
        worker = subprocess.Popen(
            [sys.executable, "-c", WORKER, str(made.pk), str(files), connection.settings_dict["NAME"]],
            env=os.environ | {"DJANGO_SETTINGS_MODULE": "config.settings"},
            cwd=django_settings.BASE_DIR,
            stdout=subprocess.PIPE,
        )
        assert worker.stdout
        assert worker.stdout.readline() == b"at work\n"
        before = Import.objects.get().rows_done
        until = time.monotonic() + 30
        while Import.objects.get().rows_done <= before and time.monotonic() < until and worker.poll() is None:
            time.sleep(0.005)
        worker.send_signal(signal.SIGKILL)
        kills += worker.wait() == -signal.SIGKILL
        worker.stdout.close()
    made.refresh_from_db()
    assert kills == 3
    assert 0 < made.rows_done < rows
    assert Profile.objects.count() == made.rows_done
    until = time.monotonic() + 60
    while Import.objects.get().state == "running" and time.monotonic() < until:
        tasks.run_import(made.pk)  # at first the database may take the last one killed to be still at it
    made.refresh_from_db()
    assert (made.state, made.rows_done, made.profiles_created) == ("done", rows, rows)
    assert Profile.objects.count() == rows
    numbers = Profile.objects.values_list("attributes__n", flat=True)
    assert sorted(numbers) == list(range(rows))

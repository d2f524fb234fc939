"""A file becomes people: read as it is, mapped, rehearsed, stored once however often it is run or killed."""

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
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django_q.models import OrmQ

from audiences import tasks
from audiences.imports import cells, csv_files, lifecycle, mapping, rows, running
from audiences.imports.mapping import Target
from audiences.models import ConsentChange, Event, Import, Profile, Receipt, RefusedRow, RehearsedIdentity
from tenants.models import Tenant, User

ClientOf = Callable[..., Client]
Found = Callable[[str, str], Profile]


@pytest.fixture(autouse=True)
def files(tmp_path: Path, settings: Any) -> Path:
    """Uploads of a test lie in its own folder."""
    storage = {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": tmp_path}}
    settings.STORAGES = settings.STORAGES | {"default": storage}
    return tmp_path


@pytest.fixture
def uploaded(tenant: Tenant, owner: User) -> Callable[..., Import]:
    def upload(content: str | bytes, name: str = "people.csv") -> Import:
        data = content.encode() if isinstance(content, str) else content
        return lifecycle.upload(tenant=tenant, file=SimpleUploadedFile(name, data), actor=owner)

    return upload


@pytest.fixture
def stored(uploaded: Callable[..., Import], owner: User) -> Callable[..., Import]:
    """Upload with the guessed columns, or those given, and run for good."""

    def run(content: str | bytes, *, is_dry_run: bool = False, **columns: Target) -> Import:
        made = uploaded(content)
        guessed = mapping.loaded(made.mapping) | columns
        lifecycle.start(import_=made, columns=guessed, is_dry_run=is_dry_run, actor=owner)
        tasks.run_import(made.pk)
        made.refresh_from_db()
        return made

    return run


# --- Reading -------------------------------------------------------------------------------------
NAMES = "email,first_name\nzoe@example.test,Zoë\nrené@example.test,René\n".replace("rené@", "rene@")


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(NAMES.encode(), id="UTF-8"),
        pytest.param(b"\xef\xbb\xbf" + NAMES.encode(), id="with a byte order mark"),
        pytest.param(NAMES.encode("cp1252"), id="Windows"),
        pytest.param(NAMES.encode("utf-16"), id="UTF-16"),
        pytest.param(NAMES.replace(",", ";").encode(), id="semicolons"),
        pytest.param(NAMES.replace(",", "\t").encode(), id="tabs"),
        pytest.param(NAMES.replace("\n", "\r\n").encode(), id="Windows lines"),
        pytest.param(NAMES.replace("\n", "\r").encode(), id="old Mac lines"),
        pytest.param(NAMES.replace("\n", "\n\n , \n").encode(), id="blank lines between"),
        pytest.param(NAMES.rstrip().encode(), id="no end of line"),
    ],
)
def test_a_file_is_read_whatever_program_wrote_it(stored: Callable[..., Import], data: bytes) -> None:
    done = stored(data)
    assert (done.state, done.rows_total, done.rows_refused) == ("done", 2, 0)
    assert dict(Profile.objects.values_list("email", "first_name")) == {
        "zoe@example.test": "Zoë",
        "rene@example.test": "René",
    }


@pytest.mark.parametrize(
    "data,said",
    [
        (b"", "empty"),
        (b" \n ", "empty"),
        (b"PK\x03\x04\x00\x00\x00", "not text"),
        (b"email,email\na@example.test,b@example.test\n", "Two columns are called"),
        (b",".join(b"c%d" % n for n in range(201)), "201 columns"),
    ],
)
def test_what_is_no_table_is_refused_in_words(
    client_of: ClientOf, data: bytes, said: str, tenant: Tenant
) -> None:
    page = client_of("marketer").post(
        "/imports/upload/", {"file": SimpleUploadedFile("x.csv", data)}, follow=True
    )
    assert said in page.content.decode()
    assert not Import.objects.exists()


def test_a_file_that_is_too_large_is_refused_unread(
    uploaded: Callable[..., Import], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(csv_files, "MAX_BYTES", 1024 * 1024)
    with pytest.raises(csv_files.NotCsv, match="larger than 1 MB"):
        uploaded(b"email\n" + b"x" * 1024 * 1024)


def test_lines_are_numbered_as_an_editor_does(stored: Callable[..., Import]) -> None:
    done = stored('email,note\na@example.test,"two\nlines"\n\nwrong,x\n,"y\nz"\nb@example.test,ok\n')
    refused = RefusedRow.objects.order_by("number").values_list("number", "reason")
    assert list(refused) == [
        (5, "email: is not an email address"),
        (6, "has neither external id nor email nor phone number"),
    ]
    assert (done.rows_total, done.rows_refused, done.profiles_created) == (4, 2, 2)
    assert Profile.objects.get(email="a@example.test").attributes == {"note": "two\nlines"}


# --- Guessing and mapping ------------------------------------------------------------------------
def test_columns_are_guessed_from_names_and_values(uploaded: Callable[..., Import]) -> None:
    made = uploaded(
        "User ID,E-Mail,Vorname,Last Name,Orders,Member since,VIP,Postcode,Newsletter,Country Code,Mail\n"
        "1,a@example.test,A,B,12,2026-01-05,yes,01234,no,DE,x\n"
        "2,b@example.test,C,D,3.5,05.02.2026,no,99999,yes,FR,y\n"
    )
    assert mapping.loaded(made.mapping) == {
        "User ID": Target("external_id"),
        "E-Mail": Target("email"),
        "Vorname": Target("first_name"),
        "Last Name": Target("last_name"),
        "Orders": Target("orders", "number"),
        "Member since": Target("member_since", "time"),
        "VIP": Target("vip", "boolean"),
        "Postcode": Target("postcode", "text"),
        "Newsletter": Target("consent:email"),
        "Country Code": Target("country"),
        "Mail": Target(""),
    }


def test_what_we_find_out_ourselves_is_guessed_to_be_left_out(uploaded: Callable[..., Import]) -> None:
    made = uploaded("id,last_seen_at,Located at\nu1,2026-01-05,2026-01-05\n")
    assert [target.name for target in mapping.loaded(made.mapping).values()] == ["external_id", "", ""]


@pytest.mark.parametrize("cell", ["2026-W01-1", "2026W011", "2026-W01-1T10:00", "0202-06-01", "2026-02-30"])
def test_what_rules_read_as_no_time_is_none(uploaded: Callable[..., Import], cell: str) -> None:
    assert cells.parsed(cell, "time") is None
    made = uploaded(f"id,since\n7,{cell}\n")
    assert mapping.loaded(made.mapping)["since"].kind == "text"


def test_values_are_stored_as_their_kind(stored: Callable[..., Import], found: Found) -> None:
    stored(
        "id;orders;score;vip;since;code;city;left\n7;12;3,5;Yes;05.02.2026;007;Paris;x\n",
        left=Target(""),
        orders=Target("orders", "number"),
        vip=Target("vip", "boolean"),
    )
    profile = found("external_id", "7")
    assert profile.city == "Paris"
    assert profile.attributes == {
        "orders": 12,
        "score": 3.5,
        "vip": True,
        "since": "2026-02-05",
        "code": "007",
    }


def test_columns_named_with_a_dot_are_parts_of_one_attribute(
    stored: Callable[..., Import], found: Found
) -> None:
    stored("id,plan.tier,plan.seats,address.street\n7,gold,3,Baker Street\n")
    attributes = found("external_id", "7").attributes
    assert attributes == {"plan": {"tier": "gold", "seats": 3}, "address": {"street": "Baker Street"}}


def test_a_value_not_of_its_kind_refuses_the_row_with_the_columns_name(stored: Callable[..., Import]) -> None:
    stored("id,Orders so far\n1,12\n2,many\n", **{"Orders so far": Target("orders", "number")})
    assert RefusedRow.objects.get().reason == "Orders so far: “many” is not a number"
    assert Profile.objects.count() == 1


@pytest.mark.parametrize("cell", ["1,234", "-12,345", "1,234,567"])
def test_a_number_that_may_have_thousands_is_not_guessed_at(
    uploaded: Callable[..., Import], stored: Callable[..., Import], cell: str
) -> None:
    file = f'id,spent\n1,950\n2,"{cell}"\n3,"0,123"\n'
    assert mapping.loaded(uploaded(file).mapping)["spent"] == Target("spent", "text")
    stored(file, spent=Target("spent", "number"))
    assert RefusedRow.objects.get().reason == f"spent: “{cell}” is not a number"
    kept = Profile.objects.order_by("external_id").values_list("external_id", "attributes")
    assert list(kept) == [("1", {"spent": 950}), ("3", {"spent": 0.123})]


@pytest.mark.parametrize(
    "columns,said",
    [
        ({"email": Target("city")}, "tells who is meant"),
        ({"plan": Target("email")}, "Two columns go to"),
        ({"plan": Target("x" * 256)}, "cannot be the name"),
        ({"plan": Target("plan", "colour")}, "cannot be the name"),
        ({"plan": Target("plan..tier")}, "dots"),
        ({"plan": Target("last_seen_at")}, "finds out “last_seen_at” by itself"),
    ],
)
def test_columns_that_make_no_sense_are_refused(
    uploaded: Callable[..., Import], owner: User, columns: dict[str, Target], said: str
) -> None:
    made = uploaded("email,plan\na@example.test,pro\n")
    with pytest.raises(mapping.BadMapping, match=said):
        lifecycle.start(
            import_=made, columns=mapping.loaded(made.mapping) | columns, is_dry_run=True, actor=owner
        )


# --- Storing -------------------------------------------------------------------------------------
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


# --- The pages -----------------------------------------------------------------------------------
def test_a_marketer_uploads_maps_rehearses_and_imports(
    client_of: ClientOf, found: Found, tenant: Tenant
) -> None:
    browser = client_of("marketer")
    file = SimpleUploadedFile("shop.csv", b"E-Mail,Level,Junk\na@example.test,gold,1\nwrong,x,2\n")
    page = browser.post("/imports/upload/", {"file": file}, follow=True)
    url = page.redirect_chain[-1][0]
    assert "a@example.test" in page.content.decode()
    form = {"to-0": "email", "to-1": "custom", "name-1": "tier", "kind-1": "text", "to-2": ""}
    assert "Counting rows" in browser.post(url + "start/", form, follow=True).content.decode()
    made = Import.objects.get()
    assert OrmQ.objects.count() == 1
    assert browser.get(url + "progress/").status_code == 200
    tasks.run_import(made.pk)
    finished = browser.get(url + "progress/")
    assert (finished.status_code, "nobody is stored yet" in finished.content.decode()) == (286, True)
    assert not Profile.objects.exists()
    browser.post(url + "start/", {"for_good": "yes"})
    tasks.run_import(made.pk)
    assert found("email", "a@example.test").attributes == {"tier": "gold"}
    refused = browser.get(url + "refused.csv")
    lines = list(csv.reader(io.StringIO(refused.content.decode("utf-8-sig"))))
    assert lines == [
        ["line", "E-Mail", "Level", "Junk", "reason"],
        ["3", "wrong", "x", "2", "E-Mail: is not an email address"],
    ]
    assert browser.post(url + "start/", {"for_good": "yes"}, follow=True).status_code == 200
    assert Import.objects.get().state == "done"


def test_columns_that_make_no_sense_are_shown_again_with_what_to_change(
    client_of: ClientOf, uploaded: Callable[..., Import]
) -> None:
    made = uploaded("email,plan\na@example.test,pro\n")
    answer = client_of("marketer").post(
        f"/imports/{made.public_id}/start/",
        {"to-0": "", "to-1": "custom", "name-1": "tier", "kind-1": "text"},
    )
    assert answer.status_code == 422
    assert "tells who is meant" in answer.content.decode()
    assert 'value="tier"' in answer.content.decode()


def test_a_spreadsheet_runs_nothing_from_the_refused_rows(
    client_of: ClientOf, stored: Callable[..., Import]
) -> None:
    evil = ["=1+1", "+1", "-1", "@SUM(A1)", "\tx"]
    done = stored("email,note\n" + "".join(f'{cell},"{cell}"\n' for cell in evil))
    answer = client_of("analyst").get(f"/imports/{done.public_id}/refused.csv")
    shown = [cell for line in csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))) for cell in line]
    assert sum(cell.startswith("'") for cell in shown) == 10
    assert not [cell for cell in shown if cell.startswith(csv_files.FORMULA)]


def test_a_file_can_be_discarded_until_somebody_is_stored(
    client_of: ClientOf, uploaded: Callable[..., Import], stored: Callable[..., Import], files: Path
) -> None:
    waiting, done = uploaded("email\na@example.test\n"), stored("email\nb@example.test\n")
    browser = client_of("marketer")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("django.db.transaction.on_commit", lambda function, *_, **__: function())
        for made in (waiting, done):
            browser.post(f"/imports/{made.public_id}/discard/")
    assert list(Import.objects.all()) == [done]
    assert not list(files.rglob("*.csv"))


def test_what_was_begun_for_good_is_not_rehearsed_and_not_discarded_any_more(
    client_of: ClientOf, uploaded: Callable[..., Import], owner: User
) -> None:
    made = uploaded("id\nu1\n")
    columns = mapping.loaded(made.mapping)
    lifecycle.start(import_=made, columns=columns, is_dry_run=False, actor=owner)
    Import.objects.update(state="failed", rows_total=2, rows_done=1)
    with pytest.raises(lifecycle.NotNow, match="stored already"):
        lifecycle.start(import_=made, columns=columns, is_dry_run=True, actor=owner)
    page = client_of("marketer").get(f"/imports/{made.public_id}/?map").content.decode()
    assert "Start again" in page
    assert "Change the columns" not in page
    assert "was discarded" not in (
        client_of("marketer").post(f"/imports/{made.public_id}/discard/", follow=True).content.decode()
    )
    lifecycle.start(import_=made, columns=columns, is_dry_run=False, actor=owner)
    tasks.run_import(made.pk)
    assert Profile.objects.count() == 1


def test_an_analyst_may_look_and_not_import(client_of: ClientOf, uploaded: Callable[..., Import]) -> None:
    made = uploaded("email\na@example.test\n")
    browser = client_of("analyst")
    assert browser.get(f"/imports/{made.public_id}/").status_code == 200
    assert "Rehearse" not in browser.get(f"/imports/{made.public_id}/").content.decode()
    for url in (
        "/imports/upload/",
        f"/imports/{made.public_id}/start/",
        f"/imports/{made.public_id}/discard/",
    ):
        assert browser.post(url).status_code == 403


def test_a_stalled_import_is_taken_up_again(uploaded: Callable[..., Import], owner: User) -> None:
    made = uploaded("id\nu1\n")
    assert tasks.resume_imports() == 0
    lifecycle.start(import_=made, columns=mapping.loaded(made.mapping), is_dry_run=False, actor=owner)
    assert tasks.resume_imports() == 1
    assert OrmQ.objects.get().func() == "audiences.tasks.run_import"

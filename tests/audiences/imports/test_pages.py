"""The pages of an import: who may do what, and when."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django_q.models import OrmQ

from audiences import tasks
from audiences.imports import csv_files, lifecycle, mapping
from audiences.models import Import, Profile
from tenants.models import Tenant, User

ClientOf = Callable[..., Client]
Found = Callable[[str, str], Profile]


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
    done = stored("email,=note\n" + "".join(f'{cell},"{cell}"\n' for cell in evil))
    answer = client_of("analyst").get(f"/imports/{done.public_id}/refused.csv")
    shown = [cell for line in csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))) for cell in line]
    assert sum(cell.startswith("'") for cell in shown) == 11
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


def test_a_file_was_uploaded_just_now_whatever_the_sandboxs_clock_says(
    client_of: ClientOf, stored: Callable[..., Import], tenant: Tenant
) -> None:
    tenant.is_sandbox, tenant.clock_offset = True, timedelta(days=-40)
    tenant.save()
    made = stored("email\na@example.test\n")
    browser = client_of("marketer")
    for url in ("/imports/", f"/imports/{made.public_id}/"):
        words = browser.get(url).content.decode()
        assert "just now" in words
        assert "in 1 month" not in words

"""An import from its upload to its start; what it does then is in ``running``."""

from __future__ import annotations

import uuid
from typing import IO, cast

from django.core.files.uploadedfile import UploadedFile
from django.db import transaction

from audiences.imports import csv_files, mapping
from audiences.imports.csv_files import Table
from audiences.imports.mapping import Mapping
from audiences.models import Import, RefusedRow
from tenants import audit
from tenants.models import Tenant, User

UNDERWAY = (Import.State.WAITING, Import.State.RUNNING)


class NotNow(Exception):
    """The import is not in a state for this."""


def upload(*, tenant: Tenant, file: UploadedFile, actor: User) -> Import:
    """Keep an uploaded file as an import that waits for its mapping, guesses filled in. Raises NotCsv."""
    if (file.size or 0) > csv_files.MAX_BYTES:
        raise csv_files.NotCsv(
            f"The file is larger than {csv_files.MAX_BYTES // 1024**2} MB. Split it in two."
        )
    table = csv_files.look(cast(IO[bytes], file))
    file.seek(0)
    made = Import(tenant=tenant, file_name=(file.name or "people.csv")[:200], created_by=actor)
    made.mapping = mapping.stored(mapping.guess(table))
    made.file.save(f"{uuid.uuid4()}.csv", file, save=False)
    made.save()
    _note(made, actor, "uploaded")
    return made


def start(*, import_: Import, columns: Mapping, is_dry_run: bool, actor: User) -> None:
    """Make an import wait for its turn, as a rehearsal or for good; the caller enqueues the task.

    Raises BadMapping, and NotNow while it is underway or once it is done for good. What was begun for good is not
    rehearsed any more: rows of it may be stored.
    """
    mapping.check(columns)
    with transaction.atomic():
        locked = Import.objects.select_for_update().get(pk=import_.pk)
        is_stored = locked.state == Import.State.DONE and not locked.is_dry_run
        if locked.state in UNDERWAY or is_stored:
            raise NotNow("This import is underway or done.")
        if is_dry_run and not locked.is_dry_run:
            raise NotNow(
                "Rows of it may be stored already, so it is not rehearsed again. "
                "Start it again, or upload the file anew."
            )
        RefusedRow.objects.filter(import_file=locked).delete()
        locked.mapping, locked.is_dry_run = mapping.stored(columns), is_dry_run
        locked.state, locked.error = Import.State.WAITING, ""
        locked.rows_total = locked.rows_done = locked.rows_refused = locked.profiles_created = 0
        locked.save()
        if not is_dry_run:
            _note(locked, actor, "started")


def discard(*, import_: Import, actor: User) -> None:
    """Forget an import that has stored nobody, with its file. Raises NotNow for others."""
    with transaction.atomic():
        locked = Import.objects.select_for_update().get(pk=import_.pk)
        if not locked.is_dry_run or locked.state in UNDERWAY:
            raise NotNow("Only an import that stored nobody yet can be discarded.")
        file = locked.file
        _note(locked, actor, "discarded")
        locked.delete()
        transaction.on_commit(lambda: file.delete(save=False))


def table_of(import_: Import) -> Table:
    """Return how the import's file is read. Raises NotCsv, also if it is no longer there."""
    try:
        if not import_.file:
            raise FileNotFoundError
        with import_.file.open("rb") as file:
            return csv_files.look(file)
    except FileNotFoundError:
        raise csv_files.NotCsv("The uploaded file is gone. Upload it again.") from None


def _note(import_: Import, actor: User, action: str) -> None:
    audit.note(
        tenant=import_.tenant,
        actor=actor,
        action=action,
        thing="import",
        thing_id=import_.public_id,
        name=import_.file_name,
    )

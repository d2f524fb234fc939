"""Working on an import: batch by batch, each with what is noted of it in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import datetime
from functools import partial
from itertools import islice
from types import TracebackType
from typing import IO, Any, cast

from django.db import connection, transaction

from audiences import ingest
from audiences.imports import csv_files, mapping, rehearsed, rows
from audiences.imports.csv_files import Row
from audiences.imports.mapping import Mapping
from audiences.ingest.rehearsing import rehearse
from audiences.models import Import, RefusedRow

BATCH = 1_000
REFUSED_KEPT = 50_000  # rows of one import; all are counted
LOCK = 7_113_002  # advisory, with the import's id: one process at a time works on an import


def work(import_: Import, *, now: datetime, is_over: Callable[[], bool]) -> bool:
    """Work on an import that is underway until ``is_over()``; return whether there is nothing more to do.

    What a batch stores and how far the import is commit together: killed at any moment it goes on where it was, and
    rows it meets again are known by their line. A second process at work on the same import returns at once.
    """
    with _Alone(import_) as is_alone:
        import_.refresh_from_db()
        if not is_alone or import_.state not in (Import.State.WAITING, Import.State.RUNNING):
            return True
        try:
            if not import_.file:
                raise FileNotFoundError
            with import_.file.open("rb") as file:
                is_done = _work(import_, cast(IO[bytes], file), now, is_over)
        except csv_files.NotCsv as error:
            _end(import_, state=Import.State.FAILED, error=str(error))
            return True
        except FileNotFoundError:
            if not _is_stored(import_):
                _end(import_, state=Import.State.FAILED, error="The uploaded file is gone. Upload it again.")
                return True
            is_done = True
        if is_done:
            _finish(import_)
    return is_done


def _work(import_: Import, file: IO[bytes], now: datetime, is_over: Callable[[], bool]) -> bool:
    table = csv_files.look(file)
    columns = mapping.loaded(import_.mapping)
    if import_.state == Import.State.WAITING:
        total = sum(1 for _ in csv_files.rows(file, table))
        _set(import_, state=Import.State.RUNNING, rows_total=total)
    with closing(csv_files.rows(file, table)) as lines:
        remaining = islice(lines, import_.rows_done, None)
        while batch := list(islice(remaining, BATCH)):
            _take(import_, columns, batch, now)
            if is_over():
                break
    return import_.rows_done >= import_.rows_total


def _take(import_: Import, columns: Mapping, batch: list[Row], now: datetime) -> None:
    """Store or rehearse one batch, in one transaction with what is noted of it."""
    calls, refused = rows.calls(batch, columns, name=str(import_.public_id))
    with transaction.atomic():
        if import_.is_dry_run:
            first_met = partial(rehearsed.first_met, import_)
            done = rehearse(tenant=import_.tenant, calls=calls.values(), now=now, first_met=first_met)
        else:
            done = ingest.store(
                tenant=import_.tenant, calls=calls.values(), now=now, origin=ingest.Origin.IMPORT
            )
        lines = list(calls)
        refused |= {lines[refusal.index]: rows.said(refusal, columns) for refusal in done.refused}
        _keep(import_, batch, refused)
        _set(
            import_,
            rows_done=import_.rows_done + len(batch),
            rows_refused=import_.rows_refused + len(refused),
            profiles_created=import_.profiles_created + done.profiles_created,
        )


def _keep(import_: Import, batch: list[Row], refused: dict[int, str]) -> None:
    room = max(0, REFUSED_KEPT - import_.rows_refused)
    kept = [row for row in batch if row.line in refused][:room]
    RefusedRow.objects.bulk_create(
        RefusedRow(
            tenant_id=import_.tenant_id,
            import_file=import_,
            number=row.line,
            reason=refused[row.line].replace("\x00", ""),
            values=[cell.replace("\x00", "")[:1_000] for cell in row.cells[: csv_files.MAX_COLUMNS]],
        )
        for row in kept
    )


def _is_stored(import_: Import) -> bool:
    """Whether nothing was left to do but to end: killed there, an import may have lost its file already."""
    is_for_good = import_.state == Import.State.RUNNING and not import_.is_dry_run
    return is_for_good and import_.rows_done >= import_.rows_total


def _finish(import_: Import) -> None:
    if not import_.is_dry_run:  # people are in profiles now; a copy of their data would only lie about
        import_.file.delete(save=False)  # before it is done: whoever is killed in between does this again
    _end(import_, state=Import.State.DONE, file=import_.file if import_.is_dry_run else "")


@transaction.atomic
def _end(import_: Import, **fields: Any) -> None:
    rehearsed.forget(import_)
    _set(import_, **fields)


def _set(import_: Import, **fields: Any) -> None:
    for name, value in fields.items():
        setattr(import_, name, value)
    import_.save(update_fields=list(fields))


class _Alone:
    """Holds the import's advisory lock if nobody else does; the database lets go of it when the process dies."""

    def __init__(self, import_: Import) -> None:
        self._keys = [LOCK, import_.pk]
        self._is_held = False

    def __enter__(self) -> bool:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_try_advisory_lock(%s, %s)", self._keys)
            self._is_held = bool(cursor.fetchone()[0])
        return self._is_held

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._is_held:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s, %s)", self._keys)


def refused_lines(import_: Import) -> Iterator[list[str]]:
    """Yield the refused rows as lines of a table, the reason last; a spreadsheet runs none of their cells."""
    columns = mapping.loaded(import_.mapping)
    brought = mapping.brought(columns)
    line, reason = mapping.ADDED
    yield [line, *map(csv_files.safe, list(columns)[brought]), reason]
    refused = RefusedRow.objects.filter(import_file=import_).order_by("number")
    for row in refused.iterator(chunk_size=BATCH):
        given = [csv_files.safe(cell) for cell in row.values]
        missing = [""] * (len(columns) - len(given))
        cells = [*given, *missing]
        more = cells[len(columns) :]
        yield [str(row.number), *cells[brought], *more, csv_files.safe(row.reason)]

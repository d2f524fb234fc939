"""Working on an import: batch by batch, each with what is noted of it in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
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
from audiences.ingest import Parcel, Stored
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
        results = _results(import_, _batches(remaining, columns, str(import_.public_id), now))
        while _take(import_, columns, results):
            if is_over():
                break
    return import_.rows_done >= import_.rows_total


@dataclass(frozen=True, slots=True, kw_only=True)
class _Batch(Parcel):
    """Rows, and the calls that they become."""

    rows: list[Row]
    lines: list[int]  # of each call
    refused: dict[int, str]  # why, by line


def _batches(remaining: Iterator[Row], columns: Mapping, name: str, now: datetime) -> Iterator[_Batch]:
    while batch := list(islice(remaining, BATCH)):
        calls, refused = rows.calls(batch, columns, name=name)
        yield _Batch(calls=list(calls.values()), now=now, rows=batch, lines=list(calls), refused=refused)


def _results(import_: Import, batches: Iterator[_Batch]) -> Iterator[tuple[_Batch, Stored]]:
    """Store or rehearse a batch when it is asked for, and yield what became of it."""
    if not import_.is_dry_run:
        yield from ingest.store_each(batches, tenant=import_.tenant, origin=ingest.Origin.IMPORT)
        return
    first_met = partial(rehearsed.first_met, import_)
    for batch in batches:
        yield batch, rehearse(tenant=import_.tenant, calls=batch.calls, now=batch.now, first_met=first_met)


@transaction.atomic
def _take(import_: Import, columns: Mapping, results: Iterator[tuple[_Batch, Stored]]) -> bool:
    """Let the next batch be done and note it, in one transaction; return whether there was one."""
    result = next(results, None)
    if result is None:
        return False
    batch, done = result
    refused = batch.refused | {
        batch.lines[refusal.index]: rows.said(refusal, columns) for refusal in done.refused
    }
    _keep(import_, batch.rows, refused)
    _set(
        import_,
        rows_done=import_.rows_done + len(batch.rows),
        rows_refused=import_.rows_refused + len(refused),
        profiles_created=import_.profiles_created + done.profiles_created,
    )
    return True


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

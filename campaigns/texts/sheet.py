"""Texts for translators as a table: one row a text, to be opened in any spreadsheet."""

from __future__ import annotations

import csv
import io
from typing import IO

from audiences.imports import csv_files
from campaigns.texts.exchange import File, Row
from tenants import strict

COLUMNS = ("campaign", "version", "language", "unit", "context", "source", "target")


class Unreadable(ValueError):
    """No file of ours; the words say why, for people."""


def write(file: File) -> bytes:
    """Return the texts as CSV in UTF-8 that says so, which Excel needs."""
    made = io.StringIO(newline="")
    writer = csv.writer(made)
    writer.writerow(COLUMNS)
    for row in file.rows:
        writer.writerow([file.campaign, file.version, file.language, *map(_guarded, row)])
    return b"\xef\xbb\xbf" + made.getvalue().encode()


def read(data: IO[bytes]) -> File:
    """Return the texts of a CSV, whatever its delimiter. Raises Unreadable."""
    try:
        table = csv_files.look(data)
        rows = [row.cells for row in csv_files.rows(data, table)]
    except csv_files.NotCsv as wrong:
        raise Unreadable(str(wrong)) from wrong
    if missing := [name for name in COLUMNS if name not in table.columns]:
        raise Unreadable(f"The file lacks the {'columns' if missing[1:] else 'column'} {', '.join(missing)}.")
    places = [table.columns.index(name) for name in COLUMNS]
    cells = [[row[place] if place < len(row) else "" for place in places] for row in rows]
    heads = {tuple(row[:3]) for row in cells}
    if len(heads) != 1:
        raise Unreadable(
            "The file has no texts." if not heads else "The file mixes campaigns, versions or languages."
        )
    campaign, version, language = heads.pop()
    if (number := strict.number(version)) is None:
        raise Unreadable(f"{version[:20]!r} is no version.")
    return File(campaign, number, language, [Row(*map(_unguarded, row[3:])) for row in cells])


def _guarded(cell: str) -> str:
    """A cell that no spreadsheet runs; one that begins like a guard is guarded too."""
    return f"'{cell}" if cell.startswith("'") else csv_files.safe(cell)


def _unguarded(cell: str) -> str:
    return cell[1:] if cell.startswith("'") and cell[1:].startswith(("'", *csv_files.FORMULA)) else cell

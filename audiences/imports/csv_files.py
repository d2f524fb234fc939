"""CSV files as people have them: any of the usual encodings and delimiters, read row by row."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Generator
from itertools import chain
from typing import IO, NamedTuple

MAX_BYTES = 100 * 1024 * 1024
MAX_COLUMNS = 200
SAMPLE_ROWS = 50
DELIMITERS = ",;\t|"
BLOCK = 1024 * 1024
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # a spreadsheet would run what begins with these

MARKED = frozenset(f"'{first}" for first in FORMULA)
END = "\x00end of file\x00"  # a line after the last: a cell that swallows it is still open

csv.field_size_limit(1024 * 1024)


class NotCsv(ValueError):
    """The file cannot be read as a table with a header; the message says why, for people."""


class Row(NamedTuple):
    line: int  # where it begins in the file, the header being line 1
    cells: list[str]


class Table(NamedTuple):
    """How a file is read, and what its first rows hold."""

    encoding: str
    delimiter: str
    columns: list[str]
    sample: list[list[str]]

    def samples(self, column: str) -> list[str]:
        """Return up to three different values of a column that are not empty."""
        place = self.columns.index(column)
        values = (row[place].strip() for row in self.sample if len(row) > place)
        return list(dict.fromkeys(value for value in values if value))[:3]

    def values(self, column: str) -> list[str]:
        place = self.columns.index(column)
        return [row[place].strip() for row in self.sample if len(row) > place and row[place].strip()]


def look(file: IO[bytes]) -> Table:
    """Return how ``file`` is to be read. Raises NotCsv."""
    encoding = _encoding(file)
    head = _head(file, encoding)
    delimiter = max(DELIMITERS, key=lambda candidate: _columns_with(head, candidate))
    rows = map(_as_meant, csv.reader(io.StringIO(head, newline=""), delimiter=delimiter))
    try:
        header = next(filter(_says_something, rows), [])
        sample = [row for row, _ in zip(rows, range(SAMPLE_ROWS), strict=False) if _says_something(row)]
    except csv.Error as error:
        raise NotCsv(f"The file cannot be read as CSV: {error}.") from None
    if not header:
        raise NotCsv("The file is empty.")
    return Table(encoding, delimiter, _named(header), sample)


def rows(file: IO[bytes], table: Table) -> Generator[Row]:
    """Yield the rows under the header, but for blank ones. Raises NotCsv where the file breaks off its format."""
    file.seek(0)
    text = io.TextIOWrapper(file, encoding=table.encoding, newline="", errors="replace")
    try:
        reader = csv.reader(chain(text, [END]), delimiter=table.delimiter)
        line, is_below_header = 1, False
        try:
            for cells in reader:
                if cells == [END]:
                    return
                if cells and cells[-1].endswith(END):
                    raise NotCsv(
                        f"Line {line} opens a quotation mark that nothing closes: all below it would be one cell."
                    )
                if is_below_header and _says_something(cells):
                    yield Row(line, _as_meant(cells))
                is_below_header = is_below_header or _says_something(cells)
                line = reader.line_num + 1
        except csv.Error as error:
            raise NotCsv(f"Line {line} cannot be read as CSV: {error}.") from None
    finally:
        text.detach()  # the caller's file stays open


def safe(cell: str) -> str:
    """Return a cell that a spreadsheet shows and does not run."""
    return f"'{cell}" if cell.startswith(FORMULA) else cell


def _says_something(cells: list[str]) -> bool:
    return any(map(str.strip, cells))


def _as_meant(cells: list[str]) -> list[str]:
    """Return cells without the mark that keeps a spreadsheet from running them, ours or its own."""
    return [cell[1:] if cell[:2] in MARKED else cell for cell in cells]


def _encoding(file: IO[bytes]) -> str:
    """UTF-8 if all of the file is, UTF-16 if it says so, else what Windows programs in the west write."""
    file.seek(0)
    start = file.read(4)
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    file.seek(0)
    decoder = codecs.getincrementaldecoder("utf-8-sig")()
    try:
        while block := file.read(BLOCK):
            decoder.decode(block)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8-sig"


def _head(file: IO[bytes], encoding: str) -> str:
    file.seek(0)
    text = file.read(256 * 1024).decode(encoding, errors="replace")
    if "\x00" in text:
        raise NotCsv("The file is not text. Save it as CSV in your spreadsheet program first.")
    if not text.strip():
        raise NotCsv("The file is empty.")
    return text


def _columns_with(head: str, delimiter: str) -> int:
    """Return how many columns the header has with this delimiter, more telling if the next rows have as many."""
    try:
        reader = csv.reader(io.StringIO(head, newline=""), delimiter=delimiter)
        widths = [len(row) for row, _ in zip(filter(_says_something, reader), range(10), strict=False)]
    except csv.Error:
        return 0
    return widths[0] * (2 if len(set(widths)) == 1 else 1) if widths and widths[0] > 1 else 1


def _named(header: list[str]) -> list[str]:
    names = [cell.strip() or f"Column {place}" for place, cell in enumerate(header, 1)]
    if len(names) > MAX_COLUMNS:
        raise NotCsv(f"The file has {len(names)} columns; at most {MAX_COLUMNS} are read.")
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice:
        raise NotCsv(f"Two columns are called “{twice}”. Give each its own name in the first line.")
    return names

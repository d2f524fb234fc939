"""Rows become calls that say of a person what the columns mean."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from audiences import attributes
from audiences.imports import cells
from audiences.imports.csv_files import Row
from audiences.imports.mapping import CONSENT, Mapping, Target
from audiences.ingest import Refusal

Call = dict[str, Any]


class BadRow(ValueError):
    """A row says nothing that could be stored; why."""


def calls(batch: Iterable[Row], mapping: Mapping, *, name: str) -> tuple[dict[int, Call], dict[int, str]]:
    """Return calls by line, and the reasons of lines that make none.

    Call ids are made of the import's ``name`` and the line, so that a row read again is the same call.
    """
    wanted = [
        (place, column, mapping[column]) for place, column in enumerate(mapping) if mapping[column].name
    ]
    made, refused = {}, {}
    for row in batch:
        try:
            if len(row.cells) > len(mapping):
                raise BadRow(f"has {len(row.cells)} cells, the first line has {len(mapping)}")
            made[row.line] = _call(f"import:{name}:{row.line}", row.cells, wanted)
        except BadRow as error:
            refused[row.line] = str(error)
    return made, refused


def said(refusal: Refusal, mapping: Mapping) -> str:
    """Return why a row was refused in words of the file: the column's name for the call's path."""
    name = refusal.path.removeprefix("traits.")
    name = {"userId": "external_id", "context.externalIds[0].id": "phone"}.get(name, name)
    column = next((column for column, target in mapping.items() if target.name == name), name)
    return f"{column}: {refusal.reason}" if column else refusal.reason


def _call(call_id: str, given: list[str], wanted: list[tuple[int, str, Target]]) -> dict[str, Any]:
    """Return the identify call of a row. An empty cell says nothing: it removes no attribute."""
    stated = {
        target.name: _value(given[place].strip(), column, target)
        for place, column, target in wanted
        if place < len(given) and given[place].strip()
    }
    call: dict[str, Any] = {"type": "identify", "messageId": call_id}
    if external_id := stated.pop("external_id", None):
        call["userId"] = external_id
    if consents := {
        name.removeprefix(CONSENT): stated.pop(name) for name in list(stated) if name.startswith(CONSENT)
    }:
        call["consent"] = consents
    if not external_id and "email" not in stated:
        if "phone" not in stated:
            raise BadRow("has neither external id nor email nor phone number")
        call["context"] = {"externalIds": [{"type": "phone", "id": stated["phone"]}]}
    call["traits"] = stated
    return call


def _value(cell: str, column: str, target: Target) -> Any:
    if target.name.startswith(CONSENT):
        standing = cells.consent(cell)
        if standing is None:
            raise BadRow(f"{column}: “{cell[:40]}” is not yes, no, subscribed, opted in or unsubscribed")
        return standing
    if target.name in attributes.STANDARD or target.kind == "text":
        return cell
    value = cells.parsed(cell, target.kind)
    if value is None:
        raise BadRow(f"{column}: “{cell[:40]}” is not a {target.kind}")
    return value

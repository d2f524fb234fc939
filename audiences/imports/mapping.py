"""Which column of a file goes where: guessed from its name and first values, decided by a person."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from audiences import attributes
from audiences.imports import cells
from audiences.imports.csv_files import Table
from tenants.strict import MAX_NAME

KINDS = ("text", "number", "boolean", "time")
CONSENT = "consent:"  # "consent:email": the column says whether they want mail
FINDERS = ("external_id", "email", "phone")
ADDED = ("line", "reason")  # the first and the last column of the refused rows as we hand them out
KEPT_BY_US = attributes.IGNORED_TRAITS - set(FINDERS)


class BadMapping(ValueError):
    """The columns cannot be imported like this; the message says what to change."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where a column's values go: an attribute, a consent, or nowhere (an empty name)."""

    name: str
    kind: str = "text"

    @property
    def is_custom(self) -> bool:
        return bool(self.name) and self.name not in attributes.STANDARD and not self.name.startswith(CONSENT)


Mapping = dict[str, Target]  # by column, in the file's order


def guess(table: Table) -> Mapping:
    """Return what the columns' names and first values suggest."""
    guessed: Mapping = {}
    added = ADDED if _has_added(table.columns) else ()
    for column in table.columns:
        name = "" if column in added else _guessed_name(column)
        if name in KEPT_BY_US or any(target.name == name for target in guessed.values()):
            name = ""
        is_custom = Target(name).is_custom
        guessed[column] = Target(name, cells.kind_of(table.values(column)) if is_custom else "text")
    return guessed


def brought(mapping: Mapping) -> slice:
    """Return which columns somebody brought: all but those that we added to rows refused before."""
    columns = list(mapping)
    is_left_out = not any(mapping[column].name for column in ADDED if column in mapping)
    return slice(1, len(columns) - 1) if _has_added(columns) and is_left_out else slice(len(columns))


def _has_added(columns: list[str]) -> bool:
    return len(columns) > len(ADDED) and (columns[0], columns[-1]) == ADDED


def check(mapping: Mapping) -> None:
    """Raise BadMapping if rows so mapped could not be stored."""
    names = [target.name for target in mapping.values() if target.name]
    if not set(names) & set(FINDERS):
        raise BadMapping(
            "Say which column holds the external id, the email or the phone number: it tells who is meant."
        )
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice:
        raise BadMapping(f"Two columns go to “{twice}”. Leave one of them out.")
    for target in mapping.values():
        if len(target.name) > MAX_NAME or "\x00" in target.name or target.kind not in KINDS:
            raise BadMapping(f"“{target.name[:40]}” cannot be the name of an attribute.")
        if target.name in KEPT_BY_US:
            raise BadMapping(
                f"Tact finds out “{target.name}” by itself, from no file. Leave that column out."
            )
        if target.is_custom and not all(target.name.split(".")):
            raise BadMapping(f"“{target.name}” has nothing before, between or after its dots.")


def stored(mapping: Mapping) -> dict[str, dict[str, Any]]:
    """Return a mapping as JSON, whose objects keep no order in the database."""
    return {
        column: {"name": target.name, "kind": target.kind, "place": place}
        for place, (column, target) in enumerate(mapping.items())
    }


def loaded(json: dict[str, dict[str, Any]]) -> Mapping:
    in_order = sorted(json.items(), key=lambda item: item[1]["place"])
    return {column: Target(target["name"], target["kind"]) for column, target in in_order}


GUESSES = {
    "external_id": "externalid userid user id customerid customernumber customerno kundennummer profileid",
    "email": "email emailaddress mail emailadresse",
    "phone": "phone phonenumber mobile mobilephone telephone tel telefon",
    "first_name": "firstname givenname forename vorname prenom",
    "last_name": "lastname surname familyname nachname name2",
    "language": "language lang locale sprache",
    "timezone": "timezone tz",
    "country": "country countrycode land",
    "region": "region state province bundesland",
    "city": "city town hometown homecity ort stadt",
    "latitude": "latitude lat",
    "longitude": "longitude lon lng long",
    "consent:email": "emailconsent consent subscribed optin emailoptin newsletter emailsubscribe subscriptionstatus",
}
_GUESSED = {word: name for name, words in GUESSES.items() for word in words.split()}


def _guessed_name(column: str) -> str:
    plain = re.sub(r"[^a-z0-9]", "", column.lower())
    return _GUESSED.get(plain) or re.sub(r"[^\w.]+", "_", column.strip().lower()).strip("_.")[:100]

"""Facts about a profile: the standard ones with a column each, all others by their own names."""

from __future__ import annotations

import re
import zoneinfo
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from babel import Locale
from babel.core import get_global

from tenants.strict import MAX_DEPTH

ACCURACY_LIMIT = 20_000_000  # metres: half around the Earth
MAX_TEXT = 1_000  # characters of a standard attribute
NESTED = ("group", "address")  # their members are attributes of their own: "group.plan", "address.street"


class Unfit(ValueError):
    """A value is not what its standard attribute holds."""


@dataclass(frozen=True, slots=True)
class Standard:
    """An attribute with a column. ``clean`` returns the value as stored, None for missing, or raises Unfit."""

    name: str
    label: str
    kind: str  # text or number, as in AttributeDefinition.kinds
    clean: Callable[[Any], Any]


def clean(name: str, value: Any) -> Any:
    """Return the value as it is stored under an attribute; None means missing. Raises Unfit."""
    if isinstance(value, str) and not value.strip():
        return None
    standard = STANDARD.get(name)
    return standard.clean(value) if standard and value is not None else value


def from_traits(traits: dict[str, Any]) -> dict[str, Any]:
    """Return what traits say, by our names; None means: remove. Raises Unfit, its ``args[1]`` the trait's path.

    Segment's spellings of standard attributes are understood, those in ``address`` too. A dot in a name leads into an
    object, as it does in rules and templates: "plan.tier" is the part ``tier`` of ``plan``.
    """
    stated: dict[str, Any] = {}
    for trait, value in traits.items():
        if trait == "address" and isinstance(value, dict):
            for part, inner in value.items():
                known = (
                    "region" if part == "state" else TRAITS.get(part, "") if part in ADDRESS_TRAITS else ""
                )
                _state(stated, known, "address", part, inner)
        elif trait == "group" and isinstance(value, dict):
            for part, inner in value.items():
                _state(stated, "", "group", part, inner)
        elif trait not in IGNORED_TRAITS:
            _state(stated, TRAITS.get(trait, ""), "", trait, value)
    for name in stated:
        if "." in name:
            check_path(name, stated)
    _check_point(stated)
    return stated


def check_path(name: str, stated: dict[str, Any]) -> None:
    """Raise Unfit if a name with dots leads nowhere, or into what is ``stated`` as well."""
    steps = name.split(".")
    wholes = [".".join(steps[:length]) for length in range(1, len(steps))]
    if not all(steps):
        raise Unfit("has nothing before, between or after its dots", name)
    if len(steps) > MAX_DEPTH:
        raise Unfit(f"is nested more than {MAX_DEPTH} deep", name)
    if steps[0] in STANDARD:
        raise Unfit(f"leads into “{steps[0]}”, which has no parts", name)
    if told := next((whole for whole in wholes if whole in stated), None):
        raise Unfit(f"is a part of “{told}”, which the same call tells as a whole", name)


def _check_point(stated: dict[str, Any]) -> None:
    """Raise Unfit where one half of a point is told without the other: with what was known before, it is none."""
    for half, other in (("latitude", "longitude"), ("longitude", "latitude")):
        if half in stated and (other not in stated or (stated[half] is not None and stated[other] is None)):
            raise Unfit(f"needs a {other} beside it", half)


def _state(stated: dict[str, Any], standard: str, parent: str, trait: str, value: Any) -> None:
    path = f"{parent}.{trait}" if parent else trait
    try:
        stated[standard or path] = clean(standard or path, value)
    except Unfit as error:
        raise Unfit(str(error), path) from None


def from_context(timezone: Any, locale: Any) -> dict[str, Any]:
    """Return what a client's surroundings suggest: good enough to fill a gap, no reason to refuse a call."""
    suggested = {}
    for name, value in (("timezone", timezone), ("language", locale)):
        try:
            suggested[name] = clean(name, value)
        except Unfit:
            continue
    return {name: value for name, value in suggested.items() if value is not None}


def from_location(location: Any) -> dict[str, Any] | None:
    """Return where a client says that it is: Segment's ``context.location``, None if it says nothing.

    Names that nobody knows are left out, as those of other surroundings are. Raises Unfit for coordinates that are
    none, its ``args[1]`` the key.
    """
    if not isinstance(location, dict):
        return None
    told: dict[str, Any] = {}
    for name in ("country", "region", "city"):
        try:
            told[name] = clean(name, location.get(name))
        except Unfit:
            continue
    told = {name: value for name, value in told.items() if value is not None}
    if location.get("latitude") is not None or location.get("longitude") is not None:
        for name in ("latitude", "longitude"):
            _state(told, name, "", name, location.get(name))
        _check_point(told)
        told["location_accuracy"] = _accuracy(location.get("accuracy"))
    return told or None


def _accuracy(value: Any) -> float | None:
    """Return by how many metres a point may be off, None where that is not said."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and 0 <= value <= ACCURACY_LIMIT else None


def flat(columns: dict[str, Any], custom: dict[str, Any]) -> dict[str, Any]:
    """Return every attribute that is present by its name, those nested in ``group`` and ``address`` one by one."""
    values = {name: value for name, value in columns.items() if value is not None}
    for name, value in custom.items():
        if name in NESTED and isinstance(value, dict):
            values |= {f"{name}.{part}": inner for part, inner in value.items()}
        elif value is not None:
            values[name] = value
    return values


def nested(values: dict[str, Any]) -> dict[str, Any]:
    """Return the custom attributes of ``flat`` as they are stored."""
    custom: dict[str, Any] = {}
    for name, value in values.items():
        parent, _, part = name.partition(".")
        if part and parent in NESTED:
            inner = custom.get(parent)
            if not isinstance(inner, dict):  # an address was one text before it had parts
                inner = custom[parent] = {}
            inner[part] = value
        elif name not in STANDARD and not isinstance(custom.get(name), dict):
            custom[name] = value
    return custom


def merge(
    values: dict[str, Any], stated: dict[str, Any], *, only_missing: bool
) -> list[tuple[str, Any, Any]]:
    """Put ``stated`` into ``values`` and return what changed as (name, old, new).

    None in ``stated`` removes; with ``only_missing`` nothing that is known changes. What is told of a part leaves the
    other parts, and one text for all of an address that is known by its parts is passed over: it would replace none.
    """
    changes = []
    for name, new in stated.items():
        place, steps = (name, ()) if name in values else _way(name)
        old, is_known = _at(values.get(place), steps)
        if (old == new and type(old) is type(new)) or (only_missing and (is_known or new is None)):
            continue
        if name in NESTED and any(known.startswith(f"{name}.") for known in values):
            continue
        told = _with(values.get(place), steps, new)
        if told is None:
            del values[place]
        else:
            values[place] = told
        changes.append((name, old, new))
    return changes


def whole(name: str) -> str:
    """Return the attribute of ``flat`` in which ``name`` lies: "plan" for "plan.tier", itself for "group.plan"."""
    return _way(name)[0]


def _way(name: str) -> tuple[str, tuple[str, ...]]:
    """Return the attribute in which ``name`` lies, and the steps from it into its objects."""
    top, *steps = name.split(".")
    if top in NESTED and steps:
        return f"{top}.{steps[0]}", tuple(steps[1:])
    return top, tuple(steps)


def _at(value: Any, steps: tuple[str, ...]) -> tuple[Any, bool]:
    """Return what lies there, None for nothing, and whether anything is known there that is no object on the way."""
    for step in steps:
        if not isinstance(value, dict):
            return None, value is not None
        value = value.get(step)
    return value, value is not None


def _with(value: Any, steps: tuple[str, ...], told: Any) -> Any:
    """Return ``value`` with what is told in its place, None where nothing is left of it."""
    if not steps:
        return told
    parts = dict(value) if isinstance(value, dict) else {}
    inner = _with(parts.pop(steps[0], None), steps[1:], told)
    return (parts if inner is None else parts | {steps[0]: inner}) or None


# --- Cleaning ------------------------------------------------------------------------------------
EMAIL = re.compile(r"[^@\s,;<>\"()]{1,64}@[^@\s,;<>\"()]+\.[^@\s.,;<>\"()]{2,}", re.ASCII | re.IGNORECASE)
PHONE = re.compile(r"\+[1-9][0-9]{6,14}")
LANGUAGE = re.compile(r"[a-zA-Z]{2,3}(-[a-zA-Z0-9]{2,8})*")


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise Unfit("must be text")
    if len(value) > MAX_TEXT or "\x00" in value:
        raise Unfit(f"must be text of at most {MAX_TEXT} characters")
    return value.strip()


def _email(value: Any) -> str:
    address = _text(value)
    local, at, domain = address.rpartition("@")
    try:
        address = local + at + domain.encode("idna").decode() if not domain.isascii() else address
    except UnicodeError:
        raise Unfit("is not an email address") from None
    if len(address) > 254 or ".." in address or not EMAIL.fullmatch(address):
        raise Unfit("is not an email address")
    return address


def _phone(value: Any) -> str:
    digits = re.sub(r"[\s().\-/\u2010-\u2015\u00a0]", "", _text(str(value) if type(value) is int else value))
    digits = "+" + digits[2:] if digits.startswith("00") else digits
    if not PHONE.fullmatch(digits):
        raise Unfit("is not a phone number with its country code, such as +49 30 901820")
    return digits


def _language(value: Any) -> str:
    tag = _text(value).split(".")[0].replace("_", "-")  # de_DE.UTF-8
    if not LANGUAGE.fullmatch(tag) or len(tag) > 35:
        raise Unfit("is not a language tag such as de or pt-BR")
    language, *parts = tag.split("-")
    cased = [part.upper() if len(part) == 2 else part.title() if len(part) == 4 else part for part in parts]
    return "-".join([language.lower(), *cased])


@cache
def languages() -> list[tuple[str, str]]:
    """Return the languages that have two letters, and what they are called, by name."""
    named = {str(tag): name for tag, name in Locale("en").languages.items()}
    return sorted(((tag, name) for tag, name in named.items() if len(tag) == 2), key=lambda one: one[1])


def language_name(tag: str) -> str:
    """Return what a language tag is called: "Portuguese (Brazil)"; the tag itself where nobody named it."""
    english = Locale("en")
    language, *parts = tag.split("-")
    name = english.languages.get(language.lower())
    if name is None:
        return f"“{tag}”"
    known = [english.territories.get(part.upper()) or english.scripts.get(part.title()) for part in parts]
    more = ", ".join(found or part for found, part in zip(known, parts, strict=True))
    return f"{name} ({more})" if more else name


@cache
def zones() -> dict[str, str]:
    """Return the names of the time zones there are, by their small letters."""
    return {
        name.lower(): name for name in zoneinfo.available_timezones() if name not in ("Factory", "localtime")
    }


def _timezone(value: Any) -> str:
    zone = zones().get(_text(value).lower())
    if zone is None:
        raise Unfit("is not a time zone of the IANA database, such as Europe/Berlin")
    return zone


NO_COUNTRIES = {"EU", "EZ", "QO", "UN", "XA", "XB", "ZZ"}


@cache
def countries() -> dict[str, str]:
    """Return the names of countries in English by their codes, in the order of the names."""
    named = sorted(Locale("en").territories.items(), key=lambda one: one[1])
    return {
        code: name for code, name in named if len(code) == 2 and code.isalpha() and code not in NO_COUNTRIES
    }


@cache
def _countries() -> dict[str, str]:
    codes = countries()
    known = {name.lower(): code for code, name in codes.items()} | {code.lower(): code for code in codes}
    former = {
        alias.lower(): new[0] for alias, new in get_global("territory_aliases").items() if len(new) == 1
    }
    also = {"uk": "GB", "united states of america": "US", "turkey": "TR", "czech republic": "CZ"}
    return {alias: code for alias, code in former.items() if code in codes} | known | also


def _country(value: Any) -> str:
    code = _countries().get(_text(value).lower())
    if code is None:
        raise Unfit("is not a country's code or English name, such as DE or Germany")
    return code


def _degrees(limit: int) -> Callable[[Any], float]:
    def degrees(value: Any) -> float:
        try:
            number = (
                float(value) if isinstance(value, int | float | str) and not isinstance(value, bool) else None
            )
        except ValueError:
            number = None
        if number is None or not -limit <= number <= limit:
            raise Unfit(f"must be degrees between -{limit} and {limit}")
        return round(number, 9)  # a tenth of a millimetre

    return degrees


STANDARD: dict[str, Standard] = {
    standard.name: standard
    for standard in (
        Standard("external_id", "External id", "text", _text),
        Standard("email", "Email", "text", _email),
        Standard("phone", "Phone", "text", _phone),
        Standard("first_name", "First name", "text", _text),
        Standard("last_name", "Last name", "text", _text),
        Standard("language", "Language", "text", _language),
        Standard("timezone", "Time zone", "text", _timezone),
        Standard("country", "Country", "text", _country),
        Standard("region", "Region", "text", _text),
        Standard("city", "City", "text", _text),
        Standard("latitude", "Latitude", "number", _degrees(90)),
        Standard("longitude", "Longitude", "number", _degrees(180)),
    )
}

# How Segment's clients and others spell them. An external id is never a trait: calls say by it who is meant.
TRAITS: dict[str, str] = {
    "email": "email",
    "phone": "phone",
    "firstName": "first_name",
    "firstname": "first_name",
    "first_name": "first_name",
    "lastName": "last_name",
    "lastname": "last_name",
    "last_name": "last_name",
    "language": "language",
    "locale": "language",
    "timezone": "timezone",
    "timeZone": "timezone",
    "time_zone": "timezone",
    "country": "country",
    "countryCode": "country",
    "country_code": "country",
    "region": "region",
    "city": "city",
    "home_city": "city",
    "latitude": "latitude",
    "longitude": "longitude",
    "created_at": "createdAt",  # Segment's name for when an account began; the column is when we first met
}
IGNORED_TRAITS = {"external_id", "last_seen_at", "located_at"}
ADDRESS_TRAITS = {"country", "countryCode", "country_code", "region", "city", "latitude", "longitude"}
# Where somebody was last: told together, and the newest telling wins.
LOCATION = frozenset({"country", "region", "city", "latitude", "longitude", "location_accuracy"})

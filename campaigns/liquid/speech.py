"""Filters that write money, numbers, lists and moments as the reader's language does, by Babel."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from functools import lru_cache
from typing import Any

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_time, format_timedelta
from babel.lists import format_list
from babel.numbers import format_currency, format_decimal, get_currency_precision
from liquid.exceptions import FilterArgumentError

from campaigns.liquid import dates
from campaigns.liquid.limits import MAX_NUMBER, few, joined

ENGLISH = "en"
MOST_DECIMALS = 10

_NUMBER = re.compile(r"[+-]?\d{1,30}(\.\d{1,30})?\Z")
_LAST_DIGIT = re.compile(r"0(?=[^0]*\Z)")
_NAME = re.compile(r"%[%AaBb]")


@lru_cache(maxsize=256)
def locale(language: str) -> Locale:
    """Return what Babel knows of a language by its tag, of its stem where it is all it knows, else English."""
    for tag in (language, re.split(r"[-_]", language)[0]):
        try:
            return Locale.parse(tag.replace("_", "-"), sep="-")
        except (ValueError, TypeError, UnknownLocaleError):
            continue
    return Locale(ENGLISH)


def language_of(data: Mapping[str, Any]) -> str:
    """Return the language a template is filled in: that of the words, else the person's, else the brand's."""
    said = data.get("language"), _within(data, "profile"), _within(data, "brand")
    return next((each for each in said if isinstance(each, str) and each.strip()), ENGLISH)


def _within(data: Mapping[str, Any], root: str) -> Any:
    found = data.get(root)
    return found.get("language") if isinstance(found, Mapping) else None


def amount(value: Any) -> Decimal:
    """Return a number, also one that is written as text with a point. Raises FilterArgumentError."""
    if isinstance(value, (int, float, Decimal)) and not isinstance(value, bool):
        text = str(value)
    else:
        text = str(value).strip() if isinstance(value, str) and _NUMBER.match(value.strip()) else ""
    try:
        number = Decimal(text)
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite() or abs(number) >= MAX_NUMBER:
        raise FilterArgumentError(f"“{str(value)[:40]}” is no number", token=None)
    return number


def _decimals(count: Any) -> int:
    number = amount(count)
    if number != int(number) or not 0 <= number <= MOST_DECIMALS:
        raise FilterArgumentError(f"there are 0 to {MOST_DECIMALS} decimals", token=None)
    return int(number)


def _with_decimals(pattern: str, count: Any) -> str:
    places = _decimals(count)
    whole = pattern.split(";")[0].replace(".###", "").replace(".##", "")
    return _LAST_DIGIT.sub("0." + "0" * places if places else "0", whole, count=1)


def _rounded(number: Decimal, places: int) -> Decimal:
    """Round halves up, as people do; what is nothing after that is not less than nothing."""
    rounded = number.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)
    return rounded or abs(rounded)


LEFT_TO_RIGHT = "\u200e"  # a mark that nobody sees


def money(value: Any, currency: Any = None, *, language: str, brand: Mapping[str, Any]) -> str:
    """12.5 is €12.50 or 12,50 €, in the brand's currency if none is given."""
    code = str(currency or brand.get("currency") or "").strip().upper()
    if code not in Locale(ENGLISH).currencies:
        raise FilterArgumentError(f"“{code[:40]}” is no currency, such as EUR", token=None)
    rounded = _rounded(amount(value), get_currency_precision(code))
    here = locale(language)
    written = str(format_currency(rounded, code, locale=here))
    # "US$" among words from the right would show its sign on the wrong side
    return written.replace("$", f"${LEFT_TO_RIGHT}") if here.character_order == "right-to-left" else written


def number(value: Any, decimals: Any = None, *, language: str) -> str:
    """1234.5 is 1,234.5 or 1.234,5."""
    here = locale(language)
    if decimals is None:
        return str(format_decimal(amount(value), locale=here))
    pattern = _with_decimals(here.decimal_formats[None].pattern, decimals)
    return str(format_decimal(_rounded(amount(value), _decimals(decimals)), format=pattern, locale=here))


def percent(value: Any, decimals: Any = 0, *, language: str) -> str:
    """0.25 is 25% or 25 %."""
    here = locale(language)
    pattern = _with_decimals(here.percent_formats[None].pattern, decimals)
    rounded = _rounded(amount(value), _decimals(decimals) + 2)
    return str(format_decimal(rounded, format=pattern, locale=here))


def join_and(value: Any, *, language: str) -> str | None:
    """A list is “a, b and c”; entries that are null are passed over."""
    return _listed(value, "standard", language)


def join_or(value: Any, *, language: str) -> str | None:
    """A list is “a, b or c”."""
    return _listed(value, "or", language)


def _listed(value: Any, style: Any, language: str) -> str | None:
    if not isinstance(value, (list, tuple, range)):
        return str(value)
    few(len(value))
    texts = [str(each) for each in value if each is not None]
    joined(texts)  # no longer than a text may be
    return str(format_list(texts, style=style, locale=locale(language))) if texts else None


def local_date(value: Any, style: Any = "medium", *, now: datetime, language: str) -> str:
    """2026-03-01 is Mar 1, 2026 or 01.03.2026; short, medium, long or full."""
    form = _style(style, ("short", "medium", "long", "full"))
    return str(format_date(_moment(value, now), form, locale=locale(language)))


def local_time(value: Any, style: Any = "short", *, now: datetime, language: str) -> str:
    """14:30 is 2:30 PM or 14:30; short or medium."""
    moment = _moment(value, now)
    form = _style(style, ("short", "medium"))
    return str(format_time(moment, form, tzinfo=moment.tzinfo, locale=locale(language)))


def time_ago(value: Any, *, now: datetime, language: str) -> str:
    """A moment is “3 days ago” or “in 2 hours”, seen from now."""
    moment = _moment(value, now)
    moment = moment if moment.tzinfo else moment.replace(tzinfo=now.tzinfo)
    return str(format_timedelta(moment - now, add_direction=True, locale=locale(language)))


def shown(value: Any, form: Any, *, now: datetime, language: str) -> str:
    """The filter ``date``, with the names of days and months in the reader's language."""
    here = locale(language)
    if here.language == ENGLISH or not _NAME.search(str(form)[: dates.MAX_DATE]):
        return dates.shown(value, form, now=now)
    moment = dates.moment(value, now)
    if moment is None:
        return dates.shown(value, form, now=now)

    def name(found: re.Match[str]) -> str:
        width = "wide" if found.group() in ("%A", "%B") else "abbreviated"
        if found.group() in ("%A", "%a"):
            return str(here.days["format"][width][moment.weekday()])
        return str(here.months["format"][width][moment.month]) if found.group() != "%%" else "%%"

    return dates.shown(value, type(form)(_NAME.sub(name, form)) if isinstance(form, str) else form, now=now)


def _moment(value: Any, now: datetime) -> datetime:
    moment = dates.moment(value, now)
    if moment is None:
        raise FilterArgumentError(f"“{str(value)[:40]}” is no date", token=None)
    return moment


def _style(style: Any, known: tuple[str, ...]) -> Any:
    if style not in known:
        raise FilterArgumentError(f"it is written {', '.join(known[:-1])} or {known[-1]}", token=None)
    return str(style)


FILTERS: dict[str, Callable[..., Any]] = {
    "date": shown,
    "money": money,
    "number": number,
    "percent": percent,
    "join_and": join_and,
    "join_or": join_or,
    "local_date": local_date,
    "local_time": local_time,
    "time_ago": time_ago,
}

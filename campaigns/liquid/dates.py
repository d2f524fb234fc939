"""The date filter: it knows what time it is only from what it is told."""

from datetime import date, datetime, time, tzinfo
from typing import Any

from dateutil import parser
from liquid.exceptions import FilterArgumentError
from markupsafe import Markup

from campaigns.liquid.limits import MAX_DATE

NOW = ("now", "today")


def shown(value: Any, form: Any, *, now: datetime) -> str:
    """Format a moment in the zone of ``now``; what is no date comes back as it was.

    A text with an offset is a moment and moves to that zone; one without is wall-clock time and stays.
    """
    form = str(form) if not isinstance(form, str) else form
    if len(form) > MAX_DATE:
        raise FilterArgumentError(f"a date format has at most {MAX_DATE} characters", token=None)
    at = moment(value, now)
    if at is None:
        return str(value)
    text = at.strftime(form)
    return Markup(text) if isinstance(form, Markup) else text


def moment(value: Any, now: datetime) -> datetime | None:
    """Return the moment that a value names, in the zone of ``now`` if it is one and no wall-clock time; else None."""
    if value in NOW:
        return now
    zone = now.tzinfo
    if isinstance(value, datetime):
        return _in_zone(value, zone)
    if isinstance(value, date):
        return datetime.combine(value, time.min)
    if isinstance(value, bool) or not isinstance(value, (int, float, str)) or len(str(value)) > MAX_DATE:
        return None
    try:
        if isinstance(value, (int, float)) or value.isdecimal():
            return datetime.fromtimestamp(float(value), zone)
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
        return _in_zone(parser.parse(value, default=midnight), zone)
    except (parser.ParserError, OverflowError, ValueError, OSError):
        return None


def _in_zone(moment: datetime, zone: tzinfo | None) -> datetime:
    return moment.astimezone(zone) if moment.utcoffset() is not None else moment

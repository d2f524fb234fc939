"""How results are written: rates and lifts as percentages, coordinates as SVG wants them."""

from __future__ import annotations

from django import template

from delivery import results

register = template.Library()


@register.filter
def as_percent(rate: float | None) -> str:
    """0.0312 is "3.1 %"."""
    return "–" if rate is None else f"{rate * 100:.1f} %"


@register.filter
def as_lift(lift: float | None) -> str:
    """0.1 is "+10 %"."""
    return "–" if lift is None else results.lift_words(lift)


@register.filter
def unlocalized(number: float) -> str:
    """A number with a point, whatever the language."""
    return f"{number:g}"

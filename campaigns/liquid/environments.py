"""The Liquid that templates are written in: its tags, its filters, and one environment for each kind of output."""

from collections.abc import Callable
from inspect import Parameter, Signature, signature
from json import dumps
from typing import Any
from urllib.parse import quote

from liquid import Environment, Markup, Mode, escape

from campaigns.liquid import speech
from campaigns.liquid.abort import AbortTag
from campaigns.liquid.blocks import RenderTag
from campaigns.liquid.limits import CAPPED, MAX_NESTING, OF_LISTS, passing_over_null, short
from campaigns.liquid.values import is_hole
from campaigns.liquid.wire import Output

NOT_OURS = (
    "include",
    "render",
)  # a loader would be a way to other tenants' words: blocks are written in, by blocks.py
NOT_SAFE = ("safe",)  # would let data through unescaped


GIVEN = ("environment", "now", "language", "brand")  # arguments of filters that no template writes


def or_else(value: object, instead: object, *, allow_false: bool = False) -> object:
    """The filter ``default``: what is missing, empty or false is replaced."""
    return instead if is_hole(value) or (value is False and allow_false is not True) else value


class Escaped(str):
    """Text that is already as its place asks for."""


def in_url(text: str) -> str:
    """Return a value as it stands in the path or query of an address."""
    return text if isinstance(text, Escaped) else quote(text, safe="")


def in_json(text: str) -> str:
    """Return a value as it stands between quotes in JSON; numbers stay what they are."""
    return text if isinstance(text, Escaped) else dumps(text, ensure_ascii=False)[1:-1]


def as_json(value: object) -> str:
    """The filter ``json``: a text in its quotes, a number, a list or an object, as JSON writes it. Raises TooMuch."""
    written = dumps(
        value, ensure_ascii=False, default=lambda odd: list(odd) if isinstance(odd, range) else str(odd)
    )
    short(len(written))
    return written


class Liquid(Environment):
    """Strict: what it does not know is an error, never left out in silence.

    ``escaped`` is done to each value as it is printed, unless it is ``trusted``.
    """

    block_nesting_limit = MAX_NESTING

    def __init__(
        self,
        *,
        autoescape: bool = False,
        escaped: Callable[[str], str] = str,
        trusted: Callable[[str], str] = str,
    ) -> None:
        super().__init__(tolerance=Mode.STRICT, autoescape=autoescape)
        self.escaped, self.trusted = escaped, trusted
        for tag in NOT_OURS:
            del self.tags[tag]
        for name in NOT_SAFE:
            del self.filters[name]
        self.add_tag(AbortTag)
        self.add_tag(RenderTag)
        self.filters.update({name: passing_over_null(self.filters[name]) for name in OF_LISTS})
        self.filters.update(CAPPED, default=or_else, json=as_json)
        self.filters.update(speech.FILTERS)


_TEXT = Liquid()
_URL = Liquid(escaped=in_url, trusted=Escaped)
_URL.filters["url_encode"] = lambda value: Escaped(
    quote(str(value), safe="")
)  # meant well, and once is enough
_JSON = Liquid(escaped=in_json, trusted=Escaped)
_JSON.filters["json"] = lambda value: Escaped(as_json(value))
_BY_OUTPUT: dict[str, Liquid] = {
    "html": Liquid(autoescape=True, escaped=escape, trusted=Markup),
    "url": _URL,
    "json": _JSON,
}


def environment(output: Output) -> Liquid:
    """Return the environment whose escaping fits an output."""
    return _BY_OUTPUT.get(output, _TEXT)


FILTERS: frozenset[str] = frozenset(_TEXT.filters)
TAGS: frozenset[str] = frozenset(
    name for name in _TEXT.tags if name.replace("_", "").isalpha() and name[0] != "_"
)


def _signature(name: str) -> Signature:
    parameters = signature(_TEXT.filters[name]).parameters.values()
    return Signature(
        [each for each in parameters if each.name not in GIVEN or each.kind is not Parameter.KEYWORD_ONLY]
    )


SIGNATURES = {name: _signature(name) for name in FILTERS}


def wants(name: str) -> tuple[str, ...]:
    """Return which of what is known of the reader a filter is given."""
    return tuple(each for each in GIVEN[1:] if each in signature(_TEXT.filters[name]).parameters)


def function(env: Liquid, name: str) -> Callable[..., Any]:
    """Return a filter's function, bound to its environment where it asks for one."""
    filter_function = env.filters[name]
    if getattr(filter_function, "with_environment", False):
        return lambda *args, **kwargs: filter_function(*args, environment=env, **kwargs)
    return filter_function

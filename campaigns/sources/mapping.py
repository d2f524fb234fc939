"""Which source stands for a ``{% connected_content %}`` of Braze's: the one that asks the same."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import msgspec
from django.urls import reverse

from campaigns.channels import Problem
from campaigns.liquid import calls
from campaigns.liquid.calls import Call
from campaigns.models import Source
from tenants.models import Tenant

OWN_WAY = frozenset({"save", "cache", "cache_max_age", "no_cache", "retry"})
"""Options that a source, which keeps answers and tries again by its own settings, has no need of."""

_ASKS = frozenset({"method", "body", "headers", "content_type", "basic_auth", "auth_credentials"})
_LONGEST_LINK = 4_000
_MOST_NOTES = 5

_SERVER = re.compile(r"(https?)://([^/?#{}\s]+)(.*)", re.DOTALL)
_PATH = re.compile(r"(?:\{\{[^{}]*\}\}|[^?])*")
_PARAMETER = re.compile(r"(?:\{\{[^{}]*\}\}|[^&])+")
_OUTPUT = re.compile(r"\{\{-?([^{}]*?)-?\}\}")
_WORD = re.compile(r"'[^']*'|\"[^\"]*\"|[^\s'\"]+")
_IN_BRACKETS = re.compile(r'\["([^\W\d][\w-]*)"\]')
_ESCAPED = re.compile(
    r"(?:\|(?:url_encode|url_escape|url_param_escape|json_escape))+\Z"
)  # sources do it themselves


@dataclass(frozen=True, slots=True)
class Mapped:
    """Words with sources in place of the calls, and what there is to say of it."""

    fields: dict[str, Any]
    notes: list[str] = field(default_factory=list)
    unmapped: dict[tuple[str, int, int], Problem] = field(default_factory=dict)  # by where they stand

    def said(self, problems: Iterable[Problem]) -> list[Problem]:
        """Return problems with what is said of calls here in place of what is said of all calls."""
        return [self.unmapped.get((one.field, one.line, one.column), one) for one in problems]


def mapped(fields: Mapping[str, Any], *, tenant: Tenant) -> Mapped:
    """Return a content's fields in which each call that asks what a source of the tenant's asks is that source."""
    made = Mapped(dict(fields))
    called = [name for name, text in fields.items() if isinstance(text, str) and calls.NAME in text]
    if not called:
        return made
    sources = list(Source.objects.filter(tenant=tenant).order_by("name"))
    for name in called:
        text = fields[name]
        found = list(calls.calls(text))
        known: list[tuple[Call, str]] = []
        for call, (line, column) in zip(found, calls.places(text, found), strict=True):
            source = _source_of(call, sources)
            if isinstance(source, Source):
                known.append((call, source.name))
                made.notes.append(_note(source))
            else:
                made.unmapped[name, line, column] = _problem(source, call, (name, line, column))
        made.fields[name] = calls.instead(text, known)
    made.notes[:] = list(dict.fromkeys(made.notes))[:_MOST_NOTES]
    return made


def _source_of(call: Call, sources: Iterable[Source]) -> Source | str:
    """Return the source that asks what a call asks, or why there is none."""
    asked = _address(call.address)
    if asked is None:
        return "Its address has to begin with https:// and the server's name, written out."
    alike = [one for one in sources if _is_same(asked, _address(one.url))]
    differences = [_difference(call, one) for one in alike]
    for source, difference in zip(alike, differences, strict=True):
        if not difference:
            return source
    return differences[0] if differences else "No source asks this address."


def _is_same(asked: _Address, other: _Address | None) -> bool:
    """Whether two addresses lead to the same; a source may do over https what was asked over http."""
    return other is not None and asked[1:] == other[1:] and other[0] in (asked[0], "https")


def _difference(call: Call, source: Source) -> str:
    """Return what a source with a call's address does otherwise, or nothing."""
    options = call.options
    for name in options:
        if name not in OWN_WAY | _ASKS:
            return f"Tact knows no option :{name}."
    method = options.get("method", "get").upper()
    if method != source.method:
        return f"The source {source} asks this address with {source.method}, not {method}."
    if method == Source.Method.POST and _plain(options.get("body", "")) != _plain(source.body):
        return f"The source {source} asks this address and sends another body."
    there = {name.lower() for name in source.header_names}
    if "json" not in options.get("content_type", "json") and "content-type" not in there:
        return f"The source {source} asks this address without a header Content-Type: add it there."
    for header in _headers(call):
        if header.lower() not in there:
            return f"The source {source} asks this address without a header {header}: add it there."
    return ""


def _headers(call: Call) -> list[str]:
    """Return the names of the headers that a call sends, but for what kind its body is."""
    try:
        given = msgspec.json.decode(call.options.get("headers", "{}"), type=dict[str, Any])
    except (msgspec.DecodeError, RecursionError):
        given = {}
    names = [name for name in given if name.lower() not in ("content-type", "accept")]
    needs_proof = {"basic_auth", "auth_credentials"} & call.options.keys()
    return [*names, "Authorization"] if needs_proof and "Authorization" not in names else names


_Address = tuple[str, str, str, tuple[str, ...]]  # scheme, server, path, parameters in any order


def _address(template: str) -> _Address | None:
    found = _SERVER.match(template.strip())
    if found is None:
        return None
    scheme, server, rest = found.groups()
    rest = _plain(rest.partition("#")[0])
    path = _PATH.match(rest)
    assert path is not None  # it may be of no length
    usual = {"https": ":443", "http": ":80"}[scheme]
    parameters = _PARAMETER.findall(rest[path.end() + 1 :])
    return scheme, server.lower().removesuffix(usual), path.group() or "/", tuple(sorted(parameters))


def _plain(template: str) -> str:
    """Return a template as it is compared: its outputs without room, their names and texts spelled one way."""
    outputs = _OUTPUT.sub(_output, template)
    return "".join(outputs.split()) if outputs.lstrip().startswith(("{", "[")) else outputs


def _output(found: re.Match[str]) -> str:
    words = [f'"{word[1:-1]}"' if word[0] == "'" else word for word in _WORD.findall(found[1])]
    return "{{" + _ESCAPED.sub("", _IN_BRACKETS.sub(r".\1", "".join(words))) + "}}"


def _note(source: Source) -> str:
    kept = f"keeps its answers {source.cache_minutes} minutes" if source.cache_minutes else "keeps no answers"
    return f"What {{% connected_content %}} asks here is the source {source}, which {kept}."


def _problem(why: str, call: Call, place: tuple[str, int, int]) -> Problem:
    advice = "Make a source that asks it, and these words stay as they are."
    is_new = _address(call.address) is not None and why.startswith("No source")
    name, line, column = place
    return Problem(
        name, f"{why} {advice}" if is_new else why, line, column, make_source=_link(call) if is_new else ""
    )


def _link(call: Call) -> str:
    """Return where a source of a call can be made: all of it but the values of its headers, which prove who asks."""
    given = {
        "name": re.sub(r"\W+", "_", call.saved_as.lower()).strip("_")[:40],
        "url": _OUTPUT.sub(lambda found: f"{{{{ {_output(found)[2:-2]} }}}}", call.address),
        "method": "POST" if call.options.get("method", "").upper() == "POST" else "GET",
        "body": call.options.get("body", ""),
        "headers": "\n".join(f"{name}: " for name in _headers(call)),
    }
    link = f"{reverse('source_new')}?{urlencode({key: value for key, value in given.items() if value})}"
    return link if len(link) <= _LONGEST_LINK else ""

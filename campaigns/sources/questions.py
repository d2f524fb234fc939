"""A source's question, as it is for each person."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from typing import Any

import msgspec

from campaigns.liquid.renderer import shared as renderer
from campaigns.liquid.values import ALWAYS_PRESENT, ROOTS
from campaigns.liquid.wire import Checked, Rendered, Template
from campaigns.liquid.wire import Source as Text
from campaigns.models import Source
from campaigns.sources import guard
from campaigns.sources.calling import Question
from tenants import vault

PURPOSE = "source headers"
NOT_THERE = frozenset({"source", "unsubscribe_url"})  # sources do not ask each other
READS = ROOTS - NOT_THERE
# The server is written out: neither a person's data nor a mistake decides who is sent what.
_SERVER = re.compile(r"https?://[^/?#\s{}%]+(?=[/?#]|\Z)")


@dataclass(frozen=True, slots=True)
class NoQuestion:
    """This person's question cannot be put; says why."""

    words: str


def server_of(url: str) -> str:
    """Return the beginning of a URL template, up to its server. Raises guard.Blocked."""
    found = _SERVER.match(url)
    if found is None:
        raise guard.Blocked(
            "Begin with https:// and the server's name, written out; Liquid may follow after the next slash."
        )
    guard.read(found[0])
    return found[0]


def check(*, url: str, body: str, is_json: bool) -> dict[str, Checked]:
    """Return what reading the templates found, by field."""
    parts = {"url": Text(url, "url"), "body": Text(body, "json" if is_json else "text")}
    return renderer().check(parts, roots=READS, always_present=ALWAYS_PRESENT - NOT_THERE)


def made(
    source: Source, people: Sequence[Mapping[str, Any]], *, shared: Mapping[str, Any], now: datetime
) -> list[Question | NoQuestion]:
    """Return each person's question, in order. ``now`` is aware, in the zone that dates are shown in.

    Raises vault.Locked where the headers can no longer be read.
    """
    headers = headers_of(source)
    is_json = sends_json(headers)
    parts = {"url": Text(source.url, "url")}
    if source.method == Source.Method.POST:
        headers = {"Content-Type": "application/json", **headers} if is_json else headers
        parts["body"] = Text(source.body, "json" if is_json else "text")
    server = guard.read(server_of(source.url)).origin
    answers = renderer().render(
        Template(parts), [_seen(person) for person in people], shared=dict(shared), now=now
    )
    return [
        _question(source, answer.parts, headers, server, is_json=is_json)
        if isinstance(answer, Rendered)
        else NoQuestion(f"It cannot be asked: {answer.reason}")
        for answer in answers
    ]


def _seen(person: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in person.items() if name not in NOT_THERE}


def _question(
    source: Source,
    parts: Mapping[str, str],
    headers: Mapping[str, str],
    server: tuple[str, str, int],
    *,
    is_json: bool,
) -> Question | NoQuestion:
    url, body = parts["url"].strip(), parts.get("body", "")
    try:
        if guard.read(url).origin != server:
            return NoQuestion("Its address would lead to another server.")
    except guard.Blocked as blocked:
        return NoQuestion(str(blocked))
    if is_json and body.strip():
        try:
            msgspec.json.decode(body.encode())
        except (ValueError, RecursionError) as wrong:
            return NoQuestion(f"What it would be sent is not JSON: {wrong}.")
    return Question(source.method, url, tuple(headers.items()), body.encode())


def key(question: Question) -> str:
    """Return the same for the same question of one source. Headers are the source's own, and change for all at once."""
    told = [question.method, question.url, question.body.decode()]
    return blake2b(json.dumps(told).encode(), digest_size=16).hexdigest()


def headers_of(source: Source) -> dict[str, str]:
    """Return a source's headers. Raises vault.Locked."""
    kept = vault.unseal(source.tenant, bytes(source.secret), purpose=PURPOSE)
    return json.loads(kept) if kept else {}


def sealed(source: Source, headers: Mapping[str, str]) -> bytes:
    return vault.seal(source.tenant, json.dumps(dict(headers)), purpose=PURPOSE) if headers else b""


def sends_json(headers: Mapping[str, str]) -> bool:
    """Whether a body is JSON: it is, unless a header says what else."""
    kinds = [value for name, value in headers.items() if name.lower() == "content-type"]
    return not kinds or "json" in kinds[0].lower()

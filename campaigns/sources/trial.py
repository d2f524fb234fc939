"""Asking a source once, for one person, with everything shown that a real message keeps to itself."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from campaigns.models import Source
from campaigns.sources import answers, asking, breaker, paths, questions
from campaigns.sources.answers import Good
from campaigns.sources.asking import Said
from campaigns.sources.breaker import Heard
from campaigns.sources.calling import Failed, Lines, Question, Timing
from campaigns.sources.paths import Path
from campaigns.sources.questions import NoQuestion
from tenants import vault

MASK = "••••••••"
SHOWN = 20_000  # characters of an answer


@dataclass(frozen=True, slots=True)
class Tried:
    """The question as it went out, and what came back. ``words`` say why that is no answer; empty: it is one."""

    method: str
    url: str = ""
    headers: list[tuple[str, str]] = field(default_factory=list)  # values masked
    body: str = ""
    status: int = 0
    kind: str = ""
    timing: Timing = field(default_factory=Timing)
    size: int = 0
    answer: str = ""
    words: str = ""
    paths: list[Path] = field(default_factory=list)

    @property
    def split(self) -> list[tuple[str, int]]:
        """Where the time went, in milliseconds."""
        at, legs = self.timing, []
        before = 0
        for name, until in (
            ("finding the server", at.named),
            ("connecting", at.connected),
            ("waiting for the answer", at.began),
            ("reading it", at.whole),
        ):
            if until >= before and until:
                legs.append((name, until - before))
                before = until
        return legs


def ask(source: Source, person: Mapping[str, Any], *, shared: Mapping[str, Any], now: datetime) -> Tried:
    """Put a source's question for one person now, cache or not. The answer is kept as any other."""
    try:
        (question,) = questions.made(source, [person], shared=shared, now=now)
    except vault.Locked:
        return Tried(
            source.method, words="The headers were saved under another SECRET_KEY: enter them again."
        )
    if isinstance(question, NoQuestion):
        return Tried(source.method, source.url, words=question.words)
    asked: dict[str, Any] = {
        "method": question.method,
        "url": question.url,
        "headers": [(name, _masked(source, name, value)) for name, value in question.headers],
        "body": question.body.decode(),
    }
    try:
        with Lines() as lines:
            reply = lines.ask(question, until=time.monotonic() + source.timeout_seconds)
    except Failed as failed:
        _note(source, Heard(source.pk, failed.timing.whole, str(failed), failed.is_down))
        return Tried(**asked, status=failed.status, timing=failed.timing, words=str(failed))
    came = asking.read(reply)
    if isinstance(came, Said):
        answers.store([_good(source, question, came)], tenant=source.tenant)
        breaker.keep_example(source, came.body)
        _note(source, Heard(source.pk, came.milliseconds))
    else:
        _note(source, Heard(source.pk, came.milliseconds, came.words, came.may_pass))
    is_good = isinstance(came, Said)
    return Tried(
        **asked,
        status=reply.status,
        kind=reply.kind,
        timing=reply.timing,
        size=len(reply.body),
        answer=_pretty(came.body) if isinstance(came, Said) else reply.body[:SHOWN].decode(errors="replace"),
        words="" if is_good else came.words,  # type: ignore[union-attr]
        paths=paths.of_value(source.name, asking.decoded(came.body)) if isinstance(came, Said) else [],
    )


def _good(source: Source, question: Question, came: Said) -> Good:
    return Good((source.pk, questions.key(question)), came.status, came.body, came.milliseconds)


def _note(source: Source, heard: Heard) -> None:
    breaker.record([heard], tenant=source.tenant)


def _masked(source: Source, name: str, value: str) -> str:
    return MASK if name in source.header_names else value


def _pretty(body: str) -> str:
    text = json.dumps(asking.decoded(body), indent=2, ensure_ascii=False)
    return text[:SHOWN] + ("\n…" if len(text) > SHOWN else "")

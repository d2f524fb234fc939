"""What sources say for some people: each question put once, whoever asks it, and what to do where there is no answer.

Asks other servers, so never call it in a transaction that holds anything. All of it is over in the time given: people
whose questions were not reached by then are told as late, and lose nothing by being asked for again.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

import msgspec

from campaigns.models import Source
from campaigns.sources import answers, breaker, questions
from campaigns.sources.answers import Bad, Good, Kept, Key, Since
from campaigns.sources.asking import Ask, Askers, Said, Trouble, decoded
from campaigns.sources.breaker import Heard
from campaigns.sources.calling import Question
from campaigns.sources.questions import NoQuestion
from tenants import clock, vault
from tenants.models import Tenant

POLL_SECONDS = 0.1
IDLE_SECONDS = 0.5
OVERTIME_SECONDS = 5.0  # a line is cut in time, but writing down what it said takes a moment
EXAMPLE_AGE = timedelta(hours=1)
EXCERPT = 500
RESTS = "It failed again and again, and is left alone for a minute."
LATE = "There was no time to ask."

Origin = Literal["asked", "kept", "last_good", "default"]
ORIGINS: dict[Origin, str] = {
    "asked": "asked",
    "kept": "from the cache",
    "last_good": "the last good answer",
    "default": "the default",
}


@dataclass(frozen=True, slots=True)
class Given:
    """What one source gave: a value and where it came from; or none, and why."""

    name: str
    origin: Origin | None
    value: Any = None
    text: str = ""  # the value as JSON
    at: datetime | None = None  # when the server said it; raw
    status: int = 0
    milliseconds: int = 0
    words: str = ""  # why not asked, or why there is nothing
    may_pass: bool = False
    is_late: bool = False

    @property
    def origin_words(self) -> str:
        return ORIGINS[self.origin] if self.origin else ""

    def as_json(self, tenant: Tenant) -> dict[str, Any]:
        """Return the record that is kept with a decision; moments by the tenant's clock."""
        told = {
            "origin": self.origin,
            "at": self.at and (self.at + tenant.clock_offset).isoformat(),
            "status": self.status,
            "milliseconds": self.milliseconds if self.origin == "asked" else None,
            "why": self.words,
            "answer": self.text[:EXCERPT] + ("…" if len(self.text) > EXCERPT else ""),
        }
        return {name: value for name, value in told.items() if value}


@dataclass(frozen=True, slots=True)
class Gathered:
    """What all sources of some words gave for one person. ``values`` is the same object for the same answers."""

    given: tuple[Given, ...]
    values: dict[str, Any] = field(default_factory=dict)

    @property
    def lacking(self) -> Given | None:
        """The first that gave nothing."""
        return next((one for one in self.given if one.origin is None), None)

    @property
    def is_late(self) -> bool:
        return any(one.is_late for one in self.given)

    @property
    def why_not(self) -> str:
        """Say which source gave nothing, and why; empty if all gave something."""
        one = self.lacking
        return f"The source {one.name} gave nothing. {one.words}" if one else ""


_NO_VALUE = re.compile(r"source\.(\w+)\.?(.*) has no value\.")


def lacks_value(refused: str) -> str:
    """Say what a source did not give, of a renderer's refusal that is about one; empty for any other.

    Only filling finds that out: what stands inside an if may well be missing.
    """
    found = _NO_VALUE.fullmatch(refused)
    return f"The source {found[1]} gave no {found[2] or 'value'}." if found else ""


def gather(
    used: Iterable[str],
    people: Sequence[Mapping[str, Any]],
    *,
    shared: Mapping[str, Any],
    tenant: Tenant,
    now: datetime,
    until: float,
    fresh_for: timedelta = timedelta(0),
    goes_on: Callable[[], bool] = lambda: True,
) -> list[Gathered]:
    """Return what the sources named give for each person, in order.

    ``now`` is aware, in the zone that dates are shown in; ``until`` is of time.monotonic. Answers no older than
    ``fresh_for`` do whatever their source says: a preview is not to ask anew for every letter typed. Once ``goes_on``
    says no, who was not reached by then is late.
    """
    names = list(used)
    sources = {one.name: one for one in Source.objects.filter(tenant=tenant, name__in=names)}
    asked: dict[str, list[Question | NoQuestion]] = {}
    for name in names:
        asked[name] = _questions(sources.get(name), name, people, shared=shared, tenant=tenant, now=now)
    asks: dict[Key, Ask] = {}
    keys: list[list[Key | NoQuestion]] = [[] for _ in people]
    for name in names:
        for each, question in zip(keys, asked[name], strict=True):
            if isinstance(question, NoQuestion):
                each.append(question)
            else:
                key = sources[name].pk, questions.key(question)
                asks.setdefault(key, Ask(sources[name], question))
                each.append(key)
    given = _given(asks, tenant, until=until, fresh_for=fresh_for, goes_on=goes_on)
    alike: dict[tuple[Any, ...], Gathered] = {}
    found = []
    for each in keys:
        if (same := tuple(each)) not in alike:
            alike[same] = _together(
                given[key]
                if isinstance(key, tuple)
                else _without(sources.get(name), name, Trouble(key.words))
                for name, key in zip(names, each, strict=True)
            )
        found.append(alike[same])
    return found


def _questions(
    source: Source | None, name: str, people: Sequence[Mapping[str, Any]], *, tenant: Tenant, **how: Any
) -> list[Question | NoQuestion]:
    if source is None:
        return [NoQuestion(f"There is no source called {name} any more.")] * len(people)
    source.tenant = tenant
    try:
        return questions.made(source, people, **how)
    except vault.Locked:
        words = "Its headers were saved under another SECRET_KEY: an owner has to enter them again."
        return [NoQuestion(words)] * len(people)


def _together(given: Iterable[Given]) -> Gathered:
    all_given = tuple(given)
    return Gathered(all_given, {one.name: one.value for one in all_given if one.origin is not None})


# --- One question each ----------------------------------------------------------------------------


def _given(asks: Mapping[Key, Ask], tenant: Tenant, **how: Any) -> dict[Key, Given]:
    """Return what each question is answered by, whatever that is."""
    came = _Obtaining(asks, tenant, **how).run() if asks else {}
    failed = [key for key, one in came.items() if isinstance(one, Trouble)]
    last = answers.last_good(failed, tenant=tenant) if failed else {}
    return {key: _one(asks[key].source, one, last.get(key)) for key, one in came.items()}


def _one(source: Source, came: tuple[Origin, Kept] | Trouble | None, last: Kept | None) -> Given:
    if came is None:
        return Given(source.name, None, words=LATE, may_pass=True, is_late=True)
    if not isinstance(came, Trouble):
        return _value(source, *came)
    if last is not None:
        return _value(source, "last_good", last, words=came.words)
    return _without(source, source.name, came)


def _value(source: Source, origin: Origin, kept: Kept, words: str = "") -> Given:
    return Given(
        source.name,
        origin,
        decoded(kept.body),
        kept.body,
        kept.fetched_at,
        kept.status,
        kept.milliseconds,
        words,
    )


def _without(source: Source | None, name: str, trouble: Trouble) -> Given:
    """What is done where there is neither an answer nor a last good one."""
    if source is not None and source.on_failure == Source.OnFailure.DEFAULT:
        text = msgspec.json.encode(source.default).decode()
        return Given(name, "default", source.default, text, words=trouble.words)
    return Given(name, None, words=trouble.words, may_pass=trouble.may_pass)


class _Obtaining:
    """One round of asking. Of all who want the same answer, in whatever process, one asks; the others look again and
    again whether it is there.
    """

    def __init__(
        self,
        asks: Mapping[Key, Ask],
        tenant: Tenant,
        *,
        until: float,
        fresh_for: timedelta,
        goes_on: Callable[[], bool],
    ) -> None:
        self._asks, self._tenant, self._until, self._goes_on = asks, tenant, until, goes_on
        raw_now = clock.raw_now()
        self._since = Since(answered=raw_now - fresh_for, failed=raw_now)
        self._came: dict[Key, tuple[Origin, Kept] | Trouble | None] = dict.fromkeys(asks)
        self._open = set(asks)
        self._ours: set[Key] = set()  # taken, and not answered yet
        self._trying: set[int] = set()  # sources of which our one question says whether they are back
        self._began = time.monotonic()
        self._askers = Askers(until=until)

    def run(self) -> dict[Key, tuple[Origin, Kept] | Trouble | None]:
        """Return each question's answer, or what went wrong; None where there was no time."""
        try:
            while self._open and time.monotonic() < self._until and self._goes_on():
                if others := self._open - self._ours:
                    self._look(others)
                if not self._open:
                    break
                is_waiting, is_idle = bool(self._open - self._ours), self._askers.is_idle()
                heard = self._askers.found(wait=POLL_SECONDS if is_waiting else IDLE_SECONDS)
                self._hear(heard)
                if is_idle and not heard and not is_waiting:
                    break  # there is no time left to begin another
        finally:
            self._askers.stop()
            answers.give_back(self._ours, tenant=self._tenant)
        return self._came

    def _settle(self, key: Key, came: tuple[Origin, Kept] | Trouble) -> None:
        self._came[key] = came
        self._open.discard(key)
        self._ours.discard(key)

    def _look(self, others: set[Key]) -> None:
        """Settle what is known by now, and take what nobody asks."""
        seen = answers.look(others, tenant=self._tenant, since=self._since)
        free = []
        for key in others:
            one = seen.get(key)
            if one and one.answer:
                self._settle(key, ("kept", one.answer))
            elif one and one.error is not None:
                self._settle(key, Trouble(one.error, one.is_down))
            elif not (one and one.is_asked) and key[0] not in self._trying:
                free.append(key)
        self._take(free)

    def _take(self, free: list[Key]) -> None:
        if not free:
            return
        standing = breaker.standing(list({source_id for source_id, _ in free}), tenant=self._tenant)
        wanted = []
        for key in free:
            source_id = key[0]
            state = standing.get(source_id, "closed")
            if source_id in self._trying:
                continue
            if state == "trying" and breaker.may_try(source_id, tenant=self._tenant):
                self._trying.add(source_id)  # one question first, the others wait for how it goes
                wanted.append(key)
            elif state == "closed":
                wanted.append(key)
            else:
                standing[source_id] = "open"
                self._settle(key, Trouble(RESTS, may_pass=True))
        left = self._until - time.monotonic()
        taken = answers.take(
            wanted, tenant=self._tenant, since=self._since, for_seconds=left + OVERTIME_SECONDS
        )
        self._trying -= {source_id for source_id, question in wanted if (source_id, question) not in taken}
        self._ours |= taken
        self._askers.add({key: self._asks[key] for key in taken})

    def _hear(self, results: Sequence[tuple[Key, Said | Trouble]]) -> None:
        """Store what came back, for everybody; a server that failed too often is asked nothing more."""
        if not results:
            return
        at = self._since.failed + timedelta(seconds=time.monotonic() - self._began)
        good, bad, heard = [], [], []
        for key, one in results:
            self._trying.discard(key[0])
            if isinstance(one, Said):
                good.append(Good(key, one.status, one.body, one.milliseconds))
                heard.append(Heard(key[0], one.milliseconds))
                self._settle(key, ("asked", Kept(one.body, one.status, one.milliseconds, at)))
            else:
                bad.append(Bad(key, one.words, one.may_pass))
                heard.append(Heard(key[0], one.milliseconds, one.words, one.may_pass))
                self._settle(key, one)
        answers.store(good, tenant=self._tenant)
        self._keep_examples(good, at)
        answers.fail(bad, tenant=self._tenant)
        if resting := breaker.record(heard, tenant=self._tenant):
            dropped = self._askers.drop(resting)
            answers.give_back(dropped, tenant=self._tenant)
            for key in dropped:
                self._settle(key, Trouble(RESTS, may_pass=True))

    def _keep_examples(self, good: Sequence[Good], at: datetime) -> None:
        for one in {each.key[0]: each for each in good}.values():
            source = self._asks[one.key].source
            if source.answered_at is None or at - source.answered_at > EXAMPLE_AGE:
                breaker.keep_example(source, one.body)
                source.answered_at = at

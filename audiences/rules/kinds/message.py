"""What a person did with our messages. Rules keep a campaign by its id; ``segments.resolve`` adds its name.

Messages leave ordinary events, so these are conditions on events, as far back as those are kept: totals of older ones
(decision 009) know neither campaign nor variant, nor whether a machine opened it.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal
from uuid import UUID

from audiences import messages
from audiences.rules import event_sql, phrases, times, values
from audiences.rules.fragments import Fragment, identifier, sql
from audiences.rules.kinds.comparison import LONGEST_NAME, check_channel, check_characters
from audiences.rules.kinds.happening import Happening, check_times
from audiences.rules.kinds.property import Property
from audiences.rules.operands import Json
from audiences.rules.operators import LENGTH
from audiences.rules.scope import Scope
from audiences.rules.tree import InvalidRule, Node
from audiences.rules.wanted import Fitting, Wanted

if TYPE_CHECKING:
    from audiences.facts import Facts, Happened

OURS = Property(name="delivery", operator="exists")  # others may send events of the same names
BY_A_PERSON = Property(name="machine", operator="is_missing")  # no scanner of mails, nor a proxy of pictures
ANSWERS = ("opened", "clicked")
WORDS = {  # after "who", and after "did not"; {} is the message
    "received": ("received {}", "receive {}"),
    "opened": ("opened {}", "open {}"),
    "clicked": ("clicked a link in {}", "click a link in {}"),
    "converted": ("converted after {}", "convert after {}"),
    "ignored": ("left {} unopened for {}", "leave {} unopened for {}"),
    "unsubscribed": ("unsubscribed from {}", "unsubscribe from {}"),
}


class Message(Happening, frozen=True, tag="message", kw_only=True):
    """Messages that they did something with: all, or those of a campaign, a variant of it, or a channel."""

    what: Literal["received", "opened", "clicked", "converted", "ignored", "unsubscribed"]
    campaign: UUID | None = None
    variant: str = ""  # its key
    channel: str = ""
    unopened_for: Any = None  # how long after it was sent
    campaign_name: str = ""
    variant_name: str = ""

    def check(self) -> None:
        super().check()
        if self.variant and self.campaign is None:
            raise InvalidRule("variant", "Say of which campaign.")
        if len(self.variant) > LONGEST_NAME:
            raise InvalidRule("variant", f"Expected a variant's key of at most {LONGEST_NAME} characters.")
        check_characters("variant", self.variant)
        check_channel(self.channel)
        self._check_unopened()

    def _check_unopened(self) -> None:
        if self.what != "ignored":
            if self.unopened_for is not None:
                raise InvalidRule("unopened_for", "Only what is ignored is unopened for some time.")
            return
        if self.unopened_for is None:
            raise InvalidRule("unopened_for", 'Say for how long it stayed unopened, such as {"days": 3}.')
        check_times("unopened_for", times.length, self.unopened_for)
        if self.within is not None and times.length(self.within) <= times.length(self.unopened_for):
            raise InvalidRule(
                "within", "What was sent in so short a time cannot have been ignored for so long."
            )

    # --- what it means -------------------------------------------------------------------------------------------

    def names(self) -> tuple[str, ...]:
        return messages.events("received" if self.what == "ignored" else self.what, self.channel)

    def _answers(self) -> tuple[str, ...]:
        """Return the events that end being ignored."""
        return tuple(name for deed in ANSWERS for name in messages.events(deed, self.channel))

    def filters(self) -> tuple[Node, ...]:
        of = {"campaign": str(self.campaign or ""), "variant": self.variant, "channel": self.channel}
        asked = [Property(name=name, operator="is", value=value) for name, value in of.items() if value]
        return (OURS, *asked, *([BY_A_PERSON] if self.what in ANSWERS else []))

    def span(self, now: datetime) -> times.Span:
        """Return when it happened; of what is ignored, when it was sent: long enough ago."""
        span = super().span(now)
        return span.until(now - times.length(self.unopened_for)) if self.what == "ignored" else span

    def further_sql(self, scope: Scope) -> Fragment:
        if self.what != "ignored":
            return Fragment("")
        low = self.span(scope.now).low
        return sql(
            " AND NOT EXISTS (SELECT 1 FROM audiences_event o WHERE o.tenant_id = {} AND o.profile_id = e.profile_id"
            " AND {} AND {} = {} AND o.occurred_at BETWEEN e.occurred_at AND e.occurred_at + {}::interval{}{})",
            scope.tenant_id,
            event_sql.named("o", self._answers()),
            _delivery("o").typed("number"),
            _delivery("e").typed("number"),
            times.length(self.unopened_for),
            event_sql.where("o", (BY_A_PERSON,), scope),
            sql(" AND o.occurred_at >= {}", low) if low else Fragment(""),  # months before need no look
        )

    # --- memory --------------------------------------------------------------------------------------------------

    def wants(self, wanted: Wanted, now: datetime) -> None:
        span = self.span(now)
        for name in self.names():
            wanted.count(name, Fitting(span, self.filters()))
        for name in self._answers() if self.what == "ignored" else ():
            wanted.count(name, Fitting(times.Span(span.low, now), (BY_A_PERSON,)))

    def _matching(self, facts: Facts, now: datetime) -> list[Happened]:
        found = super()._matching(facts, now)
        if self.what != "ignored":
            return found
        answers = [
            answer
            for name in self._answers()
            for answer in facts.events(name)
            if BY_A_PERSON.holds(answer.properties, now)
        ]
        return [sent for sent in found if not any(self._ends(answer, sent) for answer in answers)]

    def _ends(self, answer: Happened, sent: Happened) -> bool:
        """Whether an answer to a message came in time."""
        is_in_time = sent.at <= answer.at <= sent.at + times.length(self.unopened_for)
        delivery = sent.properties.get("delivery")
        return (
            is_in_time
            and values.is_number(delivery)
            and values.equal(answer.properties.get("delivery"), delivery)  # type: ignore[arg-type]
        )

    # --- words ---------------------------------------------------------------------------------------------------

    def deed(self) -> tuple[str, str]:
        past, infinitive = WORDS[self.what]
        unopened_for = phrases.duration(self.unopened_for) if self.what == "ignored" else ""
        return past.format(self._which(), unopened_for), infinitive.format(self._which(), unopened_for)

    def _which(self) -> str:
        """Return the message in words: an email, the email “Spring”, variant “B” of “Spring”."""
        channel = messages.channel(self.channel)
        noun = channel.noun if channel else "message"
        if self.campaign is None:
            return phrases.article(noun)
        campaign = f"“{self.campaign_name or self.campaign}”"
        of = f"variant “{self.variant_name or self.variant}” of {campaign}" if self.variant else campaign
        return f"the {noun} {of}" if channel else of

    @classmethod
    def own_schema(cls) -> dict[str, Any]:
        text = {"type": "string", "maxLength": LONGEST_NAME}
        named = {"type": "string", "description": "Filled in where a rule is frozen."}
        is_ignored = {"properties": {"what": {"const": "ignored"}}}
        return {
            "properties": {
                "what": {"enum": list(messages.DEEDS)},
                "campaign": {"type": "string", "format": "uuid"},
                "variant": text,
                "channel": {"enum": ["", *(one.kind for one in messages.channels())]},
                "unopened_for": LENGTH,
                "campaign_name": named,
                "variant_name": named,
            },
            "required": ["on", "what"],
            "dependentRequired": {"variant": ["campaign"]},
            "if": is_ignored,
            "then": {"required": ["unopened_for"]},
            "else": {"properties": {"unopened_for": False}},
        }


def _delivery(alias: str) -> Json:
    return Json(identifier(f"{alias}.properties"), ("delivery",))

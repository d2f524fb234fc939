"""Which sandbox recipients are refused, and how: a rehearsal should meet what real mail meets."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import translate

LOSE = "lose"  # take the mail and close without a word: whether it arrived, nobody can tell

REPLIES = {
    "550": b"550 5.1.1 no such mailbox",
    "552": b"552 5.2.2 mailbox full",
    "450": b"450 4.2.0 mailbox busy, try later",
    "451": b"451 4.3.0 local error, try later",
    "452": b"452 4.2.2 mailbox full, try later",
    "554": b"554 5.7.1 refused by policy",
}
ALWAYS = ("bounce*=550", "full*=452", "lost*=lose")


class InvalidRule(ValueError):
    """Not ``pattern=code``."""


@dataclass(frozen=True, slots=True)
class Rule:
    pattern: re.Pattern[str]
    action: str  # a code of REPLIES, or LOSE


def parse(texts: Iterable[str]) -> list[Rule]:
    """Return the rules in ``texts``, each a recipient pattern such as ``bounce*`` and what befalls it: "bounce*=550".

    A pattern without "@" is about the local part. Raises InvalidRule.
    """
    rules = []
    for text in texts:
        pattern, _, action = text.rpartition("=")
        if not pattern or (action != LOSE and action not in REPLIES):
            raise InvalidRule(f"{text!r} is not pattern=code; codes: {', '.join([*REPLIES, LOSE])}")
        whole = pattern if "@" in pattern else f"{pattern}@*"
        rules.append(Rule(re.compile(translate(whole.lower())), action))
    return rules


def action_for(address: str, rules: Iterable[Rule]) -> str:
    """Return what the first rule that matches ``address`` does, "" if none does."""
    return next((rule.action for rule in rules if rule.pattern.match(address.lower())), "")

"""From the audience to what was sent: every loss on the way, in the order in which it is met; it adds up by design.

Made of the counts that the results are made of, so it costs no statement of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from delivery.decide import REASONS
from delivery.models import Delivery

State = Delivery.State

# After the gates: who got nothing on purpose, then who is not through yet, then what failed on the way.
BEYOND = {
    State.HELD_OUT: "Held out, to compare with",
    State.PLANNED: "Waiting for its time or its turn",
    State.SENDING: "Being handed over",
    State.FAILED: "Refused for good",
    State.UNKNOWN: "Handed over, but no answer came",
}


@dataclass(frozen=True, slots=True)
class Fall:
    """One step: so many ``people`` go no further for a reason or in a state, and ``left`` go on."""

    people: int
    left: int
    words: str
    state: str = ""
    reason: str = ""


def falls(states: Mapping[str, int], reasons: Mapping[str, int], *, waits_for: str = "") -> list[Fall]:
    """Return the losses between audience and sent. ``reasons`` are those of all skipped and cancelled.

    What is left after the last is what was sent. Losses nobody met are left out. ``waits_for`` says what holds back
    those who wait, where that is known.
    """
    losses = [
        (count, REASONS.get(reason, reason), "", reason)
        for reason, count in sorted(reasons.items(), key=_in_order_of_gates)
    ]
    beyond = BEYOND | ({State.PLANNED: waits_for} if waits_for else {})
    losses += [(states.get(state, 0), words, str(state), "") for state, words in beyond.items()]
    left, found = sum(states.values()), []
    for people, words, state, reason in losses:
        if people:
            left -= people
            found.append(Fall(people, left, words, state, reason))
    return found


def _in_order_of_gates(counted: tuple[str, int]) -> tuple[int, str]:
    """``REASONS`` lists them as the gates ask; what it does not know comes last."""
    order = list(REASONS)
    return (order.index(counted[0]) if counted[0] in REASONS else len(order)), counted[0]

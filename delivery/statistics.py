"""What numbers may be believed: intervals for rates, lift that stays honest while watched, and a split that is off."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, lgamma, log, sqrt
from statistics import NormalDist

CONFIDENCE = 0.95
EXPECTED_LIFT = 0.2  # the sd of log lifts that the mixture is widest awake for: 20 %, fixed before any data
SPLIT_ALARM = 0.001  # the chance of one false alarm over a whole campaign, however often it is looked at


@dataclass(frozen=True, slots=True)
class Interval:
    low: float
    high: float

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high


@dataclass(frozen=True, slots=True)
class Lift:
    """How much better than control, as a share of control's rate: 0.1 is 10 % better.

    ``interval`` holds the true lift with 95 % confidence at every moment at once, so it may be watched and acted on
    at any time. None while either side has too few conversions to say anything.
    """

    estimate: float | None
    interval: Interval | None

    @property
    def is_decided(self) -> bool:
        """Whether "no difference" can be ruled out."""
        return self.interval is not None and 0 not in self.interval


def rate_interval(hits: int, of: int) -> Interval:
    """Return Wilson's 95 % interval of a rate (E. B. Wilson, 1927): it stays inside 0 to 1, also for few or none."""
    if of == 0:
        return Interval(0.0, 1.0)
    z = NormalDist().inv_cdf((1 + CONFIDENCE) / 2)
    rate = hits / of
    middle = (rate + z * z / (2 * of)) / (1 + z * z / of)
    half = z / (1 + z * z / of) * sqrt(rate * (1 - rate) / of + z * z / (4 * of * of))
    return Interval(max(0.0, middle - half), min(1.0, middle + half))


def lift(hits: int, of: int, control_hits: int, control_of: int) -> Lift:
    """Return a variant's lift over control on the log ratio of their rates.

    The interval is the normal mixture's always-valid one (Johari, Pekelis and Walsh, "Always valid inference", 2015):
    an estimate with variance V stays within sqrt(2 V (V + t2) / t2 * ln(sqrt((V + t2) / V) / a)) of the truth at all
    times with probability 1 - a, t2 being the mixture's variance. Normal approximation: below 5 hits a side, none.
    """
    if not (of and control_of and hits and control_hits):
        return Lift(None, None)
    rate, control_rate = hits / of, control_hits / control_of
    estimate = rate / control_rate - 1
    if min(hits, control_hits) < 5:
        return Lift(estimate, None)
    variance = (1 - rate) / hits + (1 - control_rate) / control_hits
    if variance == 0:
        return Lift(estimate, None)
    half = _always_valid_half_width(variance, spread=EXPECTED_LIFT**2, alpha=1 - CONFIDENCE)
    centre = log(rate / control_rate)
    return Lift(estimate, Interval(exp(centre - half) - 1, exp(centre + half) - 1))


def is_split_off(counts: Sequence[int], shares: Sequence[float]) -> bool:
    """Whether arms got numbers of people that their shares cannot explain: something loses people on one side.

    A Dirichlet mixture against the planned shares (Lindon and Malek, "Anytime-valid inference for multinomial count
    data", 2020); by Ville's inequality a false alarm has at most the chance SPLIT_ALARM however often one looks.
    ``shares`` are positive; they need not sum to 1.
    """
    if len(counts) != len(shares) or any(share <= 0 for share in shares):
        raise ValueError("Each arm needs its count and a positive share.")
    total = sum(shares)
    expected = [share / total for share in shares]
    strength = 100.0
    evidence = lgamma(strength) - lgamma(strength + sum(counts))
    for count, share in zip(counts, expected, strict=True):
        evidence += lgamma(strength * share + count) - lgamma(strength * share) - count * log(share)
    return evidence > -log(SPLIT_ALARM)


def _always_valid_half_width(variance: float, *, spread: float, alpha: float) -> float:
    wider = variance + spread
    return sqrt(2 * variance * wider / spread * log(sqrt(wider / variance) / alpha))

"""A drain as a cluster's worker runs it, told when to begin: all that is due, from the claim to the record."""

from __future__ import annotations

import django


def drain() -> int:
    """Go on until nothing is due that nobody works on; return the rows settled."""
    from delivery import pipeline

    settled = 0
    while worked := pipeline.once_round():
        settled += worked
    return settled


if __name__ == "__main__":
    django.setup()

    from benchmarks import resident

    resident.serve(drain=drain)

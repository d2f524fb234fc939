"""What a process keeps of rows that never change under their key: each is read once, and all missing at once."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from itertools import islice
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Kept(Generic[K, V]):
    """Values by key, at most so many; those read first go first. Threads may share it: what two read is the same."""

    def __init__(self, read: Callable[[Sequence[K]], Mapping[K, V]], *, most: int) -> None:
        self._read = read
        self._most = most
        self._held: dict[K, V] = {}

    def of(self, keys: Iterable[K]) -> dict[K, V]:
        """Return the values of some keys, in their order; those that are not held are read together."""
        asked, held = list(keys), self._held
        if missing := [key for key in asked if key not in held]:
            held = held | dict(self._read(missing))
            self._held = dict(islice(held.items(), max(0, len(held) - self._most), None))
        return {key: held[key] for key in asked}

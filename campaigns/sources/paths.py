"""What a source's answer holds, as templates would say it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from campaigns.liquid.values import Key, written
from campaigns.models import Source
from campaigns.sources.asking import decoded

MOST = 40
DEEPEST = 5
SAMPLE = 60


@dataclass(frozen=True, slots=True)
class Path:
    """One value of an answer: how it is written, what it is like, and what to put into words for it."""

    path: str
    label: str  # without the source's name
    sample: str
    insert: str


def of(source: Source) -> list[Path]:
    """Return what the example of a source's answer holds, at most ``MOST``; none before it ever answered."""
    return of_value(source.name, decoded(source.example)) if source.example else []


def of_value(name: str, value: Any) -> list[Path]:
    found = []
    for path in _walk(["source", name], value):
        found.append(path)
        if len(found) == MOST:
            break
    return found


def _walk(keys: list[Key], value: Any) -> Iterator[Path]:
    path = written(keys)
    label = path.removeprefix(written(keys[:2])).removeprefix(".") or path
    if isinstance(value, dict):
        for key, inner in value.items() if len(keys) < DEEPEST + 2 else ():
            if _can_be_written(key):
                yield from _walk([*keys, key], inner)
    elif isinstance(value, list):
        inside = "each.…" if value and isinstance(value[0], dict) else "each"
        first = next(iter(value[0]), "") if value and isinstance(value[0], dict) else ""
        shown = f"each.{first}" if first else "each"
        loop = f"{{% for each in {path} %}}{{{{ {shown} }}}}{{% endfor %}}"
        yield Path(path, label, f"{len(value)} entries: {inside}", loop)
        if value and len(keys) < DEEPEST + 2:
            yield from _walk([*keys, 0], value[0])
    else:
        yield Path(path, label, "" if value is None else str(value)[:SAMPLE], f"{{{{ {path} }}}}")


def _can_be_written(key: str) -> bool:
    return '"' not in key and "{" not in key and "%" not in key and len(key) <= 60

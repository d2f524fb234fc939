"""What a process loads once, before it works."""

from __future__ import annotations

import gc
from importlib import import_module

from django.urls import get_resolver


def load() -> None:
    """Load the code behind every page and task, and let the garbage collector pass over it from now on.

    It would look at all of it again and again: a tenth of a second each time, in which nobody is answered. Processes
    forked afterwards share the memory it lies in. New objects it looks at by the ten thousand: a batch of 1,000 calls
    makes about as many and leaves no cycles behind, and to look by the seven hundred took a fortieth of its time.
    """
    import_module("delivery.tasks")
    assert get_resolver().url_patterns
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000)

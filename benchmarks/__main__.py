"""``make bench``: measure, print one table, write the values to benchmarks/results/, exit 1 below a bound."""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import fields
from importlib import import_module, metadata
from typing import Any

import django

from benchmarks import database, harness, programs
from benchmarks.harness import Options, Result
from config import folders

# In this order: the ones that only read first, while the data is as it was loaded.
ALL = ("segments", "planning", "ingest", "triggers", "caps", "web", "mails", "latency", "memory")
NEED_NO_DATA = {"memory"}
TOLD = ("Django", "psycopg", "granian", "django-q2", "django-post-office", "djangorestframework", "msgspec")


def main(arguments: Sequence[str] | None = None) -> int:
    options = _options(arguments)
    os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
    os.environ.setdefault("TACT_LOG_LEVEL", "WARNING")
    with database.fresh():
        django.setup()
        from django.db import connection

        from config import loading

        loading.load()
        try:
            conditions = _conditions(options)
            results = _measure(options)
        finally:
            connection.close()
    path = harness.write(results, conditions, folder=options.results)
    print(f"\n{harness.table(results)}\n\n{_in_words(conditions)}\nAll values: {path}")
    missed = [result.name for result in results if not result.is_held]
    if missed:
        print(f"Missed: {', '.join(missed)}.")
    return 1 if missed else 0


def _measure(options: Options) -> list[Result]:
    from benchmarks import data

    modules = [import_module(f"benchmarks.{name}") for name in options.only]
    started = time.perf_counter()
    world = None
    if set(options.only) - NEED_NO_DATA:
        programs.migrate()
        world = data.load(options)
    print(f"Data ready after {time.perf_counter() - started:.0f} s.", flush=True)
    results: list[Result] = []
    for name, module in zip(options.only, modules, strict=True):
        started = time.perf_counter()
        found = module.run(world, options)
        results += found
        print(
            f"{name}: {time.perf_counter() - started:.0f} s",
            *harness.table(found).splitlines()[2:],
            sep="\n  ",
        )
        sys.stdout.flush()
    return results


def _options(arguments: Sequence[str] | None) -> Options:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "only", nargs="*", metavar="WHAT", help=f"Which to run, all by default: {', '.join(ALL)}"
    )
    for option in fields(Options):
        if option.name != "only":
            kind = type(option.default)
            parser.add_argument(f"--{option.name.replace('_', '-')}", type=kind, default=option.default)
    given = vars(parser.parse_args(arguments))
    if unheard := set(given["only"]) - set(ALL):
        parser.error(f"no such benchmark: {', '.join(sorted(unheard))}")
    given["only"] = tuple(name for name in ALL if name in (given["only"] or ALL))
    return Options(**given)


def _conditions(options: Options) -> dict[str, Any]:
    return {
        "options": vars(options),
        "database": database.settings(),
        "cpus": len(os.sched_getaffinity(0)),
        "load": os.getloadavg(),
        "python": platform.python_version(),
        "system": platform.platform(),
        "packages": {name: metadata.version(name) for name in TOLD},
        "commit": _commit(),
    }


def _commit() -> str:
    command = ["git", "-C", str(folders.PROJECT), "describe", "--always", "--dirty"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


def _in_words(conditions: dict[str, Any]) -> str:
    database, load = conditions["database"], conditions["load"][0]
    return (
        f"PostgreSQL {database['server_version']}, shared_buffers {database['shared_buffers']}, fsync"
        f" {database['fsync']}, synchronous_commit {database['synchronous_commit']}; {conditions['cpus']} CPUs, load"
        f" {load:.1f} before; Python {conditions['python']}; {conditions['commit']}"
    )


if __name__ == "__main__":
    sys.exit(main())

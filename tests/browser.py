"""Finds a Chromium for the journeys, or gets one: ``python -m tests.browser`` prints its path."""

import os
import shutil
import subprocess
import sys

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
ADVICE = (
    "The journeys need Chromium, and none could be found or installed. Install one (Debian: apt-get install chromium), "
    "or leave them out: make test ARGS='-m \"not journey\"'."
)


class NoBrowser(Exception):
    """No Chromium here, and none to be had; the message says what to do."""


def path() -> str:
    """Return the path of a Chromium that starts. Raises NoBrowser."""
    for candidate in (*(shutil.which(name) for name in NAMES), _playwrights()):
        if candidate and _starts(candidate):
            return candidate
    raise NoBrowser(ADVICE)


def get() -> str:
    """Return the path of a Chromium, installing one if there is none. Raises NoBrowser."""
    for install in (lambda: None, _install_from_debian, _install_from_playwright):
        install()
        try:
            return path()
        except NoBrowser:
            continue
    raise NoBrowser(ADVICE)


def _playwrights() -> str:
    """Where Playwright's own Chromium would be; empty if Playwright does not say."""
    ask = "from playwright.sync_api import sync_playwright as p\nwith p() as q: print(q.chromium.executable_path)"
    answer = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=False)
    return answer.stdout.strip()


def _starts(candidate: str) -> bool:
    """Whether it runs at all: some distributions leave a stub, and libraries may be missing."""
    try:
        return (
            subprocess.run([candidate, "--version"], capture_output=True, timeout=60, check=False).returncode
            == 0
        )
    except (OSError, subprocess.TimeoutExpired):
        return False


def _install_from_debian() -> None:
    if os.geteuid() == 0 and shutil.which("apt-get"):
        print("Installing Chromium from Debian ...", file=sys.stderr)
        environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
        for arguments in (["update", "-q"], ["install", "-y", "-q", "--no-install-recommends", "chromium"]):
            subprocess.run(["apt-get", *arguments], env=environment, stdout=sys.stderr, check=False)


def _install_from_playwright() -> None:
    print("Installing Chromium from Playwright ...", file=sys.stderr)
    subprocess.run(
        [sys.executable, "-m", "playwright", "install", "chromium"], stdout=sys.stderr, check=False
    )


if __name__ == "__main__":
    try:
        print(get())
    except NoBrowser as problem:
        sys.exit(str(problem))

"""What an operator may set wrongly, said when Tact starts and not when somebody gets a message twice."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from typing import Any
from urllib.parse import SplitResult, urlsplit

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.http.request import validate_host

from campaigns.sources import guard

LOCAL = {"localhost", "127.0.0.1", "::1"}
MARGIN = 1.3  # for what the sums below leave out: fetching, forking, a slow machine
PAUSE_SECONDS = 3  # that a worker may take beyond a task's timeout


@register()
def queue(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """django-q2 gives a task out again after ``retry`` seconds, whether or not it still waits or runs."""
    least = least_retry(settings.Q_CLUSTER)
    problems: list[CheckMessage] = []
    if settings.Q_CLUSTER["retry"] < least:
        problems.append(
            Error(
                f"Q_CLUSTER: retry is {settings.Q_CLUSTER['retry']}, and tasks may wait and run for {least} seconds:"
                " some would run twice at a time.",
                hint=f"Set retry to {least} or more, or timeout or queue_limit lower.",
                id="tact.E001",
            )
        )
    if settings.Q_CLUSTER.get("max_attempts", 0) == 0:
        problems.append(
            Error(
                "Q_CLUSTER: without max_attempts a task that kills its worker is tried for ever.",
                id="tact.E002",
            )
        )
    if settings.Q_CLUSTER.get("orm") != "default":
        problems.append(
            Error(
                "Q_CLUSTER: tasks must be enqueued in the transaction that wants them, so in the default database.",
                hint='Set "orm" to "default".',
                id="tact.E003",
            )
        )
    return problems


def least_retry(cluster: dict[str, Any]) -> int:
    """Return the shortest safe ``retry`` in seconds.

    A task is locked when fetched and may wait behind all that its workers hold and the local queue takes, each running
    to its timeout.
    """
    workers = max(1, cluster["workers"])  # of fewer ``numbers`` tells
    rounds = ceil((workers + cluster["queue_limit"] + cluster["bulk"]) / workers)
    return ceil(MARGIN * rounds * (cluster["timeout"] + PAUSE_SECONDS))


@register()
def numbers(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Zero is none at all, not no limit: nothing would be done, and every call would fail."""
    pace = settings.API_PACE
    given = {
        "TACT_WORKERS": settings.Q_CLUSTER["workers"],
        "TACT_API_PACE": pace["manage"],
        "TACT_API_SEND_PACE": pace["send"],
        "TACT_TRACK_PACE": pace["track"],
    }
    return [
        Error(f"{name} is {number}; it has to be 1 or more.", id="tact.E006")
        for name, number in given.items()
        if number < 1
    ]


@register()
def sources_may_reach(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """A network that is none would show only when a message asks its source."""
    try:
        guard.exceptions()
    except ValueError as error:
        return [
            Error(
                f"TACT_SOURCES_MAY_REACH: {error}.",
                hint="Give networks, each perhaps with a port, such as 10.1.0.0/16,10.2.3.4/32:9000.",
                id="tact.E007",
            )
        ]
    return []


@register()
def base_url(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Links in messages lead to BASE_URL: a wrong one shows only in mails that are gone."""
    parts = _address(settings.BASE_URL)
    if not parts or not parts.hostname or parts.path.strip("/") or parts.query:
        return [
            Error(
                f"TACT_BASE_URL is {settings.BASE_URL!r}, which no link can begin with.",
                hint="Give protocol and host, such as https://tact.example.com.",
                id="tact.E004",
            )
        ]
    if not validate_host(parts.hostname, settings.ALLOWED_HOSTS or [*LOCAL, ".localhost"]):
        return [
            Error(
                f"TACT_BASE_URL leads to {parts.hostname}, where Tact refuses requests.",
                hint=f"Add {parts.hostname} to TACT_ALLOWED_HOSTS.",
                id="tact.E005",
            )
        ]
    return []


def _address(url: str) -> SplitResult | None:
    """The parts of a web address; None for what is none."""
    try:
        parts = urlsplit(url)
        return parts if parts.scheme in ("http", "https") and parts.port != 0 else None
    except ValueError:  # brackets of no address, a port beyond 65535
        return None


@register(Tags.security, deploy=True)
def deployment(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """What is fine on one's own machine and not for customers."""
    parts = _address(settings.BASE_URL)
    problems: list[CheckMessage] = []
    if not parts or parts.scheme != "https" or parts.hostname in LOCAL:
        problems.append(
            Warning(
                f"TACT_BASE_URL is {settings.BASE_URL}: links in mails lead there, and sign-ins travel unprotected.",
                hint="Set it to the https address people reach Tact by.",
                id="tact.W001",
            )
        )
    if settings.EMAIL_BACKEND == "django.core.mail.backends.console.EmailBackend":
        problems.append(
            Warning(
                "Invitations and password resets are printed, not sent.",
                hint="Set TACT_EMAIL_URL, such as smtp+tls://user:password@smtp.example.com:587.",
                id="tact.W002",
            )
        )
    return problems

"""Setting up sources: what is saved is checked, noted, and from that moment asked by every campaign that uses it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Q

from campaigns import contents
from campaigns.holding import hold
from campaigns.models import Campaign, Content, Source, SourceAnswer
from campaigns.sources import guard, questions, reading
from tenants import audit, vault
from tenants.audit import Actor
from tenants.models import Tenant

NAME = re.compile(r"[a-z][a-z0-9_]*\Z")
HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,80}\Z")
OURS = frozenset(  # of the connection, or decided by what is sent
    {
        "host",
        "content-length",
        "transfer-encoding",
        "connection",
        "te",
        "trailer",
        "upgrade",
        "expect",
        "accept-encoding",
    }
)
MOST_HEADERS = 20
LONGEST_HEADER = 4_000
LONGEST_TEMPLATE = 8_000
MOST_SOURCES = 50
PLAIN = (
    "name",
    "method",
    "url",
    "body",
    "timeout_seconds",
    "cache_minutes",
    "last_good_hours",
    "on_failure",
    "default",
)


class Refused(ValueError):
    """It cannot be saved so; the words say why. ``field`` is the one to change."""

    def __init__(self, field: str, words: str) -> None:
        super().__init__(words)
        self.field = field


class InUse(Exception):
    """Campaigns use it; the words say which."""

    def __init__(self, campaigns: list[Campaign]) -> None:
        names = ", ".join(f"“{one.name}”" for one in campaigns[:5])
        more = f" and {len(campaigns) - 5} more" if len(campaigns) > 5 else ""
        super().__init__(f"It is used by {names}{more}: take it out of their messages first.")
        self.campaigns = campaigns


def add(*, tenant: Tenant, actor: Actor | None, headers: Mapping[str, str], **fields: Any) -> Source:
    """Store a new source; drafts that lacked it are compiled anew. Raises Refused."""
    with transaction.atomic():
        source = _added(tenant, actor, headers, fields)
    contents.compile_stale(tenant)
    return source


def _added(
    tenant: Tenant, actor: Actor | None, headers: Mapping[str, str], fields: Mapping[str, Any]
) -> Source:
    hold(tenant.pk, alone=True)  # before its name is taken: who renames another to it holds this already
    if Source.objects.filter(tenant=tenant).count() >= MOST_SOURCES:
        raise Refused("", f"{MOST_SOURCES} sources are as many as there can be.")
    source = Source(tenant=tenant)
    _fill(source, headers, fields)
    _save(source)
    _note(source, actor, "added", {name: (None, value) for name, value in _shown(source).items() if value})
    _make_stale(source)
    return source


def change(
    *, source: Source, actor: Actor | None, headers: Mapping[str, str | None], **fields: Any
) -> Source:
    """Let a source ask something else; drafts that use it are compiled anew, and what it said before is forgotten.

    A header of None keeps the value there is. Raises Refused, InUse for another name while it is used, and
    Source.DoesNotExist if it was removed meanwhile.
    """
    with transaction.atomic():
        source = _changed(source, actor, headers, fields)
    contents.compile_stale(source.tenant)
    return source


def _changed(
    source: Source, actor: Actor | None, headers: Mapping[str, str | None], fields: Mapping[str, Any]
) -> Source:
    source = Source.objects.select_for_update(of=("self",)).select_related("tenant").get(pk=source.pk)
    hold(source.tenant_id, alone=True)  # so that nobody begins to use it under a name it loses
    before, asked_before = _shown(source), (source.url, source.method, source.body, bytes(source.secret))
    old_name, old_url = source.name, source.url
    kept = _kept(source, headers)
    _fill(source, {name: kept[name] if value is None else value for name, value in headers.items()}, fields)
    if source.name != old_name:
        source.name, new_name = old_name, source.name
        if users := reading.used_by(source):
            raise InUse(users)
        source.name = new_name
    if kept and questions.server_of(source.url) != questions.server_of(old_url):
        raise Refused(
            "headers", "The server changed: enter the headers again, kept ones never go to another."
        )
    if before == _shown(source) and not any(headers.values()):
        return source
    if asked_before != (source.url, source.method, source.body, bytes(source.secret)):
        SourceAnswer.objects.filter(source=source).delete()
        Source.objects.filter(pk=source.pk).update(failures=0, rests_until=None)
    _save(source)
    changes = {name: (before[name], value) for name, value in _shown(source).items()}
    if any(headers.values()):
        changes["header values"] = ("as they were", "changed")
    _note(source, actor, "changed", changes)
    _make_stale(source)
    return source


@transaction.atomic
def remove(*, source: Source, actor: Actor | None) -> None:
    """Forget a source, with its headers and answers. Raises InUse."""
    source = Source.objects.select_for_update(of=("self",)).select_related("tenant").get(pk=source.pk)
    hold(source.tenant_id, alone=True)  # so that nobody begins to use it meanwhile
    if users := reading.used_by(source):
        raise InUse(users)
    _note(source, actor, "removed", {})
    source.delete()


def _fill(source: Source, headers: Mapping[str, str], fields: Mapping[str, Any]) -> None:
    for name in PLAIN:
        if name in fields:
            setattr(source, name, fields[name])
    source.header_names = sorted(headers)
    _check(source)
    _check_headers(headers)
    source.needs = _needs(source, is_json=questions.sends_json(headers))
    source.secret = questions.sealed(source, headers)


def _check(source: Source) -> None:
    if not NAME.match(source.name) or len(source.name) > 40:
        raise Refused(
            "name", "A name begins with a letter and has small letters, digits and underscores only."
        )
    try:
        questions.server_of(source.url)
    except guard.Blocked as blocked:
        raise Refused("url", str(blocked)) from blocked
    for name in ("url", "body"):
        if len(getattr(source, name)) > LONGEST_TEMPLATE:
            raise Refused(name, f"This is longer than {LONGEST_TEMPLATE:,} characters.")
    bounds = {"timeout_seconds": (1, 10), "cache_minutes": (0, 1440), "last_good_hours": (0, 168)}
    for name, (low, high) in bounds.items():
        if not low <= getattr(source, name) <= high:
            raise Refused(name, f"From {low} to {high:,}.")
    if source.on_failure == Source.OnFailure.DEFAULT and source.default is None:
        raise Refused("default", "Say what is used when there is no answer, as JSON.")
    if source.method == Source.Method.GET:
        source.body = ""


def _check_headers(headers: Mapping[str, str]) -> None:
    if len(headers) > MOST_HEADERS:
        raise Refused("headers", f"{MOST_HEADERS} headers are as many as there can be.")
    for name, value in headers.items():
        if not HEADER_NAME.match(name):
            raise Refused("headers", f"“{name[:80]}” is no header's name.")
        if name.lower() in OURS:
            raise Refused("headers", f"{name} is set by Tact itself.")
        if not value or len(value) > LONGEST_HEADER or not value.isascii() or not value.isprintable():
            raise Refused("headers", f"The value of {name} has to be plain text on one line.")
    if len({name.lower() for name in headers}) < len(headers):
        raise Refused("headers", "Each header can be given once.")


def _needs(source: Source, *, is_json: bool) -> list[str]:
    checked = questions.check(url=source.url, body=source.body, is_json=is_json)
    for name, found in checked.items():
        if found.errors:
            first = found.errors[0]
            raise Refused(name, f"Line {first.line}, column {first.column}: {first.message}")
    return list(dict.fromkeys(need for found in checked.values() for need in found.needs))


def _kept(source: Source, headers: Mapping[str, str | None]) -> dict[str, str]:
    """Return the headers that are to stay as they are. Raises Refused if one is not there, or cannot be read."""
    wanted = [name for name, value in headers.items() if value is None]
    if not wanted:
        return {}
    try:
        there = questions.headers_of(source)
    except vault.Locked:
        raise Refused(
            "headers", "These were saved under another SECRET_KEY: enter their values again."
        ) from None
    for name in wanted:
        if name not in there:
            raise Refused("headers", f"Enter the value of {name}.")
    return {name: there[name] for name in wanted}


def _save(source: Source) -> None:
    columns = [*PLAIN, "header_names", "secret", "needs", "updated_at"]
    try:
        with transaction.atomic():
            source.save(update_fields=columns if source.pk else None)
    except IntegrityError as taken:
        raise Refused("name", f"There is a source called {source.name} already.") from taken


def _shown(source: Source) -> dict[str, Any]:
    return {name: getattr(source, name) for name in PLAIN} | {"headers": source.header_names}


def _note(source: Source, actor: Actor | None, action: str, changes: dict[str, tuple[Any, Any]]) -> None:
    audit.note(
        tenant=source.tenant,
        actor=actor,
        action=action,
        thing="source",
        thing_id=source.public_id,
        name=source.name,
        fields=changes,
    )


def _make_stale(source: Source) -> None:
    """What drafts need may have changed with what the source asks with, and what was wrong with others may be right."""
    found = Content.objects.filter(Q(sources__has_key=source.name) | ~Q(problems=[]))
    contents.make_stale(found, tenant=source.tenant)

"""What was refused and names somebody: there is no index to it, so it is read, a portion at a time.

To be handed to them are only those that name them where calls name whom they are about: a number, or a word, that
stands elsewhere may be about somebody else. Erased is whatever may be theirs.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Any

from audiences.models import Erasure, Identity, Import, Profile
from tenants import binary

CALLS_AT_ONCE = 2_000

# The oldest moment of the next portion, which takes all of that moment: those of one transaction.
OLDEST = """
SELECT min(received_at) FROM (
    SELECT received_at FROM audiences_refusedcall
    WHERE tenant_id = %s AND received_at < coalesce(%s::timestamptz, 'infinity')
    ORDER BY received_at DESC LIMIT %s) AS portion
"""
# Phone numbers as people write them, with anything between the digits, become as they are kept.
BETWEEN = r"\s().\\/\u2010-\u2015\u00a0-"
AS_KEPT = f"regexp_replace(regexp_replace({{}}, '[{BETWEEN}]', '', 'g'), '^00', '+')"
# A cell without what is about it; a spreadsheet's spaces need not break.
TRIMMED = r"lower(regexp_replace({}, '^[\s\u00a0]+|[\s\u00a0]+$', '', 'g'))"
# A refused call is only text: it is theirs if it holds one of their identities as a JSON string or number.
CALLS = rf"""
DELETE FROM audiences_refusedcall c
WHERE c.tenant_id = %s AND c.received_at >= %s AND c.received_at < coalesce(%s::timestamptz, 'infinity') AND (
    EXISTS (SELECT 1 FROM unnest(%b::text[]) AS k(written) WHERE strpos(lower(c.call), k.written) > 0)
    OR EXISTS (SELECT 1 FROM unnest(%b::text[]) AS k(number) WHERE c.call ~ (':\s*' || k.number || '\M'))
    OR EXISTS (SELECT 1 FROM regexp_matches(c.call, '"([+0][0-9][0-9{BETWEEN}]{{5,40}})"', 'g') AS said(number)
               WHERE {AS_KEPT.format("said.number[1]")} = ANY(%b::text[])))
"""
ROWS = f"""
DELETE FROM audiences_refusedrow r WHERE r.tenant_id = %s AND r.import_file_id = %s AND EXISTS (
    SELECT 1 FROM jsonb_array_elements_text(r."values") AS cell(value)
    WHERE {TRIMMED.format("cell.value")} = ANY(%b::text[]) OR {AS_KEPT.format("cell.value")} = ANY(%b::text[]))
"""
# An "id" may be anything's, but an address is theirs wherever it stands.
NAMING_CALLS = r"""
SELECT c.received_at, c.path, c.reason, c.call FROM audiences_refusedcall c
WHERE c.tenant_id = %s AND c.received_at >= %s AND c.received_at < coalesce(%s::timestamptz, 'infinity') AND EXISTS (
    SELECT 1 FROM regexp_matches(c.call,
        '"(userId|anonymousId|previousId|email|phone|id)"\s*:\s*("(?:[^"\\]|\\.)*"|\d+(?![\w.]))', 'g') AS said(pair)
    WHERE pair[1] IN ('userId', 'anonymousId', 'previousId') AND pair[2] = ANY(%b::text[])
        OR lower(pair[2]) = ANY(%b::text[]))
ORDER BY c.received_at DESC, c.id
"""
NAMING_ROWS = f"""
SELECT r.number, r.reason, ARRAY(SELECT jsonb_array_elements_text(r."values")) FROM audiences_refusedrow r
WHERE r.tenant_id = %s AND r.import_file_id = %s AND EXISTS (
    SELECT 1 FROM jsonb_array_elements_text(r."values") AS cell
    WHERE btrim(cell) = ANY(%b::text[]) OR {TRIMMED.format("cell")} = ANY(%b::text[])
        OR {AS_KEPT.format("cell")} = ANY(%b::text[]))
ORDER BY r.number
"""
ADDRESSES = (Identity.Kind.EMAIL, Identity.Kind.PHONE)

Name = tuple[str, str]  # kind and value, as an identity has them


def names(person: Profile) -> set[Name]:
    """Return what finds somebody, and what their profile says they go by."""
    found = set(Identity.objects.filter(profile=person).values_list("kind", "value"))
    columns = ((kind, getattr(person, kind)) for kind in (Identity.Kind.EXTERNAL_ID, *ADDRESSES))
    return found | {(kind.value, value) for kind, value in columns if value}


def calls_of(person: Profile) -> Iterator[dict[str, Any]]:
    """Yield the refused calls that say they are about somebody, the newest first."""
    ids, addresses = _told_apart(names(person))
    numbers = [value for value in ids if value.isdecimal()]
    theirs = [[*_written(ids), *numbers], [text.lower() for text in _written(_spelled(addresses))]]
    for oldest, before in _portions(person.tenant_id):
        for at, path, reason, call in binary.run(NAMING_CALLS, [person.tenant_id, oldest, before, *theirs]):
            yield {"received_at": at, "path": path, "reason": reason, "call": call}


def rows_of(person: Profile) -> Iterator[dict[str, Any]]:
    """Yield the refused rows of files that hold an id or address of somebody; a number alone may be anything."""
    ids, addresses = _told_apart(names(person))
    words = [value for value in ids if not value.isdecimal()]
    theirs = [words, _spelled(addresses), _phones(addresses)]
    for file in Import.objects.filter(rows_refused__gt=0).order_by("pk"):
        for number, reason, values in binary.run(NAMING_ROWS, [person.tenant_id, file.pk, *theirs]):
            yield {"file": file.file_name, "line": number, "reason": reason, "values": values}


def _told_apart(known: set[Name]) -> tuple[list[str], list[str]]:
    """Return ids, of which the case counts, and addresses in small letters."""
    addresses = {value.lower() for kind, value in known if kind in ADDRESSES}
    return sorted({value for kind, value in known if kind not in ADDRESSES}), sorted(addresses)


def _spelled(values: Iterable[str]) -> list[str]:
    """Return values in small letters, and addresses also with their domain as people write it: not in ASCII."""
    small = {value.lower() for value in values}
    return sorted(small | {_in_letters(value) for value in small if "@xn--" in value or ".xn--" in value})


def _in_letters(address: str) -> str:
    local, at, domain = address.rpartition("@")
    try:
        return local + at + domain.encode().decode("idna")
    except UnicodeError:
        return address


def _phones(values: Iterable[str]) -> list[str]:
    return [value for value in values if value[:1] == "+" and value[1:].isdecimal()]


def _written(values: Iterable[str]) -> list[str]:
    """Return texts as JSON: what is not ASCII, a slash or a plus may be escaped, by the language that wrote it."""
    plain = [json.dumps(value, ensure_ascii=is_ascii) for value in values for is_ascii in (False, True)]
    slashed = [text.replace("/", "\\/") for text in plain]
    return sorted({*plain, *slashed, *(text.replace("+", "\\u002B") for text in plain)})


def _portions(tenant_id: int, before: datetime | None = None) -> Iterator[tuple[datetime, datetime | None]]:
    """Yield from when to before when the refused calls of each portion were received, the newest first."""
    while True:
        ((oldest,),) = binary.run(OLDEST, [tenant_id, before, CALLS_AT_ONCE])
        if oldest is None:
            return
        yield oldest, before
        before = oldest


def forget(erasure: Erasure, is_over: Callable[[], bool]) -> bool:
    """Remove refused calls and rows that name somebody until ``is_over()``; return whether all were looked at.

    The erasure keeps how far that is, so that it goes on there however often it is ended or killed.
    """
    return _calls(erasure, is_over) and _rows(erasure, is_over)


def _calls(erasure: Erasure, is_over: Callable[[], bool]) -> bool:
    phones = _phones(erasure.known)
    digits = [phone[1:] for phone in phones]  # as one becomes when somebody takes it for a number
    written = sorted({text.lower() for text in _written([*_spelled(erasure.known), *erasure.known, *digits])})
    theirs = [
        written,
        [value for value in [*erasure.known, *digits] if re.fullmatch("[0-9]+", value)],
        phones,
    ]
    for oldest, before in _portions(erasure.tenant_id, erasure.calls_before):
        binary.run(CALLS, [erasure.tenant_id, oldest, before, *theirs])
        erasure.calls_before = oldest
        erasure.save(update_fields=["calls_before"])
        if is_over():
            return False
    return True


def _rows(erasure: Erasure, is_over: Callable[[], bool]) -> bool:
    """File by file: of none are more than some ten thousand rows kept."""
    phones = _phones(erasure.known)
    theirs = [[*_spelled(erasure.known), *(phone[1:] for phone in phones)], phones]
    files = Import.objects.filter(tenant=erasure.tenant, pk__gt=erasure.files_to, rows_refused__gt=0)
    for file_id in files.order_by("pk").values_list("pk", flat=True):
        binary.run(ROWS, [erasure.tenant_id, file_id, *theirs])
        erasure.files_to = file_id
        erasure.save(update_fields=["files_to"])
        if is_over():
            return False
    return True

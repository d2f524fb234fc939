"""What was refused and names somebody who is erased: there is no index to it, so it is read, a portion at a time."""

from __future__ import annotations

from collections.abc import Callable

from audiences import binary
from audiences.models import Erasure, Import

CALLS_AT_ONCE = 2_000

# The oldest moment of the next portion, which takes all of that moment: those of one transaction.
OLDEST = """
SELECT min(received_at) FROM (
    SELECT received_at FROM audiences_refusedcall
    WHERE tenant_id = %s AND received_at < coalesce(%s::timestamptz, 'infinity')
    ORDER BY received_at DESC LIMIT %s) AS portion
"""
# A refused call is only text: it is theirs if it holds one of their identities as a JSON string or number.
CALLS = """
DELETE FROM audiences_refusedcall c
WHERE c.tenant_id = %s AND c.received_at >= %s AND c.received_at < coalesce(%s::timestamptz, 'infinity') AND EXISTS (
    SELECT 1 FROM unnest(%b::text[]) AS k(value) WHERE strpos(lower(c.call), to_json(lower(k.value))::text) > 0
        OR k.value ~ '^[0-9]+$' AND c.call ~ (':\\s*' || k.value || '\\M'))
"""
ROWS = """
DELETE FROM audiences_refusedrow r WHERE r.tenant_id = %s AND r.import_file_id = %s AND EXISTS (
    SELECT 1 FROM jsonb_array_elements_text(r."values") AS cell(value)
    WHERE lower(btrim(cell.value)) IN (SELECT lower(k.value) FROM unnest(%b::text[]) AS k(value)))
"""


def forget(erasure: Erasure, is_over: Callable[[], bool]) -> bool:
    """Remove refused calls and rows that name somebody until ``is_over()``; return whether all were looked at.

    The erasure keeps how far that is, so that it goes on there however often it is ended or killed.
    """
    return _calls(erasure, is_over) and _rows(erasure, is_over)


def _calls(erasure: Erasure, is_over: Callable[[], bool]) -> bool:
    while True:
        before = erasure.calls_before
        ((oldest,),) = binary.run(OLDEST, [erasure.tenant_id, before, CALLS_AT_ONCE])
        if oldest is None:
            return True
        binary.run(CALLS, [erasure.tenant_id, oldest, before, erasure.known])
        erasure.calls_before = oldest
        erasure.save(update_fields=["calls_before"])
        if is_over():
            return False


def _rows(erasure: Erasure, is_over: Callable[[], bool]) -> bool:
    """File by file: of none are more than some ten thousand rows kept."""
    files = Import.objects.filter(tenant=erasure.tenant, pk__gt=erasure.files_to, rows_refused__gt=0)
    for file_id in files.order_by("pk").values_list("pk", flat=True):
        binary.run(ROWS, [erasure.tenant_id, file_id, erasure.known])
        erasure.files_to = file_id
        erasure.save(update_fields=["files_to"])
        if is_over():
            return False
    return True

"""Columns on their way to the database: what is packed is what arrives, and statements sent together fail as one."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from tenants import binary
from tenants.binary import Column
from tenants.models import Tenant

MOMENT = datetime(2026, 6, 15, 12, 30, 1, 250_001, tzinfo=UTC)
LONG_AGO = datetime(1999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)  # before the database counts from
IDS = [uuid.UUID(int=0), uuid.UUID(int=2**128 - 1)]

CASES = [
    pytest.param("bigint", binary.bigints([0, -1, 2**63 - 1, -(2**63)]), [0, -1, 2**63 - 1, -(2**63)], id="bigints"),
    pytest.param("bigint", binary.bigints([]), [], id="none at all"),
    pytest.param("uuid", binary.uuids(one.bytes for one in IDS), IDS, id="uuids"),
    pytest.param("boolean", binary.booleans([True, False]), [True, False], id="booleans"),
    pytest.param("text", binary.texts(["", "é\t{\"}", None]), ["", "é\t{\"}", None], id="texts, one missing"),
    pytest.param("timestamptz", binary.moments([MOMENT, None, LONG_AGO]), [MOMENT, None, LONG_AGO], id="moments"),
    pytest.param(
        "timestamptz",
        binary.moments([MOMENT.astimezone(timezone(timedelta(hours=5, minutes=30)))]),
        [MOMENT],
        id="a moment said in another zone",
    ),
    pytest.param("jsonb", binary.jsons([b'{"a": [1, "\\u00e9"]}']), ['{"a": [1, "é"]}'], id="JSON"),
]  # fmt: skip


@pytest.mark.django_db
@pytest.mark.parametrize(("kind", "column", "values"), CASES)
def test_a_column_arrives_as_it_was(kind: str, column: Column, values: list[Any]) -> None:
    assert binary.run(f"SELECT v FROM unnest(%b::{kind}[]) v", [column]) == [(value,) for value in values]


@pytest.mark.django_db
def test_statements_sent_together_are_answered_each() -> None:
    with binary.together():
        first = binary.send("SELECT 1", [])
        second = binary.send("SELECT v FROM unnest(%b::bigint[]) v", [binary.bigints([2, 3])])
    assert (first.rows(), second.rows()) == ([(1,)], [(2,), (3,)])


@pytest.mark.django_db
def test_rows_asked_for_in_between_are_waited_for() -> None:
    with binary.together():
        first = binary.send("SELECT 1", [])
        assert binary.run("SELECT 2", []) == [(2,)]
        assert first.rows() == [(1,)]
        last = binary.send("SELECT 3", [])
    assert last.rows() == [(3,)]


@pytest.mark.django_db
def test_the_first_that_fails_says_why_and_those_after_it_do_nothing(
    tenant: Tenant, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(8):  # beyond the times after which a statement is prepared
        with pytest.raises(IntegrityError, match="audiences_receipt"), transaction.atomic():
            _send_a_receipt_twice_and_a_name(tenant)
    tenant.refresh_from_db()
    assert tenant.name != "Changed"
    assert not caplog.records


def _send_a_receipt_twice_and_a_name(tenant: Tenant) -> None:
    receipt = "INSERT INTO audiences_receipt (tenant_id, digest) VALUES (%s, %s)"
    with binary.together():
        binary.send(receipt, [tenant.pk, IDS[0]])
        binary.send(receipt, [tenant.pk, IDS[0]])
        binary.send("UPDATE tenants_tenant SET name = 'Changed' WHERE id = %s", [tenant.pk])

"""The recorder notices what it is for: else every test would pass under it, whatever is sent."""

import threading

import pytest
from django.db import connection
from django_scopes import scope, scopes_disabled

from audiences.models import Segment
from tenants import clock
from tests.walk import recorder
from tests.walk.recorder import names_no_tenant
from tests.walk.world import World


@pytest.mark.parametrize(
    "statement",
    [
        'SELECT "audiences_segment"."id", "audiences_segment"."tenant_id" FROM "audiences_segment"',
        "SELECT tenant_id, id FROM audiences_segment WHERE name = %s",
        "UPDATE delivery_delivery SET state = %s, tenant_id = %s WHERE state = %s",
        "DELETE FROM audiences_suppression WHERE address = %s",
        "DELETE FROM audiences_suppression WHERE address = %s RETURNING tenant_id",
        "INSERT INTO audiences_suppression (channel, address) VALUES (%s, %s)",
        "select count(*) from Audiences_Profile".lower(),
        "COPY audiences_profile (email) FROM STDIN",
    ],
)
def test_a_statement_without_a_tenant_is_noticed(statement: str):
    assert names_no_tenant(statement)


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT id FROM audiences_segment WHERE tenant_id = %s",
        'SELECT "a"."id" FROM "audiences_segment" "a" WHERE ("a"."tenant_id" = 1 AND "a"."name" = %s)',
        'SELECT "audiences_segment"."id" FROM "audiences_segment" WHERE "audiences_segment"."id" = %s',
        "INSERT INTO audiences_suppression (tenant_id, channel) VALUES (%s, %s)",
        'UPDATE "audiences_segment" SET "name" = %s WHERE "audiences_segment"."id" = %s',
        'DELETE FROM "campaigns_content" WHERE "campaigns_content"."variant_id" IN (%s)',
        "CREATE TABLE audiences_event_2026_01 PARTITION OF audiences_event FOR VALUES FROM (%s) TO (%s)",
        'SELECT 1 FROM "tenants_user" WHERE "tenants_user"."email" = %s',
        "COPY audiences_profile (tenant_id, email) FROM STDIN",
    ],
)
def test_a_statement_with_one_or_that_needs_none_passes(statement: str):
    assert not names_no_tenant(statement)


def test_every_cursor_is_recorded_also_those_under_django(db: None):
    connection.ensure_connection()
    raw = connection.connection
    cursors = [connection.cursor().cursor, raw.cursor(), raw.cursor(binary=True), raw.cursor("named")]
    assert [cursor for cursor in cursors if not isinstance(cursor, recorder._Recording)] == []


def test_a_thread_of_its_own_is_recorded_too(db: None):
    found = []

    def look() -> None:
        connection.ensure_connection()
        found.append(isinstance(connection.connection.cursor(), recorder._Recording))
        connection.close()

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert found == [True]


def test_our_codes_statements_are_noticed_and_a_tests_own_are_not(ours: World):
    before = len(recorder.offences)
    with scopes_disabled():
        Segment.objects.count()
    assert recorder.offences[before:] == []
    source = "def careless():\n    return list(Segment.objects.all())\n"
    names: dict[str, object] = {"Segment": Segment}
    exec(compile(source, clock.__file__, "exec"), names)
    with scopes_disabled():
        names["careless"]()  # type: ignore[operator]
    assert [offence.place for offence in recorder.offences[before:]] == ["tenants/clock.py:careless:2"]
    with scope(tenant=ours.tenant):
        names["careless"]()  # type: ignore[operator]
    assert len(recorder.offences) == before + 1
    del recorder.offences[before:]


def test_every_exception_is_a_function_there_is():
    for place in recorder.ACROSS:
        file, _, function = place.partition(":")
        assert f"def {function}(" in (recorder.ROOT / file).read_text()

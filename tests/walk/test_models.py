"""Every tenant's table is closed outside a scope, and unique only within its tenant."""

from __future__ import annotations

from typing import Any

import pytest
from django.apps import apps
from django.contrib.postgres.fields import ArrayField
from django.db import connection, models
from django_scopes import scope
from django_scopes.exceptions import ScopeError

from tenants.models import Membership
from tests.walk.world import UNMARKED, World, tenant_models

MODELS = [pytest.param(model, id=model._meta.label) for model in tenant_models()]
UNSCOPED = {Membership}  # it says which tenants somebody may enter, so it is read before any scope is open
SCOPED = [pytest.param(model, id=model._meta.label) for model in tenant_models() if model not in UNSCOPED]
# Unique across tenants: random values, which tell nothing of another tenant's.
RANDOM = {"public_id", "token_hash", "key_hash"}
# Tables of the installation or of people, not of a tenant.
OURS_WITHOUT_TENANT = {"tenants.User", "tenants.Tenant", "delivery.Beat"}


@pytest.mark.parametrize("model", SCOPED)
def test_outside_a_scope_nothing_can_be_read(model: Any, db: None):
    with pytest.raises(ScopeError):
        model.objects.count()


@pytest.mark.parametrize("model", SCOPED)
def test_inside_a_scope_only_its_own_rows_are_read(model: Any, ours: World, theirs: World):
    with scope(tenant=ours.tenant):
        assert {row.tenant_id for row in model.objects.all()} == {ours.tenant.pk}


def test_every_table_of_ours_has_a_tenant():
    ours = (apps.get_app_config(name) for name in ("tenants", "audiences", "campaigns", "delivery"))
    own = {model._meta.label for app in ours for model in app.get_models()}
    assert own - {model._meta.label for model in tenant_models()} == OURS_WITHOUT_TENANT


@pytest.mark.parametrize("model", MODELS)
def test_the_tenant_cannot_be_left_out(model: Any):
    assert not model._meta.get_field("tenant").null


def test_what_is_unique_is_so_within_a_tenant(db: None):
    tables = {model._meta.db_table for model in tenant_models()}
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT t.relname, i.relname, a.attname
            FROM pg_index x JOIN pg_class t ON t.oid = x.indrelid JOIN pg_class i ON i.oid = x.indexrelid
            LEFT JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = x.indkey[0]
            WHERE x.indisunique AND NOT x.indisprimary AND t.relname = ANY(%s)
            """,
            [list(tables)],
        )
        wrong = [row for row in cursor.fetchall() if row[2] not in {"tenant_id", *RANDOM}]
    assert wrong == []


@pytest.mark.parametrize("model", MODELS)
def test_the_walks_rows_are_marked_in_every_text_column(model: Any, theirs: World):
    """So that whatever a page shows of another tenant's row would be noticed."""
    row = theirs[model]
    for column in model._meta.concrete_fields:
        if column.choices or column.name in UNMARKED.get(model._meta.label, ()):
            continue
        if isinstance(column, models.CharField | models.TextField | models.JSONField | ArrayField):
            assert theirs.mark in str(getattr(row, column.name)), f"{model._meta.label}.{column.name}"

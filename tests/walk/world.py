"""Two tenants alike in every identifier, one of them marked in every text and JSON column there is."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from django.apps import apps
from django.contrib.postgres.fields import ArrayField
from django.db import connection, models
from django_scopes import scope

from audiences import partitions
from audiences.models import (
    AttributeDefinition,
    ErasedAddress,
    EventDefinition,
    Identity,
    Import,
    Profile,
    Segment,
    Suppression,
)
from campaigns.models import BlockVersion, Campaign, Content, Source, SourceAnswer, Variant, Version
from delivery.models import Delivery, FrequencyCap, Pace, Provider
from delivery.sandbox import inbox
from delivery.sandbox.keeping import INBOX_NAME, Keeper
from tenants.models import ApiKey, AuditEntry, Membership, Tenant, User
from tenants.roles import Role

NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)
SAME_EMAIL, SAME_ID, SAME_NAME = "same@both.test", "same-id", "Same Name"
PLAIN_RULE: dict[str, Any] = {"all": []}

# What the general filling cannot guess. Values with {mark} carry the marker; the others are the same in both tenants:
# identifiers that exist twice, names that must be of a kind, numbers that mean something.
PARTICULAR: dict[type[models.Model], dict[str, Any]] = {
    Tenant: {
        "timezone": "Europe/Berlin",
        "language": "en",
        "from_email": "{mark}@brand.test",
        "reply_to": "",
        "logo_url": "https://{mark}.test/logo.png",
        "website": "https://{mark}.test/",
        **dict.fromkeys(("primary_color", "background_color", "text_color"), "#112233"),
    },
    Profile: {
        "external_id": SAME_ID,
        "email": SAME_EMAIL,
        "phone": "+4915112345678",
        "language": "en",
        "timezone": "Europe/Berlin",
        "country": "DE",
        "consent": {"email": "subscribed"},
    },
    Identity: {"kind": "external_id", "value": SAME_ID},
    Suppression: {"channel": "email", "address": "gone@both.test"},
    ErasedAddress: {"digest": "0" * 64},
    AttributeDefinition: {"name": "same_attribute", "kinds": ["text"]},
    EventDefinition: {"name": SAME_NAME, "properties": {"{mark}": ["text"]}},
    Import: {"state": "done", "mapping": {"{mark}": {"name": "email", "kind": "text", "place": 0}}},
    Segment: {"rule": PLAIN_RULE},
    Campaign: {"state": "live", "topic": "", "control_percent": 10},
    Version: {
        "rule": PLAIN_RULE,
        "number": 1,
        "launched_at": NOW,
        "schedule": None,
        "conversion_filter": None,
        "counts": {
            "audience": 1,
            "reachable": 1,
            "control": 0,
            "arms": {"{mark}": 1},
            "left_out": 0,
            "lacking": {},
            "depends": 0,
        },
        "when": "now",
        "trigger": {"on": "event", "name": "{mark}"},
        "exceptions": [{"on": "event", "name": "{mark}"}],
    },
    Variant: {
        "key": "a",
        "rule": None,
        "where": [{"on": "property", "name": "{mark}", "operator": "exists"}],
        "is_default": True,
    },
    Content: {
        "channel": "email",
        "language": "",
        "fields": {"subject": "{mark}", "body": "<p>{mark}</p>", "body_format": "html", "text": "{mark}"},
        "parts": {
            "subject": {"text": "{mark}", "output": "line"},
            "html": {"text": "<p>{mark}</p>", "output": "html", "inline": False},
            "text": {"text": "{mark}", "output": "text"},
        },
        "needs": [],
        "reads": [],
        "sources": {},
        "blocks": {},
        "problems": [],
    },
    BlockVersion: {
        "number": 1,
        "texts": {"": "<p>{mark}</p>"},
        "renders": [],
        "takes": ["{mark}"],
    },
    Source: {
        "url": "http://127.0.0.1/{mark}",
        "needs": [],
        "on_failure": "skip",
        "example": '{"{mark}": "{mark}"}',
    },
    SourceAnswer: {"body": '{"{mark}": 1}'},
    Delivery: {
        "channel": "email",
        "state": "sent",
        "arm": "a",
        "slot": "first",
        "occasion": "once",
        "decision": {"verdict": "send", "reason": "", "gates": [["address", True, "{mark}@example.test"]]},
    },
    FrequencyCap: {"limit": 3, "kind": "rolling", "hours": 168, "scope": "tag", "value": "{mark}"},
    Provider: {
        "channel": "email",
        "settings": {"host": "{mark}.test", "port": 25, "tls": "none", "username": "x"},
    },
    Pace: {"provider": None},
    ApiKey: {"scopes": ["ingest", "read"]},
    AuditEntry: {"changes": {"{mark}": ["old {mark}", "new {mark}"]}},
    Membership: {"role": Role.OWNER},
}
# Columns that hold no marker, and why; test_models.py holds that all others do.
UNMARKED = {
    "tenants.Tenant": {
        "timezone",
        "language",
        "currency",
        "reply_to",
        "primary_color",
        "background_color",
        "text_color",
    },
    "tenants.ApiKey": {"scopes"},
    "audiences.Profile": {"external_id", "email", "phone", "language", "timezone", "country", "consent"},
    "audiences.Identity": {"value"},
    "audiences.Suppression": {"channel", "address"},
    "audiences.ErasedAddress": {"digest"},
    "audiences.AttributeDefinition": {"name", "kinds"},
    "audiences.EventDefinition": {"name"},
    "audiences.Segment": {"rule"},
    "campaigns.Campaign": {"topic"},
    "campaigns.Version": {"language", "rule", "conversion_filter", "window_days", "schedule", "date_of"},
    "campaigns.Variant": {"key", "rule"},
    "campaigns.Content": {"channel", "language", "needs", "reads", "sources", "blocks", "problems"},
    "campaigns.BlockVersion": {"renders"},
    "campaigns.Source": {"needs"},
    "delivery.Delivery": {"channel", "arm", "slot", "occasion"},
    "delivery.Provider": {"channel"},
    "delivery.CapUse": {"times"},
}


def tenant_models() -> list[type[models.Model]]:
    """Return every model whose rows belong to a tenant."""
    return [model for model in apps.get_models() if _tenant_field(model)]


def _tenant_field(model: type[models.Model]) -> models.Field[Any, Any] | None:
    fields = {field.name: field for field in model._meta.concrete_fields}
    field = fields.get("tenant")
    return field if field and field.related_model is Tenant else None


class World:
    """One tenant with a row in every table; ``world[Model]`` is that row."""

    def __init__(self, mark: str, inbox: Path) -> None:
        self.mark, self.inbox = mark, inbox
        self.rows: dict[type[models.Model], models.Model] = {}
        self.tenant = self._make_tenant()
        self.owner = User.objects.create_user(f"{mark}@example.test", name=mark)
        with scope(tenant=self.tenant):
            for model in tenant_models():
                self._row(model)
            self._draft()
        self.mail = self._mail()

    def __getitem__(self, model: type[models.Model]) -> Any:
        return self.rows[model]

    def _make_tenant(self) -> Tenant:
        values = {field.name: self._value(field) for field in Tenant._meta.concrete_fields if _is_text(field)}
        particular = _marked(PARTICULAR[Tenant], self.mark)
        return Tenant.objects.create(**values | particular | {"currency": "EUR", "is_sandbox": True})

    def _row(self, model: type[models.Model]) -> models.Model:
        if model not in self.rows:
            values = {
                field.name: self._value(field) for field in model._meta.concrete_fields if _is_ours(field)
            }
            row = model(**values | _marked(PARTICULAR.get(model, {}), self.mark))
            if model._meta.db_table in ("audiences_event", "delivery_delivery"):
                partitions.ensure_months(model._meta.db_table, [NOW])
            row.save()
            self.rows[model] = row
        return self.rows[model]

    def _draft(self) -> None:
        """A second version, still drafted, with a variant and its content, so that every page of a campaign opens."""
        version = _copy(self[Version], number=2, launched_at=None, launched_by=None)
        variant = _copy(self[Variant], version=version)
        _copy(self[Content], variant=variant)

    def _mail(self) -> uuid.UUID:
        """A mail in the sandbox's inbox."""
        name = self.tenant.public_id.hex
        text = f"Subject: {self.mark}\r\nContent-Type: text/plain\r\n\r\n{self.mark}"
        keeper = Keeper(self.inbox)
        keeper.keep(name, f"{self.mark}@brand.test", [SAME_EMAIL], text.encode())
        keeper.close()
        return inbox.newest(self.inbox / INBOX_NAME, tenant=name)[0].public_id

    def _value(self, field: models.Field[Any, Any]) -> Any:
        if isinstance(field, models.ForeignKey):
            return self._related(field)
        if field.choices:
            return next(iter(dict(field.flatchoices)))
        if isinstance(field, ArrayField):
            return [self._value(field.base_field)]
        if isinstance(field, models.JSONField):
            return {"marker": self.mark}
        if isinstance(field, models.EmailField):
            return f"{self.mark}@example.test"
        if _is_text(field):
            return (self.mark + " " + field.name)[: field.max_length]
        return _plain(field)

    def _related(self, field: models.ForeignKey[Any, Any]) -> models.Model | None:
        target = field.related_model
        if target is Tenant:
            return self.tenant
        if target is User:
            return self.owner
        return None if target is field.model else self._row(target)


def _copy(row: models.Model, **changes: Any) -> models.Model:
    copy = type(row)._base_manager.get(pk=row.pk)
    copy.pk = None
    for name, value in changes.items():
        setattr(copy, name, value)
    copy.save()
    return copy


def _is_text(field: models.Field[Any, Any]) -> bool:
    return isinstance(
        field, models.CharField | models.TextField | models.JSONField | ArrayField | models.FileField
    )


def _is_ours(field: models.Field[Any, Any]) -> bool:
    """Whether we choose the value; keys, public ids and columns that default to something random choose theirs."""
    if isinstance(field, models.CompositePrimaryKey | models.AutoField):
        return False
    return not (
        field.name == "public_id"
        or getattr(field, "auto_now", False)
        or getattr(field, "auto_now_add", False)
    )


# Moments that end something: the rows of a world are alive.
ENDS = {"erased_at", "archived_at", "revoked_at", "accepted_at", "lease_until"}


def _plain(field: models.Field[Any, Any]) -> Any:
    """A value for what is neither text nor a reference: the default, or the first that comes to mind."""
    if isinstance(field, models.DateTimeField):
        return (
            NOW + timedelta(days=36500) if field.name == "expires_at" else None if field.name in ENDS else NOW
        )
    if isinstance(field, models.DateField):
        return NOW.date()
    if isinstance(field, models.TimeField):
        return NOW.time()
    if field.has_default():
        return field.get_default()
    if isinstance(field, models.BooleanField):
        return False
    if isinstance(field, models.UUIDField):
        return uuid.uuid4()
    return 1


def _marked(value: Any, mark: str) -> Any:
    if isinstance(value, str):
        return value.replace("{mark}", mark)
    if isinstance(value, dict):
        return {_marked(key, mark): _marked(inner, mark) for key, inner in value.items()}
    if isinstance(value, list):
        return [_marked(inner, mark) for inner in value]
    return value


def fingerprint(tenant: Tenant) -> dict[str, str]:
    """Return a hash over all rows of the tenant for each table, and over the tenant's own row."""
    found = {}
    with connection.cursor() as cursor:
        for table, column in _tables():
            cursor.execute(
                f"SELECT md5(coalesce(string_agg(t::text, '|' ORDER BY t::text), '')) FROM {table} t"
                f" WHERE {column} = %s",
                [tenant.pk],
            )
            found[table] = cursor.fetchone()[0]
    return found


def _tables() -> Iterator[tuple[str, str]]:
    yield "tenants_tenant", "id"
    for model in tenant_models():
        yield model._meta.db_table, "tenant_id"


def crossings() -> list[str]:
    """Return every reference from one tenant's row to another tenant's, as "table.column"."""
    found = []
    with connection.cursor() as cursor:
        for model in tenant_models():
            for field in model._meta.concrete_fields:
                target = field.related_model
                if isinstance(field, models.ForeignKey) and target in tenant_models():
                    cursor.execute(
                        f"SELECT count(*) FROM {model._meta.db_table} a JOIN {target._meta.db_table} b"
                        f" ON b.id = a.{field.column} WHERE a.tenant_id <> b.tenant_id"
                    )
                    if cursor.fetchone()[0]:
                        found.append(f"{model._meta.db_table}.{field.column}")
    return found

"""Files of people on their way in."""

from __future__ import annotations

import uuid

from django.db import models
from django_scopes import ScopedManager


class Import(models.Model):
    """A CSV file of people on its way in."""

    class State(models.TextChoices):
        MAPPING = "mapping"  # waits for somebody to say which column is what
        WAITING = "waiting"
        RUNNING = "running"
        DONE = "done"
        FAILED = "failed"

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    tenant = models.ForeignKey("tenants.Tenant", models.CASCADE, related_name="+", db_index=False)
    file_name = models.CharField(max_length=200)
    file = models.FileField(upload_to="imports")
    mapping = models.JSONField(default=dict)  # column -> attribute, or "" to leave it out
    is_dry_run = models.BooleanField(default=True)
    state = models.CharField(max_length=8, choices=State, default=State.MAPPING)
    rows_total = models.IntegerField(default=0)
    rows_done = models.IntegerField(default=0)  # also where a killed import goes on
    rows_refused = models.IntegerField(default=0)
    profiles_created = models.IntegerField(default=0)
    error = models.TextField(blank=True)
    created_by = models.ForeignKey("tenants.User", models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    objects = ScopedManager(tenant="tenant")

    def __str__(self) -> str:
        return self.file_name


class RefusedRow(models.Model):
    """A row of an import that was not stored, and why."""

    tenant = models.ForeignKey("tenants.Tenant", models.CASCADE, related_name="+", db_index=False)
    import_file = models.ForeignKey(Import, models.CASCADE, related_name="refused_rows")
    number = models.IntegerField()  # line in the file, the header being 1
    reason = models.TextField()
    values = models.JSONField()

    objects = ScopedManager(tenant="tenant")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["tenant", "import_file", "number"], name="refused_row_once")
        ]

    def __str__(self) -> str:
        return f"line {self.number}: {self.reason}"


class RehearsedIdentity(models.Model):
    """An identity that a rehearsal met, as a hash; gone when it ends. Machinery, so not in the admin."""

    pk = models.CompositePrimaryKey("tenant_id", "import_file_id", "digest")
    tenant = models.ForeignKey(
        "tenants.Tenant", models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+"
    )
    import_file = models.ForeignKey(
        Import, models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+"
    )
    digest = models.UUIDField()

    objects = ScopedManager(tenant="tenant")

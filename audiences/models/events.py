"""What people did, and what their calls left behind."""

from __future__ import annotations

from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models.functions import Now
from django_scopes import ScopedManager

from audiences.models.profiles import Profile


class Event(models.Model):
    """Something a profile did. Partitioned by month on ``occurred_at``; the database's key is (id, occurred_at)."""

    tenant = models.ForeignKey(
        "tenants.Tenant", models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+"
    )
    profile = models.ForeignKey(
        Profile, models.DO_NOTHING, db_constraint=False, db_index=False, related_name="events"
    )
    name = models.TextField(db_collation="C")  # names are compared, never sorted for people
    occurred_at = models.DateTimeField()  # the tenant's clock, the client's own corrected
    received_at = models.DateTimeField()
    properties = models.JSONField(default=dict)
    is_internal = models.BooleanField(default=False)  # written by Tact about its own messages
    is_clamped = models.BooleanField(default=False)  # claimed to be in the future

    objects = ScopedManager(tenant="tenant")

    class Meta:
        indexes = [
            models.Index(fields=["tenant", "profile", "name", "occurred_at"], name="event_of_profile"),
            models.Index(fields=["tenant", "name", "occurred_at"], include=["profile"], name="event_of_name"),
        ]

    def __str__(self) -> str:
        return self.name


class EventTotal(models.Model):
    """What stays of a profile's events of one name when retention drops them; those not yet dropped are not in it."""

    tenant = models.ForeignKey(
        "tenants.Tenant", models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+"
    )
    profile = models.ForeignKey(
        Profile, models.DO_NOTHING, db_constraint=False, db_index=False, related_name="totals"
    )
    name = models.TextField(db_collation="C")
    count = models.BigIntegerField()
    first_at = models.DateTimeField()
    last_at = models.DateTimeField()
    last_properties = models.JSONField()

    objects = ScopedManager(tenant="tenant")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant", "profile", "name"], name="event_total_once")]
        indexes = [  # "ever did it", for everyone; first_at stays the same, so totals are still updated in place
            models.Index(
                fields=["tenant", "name", "profile"], include=["first_at"], name="event_total_of_name"
            )
        ]

    def __str__(self) -> str:
        return f"{self.name}: {self.count}"


class Receipt(models.Model):
    """A call that counted, kept 30 days: the same call again changes nothing. Machinery, so not in the admin."""

    pk = models.CompositePrimaryKey("tenant_id", "digest")
    tenant = models.ForeignKey(
        "tenants.Tenant", models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+"
    )
    digest = (
        models.UUIDField()
    )  # 128 bits of the call id's BLAKE2b: a third of the index that texts would need
    received_at = models.DateTimeField(db_default=Now())  # raw time

    objects = ScopedManager(tenant="tenant")

    class Meta:
        indexes = [BrinIndex(fields=["received_at"], name="receipt_age")]  # pruning; rows arrive in its order


class RefusedCall(models.Model):
    """A call that was not stored, and why; kept to be looked at."""

    tenant = models.ForeignKey("tenants.Tenant", models.CASCADE, related_name="+", db_index=False)
    received_at = models.DateTimeField()
    index = models.IntegerField()  # its place in the request
    path = models.TextField(blank=True)  # where in the call, such as "properties.total"
    reason = models.TextField()
    call = models.TextField()  # as received, shortened: it need not be valid JSON

    objects = ScopedManager(tenant="tenant")

    class Meta:
        indexes = [models.Index(fields=["tenant", "-received_at"], name="refused_newest")]

    def __str__(self) -> str:
        return self.reason

"""Who people are: profiles, and what finds them."""

from __future__ import annotations

import uuid
from typing import Self

from django.contrib.postgres.functions import RandomUUID
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import Q
from django.db.models.functions import Collate, Lower, Now
from django_scopes import ScopedManager

# Of an address: whether it is written with capitals. In the words of an index, which only they find.
HAS_CAPITALS = Q(email__lt=Lower("email")) | Q(email__gt=Lower("email"))


class ProfileQuerySet(models.QuerySet["Profile"]):
    def living(self) -> Self:
        """Neither merged into another profile nor erased."""
        return self.filter(merged_into=None, erased_at=None)


class Profile(models.Model):
    """A person messaged. What rules and sending ask for all the time is a column; the rest is in ``attributes``."""

    public_id = models.UUIDField(default=uuid.uuid4, db_default=RandomUUID(), unique=True, editable=False)
    tenant = models.ForeignKey("tenants.Tenant", models.CASCADE, related_name="+", db_index=False)
    # Whoever lives and has one is whom that identity finds.
    external_id = models.TextField(null=True, blank=True)
    email = models.TextField(null=True, blank=True)
    phone = models.TextField(null=True, blank=True)  # E.164
    first_name = models.TextField(null=True, blank=True)
    last_name = models.TextField(null=True, blank=True)
    language = models.TextField(null=True, blank=True)  # BCP 47
    timezone = models.TextField(null=True, blank=True)  # IANA
    country = models.TextField(null=True, blank=True)  # ISO 3166-1 alpha-2
    region = models.TextField(null=True, blank=True)
    city = models.TextField(null=True, blank=True)
    latitude = models.FloatField(null=True, blank=True)
    longitude = models.FloatField(null=True, blank=True)
    located_at = models.DateTimeField(null=True, blank=True)  # as of when they were there: what is newer wins
    attributes = models.JSONField(default=dict, db_default={}, blank=True)
    attributes_at = models.DateTimeField(
        null=True, blank=True
    )  # the newest merged call: older ones only fill gaps
    consent = models.JSONField(default=dict, db_default={}, blank=True)  # channel or "topic:x" -> Standing
    created_at = models.DateTimeField(db_default=Now())
    last_seen_at = models.DateTimeField(
        null=True, blank=True
    )  # own activity, neither imports nor our messages
    merged_into = models.ForeignKey("self", models.DO_NOTHING, null=True, blank=True, related_name="+")
    erased_at = models.DateTimeField(null=True, blank=True)

    objects = ScopedManager(_manager_class=models.Manager.from_queryset(ProfileQuerySet), tenant="tenant")

    class Standing(models.TextChoices):
        SUBSCRIBED = "subscribed"
        OPTED_IN = "opted_in"
        UNSUBSCRIBED = "unsubscribed"

    class Meta:
        indexes = [
            # Rules and launches walk the living in id order.
            models.Index(
                fields=["tenant", "id"],
                condition=Q(merged_into__isnull=True, erased_at__isnull=True),
                name="profile_living",
            ),
            models.Index(fields=["tenant", "email"], condition=Q(email__isnull=False), name="profile_email"),
            # With it, an address is found whatever its case; most have no capitals, and cost nothing here.
            models.Index(
                "tenant",
                Lower("email"),
                condition=HAS_CAPITALS,
                name="profile_email_capitals",
            ),
            models.Index(fields=["tenant", "phone"], condition=Q(phone__isnull=False), name="profile_phone"),
            models.Index(fields=["tenant", "external_id"], name="profile_external_id"),
            # "attribute is x", for every attribute: the compiler writes it as containment.
            GinIndex(fields=["attributes"], name="profile_attributes", opclasses=["jsonb_path_ops"]),
            # The first letters of a name find people.
            models.Index("tenant", Collate(Lower("first_name"), "C"), name="profile_first_name"),
            models.Index("tenant", Collate(Lower("last_name"), "C"), name="profile_last_name"),
            # "Within 5 km of": the compiler writes boxes of degrees.
            models.Index(
                fields=["tenant", "latitude", "longitude"],
                condition=Q(latitude__isnull=False),
                name="profile_location",
            ),
            # last_seen_at has none on purpose: it changes with every event, and unindexed it is updated in place.
        ]

    def __str__(self) -> str:
        name = " ".join(part for part in (self.first_name, self.last_name) if part)
        return name or self.email or self.external_id or f"Anonymous {str(self.public_id)[:8]}"


class Identity(models.Model):
    """A value that finds a profile."""

    class Kind(models.TextChoices):
        EXTERNAL_ID = "external_id"
        ANONYMOUS_ID = "anonymous_id"
        EMAIL = "email"
        PHONE = "phone"
        DEVICE = "device"

    tenant = models.ForeignKey("tenants.Tenant", models.CASCADE, related_name="+", db_index=False)
    # Bytewise order: found a quarter faster on every call, and prefixes can be searched.
    kind = models.CharField(max_length=12, choices=Kind, db_collation="C")
    value = models.TextField(db_collation="C")
    profile = models.ForeignKey(Profile, models.CASCADE, related_name="identities")
    created_at = models.DateTimeField(db_default=Now())

    objects = ScopedManager(tenant="tenant")

    class Meta:
        verbose_name_plural = "identities"
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "kind", "value"], include=["profile"], name="identity_finds_one"
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.value}"

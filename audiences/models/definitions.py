"""Names that data brought along, and what people added to them."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django_scopes import ScopedManager


class Provenance(models.TextChoices):
    """How a fact about a person was obtained."""

    NOT_STATED = "not_stated", "Not stated"
    VOLUNTEERED = "volunteered", "Volunteered"
    PURCHASE = "purchase", "From a purchase"
    OBSERVED = "observed", "Observed"
    INFERRED = "inferred", "Inferred"
    BOUGHT = "bought", "Bought"


class Sensitivity(models.TextChoices):
    ORDINARY = "ordinary", "Ordinary"
    PERSONAL = "personal", "Personal"
    SENSITIVE = "sensitive", "Sensitive"


class Definition(models.Model):
    """What people added to a name that data brought along."""

    tenant = models.ForeignKey("tenants.Tenant", models.CASCADE, related_name="+", db_index=False)
    name = models.TextField()
    label = models.TextField(blank=True)
    provenance = models.CharField(max_length=12, choices=Provenance, default=Provenance.NOT_STATED)
    sensitivity = models.CharField(max_length=10, choices=Sensitivity, default=Sensitivity.ORDINARY)
    first_seen_at = models.DateTimeField()

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return self.label or self.name


class AttributeDefinition(Definition):
    kinds = ArrayField(
        models.CharField(max_length=10), default=list
    )  # text, number, boolean, time, array, object
    has_index = models.BooleanField(default=False)  # an expression index serves ranges over it

    objects = ScopedManager(tenant="tenant")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant", "name"], name="attribute_defined_once")]


class EventDefinition(Definition):
    properties = models.JSONField(default=dict)  # path -> kinds seen
    is_internal = models.BooleanField(default=False)

    objects = ScopedManager(tenant="tenant")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant", "name"], name="event_defined_once")]

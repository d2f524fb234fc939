"""Places, and who is there."""

from __future__ import annotations

import uuid

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django_scopes import ScopedManager

from audiences.models.profiles import Profile


class Place(models.Model):
    """A circle on the ground that means something to the brand: a shop, a stadium, a town."""

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    tenant = models.ForeignKey("tenants.Tenant", models.CASCADE, related_name="+", db_index=False)
    name = models.CharField(max_length=120)
    latitude = models.FloatField()
    longitude = models.FloatField()
    radius_m = models.PositiveIntegerField()
    tags = ArrayField(models.CharField(max_length=40), default=list, blank=True)
    dwell_minutes = models.PositiveIntegerField(default=0)  # so long there before they have entered
    cooldown_minutes = models.PositiveIntegerField(default=60)  # from entering; entering again raises nothing
    created_by = models.ForeignKey("tenants.User", models.SET_NULL, null=True, blank=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = ScopedManager(tenant="tenant")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["tenant", "name"], name="place_name_once"),
            models.CheckConstraint(
                condition=Q(latitude__range=(-90, 90), longitude__range=(-180, 180), radius_m__gt=0),
                name="place_is_on_the_ground",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class PlacePresence(models.Model):
    """Somebody's stay at a place, the present or the last: as their locations told."""

    tenant = models.ForeignKey(
        "tenants.Tenant", models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+"
    )
    place = models.ForeignKey(Place, models.CASCADE, related_name="+")
    profile = models.ForeignKey(
        Profile, models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+"
    )
    arrived_at = models.DateTimeField()
    entered_at = models.DateTimeField(null=True, blank=True)  # once they stayed long enough
    told_at = models.DateTimeField(null=True, blank=True)  # when entering last raised an event
    left_at = models.DateTimeField(null=True, blank=True)  # null: they are there
    is_quiet = models.BooleanField(default=False)  # neither its beginning nor its end raises anything

    objects = ScopedManager(tenant="tenant")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["tenant", "profile", "place"], name="place_presence_once")
        ]
        indexes = [  # the minute's look at who has stayed long enough; a row leaves it once they have
            models.Index(
                fields=["tenant"],
                condition=Q(entered_at__isnull=True, left_at__isnull=True),
                name="presence_waiting",
            )
        ]

    def __str__(self) -> str:
        return f"{self.profile_id} at {self.place_id}"

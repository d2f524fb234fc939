"""Segments, and who is in those that something waits for."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django_scopes import ScopedManager

from audiences.models.profiles import Profile


class Segment(models.Model):
    """A saved rule."""

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    tenant = models.ForeignKey("tenants.Tenant", models.CASCADE, related_name="+", db_index=False)
    name = models.CharField(max_length=120)
    description = models.TextField(blank=True)
    rule = models.JSONField()
    created_by = models.ForeignKey("tenants.User", models.SET_NULL, null=True, blank=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    archived_at = models.DateTimeField(null=True, blank=True)

    objects = ScopedManager(tenant="tenant")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "name"], condition=Q(archived_at__isnull=True), name="segment_name_once"
            )
        ]

    def __str__(self) -> str:
        return self.name


class WatchedSegment(models.Model):
    """A segment whose coming and going is noticed, because something waits for it."""

    tenant = models.ForeignKey("tenants.Tenant", models.CASCADE, related_name="+", db_index=False)
    segment = models.ForeignKey(Segment, models.CASCADE, db_index=False, related_name="+")
    rule = models.JSONField()  # with the segments it refers to written out: what its memberships go by
    rests_until = models.DateTimeField(db_default=Now())  # raw time: everybody is looked at again then

    objects = ScopedManager(tenant="tenant")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant", "segment"], name="segment_watched_once")]

    def __str__(self) -> str:
        return str(self.segment)


class SegmentMember(models.Model):
    """Somebody who is in a watched segment, as last noticed."""

    tenant = models.ForeignKey(
        "tenants.Tenant", models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+"
    )
    segment = models.ForeignKey(Segment, models.CASCADE, db_index=False, related_name="+")
    profile = models.ForeignKey(
        Profile, models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+"
    )

    objects = ScopedManager(tenant="tenant")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["tenant", "segment", "profile"], name="segment_member_once")
        ]

    def __str__(self) -> str:
        return f"{self.segment_id}/{self.profile_id}"

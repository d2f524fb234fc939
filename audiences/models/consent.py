"""What people want, whom nobody may send to, and who is to be forgotten."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django_scopes import ScopedManager

from audiences.models.profiles import Profile


class ConsentChange(models.Model):
    """One change of a person's standing on a channel or topic: the proof; ``Profile.consent`` is the sum."""

    tenant = models.ForeignKey("tenants.Tenant", models.CASCADE, related_name="+", db_index=False)
    profile = models.ForeignKey(Profile, models.CASCADE, related_name="consent_changes")
    subject = models.TextField()  # a channel, or "topic:x"
    standing = models.CharField(max_length=12, choices=Profile.Standing)
    at = models.DateTimeField()
    origin = models.TextField()  # one-click, preference page, API, import, a member's name

    objects = ScopedManager(tenant="tenant")

    def __str__(self) -> str:
        return f"{self.subject}: {self.standing}"


class Suppression(models.Model):
    """An address that must not be sent to."""

    class Reason(models.TextChoices):
        BOUNCED = "bounced"
        COMPLAINED = "complained"
        MANUAL = "manual"
        ERASED = "erased"

    tenant = models.ForeignKey("tenants.Tenant", models.CASCADE, related_name="+", db_index=False)
    channel = models.CharField(max_length=20)
    address = models.TextField()
    reason = models.CharField(max_length=12, choices=Reason)
    detail = models.TextField(blank=True)
    at = models.DateTimeField()

    objects = ScopedManager(tenant="tenant")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["tenant", "channel", "address"], name="suppression_once")
        ]

    def __str__(self) -> str:
        return self.address


class ErasedAddress(models.Model):
    """An address of somebody who was erased, as a hash: what they refused holds again if it comes back."""

    class Kind(models.TextChoices):
        EMAIL = "email"
        PHONE = "phone"

    tenant = models.ForeignKey("tenants.Tenant", models.CASCADE, related_name="+", db_index=False)
    kind = models.CharField(max_length=5, choices=Kind)
    digest = models.CharField(max_length=64)  # SHA-256, salted with the tenant
    refused = ArrayField(models.TextField(), default=list)  # channels and topics they had unsubscribed from
    reason = models.CharField(max_length=12, choices=Suppression.Reason, blank=True)  # if it was suppressed
    at = models.DateTimeField()

    objects = ScopedManager(tenant="tenant")

    class Meta:
        verbose_name_plural = "erased addresses"
        constraints = [
            models.UniqueConstraint(fields=["tenant", "kind", "digest"], name="erased_address_once")
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.digest[:8]}…"


class Erasure(models.Model):
    """Somebody is to be forgotten: they are gone from everywhere at once, their traces as soon as this is done."""

    tenant = models.ForeignKey("tenants.Tenant", models.CASCADE, related_name="+", db_index=False)
    profile = models.ForeignKey(Profile, models.CASCADE, related_name="+", db_index=False)
    known = ArrayField(models.TextField(), default=list)  # what traces are found by; empty once done
    calls_before = models.DateTimeField(null=True, blank=True)  # refused calls from here on were looked at
    files_to = models.BigIntegerField(default=0)  # the last import whose refused rows were
    asked_at = models.DateTimeField()
    done_at = models.DateTimeField(null=True, blank=True)

    objects = ScopedManager(tenant="tenant")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant", "profile"], name="erasure_once")]
        indexes = [models.Index(fields=["id"], condition=Q(done_at__isnull=True), name="erasure_underway")]

    def __str__(self) -> str:
        return f"erasure of {self.profile_id}"

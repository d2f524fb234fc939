"""Tenants, the people who log in to them, the keys their programs use, and a record of what changed."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.functions import RandomUUID
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils import timezone
from django_scopes import ScopedManager

from tenants.roles import Role

COLOR = RegexValidator(r"\A#[0-9a-fA-F]{6}\Z", "Write a colour as #3f4bb8.")


class UserManager(BaseUserManager["User"]):
    def create_user(self, email: str, password: str | None = None, **fields: Any) -> User:
        """Store an account; whoever makes one vouches for its address."""
        from tenants import accounts  # which needs this module

        user = self.model(email=self.normalize_email(email), **fields)
        user.set_password(password)
        user.save(using=self._db)
        accounts.vouch_for(user)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> User:
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)

    def get_by_natural_key(self, username: str | None) -> User:
        return self.get(email__iexact=username)


class User(AbstractBaseUser, PermissionsMixin):
    """Somebody who logs in. Whom a brand writes to is a profile."""

    email = models.EmailField()
    name = models.CharField(max_length=150, blank=True)
    is_active = models.BooleanField(default=True)
    is_staff = models.BooleanField(default=False, help_text="May open the admin.")
    date_joined = models.DateTimeField(default=timezone.now)

    objects: ClassVar[UserManager] = UserManager()

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        constraints = [models.UniqueConstraint(Lower("email"), name="user_email")]

    def __str__(self) -> str:
        return self.name or self.email


class Tenant(models.Model):
    """One brand, with its people, campaigns and clock; no tenant ever sees another's."""

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    name = models.CharField(max_length=100)
    timezone = models.CharField(max_length=64, default="UTC", help_text="IANA name, such as Europe/Berlin.")
    language = models.CharField(
        max_length=12, default="en", help_text="What a profile without one is taken to read."
    )
    currency = models.CharField(max_length=3, default="USD")
    is_sandbox = models.BooleanField(
        default=False, help_text="Nothing leaves this machine; the clock can be moved."
    )
    clock_offset = models.DurationField(default=timedelta(0))  # tenant's now = the database's now + this
    from_name = models.CharField(max_length=100, blank=True)
    from_email = models.EmailField(blank=True)
    reply_to = models.EmailField(blank=True)
    postal_address = models.TextField(blank=True, help_text="Marketing mail must carry it.")
    # How its messages look, as templates have it; colours as #rrggbb, empty where nobody said.
    primary_color = models.CharField(max_length=7, blank=True, validators=[COLOR])
    background_color = models.CharField(max_length=7, blank=True, validators=[COLOR])
    text_color = models.CharField(max_length=7, blank=True, validators=[COLOR])
    logo_url = models.URLField(max_length=500, blank=True)
    logo_alt = models.CharField(max_length=100, blank=True)
    website = models.URLField(max_length=500, blank=True)
    support_email = models.EmailField(blank=True)
    trigger_age_hours = models.PositiveIntegerField(
        default=48, help_text="Older events are stored and start nothing."
    )
    retention_days = models.PositiveIntegerField(default=730, help_text="Events older than this are refused.")
    # No marketing reaches anybody from the one to the other, by their own clock; both or none.
    quiet_start = models.TimeField(null=True, blank=True)
    quiet_end = models.TimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(quiet_start__isnull=True, quiet_end__isnull=True)
                | Q(quiet_start__isnull=False, quiet_end__isnull=False),
                name="quiet_hours_have_both_ends",
            ),
            models.CheckConstraint(
                condition=Q(is_sandbox=True) | Q(clock_offset=timedelta(0)),
                name="only_sandboxes_move_their_clock",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def may_send_marketing(self) -> bool:
        return bool(self.from_email and self.postal_address.strip())


class Membership(models.Model):
    """What a user may do in a tenant."""

    public_id = models.UUIDField(default=uuid.uuid4, db_default=RandomUUID(), unique=True, editable=False)
    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="memberships")
    user = models.ForeignKey(User, models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=10, choices=Role)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant", "user"], name="membership_once")]

    def __str__(self) -> str:
        return f"{self.user}: {self.role}"


class Invitation(models.Model):
    """A way in for one address, good once; only its token's hash is kept."""

    public_id = models.UUIDField(default=uuid.uuid4, db_default=RandomUUID(), unique=True, editable=False)
    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="+")
    email = models.EmailField()
    role = models.CharField(max_length=10, choices=Role)
    token_hash = models.CharField(max_length=64, unique=True)
    invited_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True, blank=True)

    objects = ScopedManager(tenant="tenant")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                "tenant", Lower("email"), condition=Q(accepted_at__isnull=True), name="invitation_open_once"
            )
        ]

    def __str__(self) -> str:
        return self.email


class ApiKey(models.Model):
    """A program's way in. The key itself is shown once; we keep its first letters and its hash."""

    class Kind(models.TextChoices):
        WRITE = "write", "Write key"  # lives in browsers and apps: it may only send data in
        SECRET = "secret", "Secret key"  # lives on servers: it may do what its scopes say

    public_id = models.UUIDField(default=uuid.uuid4, db_default=RandomUUID(), unique=True, editable=False)
    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="+")
    kind = models.CharField(max_length=6, choices=Kind)
    name = models.CharField(max_length=100)
    prefix = models.CharField(max_length=16)
    key_hash = models.CharField(max_length=64, unique=True)
    scopes = ArrayField(models.CharField(max_length=20), default=list)
    created_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    asked_at: datetime  # raw time, on a key that was just looked up

    objects = ScopedManager(tenant="tenant")

    class Meta:
        verbose_name = "API key"

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"


class AuditEntry(models.Model):
    """One change to what is sent: who, when, which thing, from what to what. A trigger keeps it as it was written."""

    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="+")
    actor = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    actor_name = models.CharField(max_length=150)  # stays when the user is gone
    action = models.CharField(max_length=40)
    thing = models.CharField(max_length=40)
    thing_id = models.CharField(max_length=64)
    thing_name = models.CharField(max_length=200)
    changes = models.JSONField(default=dict)  # field -> [old, new]
    at = models.DateTimeField(auto_now_add=True)

    objects = ScopedManager(tenant="tenant")

    class Meta:
        verbose_name_plural = "audit entries"
        indexes = [
            models.Index(fields=["tenant", "-at"], name="audit_newest"),
            # Whoever is erased, or asks what is kept about them.
            models.Index(fields=["tenant", "thing", "thing_id"], name="audit_of_thing"),
        ]

    def __str__(self) -> str:
        return f"{self.actor_name} {self.action} {self.thing_name}"

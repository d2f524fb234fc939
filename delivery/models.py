"""Deliveries: one row per message owed to a profile, kept as the record of what happened; and what came of it."""

from __future__ import annotations

import uuid
from typing import Self

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.functions import RandomUUID
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django_scopes import ScopedManager


class DeliveryQuerySet(models.QuerySet["Delivery"]):
    def open(self) -> Self:
        """Not settled yet."""
        return self.filter(state__in=[Delivery.State.PLANNED, Delivery.State.SENDING])


class Delivery(models.Model):
    """A message owed. Partitioned by month on ``occasion_at``; the database's key is (id, occasion_at)."""

    class State(models.TextChoices):
        PLANNED = "planned"
        SENDING = "sending"  # intent is marked: a crash from here on leaves it unknown
        SENT = "sent"
        SKIPPED = "skipped"  # a gate said no; the decision says which
        HELD_OUT = "held_out"  # control group: passed every gate, not sent
        FAILED = "failed"  # refused for good
        UNKNOWN = "unknown"  # handed over, and no answer: never resent on its own
        CANCELLED = "cancelled"

    tenant = models.ForeignKey(
        "tenants.Tenant", models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+"
    )
    campaign = models.ForeignKey(
        "campaigns.Campaign", models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+"
    )
    profile = models.ForeignKey(
        "audiences.Profile", models.DO_NOTHING, db_constraint=False, db_index=False, related_name="deliveries"
    )
    occasion = models.CharField(max_length=80)  # the date, event or call this answers
    occasion_at = models.DateTimeField()  # fixed with the occasion: the partition key
    event_id = models.BigIntegerField(null=True, blank=True)  # the event that set it off, at ``occasion_at``
    slot = models.CharField(max_length=20, default="first")
    channel = models.CharField(max_length=20)
    priority = models.PositiveSmallIntegerField(default=3)
    state = models.CharField(max_length=9, choices=State, default=State.PLANNED)
    due_at = models.DateTimeField()
    first_due_at = models.DateTimeField(
        null=True, blank=True
    )  # before it had to wait: lateness counts from it
    # the lease: who works on it, in raw time; the token fences off whoever lost it
    lease_until = models.DateTimeField(null=True, blank=True)
    lease_token = models.BigIntegerField(default=0)
    attempts = models.PositiveSmallIntegerField(default=0)
    # the decision
    version = models.ForeignKey(
        "campaigns.Version",
        models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        null=True,
        related_name="+",
    )
    content = models.ForeignKey(
        "campaigns.Content",
        models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        null=True,
        related_name="+",
    )
    arm = models.CharField(max_length=12, blank=True)  # a variant's key, or "control"
    decided_at = models.DateTimeField(null=True, blank=True)
    reserved_at = models.DateTimeField(null=True, blank=True)  # counts towards caps from here, once
    exposed_at = models.DateTimeField(null=True, blank=True)  # reached, or held out
    reason = models.CharField(max_length=40, blank=True)  # the gate that said no, or what failed
    decision = models.JSONField(null=True, blank=True)  # the gates in order and the values they saw
    # the outcome
    address = models.TextField(blank=True)
    provider_id = models.TextField(blank=True)
    reply = models.TextField(blank=True)  # the provider's own words
    sent_at = models.DateTimeField(null=True, blank=True)
    opened_at = models.DateTimeField(null=True, blank=True)  # the first time, by a person
    clicked_at = models.DateTimeField(null=True, blank=True)
    unsubscribed_at = models.DateTimeField(null=True, blank=True)
    settled_at = models.DateTimeField(null=True, blank=True)

    objects = ScopedManager(_manager_class=models.Manager.from_queryset(DeliveryQuerySet), tenant="tenant")

    class Meta:
        verbose_name_plural = "deliveries"
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "campaign", "profile", "occasion", "slot", "occasion_at"],
                name="delivery_once",
            ),
            models.CheckConstraint(
                condition=~Q(state="sent") | Q(sent_at__isnull=False), name="sent_has_time"
            ),
        ]
        indexes = [
            # The claim's query, for one live campaign after the other; a row leaves it once settled.
            models.Index(
                fields=["tenant", "campaign", "due_at"], condition=Q(state="planned"), name="delivery_due"
            ),
            # Leases that ran out in mid hand-over.
            models.Index(fields=["lease_until"], condition=Q(state="sending"), name="delivery_in_doubt"),
            # What went wrong lately, for the alarms; most rows never come here.
            models.Index(
                fields=["tenant", "settled_at"],
                condition=Q(state__in=["failed", "unknown"]),
                name="delivery_trouble",
            ),
            # A person's messages; which exposure a conversion follows.
            models.Index(fields=["tenant", "profile", "exposed_at"], name="delivery_of_profile"),
        ]

    def __str__(self) -> str:
        return f"{self.campaign_id}/{self.profile_id}: {self.state}"


class Entry(models.Model):
    """A profile's standing in a campaign: what stays the same from one delivery to the next."""

    tenant = models.ForeignKey(
        "tenants.Tenant", models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+"
    )
    campaign = models.ForeignKey(
        "campaigns.Campaign", models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+"
    )
    profile = models.ForeignKey(
        "audiences.Profile", models.DO_NOTHING, db_constraint=False, db_index=False, related_name="entries"
    )
    is_control = models.BooleanField()
    shares = models.JSONField(default=dict)  # group -> the variant's key
    first_at = models.DateTimeField(null=True, blank=True)  # exposures
    last_at = models.DateTimeField(null=True, blank=True)
    count = models.PositiveIntegerField(default=0)

    objects = ScopedManager(tenant="tenant")

    class Meta:
        verbose_name_plural = "entries"
        constraints = [models.UniqueConstraint(fields=["tenant", "campaign", "profile"], name="entry_once")]

    def __str__(self) -> str:
        return f"{self.campaign_id}/{self.profile_id}"


class Plan(models.Model):
    """One occasion of a campaign: waiting for its hour, then planned in slices of profiles by id, then done.

    Done without having been opened, it was passed over: too late to be welcome.
    """

    tenant = models.ForeignKey("tenants.Tenant", models.CASCADE, related_name="+", db_index=False)
    campaign = models.ForeignKey("campaigns.Campaign", models.CASCADE, related_name="plans")
    version = models.ForeignKey("campaigns.Version", models.CASCADE, related_name="+")
    occasion = models.CharField(max_length=80)
    occasion_at = models.DateTimeField()
    opens_at = models.DateTimeField()  # when planning begins: the first zone's hour
    due_until = models.DateTimeField()  # the last zone's
    opened_at = models.DateTimeField(null=True, blank=True)
    recalls = models.BooleanField(default=False)  # rows that an earlier version planned are taken back first
    planned_to = models.BigIntegerField(default=0)  # the last profile id looked at
    audience = models.IntegerField(default=0)  # rows planned so far
    done_at = models.DateTimeField(null=True, blank=True)

    objects = ScopedManager(tenant="tenant")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant", "campaign", "occasion"], name="plan_once")]
        indexes = [
            models.Index(fields=["tenant", "opens_at"], condition=Q(done_at__isnull=True), name="plan_open")
        ]

    def __str__(self) -> str:
        return f"{self.campaign}: {self.occasion}"


class FrequencyCap(models.Model):
    """At most so many messages in a period to each person. ``delivery/caps.py`` says in words what each does."""

    class Kind(models.TextChoices):
        ROLLING = "rolling", "In a rolling period"  # of ``hours``, counted back from each moment
        DAY = "day", "A day"  # by the person's own calendar
        WEEK = "week", "A week"  # the same, from Monday

    class Scope(models.TextChoices):
        ALL = "all", "Messages of any kind"
        CHANNEL = "channel", "Messages of a channel"
        TAG = "tag", "Messages of campaigns with a tag"

    public_id = models.UUIDField(default=uuid.uuid4, db_default=RandomUUID(), unique=True, editable=False)
    tenant = models.ForeignKey("tenants.Tenant", models.CASCADE, related_name="+", db_index=False)
    limit = models.PositiveSmallIntegerField()
    kind = models.CharField(max_length=7, choices=Kind)
    hours = models.PositiveIntegerField(null=True, blank=True)
    scope = models.CharField(max_length=7, choices=Scope)
    value = models.CharField(max_length=40, blank=True)  # the channel's kind, or the tag
    created_at = models.DateTimeField(auto_now_add=True)
    archived_at = models.DateTimeField(null=True, blank=True)  # removed: it holds nobody back any more

    objects = ScopedManager(tenant="tenant")

    class Meta:
        constraints = [
            # Two of one scope and period would differ in their limit only, and the lower would be the whole truth.
            models.UniqueConstraint(
                fields=["tenant", "scope", "value", "kind", "hours"],
                condition=Q(archived_at__isnull=True),
                nulls_distinct=False,
                name="cap_once",
            ),
            models.CheckConstraint(condition=Q(limit__gte=1), name="cap_lets_something_through"),
            models.CheckConstraint(
                condition=Q(kind="rolling", hours__gte=1) | ~Q(kind="rolling") & Q(hours__isnull=True),
                name="cap_rolls_by_hours",
            ),
            models.CheckConstraint(
                condition=Q(scope="all", value="") | ~Q(scope="all") & ~Q(value=""),
                name="cap_names_its_scope",
            ),
        ]

    def __str__(self) -> str:
        period = f"{self.hours} h" if self.hours else self.kind
        return f"{self.limit} of {self.value or self.scope} per {period}"


class CapUse(models.Model):
    """When a person last used up a cap: as many of the newest reservations as its limit says, oldest first."""

    tenant = models.ForeignKey(
        "tenants.Tenant", models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+"
    )
    profile = models.ForeignKey(
        "audiences.Profile", models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+"
    )
    cap = models.ForeignKey(
        FrequencyCap, models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+"
    )
    times = ArrayField(models.DateTimeField())

    objects = ScopedManager(tenant="tenant")

    class Meta:
        constraints = [  # by person first: a chunk asks for its people's, a merge for two people's
            models.UniqueConstraint(fields=["tenant", "profile", "cap"], name="cap_use_once")
        ]

    def __str__(self) -> str:
        return f"{self.cap_id}/{self.profile_id}"


class Provider(models.Model):
    """Who carries a channel's messages for a tenant, and how many it may be given.

    A sandbox has one only for its limits, without a server: its messages never leave.
    """

    tenant = models.ForeignKey("tenants.Tenant", models.CASCADE, related_name="+", db_index=False)
    channel = models.CharField(max_length=20)
    name = models.CharField(max_length=60)
    settings = models.JSONField(default=dict)  # host, port, ...
    secret = models.BinaryField(default=b"", editable=False)  # encrypted
    is_active = models.BooleanField(default=True)
    per_minute = models.PositiveIntegerField(null=True, blank=True)  # none: as many as there are
    # The warm-up, all or none of it: so many on the first day, more each day, until the ceiling is reached.
    warm_up_date = models.DateField(null=True, blank=True)
    warm_up_first = models.PositiveIntegerField(null=True, blank=True)
    warm_up_percent = models.PositiveIntegerField(null=True, blank=True)
    warm_up_ceiling = models.PositiveIntegerField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = ScopedManager(tenant="tenant")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "channel"], condition=Q(is_active=True), name="provider_one_active"
            ),
            models.CheckConstraint(
                condition=Q(per_minute__isnull=True) | Q(per_minute__gte=1),
                name="provider_rate_lets_something_through",
            ),
            models.CheckConstraint(
                condition=Q(
                    warm_up_date__isnull=True,
                    warm_up_first__isnull=True,
                    warm_up_percent__isnull=True,
                    warm_up_ceiling__isnull=True,
                )
                | Q(
                    warm_up_date__isnull=False,
                    warm_up_first__gte=1,
                    warm_up_percent__gte=1,
                    warm_up_ceiling__gte=1,
                ),
                name="provider_warm_up_is_whole",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Pace(models.Model):
    """How many a campaign, or all a provider carries, were let through of late. Only what has a limit has a row."""

    tenant = models.ForeignKey("tenants.Tenant", models.CASCADE, related_name="+", db_index=False)
    campaign = models.ForeignKey("campaigns.Campaign", models.CASCADE, null=True, related_name="+")
    provider = models.ForeignKey(Provider, models.CASCADE, null=True, related_name="+")
    minute = models.DateTimeField(null=True)  # the last in which any were
    used = models.PositiveIntegerField(default=0)  # of its room
    day = models.DateField(null=True)  # the last, by the tenant's calendar
    used_today = models.PositiveIntegerField(default=0)

    objects = ScopedManager(tenant="tenant")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "campaign", "provider"], nulls_distinct=False, name="pace_once"
            ),
            models.CheckConstraint(
                condition=Q(campaign__isnull=True, provider__isnull=False)
                | Q(campaign__isnull=False, provider__isnull=True),
                name="pace_of_one",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.campaign or self.provider}: {self.used}"


class Conversion(models.Model):
    """An event that a delivery is credited with: the latest exposure before it, once per goal and exposure."""

    tenant = models.ForeignKey(
        "tenants.Tenant", models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+"
    )
    campaign = models.ForeignKey(
        "campaigns.Campaign", models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+"
    )
    version = models.ForeignKey(
        "campaigns.Version", models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+"
    )
    profile = models.ForeignKey(
        "audiences.Profile", models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+"
    )
    delivery_id = models.BigIntegerField()
    arm = models.CharField(max_length=12)
    goal = models.CharField(max_length=60)
    exposed_at = models.DateTimeField()
    event_id = models.BigIntegerField()  # the first that counted
    converted_at = models.DateTimeField()
    events = models.PositiveIntegerField(default=1)  # all that counted towards the revenue
    revenue = models.DecimalField(max_digits=18, decimal_places=4, default=0)

    objects = ScopedManager(tenant="tenant")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "campaign", "goal", "delivery_id"], name="conversion_once"
            )
        ]
        indexes = [models.Index(fields=["tenant", "profile"], name="conversion_of_profile")]

    def __str__(self) -> str:
        return f"{self.campaign_id}/{self.profile_id}: {self.goal}"


class Beat(models.Model):
    """The last sign of life of each resident part, in raw time: what the alarms and health checks read."""

    part = models.CharField(max_length=60, primary_key=True)
    at = models.DateTimeField(db_default=Now())
    detail = models.TextField(blank=True)

    def __str__(self) -> str:
        return self.part

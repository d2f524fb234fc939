"""People and what is known of them: profiles, identities, events, consent, segments, imports."""

from __future__ import annotations

import uuid
from typing import Self

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.functions import RandomUUID
from django.contrib.postgres.indexes import BrinIndex, GinIndex
from django.db import models
from django.db.models import Q
from django.db.models.functions import Collate, Lower, Now
from django_scopes import ScopedManager


class ProfileQuerySet(models.QuerySet["Profile"]):
    def living(self) -> Self:
        """Neither merged into another profile nor erased."""
        return self.filter(merged_into=None, erased_at=None)


class Profile(models.Model):
    """A person messaged. What rules and sending ask for all the time is a column; the rest is in ``attributes``."""

    public_id = models.UUIDField(default=uuid.uuid4, db_default=RandomUUID(), unique=True, editable=False)
    tenant = models.ForeignKey("tenants.Tenant", models.CASCADE, related_name="+", db_index=False)
    external_id = models.TextField(null=True, blank=True)  # as shown; identities decide who is who
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
    asked_at = models.DateTimeField()
    done_at = models.DateTimeField(null=True, blank=True)

    objects = ScopedManager(tenant="tenant")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant", "profile"], name="erasure_once")]
        indexes = [models.Index(fields=["id"], condition=Q(done_at__isnull=True), name="erasure_underway")]

    def __str__(self) -> str:
        return f"erasure of {self.profile_id}"


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

"""Campaigns, their versions, variants and contents. A launched version never changes."""

from __future__ import annotations

import secrets
import uuid
from typing import Self

from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import OuterRef, Q, Subquery
from django_scopes import ScopedManager

from campaigns import languages
from campaigns.languages import LONGEST


def new_salt() -> int:
    """Return what makes one campaign's shares independent of every other's."""
    return secrets.randbits(62)


class CampaignQuerySet(models.QuerySet["Campaign"]):
    def shown(self) -> Self:
        return self.filter(archived_at=None)


class Campaign(models.Model):
    """One intent: who hears what, when. What may change between launches lives on its versions."""

    class State(models.TextChoices):
        DRAFT = "draft", "Draft"
        LIVE = "live", "Live"
        PAUSED = "paused", "Paused"
        STOPPED = "stopped", "Stopped"

    class MessageClass(models.TextChoices):
        MARKETING = "marketing", "Marketing"
        TRANSACTIONAL = "transactional", "Transactional"

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    tenant = models.ForeignKey("tenants.Tenant", models.CASCADE, related_name="+", db_index=False)
    name = models.CharField(max_length=120)
    description = models.TextField(blank=True)
    state = models.CharField(max_length=8, choices=State, default=State.DRAFT)
    message_class = models.CharField(max_length=13, choices=MessageClass, default=MessageClass.MARKETING)
    topic = models.CharField(max_length=60, blank=True)
    tags = ArrayField(models.CharField(max_length=40), default=list, blank=True)
    priority = models.PositiveSmallIntegerField(
        default=3, validators=[MinValueValidator(1), MaxValueValidator(5)]
    )
    control_percent = models.PositiveSmallIntegerField(default=0, validators=[MaxValueValidator(50)])
    salt = models.BigIntegerField(default=new_salt, editable=False)
    created_by = models.ForeignKey("tenants.User", models.SET_NULL, null=True, blank=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    archived_at = models.DateTimeField(null=True, blank=True)
    closed_at = models.DateTimeField(
        null=True, blank=True, editable=False
    )  # stopped, and all still owed cancelled

    objects = ScopedManager(_manager_class=models.Manager.from_queryset(CampaignQuerySet), tenant="tenant")

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(priority__range=(1, 5)), name="campaign_priority_1_to_5"),
            models.CheckConstraint(
                condition=Q(control_percent__lte=50), name="campaign_control_at_most_half"
            ),
        ]
        indexes = [models.Index(fields=["tenant", "-created_at"], name="campaign_newest")]

    def __str__(self) -> str:
        return self.name

    @property
    def is_marketing(self) -> bool:
        return self.message_class == self.MessageClass.MARKETING


class VersionQuerySet(models.QuerySet["Version"]):
    def launched(self) -> Self:
        return self.filter(launched_at__isnull=False)

    def in_play(self) -> Self:
        """Those that messages may come from: drafts, and of each campaign live or paused the one launched last."""
        launched = Version.objects.launched().filter(campaign=OuterRef("campaign"))
        last = launched.order_by("-number").values("pk")[:1]
        goes_on = Q(campaign__state__in=(Campaign.State.LIVE, Campaign.State.PAUSED))
        return self.filter(Q(launched_at=None) | (goes_on & Q(pk=Subquery(last))))


class Version(models.Model):
    """A campaign's settings at one launch; the one without ``launched_at`` is being drafted."""

    class When(models.TextChoices):
        NOW = "now", "At once"
        AT = "at", "At a time"
        REPEAT = "repeat", "Again and again"
        EVENT = "event", "When something happens"
        API = "api", "When your server asks"

    class Again(models.TextChoices):
        ONCE = "once", "Once"
        AFTER = "after", "Again after a while"
        ALWAYS = "always", "Every time"

    class DelayFrom(models.TextChoices):
        TRIGGER = "trigger", "The event"
        ACTIVITY = "activity", "Their last activity"

    class Clock(models.TextChoices):
        TENANT = "tenant", "Your brand's"
        PERSON = "person", "Each person's own"

    class Past(models.TextChoices):
        NEXT_DAY = "next_day", "Get it at that time the next day"
        NOW = "now", "Get it at once"
        SKIP = "skip", "Are left out"

    class Outside(models.TextChoices):
        WAIT = "wait", "Wait until they begin"
        SKIP = "skip", "Leave them out"

    class WhenCapped(models.TextChoices):
        SKIP = "skip", "Leave them out"
        WAIT = "wait", "Wait until there is room"

    tenant = models.ForeignKey("tenants.Tenant", models.CASCADE, related_name="+", db_index=False)
    campaign = models.ForeignKey(Campaign, models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    language = models.CharField(max_length=LONGEST, blank=True)  # BCP 47: of the contents that name none
    segment = models.ForeignKey("audiences.Segment", models.PROTECT, null=True, blank=True, related_name="+")
    rule = models.JSONField(null=True, blank=True)  # frozen at launch: the segment's rule of that moment
    when = models.CharField(max_length=6, choices=When, default=When.NOW)
    starts_at = models.DateTimeField(null=True, blank=True)
    schedule = models.JSONField(
        null=True, blank=True
    )  # what repeats, or goes by people's own clocks: campaigns/schedules.py
    clock = models.CharField(max_length=6, choices=Clock, default=Clock.TENANT)  # whose time is meant
    date_of = models.JSONField(
        null=True, blank=True
    )  # of what repeats: whose day each is, as campaigns/anniversaries.py has it
    past = models.CharField(
        max_length=8, choices=Past, default=Past.NEXT_DAY
    )  # for whom a single time had passed at the launch
    ends_at = models.DateTimeField(
        null=True, blank=True
    )  # of what is triggered: later events set nothing off
    trigger = models.JSONField(null=True, blank=True)  # campaigns/triggers.py says what it holds
    delay_minutes = models.PositiveIntegerField(default=0)  # from the event to the message
    delay_from = models.CharField(max_length=8, choices=DelayFrom, default=DelayFrom.TRIGGER)
    exceptions = models.JSONField(default=list, blank=True)  # triggers that call off what still waits
    replaces_waiting = models.BooleanField(
        default=False
    )  # a newer event's message takes an older one's place
    again = models.CharField(max_length=6, choices=Again, default=Again.ONCE)  # for the same person
    again_hours = models.PositiveIntegerField(default=720)  # counted from when they last got it
    lateness_hours = models.PositiveIntegerField(
        default=24, help_text="After so long it is unwelcome and skipped."
    )
    # The send window, by each person's own clock; both ends or none, no days for every day.
    window_start = models.TimeField(null=True, blank=True)
    window_end = models.TimeField(null=True, blank=True)
    window_days = ArrayField(models.PositiveSmallIntegerField(), default=list, blank=True)  # Monday is 0
    outside_hours = models.CharField(
        max_length=4, choices=Outside, default=Outside.WAIT
    )  # and in quiet hours
    is_cap_exempt = models.BooleanField(default=False)  # frequency caps neither hold it back nor count it
    when_capped = models.CharField(max_length=4, choices=WhenCapped, default=WhenCapped.SKIP)
    per_minute = models.PositiveIntegerField(
        null=True, blank=True
    )  # at most so many messages leave in one; none: as fast as it can
    goal = models.CharField(max_length=60, blank=True)
    conversion_event = models.CharField(max_length=200, blank=True)
    conversion_filter = models.JSONField(null=True, blank=True)  # a rule on the event's properties
    conversion_hours = models.PositiveIntegerField(default=168)
    revenue_property = models.CharField(max_length=100, blank=True, default="revenue")
    counts = models.JSONField(default=dict)  # as confirmed at launch
    created_at = models.DateTimeField(auto_now_add=True)
    launched_at = models.DateTimeField(null=True, blank=True)  # the tenant's clock
    launched_by = models.ForeignKey("tenants.User", models.SET_NULL, null=True, blank=True, related_name="+")

    objects = ScopedManager(_manager_class=models.Manager.from_queryset(VersionQuerySet), tenant="tenant")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["tenant", "campaign", "number"], name="version_number_once"),
            models.UniqueConstraint(
                fields=["tenant", "campaign"], condition=Q(launched_at__isnull=True), name="version_one_draft"
            ),
            models.CheckConstraint(
                condition=~Q(when="at") | Q(launched_at__isnull=True) | Q(starts_at__isnull=False),
                name="version_at_has_time",
            ),
            models.CheckConstraint(
                condition=~(Q(when="repeat") | Q(clock="person"))
                | Q(launched_at__isnull=True)
                | Q(schedule__isnull=False, starts_at__isnull=False),
                name="version_calendar_has_schedule",
            ),
            models.CheckConstraint(
                condition=~Q(when="event") | Q(launched_at__isnull=True) | Q(trigger__isnull=False),
                name="version_event_has_trigger",
            ),
            models.CheckConstraint(
                condition=Q(window_start__isnull=True, window_end__isnull=True)
                | Q(window_start__isnull=False, window_end__isnull=False),
                name="version_window_has_both_ends",
            ),
            models.CheckConstraint(
                condition=Q(per_minute__isnull=True) | Q(per_minute__gte=1),
                name="version_rate_lets_something_through",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.campaign} v{self.number}"

    @property
    def has_event(self) -> bool:
        """Whether each of its messages answers an event, whose properties it may use."""
        return self.when in (Version.When.EVENT, Version.When.API)


class Variant(models.Model):
    """One way to say it. Those of a version that share a rule are a group, and split it by weight."""

    tenant = models.ForeignKey("tenants.Tenant", models.CASCADE, related_name="+", db_index=False)
    version = models.ForeignKey(Version, models.CASCADE, related_name="variants")
    key = models.CharField(max_length=12)  # a, b, ...: the arm's name, the same in every version
    name = models.CharField(max_length=60)
    weight = models.PositiveSmallIntegerField(default=50, validators=[MaxValueValidator(1000)])
    segment = models.ForeignKey("audiences.Segment", models.PROTECT, null=True, blank=True, related_name="+")
    rule = models.JSONField(null=True, blank=True)  # none: everybody; frozen at launch like the version's
    where = models.JSONField(default=list, blank=True)  # filters on the event that set it off, which all hold
    is_default = models.BooleanField(default=False)  # for those no group takes; needs nothing
    position = models.PositiveSmallIntegerField(default=0)

    objects = ScopedManager(tenant="tenant")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["tenant", "version", "key"], name="variant_key_once"),
            models.UniqueConstraint(
                fields=["tenant", "version"], condition=Q(is_default=True), name="variant_one_default"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def content(self) -> Content | None:
        """The words for whoever has none in their own language."""
        return next((content for content in self.contents.all() if not content.language), None)


class Content(models.Model):
    """A variant's words on one channel in one language. The channel knows what ``fields`` hold."""

    tenant = models.ForeignKey("tenants.Tenant", models.CASCADE, related_name="+", db_index=False)
    variant = models.ForeignKey(Variant, models.CASCADE, related_name="contents")
    channel = models.CharField(max_length=20)
    language = models.CharField(
        max_length=LONGEST, blank=True
    )  # BCP 47; empty: the version's, for everybody whose own is not written
    fields = models.JSONField(default=dict)
    parts = models.JSONField(default=dict)  # compiled from fields at save: what the renderer fills
    needs = ArrayField(models.TextField(), default=list)
    reads = ArrayField(models.TextField(), default=list)  # every path its words name, for whatever purpose
    sources = models.JSONField(default=dict)  # name -> the paths of its answer that it cannot do without
    blocks = models.JSONField(default=dict)  # name -> which version of the block its parts hold
    problems = models.JSONField(default=list)  # what keeps it from being launched
    is_stale = models.BooleanField(default=False, db_default=False)  # drafted, and to be compiled anew
    updated_at = models.DateTimeField(auto_now=True)

    objects = ScopedManager(tenant="tenant")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["tenant", "variant", "channel", "language"], name="content_once")
        ]
        indexes = [  # who still has to be compiled anew: asked every minute, and nearly always nobody
            models.Index(fields=["tenant"], condition=Q(is_stale=True), name="content_stale"),
        ]

    def __str__(self) -> str:
        return f"{self.variant} ({self.channel})"

    @property
    def name(self) -> str:
        """What the language of its words is called."""
        return languages.name(self.language or self.variant.version.language)


class Block(models.Model):
    """Words that several messages share, under the name they render them by. What it says is in its versions."""

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    tenant = models.ForeignKey("tenants.Tenant", models.CASCADE, related_name="+", db_index=False)
    name = models.CharField(max_length=40)
    created_at = models.DateTimeField(auto_now_add=True)
    archived_at = models.DateTimeField(null=True, blank=True)

    objects = ScopedManager(tenant="tenant")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant", "name"], name="block_name_once")]

    def __str__(self) -> str:
        return self.name


class BlockVersion(models.Model):
    """What a block said from one change to the next. Never changes itself."""

    tenant = models.ForeignKey("tenants.Tenant", models.CASCADE, related_name="+", db_index=False)
    block = models.ForeignKey(Block, models.CASCADE, related_name="versions", db_index=False)
    number = models.PositiveIntegerField()
    texts = models.JSONField()  # language -> Liquid; "" for everybody whose own is not written
    renders = ArrayField(models.CharField(max_length=40), default=list)  # other blocks
    takes = ArrayField(models.TextField(), default=list)  # names that whoever renders it may give a value
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.ForeignKey("tenants.User", models.SET_NULL, null=True, blank=True, related_name="+")

    objects = ScopedManager(tenant="tenant")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["tenant", "block", "number"], name="block_version_once")
        ]

    def __str__(self) -> str:
        return f"{self.block_id} v{self.number}"

    @property
    def said(self) -> str:
        """Its words for everybody, on one line."""
        return " ".join(self.texts[""].split())


class Source(models.Model):
    """Where live content comes from: a question to another server, and what is done when it has no answer.

    The lower half changes with every answer, in raw time, and is never written with the upper.
    """

    class Method(models.TextChoices):
        GET = "GET", "GET"
        POST = "POST", "POST"

    class OnFailure(models.TextChoices):
        SKIP = "skip", "Skip the person"
        DEFAULT = "default", "Use a default answer"

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    tenant = models.ForeignKey("tenants.Tenant", models.CASCADE, related_name="+", db_index=False)
    name = models.CharField(max_length=40)  # as templates say it
    method = models.CharField(max_length=4, choices=Method, default=Method.GET)
    url = models.TextField()  # Liquid, but for the server
    body = models.TextField(blank=True)  # Liquid
    header_names = ArrayField(models.CharField(max_length=80), default=list)
    secret = models.BinaryField(default=b"", editable=False)  # the headers, encrypted
    timeout_seconds = models.PositiveSmallIntegerField(
        default=5, validators=[MinValueValidator(1), MaxValueValidator(10)]
    )
    cache_minutes = models.PositiveIntegerField(default=5, validators=[MaxValueValidator(1440)])
    last_good_hours = models.PositiveIntegerField(default=24, validators=[MaxValueValidator(168)])
    on_failure = models.CharField(max_length=7, choices=OnFailure, default=OnFailure.SKIP)
    default = models.JSONField(null=True, blank=True)
    needs = ArrayField(models.CharField(max_length=200), default=list)  # of its templates
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    failures = models.PositiveIntegerField(default=0, editable=False)  # in a row
    rests_until = models.DateTimeField(null=True, blank=True, editable=False)  # after too many of them
    answered_at = models.DateTimeField(null=True, blank=True, editable=False)
    failed_at = models.DateTimeField(null=True, blank=True, editable=False)
    error = models.TextField(blank=True, editable=False)  # the last failure's words
    example = models.TextField(
        blank=True, editable=False
    )  # an answer of late: what the editor offers to insert

    objects = ScopedManager(tenant="tenant")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["tenant", "name"], name="source_name_once"),
            models.CheckConstraint(
                condition=Q(timeout_seconds__range=(1, 10)), name="source_waits_1_to_10_seconds"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class SourceAnswer(models.Model):
    """What a source said to one question, or that somebody is asking it at this moment. Times are raw."""

    tenant = models.ForeignKey("tenants.Tenant", models.CASCADE, related_name="+", db_index=False)
    source = models.ForeignKey(Source, models.CASCADE, related_name="answers", db_index=False)
    question = models.CharField(max_length=32)  # a hash of all that is sent
    status = models.PositiveSmallIntegerField(default=0)
    body = models.TextField(blank=True)  # JSON; empty: none yet
    milliseconds = models.PositiveIntegerField(default=0)
    fetched_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    failed_at = models.DateTimeField(null=True, blank=True)
    error = models.TextField(blank=True)
    is_down = models.BooleanField(default=False)  # of the last failure: it may pass
    asked_until = models.DateTimeField(null=True, blank=True)  # others wait for whoever asks, so long
    kept_until = models.DateTimeField()

    objects = ScopedManager(tenant="tenant")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["tenant", "source", "question"], name="source_answer_once")
        ]
        indexes = [models.Index(fields=["kept_until"], name="source_answer_old")]  # what is forgotten

    def __str__(self) -> str:
        return f"{self.source_id}/{self.question}"


class SourceHour(models.Model):
    """What a source was asked in an hour of raw time, summed up."""

    tenant = models.ForeignKey("tenants.Tenant", models.CASCADE, related_name="+", db_index=False)
    source = models.ForeignKey(Source, models.CASCADE, related_name="hours", db_index=False)
    hour = models.DateTimeField()
    questions = models.PositiveIntegerField()
    failures = models.PositiveIntegerField()
    milliseconds = models.BigIntegerField()

    objects = ScopedManager(tenant="tenant")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant", "source", "hour"], name="source_hour_once")]

    def __str__(self) -> str:
        return f"{self.source_id}: {self.hour}"

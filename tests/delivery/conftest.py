"""A real SMTP server for the sandbox, and campaigns ready to be sent through it."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import pytest

from audiences import ingest
from audiences.models import Profile
from campaigns import contents, launching, triggers, versions
from campaigns.models import Campaign, Variant, Version
from delivery import cap_editing, pipeline
from delivery.channels.email import sending
from delivery.models import Delivery, FrequencyCap, Plan
from delivery.sandbox.rules import ALWAYS, parse
from delivery.sandbox.server import Sandbox
from tenants import clock
from tenants.models import Tenant, User
from tests.delivery.steps import claimed

BODY = "<p>Hello {{ profile.first_name | default: 'you' }}</p><p><a href='https://shop.test/new'>New records</a></p>"
CART_WORDS = "<p>Your cart is worth {{ event.total }}</p>"


@dataclass
class Postbox:
    """What arrived, in order."""

    mails: list[tuple[str, EmailMessage]] = field(default_factory=list)

    def accept(self, tenant: str, sender: str, recipients: list[str], data: bytes) -> None:
        for recipient in recipients:
            self.mails.append((recipient, message_from_bytes(data, policy=policy.default)))

    def recipients(self) -> list[str]:
        return sorted(recipient for recipient, _ in self.mails)

    def to(self, address: str) -> EmailMessage:
        (mail,) = [mail for recipient, mail in self.mails if recipient == address]
        return mail


def html_of(mail: EmailMessage) -> str:
    part = mail.get_body(("html",))
    assert part is not None
    return str(part.get_content())


def text_of(mail: EmailMessage) -> str:
    part = mail.get_body(("plain",))
    assert part is not None
    return str(part.get_content())


def untracked(html: str) -> str:
    """A mail without what makes it one person's: where links lead and the pixel."""
    html = re.sub(r'<img src="[^"]*/o/[^"]*"[^>]*>', "", html)
    return re.sub(r'href="[^"]*"', 'href=""', html).replace("\r\n", "\n").strip()


@pytest.fixture
def postbox(settings: Any) -> Iterator[Postbox]:
    """The sandbox's mail server, listening on a port of its own."""
    box = Postbox()
    loop = asyncio.new_event_loop()
    ready, stop = threading.Event(), asyncio.Event()

    async def serve() -> None:
        async with Sandbox(box.accept, parse(ALWAYS)).listening("127.0.0.1", 0) as port:
            settings.SANDBOX_SMTP_PORT = port
            ready.set()
            await stop.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    assert ready.wait(5)
    yield box
    sending.close_all()
    loop.call_soon_threadsafe(stop.set)
    thread.join()
    loop.close()


@pytest.fixture
def make_campaign(tenant: Tenant, owner: User) -> Callable[..., Campaign]:
    """A campaign for a rule, everyone by default, with a mail; ``variants`` are (key, weight, subject, body)."""

    def make(
        *,
        rule: dict[str, Any] | None = None,
        variants: tuple[tuple[str, int, str, str], ...] = (("a", 100, "News", BODY),),
        default: tuple[str, str, str] | None = None,
        control_percent: int = 0,
        is_launched: bool = True,
        name: str = "New records",
        **version_fields: Any,
    ) -> Campaign:
        campaign = Campaign(tenant=tenant, name=name, control_percent=control_percent, created_by=owner)
        campaign.save()
        version = Version(
            tenant=tenant, campaign=campaign, number=1, rule=rule or {"all": []}, **version_fields
        )
        version.save()
        for position, (key, weight, subject, body) in enumerate(variants):
            _variant(version, owner, key, weight, subject, body, position=position)
        if default:
            _variant(version, owner, default[0], 0, *default[1:], position=99, is_default=True)
        if is_launched:
            launching.launch(version=version, actor=owner, now=clock.now(tenant))
        return campaign

    return make


def _variant(
    version: Version, owner: User, key: str, weight: int, subject: str, body: str, **fields: Any
) -> None:
    variant = Variant(
        tenant=version.tenant, version=version, key=key, name=key.upper(), weight=weight, **fields
    )
    variant.save()
    words = {"subject": subject, "preheader": "", "body_format": "html", "body": body, "text": ""}
    contents.save(variant=variant, channel="email", fields=words, actor=owner)


@pytest.fixture
def run() -> Callable[..., int]:
    """Do all that is due, as a drain would; return the rounds' work in all."""

    def run_all(most: int = 100) -> int:
        worked = 0
        for _ in range(most):
            step = pipeline.once_round()
            worked += step
            if not step:
                break
        return worked

    return run_all


@pytest.fixture
def later(tenant: Tenant) -> Callable[[timedelta], datetime]:
    """Move the sandbox's clock forward."""

    def move(by: timedelta) -> datetime:
        clock.move_forward(tenant, by)
        return clock.now(tenant)

    return move


@pytest.fixture
def did(tenant: Tenant) -> Callable[..., None]:
    """Store an event of somebody's, so many minutes ago."""

    def store(event: str = "Cart Viewed", user: str = "u1", *, ago: float = 0.0, **properties: Any) -> None:
        now = clock.now(tenant)
        call = {
            "type": "track",
            "userId": user,
            "event": event,
            "timestamp": (now - timedelta(minutes=ago)).isoformat(),
            "properties": properties,
        }
        assert ingest.store(tenant=tenant, calls=[call], now=now).accepted == 1

    return store


@pytest.fixture
def person(make_profile: Callable[..., Profile]) -> Callable[..., Profile]:
    """Somebody whom calls find by the external id ``user``."""

    def make(user: str = "u1", **fields: Any) -> Profile:
        profile = make_profile(**({"email": f"{user}@example.test"} | fields))
        Profile.objects.filter(pk=profile.pk).update(external_id=user)
        ingest.store(tenant=profile.tenant, calls=[], now=clock.now(profile.tenant))
        profile.identities.create(tenant=profile.tenant, kind="external_id", value=user)
        return profile

    return make


@pytest.fixture
def triggered(make_campaign: Callable[..., Campaign]) -> Callable[..., Campaign]:
    """A campaign set off by a cart, its mail telling what the cart is worth."""

    def make(trigger: dict[str, Any] | None = None, *, words: str = CART_WORDS, **fields: Any) -> Campaign:
        trigger, variants = trigger or triggers.make("Cart Viewed"), (("a", 100, "Your cart", words),)
        return make_campaign(when="event", trigger=trigger, variants=variants, **fields)

    return make


@pytest.fixture
def receipt(make_campaign: Callable[..., Campaign], tenant: Tenant, owner: User) -> Callable[..., Campaign]:
    """A campaign that waits for our server, transactional by default; its mail tells the order."""

    def make(*, message_class: str = "transactional", **fields: Any) -> Campaign:
        words = "<p>Order {{ event.order }} is on its way</p>"
        variants = (("a", 100, "Your order", words),)
        campaign = make_campaign(when="api", again="always", variants=variants, is_launched=False, **fields)
        Campaign.objects.filter(pk=campaign.pk).update(message_class=message_class)
        launching.launch(version=campaign.versions.get(), actor=owner, now=clock.now(tenant))
        campaign.refresh_from_db()
        return campaign

    return make


@pytest.fixture
def live(tenant: Tenant, run: Callable[..., int]) -> Callable[[datetime], None]:
    """Let time pass until a moment, stopping wherever something is planned or due."""

    def pass_by(until: datetime) -> None:
        run()
        while True:
            now = clock.now(tenant)
            opens = Plan.objects.filter(
                opened_at=None, done_at=None, opens_at__gt=now, campaign__state="live"
            )
            due = Delivery.objects.filter(state="planned", due_at__gt=now)
            moments = [*opens.values_list("opens_at", flat=True), *due.values_list("due_at", flat=True)]
            clock.set_to(tenant, min([until, *moments]))
            run()
            if min([until, *moments]) == until:
                return

    return pass_by


@pytest.fixture
def launched(tenant: Tenant, make_campaign: Callable[..., Campaign]) -> Callable[..., Campaign]:
    """A campaign launched at a moment of the sandbox's clock."""

    def make(at: datetime, **fields: Any) -> Campaign:
        clock.set_to(tenant, at)
        return make_campaign(**fields)

    return make


@pytest.fixture
def at(tenant) -> Callable[[datetime], datetime]:
    """Let the tenant's clock stand at a moment."""

    def move(moment: datetime) -> datetime:
        clock.set_to(tenant, moment)
        return clock.now(tenant)

    return move


@pytest.fixture
def make_cap(tenant, owner) -> Callable[..., FrequencyCap]:
    def make(limit: int = 1, **fields: Any) -> FrequencyCap:
        return cap_editing.add(tenant=tenant, actor=owner, now=clock.now(tenant), limit=limit, **fields)

    return make


@pytest.fixture
def send(tenant, make_campaign) -> Callable[..., list[int]]:
    """Launch a campaign to everyone and decide; return whose ids are to get it."""

    def launch(*, tags: tuple[str, ...] = (), **fields: Any) -> list[int]:
        campaign = make_campaign(is_launched=False, **fields)
        Campaign.objects.filter(pk=campaign.pk).update(tags=list(tags))
        version = campaign.versions.get()
        version.launched_at = clock.now(tenant)
        version.save()
        Campaign.objects.filter(pk=campaign.pk).update(state="live")
        return [one.row.profile_id for one in claimed(tenant)[1]]

    return launch


@pytest.fixture
def relaunch(tenant, owner):
    """Change a campaign's schedule and launch it again, now."""

    def change(campaign, **fields):
        draft = versions.start(campaign=campaign, actor=owner)
        Version.objects.filter(pk=draft.pk).update(**fields)
        draft.refresh_from_db()
        return launching.launch(version=draft, actor=owner, now=clock.now(tenant))

    return change

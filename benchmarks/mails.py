"""Mails: from due rows to recorded outcomes, beside django-post-office at its best, into the same sink."""

from __future__ import annotations

import os
import time
from contextlib import ExitStack
from typing import Any

from django_scopes import scope

from benchmarks import campaigns, data, programs, resident, sinks
from benchmarks.data import World
from benchmarks.harness import Bound, Options, Result, interleave
from benchmarks.processor import Meter
from benchmarks.resident import Resident
from benchmarks.sinks import Sink
from campaigns.models import Campaign, Content
from delivery import agenda, plan, providers
from delivery.models import Delivery
from tenants import clock

# A dialogue over one socket costs several times as much where its two ends run on two cores, so both are measured.
LAYOUTS = ("free", "one core")
PANEL: dict[str, Any] = {"on": "attribute", "name": "panel", "operator": "is", "value": 0}


def run(world: World, options: Options) -> list[Result]:
    with scope(tenant=world.tenant):
        return [_measure(layout, world, options) for layout in LAYOUTS]


def _measure(layout: str, world: World, options: Options) -> Result:
    cpus = os.sched_getaffinity(0) if layout == "free" else {min(os.sched_getaffinity(0))}
    with ExitStack() as stack:
        sink = stack.enter_context(sinks.listening(options.smtp_sink, cpus=cpus))
        carry(world, sink)
        drains = [
            stack.enter_context(resident.started("benchmarks.drain", cpus=cpus, environment={}))
            for _ in range(options.drains)
        ]
        peer = stack.enter_context(
            resident.started("benchmarks.peers.sender", cpus=cpus, environment=peers_environment(sink))
        )
        meter = Meter(lambda: [drain.pid for drain in drains])
        rates = interleave(
            options.rounds,
            lambda number: _sent(drains, sink, world, meter),
            lambda number: _sent_by_peer(peer, sink, world, options),
        )
    notes = {
        "CPU microseconds a mail": meter.microseconds(),
        "mails a round": world.panel_size,
        "sink": sink.name,
        "processes": options.drains,
    }
    name = f"mails, {'processes free' if layout == 'free' else 'client and sink on one core'}"
    return Result(name, "mails/s", Bound(">=", 2), *rates, beside="django-post-office", notes=notes)


def carry(world: World, sink: Sink) -> None:
    """Make the sink the tenant's mail server."""
    providers.save_smtp(
        tenant=world.tenant, actor=world.owner, host="127.0.0.1", port=sink.port, tls="none",
        username=sink.login, password=sink.login,
    )  # fmt: skip


def peers_environment(sink: Sink) -> dict[str, str]:
    """Return the variables by which the peers send to the sink."""
    login = f"{sink.login}:{sink.login}@" if sink.login else ""
    return {
        "DJANGO_SETTINGS_MODULE": programs.PEERS,
        "TACT_EMAIL_URL": f"smtp://{login}127.0.0.1:{sink.port}",
    }


def _sent(drains: list[Resident], sink: Sink, world: World, meter: Meter) -> float:
    """Return the mails a second, from due rows to the last recorded outcome."""
    campaign, size = _due(world), world.panel_size
    before = sink.taken()
    meter.start()
    started = time.perf_counter()
    for drain in drains:
        drain.ask("drain")
    for drain in drains:
        drain.answer()
    taken = time.perf_counter() - started
    meter.stop(size)
    sent = Delivery.objects.filter(campaign=campaign, state=Delivery.State.SENT).count()
    recorded = data.count(
        "audiences_event", f"name = 'Email Sent' AND properties ->> 'campaign' = '{campaign.public_id}'"
    )
    assert (sent, recorded, sink.taken() - before) == (size, size, size)
    return size / taken


def _due(world: World) -> Campaign:
    """Return a live campaign whose every row is planned and due."""
    campaign = campaigns.launched(world, name="News", rule=PANEL)
    now = clock.now(world.tenant)
    agenda.open_due(tenant=world.tenant, now=now)
    while plan.advance(tenant=world.tenant, now=now):
        pass
    return campaign


def _sent_by_peer(peer: Resident, sink: Sink, world: World, options: Options) -> float:
    content, size = Content.objects.filter(channel="email").order_by("id").last(), world.panel_size
    assert content
    peer.ask("queue", content.pk, size)
    assert peer.answer() == size
    peer.ask("sent")
    before, taken_before = peer.answer(), sink.taken()
    started = time.perf_counter()
    peer.ask("send", options.drains)
    sent = peer.answer()
    taken = time.perf_counter() - started
    peer.ask("sent")
    assert (sent, peer.answer() - before, sink.taken() - taken_before) == (size, size, size)
    return size / taken

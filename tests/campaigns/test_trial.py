"""A test to oneself: the real message through the real server, marked, with a way out that leads nowhere."""

from __future__ import annotations

import email
import json
from collections.abc import Callable, Iterator
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from audiences.models import Profile
from campaigns.models import Campaign
from delivery.sandbox import inbox
from delivery.sandbox.keeping import INBOX_NAME
from tenants.models import Tenant
from tests.campaigns.conftest import words
from tests.sandbox import Running, running


@pytest.fixture
def sandbox(tmp_path: Path, settings: Any) -> Iterator[Running]:
    with running(tmp_path) as server:
        settings.SANDBOX_SMTP_PORT = server.port
        yield server


@pytest.fixture
def marketer(client_of: Callable[..., Client]) -> Client:
    return client_of("marketer")


def press(client: Client, campaign: Campaign, **fields: str) -> dict[str, str]:
    """Press the button and return the note that comes up."""
    form = {"channel": "email", **words(**fields)}
    answer = client.post(reverse("campaign_test", args=[campaign.public_id, "a"]), form)
    assert answer.status_code == 204
    note: dict[str, str] = json.loads(answer["HX-Trigger"])["tact:toast"]
    return note


def arrived(sandbox: Running, tenant: Tenant) -> EmailMessage:
    """The one mail that waits in the tenant's inbox."""
    path, name = sandbox.folder / INBOX_NAME, tenant.public_id.hex
    (mail,) = inbox.newest(path, tenant=name)
    found = inbox.find(path, tenant=name, public_id=mail.public_id)
    assert found is not None
    return email.message_from_bytes(found[1], policy=default)


def test_it_goes_to_whoever_asked_as_the_person_shown_would_get_it(
    sandbox: Running,
    make_campaign: Callable[..., Campaign],
    make_profile: Callable[..., Profile],
    marketer: Client,
    tenant: Tenant,
) -> None:
    make_profile(first_name="Ada", email="ada@example.test")
    body = '<p>Dear {{ profile.first_name }} <a href="{{ unsubscribe_url }}">Out</a></p>'
    note = press(marketer, make_campaign(), body=body, subject="For {{ profile.first_name }}")
    assert note["kind"] == "success", note
    (entry,) = sandbox.journal()
    assert entry.recipient.startswith("marketer-")
    mail = arrived(sandbox, tenant)
    assert mail["Subject"] == "[Test] For Ada"
    assert "List-Unsubscribe" not in mail
    html = mail.get_body(("html",))
    assert html is not None
    assert "Dear Ada" in html.get_content()
    assert 'href="#"' in html.get_content()


def test_words_with_problems_are_not_sent(
    sandbox: Running, make_campaign: Callable[..., Campaign], marketer: Client
) -> None:
    note = press(marketer, make_campaign(), body="{% if %}")
    assert note["kind"] == "danger"
    assert sandbox.journal() == []


def test_what_the_person_lacks_keeps_it_from_being_sent(
    sandbox: Running,
    make_campaign: Callable[..., Campaign],
    make_profile: Callable[..., Profile],
    marketer: Client,
) -> None:
    make_profile(first_name=None)
    note = press(marketer, make_campaign(), body="<p>{{ profile.first_name }}</p>")
    assert (note["kind"], sandbox.journal()) == ("danger", [])
    assert "first_name" in note["text"]


def test_a_server_that_is_not_there_is_told(
    make_campaign: Callable[..., Campaign], marketer: Client, settings: Any
) -> None:
    settings.SANDBOX_SMTP_PORT = 1
    note = press(marketer, make_campaign(), body="<p>Hi</p>")
    assert note["kind"] == "danger"
    assert "connect" in note["text"]


def test_a_tenant_without_a_mail_server_is_told_what_to_do(
    make_campaign: Callable[..., Campaign], marketer: Client, tenant: Tenant
) -> None:
    tenant.is_sandbox = False
    tenant.save()
    note = press(marketer, make_campaign(), body="<p>Hi</p>")
    assert "No mail server is set up" in note["text"]

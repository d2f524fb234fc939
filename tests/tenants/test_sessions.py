"""Who works every day stays signed in; who stays away for two weeks does not."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from django.conf import settings
from django.contrib.sessions.models import Session
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from tenants import sessions

AGE = timedelta(seconds=settings.SESSION_COOKIE_AGE)


def left() -> timedelta:
    return Session.objects.get().expire_date - timezone.now()


@pytest.fixture
def used_yesterday(client_of: Any) -> Client:
    """Somebody whose session was worked in yesterday, and ends tomorrow."""
    client: Client = client_of("marketer")
    client.get(reverse("segment_list"))
    session = client.session
    session[sessions.SESSION_KEY] = str(date.today() - timedelta(days=1))
    session.save()
    Session.objects.update(expire_date=timezone.now() + timedelta(days=1))
    return client


def test_a_session_begins_anew_on_each_day_it_is_worked_in(used_yesterday: Client) -> None:
    answer = used_yesterday.get(reverse("segment_list"))
    assert left() > AGE - timedelta(minutes=1)
    assert answer.cookies[settings.SESSION_COOKIE_NAME]["max-age"] == AGE.total_seconds()
    Session.objects.update(expire_date=timezone.now() + timedelta(days=1))
    used_yesterday.get(reverse("segment_list"))  # once a day is enough
    assert left() < timedelta(days=2)


def test_a_page_that_was_left_open_keeps_nobody_signed_in(used_yesterday: Client) -> None:
    used_yesterday.get(reverse("segment_list"), headers={"HX-Request": "true"})
    assert left() < timedelta(days=2)

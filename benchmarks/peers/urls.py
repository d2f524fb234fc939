"""The peers' addresses."""

from __future__ import annotations

from django.urls import path

from benchmarks.peers.views import EventsAlone, EventsOfPeople, EventThatSends

urlpatterns = [
    path("alone", EventsAlone.as_view()),
    path("people", EventsOfPeople.as_view()),
    path("sending", EventThatSends.as_view()),
]

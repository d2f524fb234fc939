"""Doing it, and what came of it."""

from django.apps import AppConfig


class DeliveryConfig(AppConfig):
    name = "delivery"

"""Doing it, and what came of it."""

from django.apps import AppConfig

from delivery import channels


class DeliveryConfig(AppConfig):
    name = "delivery"

    def ready(self) -> None:
        from delivery import receiving  # noqa: F401  # subscribes to what audiences stores

        channels.register()

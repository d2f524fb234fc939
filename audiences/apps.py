"""Who: people, what they did, and which of them a rule means."""

from django.apps import AppConfig


class AudiencesConfig(AppConfig):
    name = "audiences"

    def ready(self) -> None:
        from audiences import binary  # noqa: F401 - the first connection copies how values are sent

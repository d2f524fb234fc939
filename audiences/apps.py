"""Who: people, what they did, and which of them a rule means."""

from django.apps import AppConfig


class AudiencesConfig(AppConfig):
    name = "audiences"

"""The floor every other app stands on: who logs in, to which tenant, and what they may do."""

from django.apps import AppConfig


class TenantsConfig(AppConfig):
    name = "tenants"

    def ready(self) -> None:
        from tenants import binary  # noqa: F401 - the first connection copies how values are sent

"""Doing it, and what came of it."""

from django.apps import AppConfig

from delivery import channels


class DeliveryConfig(AppConfig):
    name = "delivery"

    def ready(self) -> None:
        from audiences import erasure, export, strands
        from audiences.panels import register_profile_panel
        from delivery import (  # noqa: F401  # receiving: subscribes to what audiences stores
            erasing,
            profile_panel,
            receiving,
            traces,
        )

        channels.register()
        traces.register()
        register_profile_panel(profile_panel.messages)
        erasure.register(erasing.forget)
        export.register("messages", profile_panel.exported)
        export.register("messages_counted_towards_caps", profile_panel.exported_cap_times)
        export.register("campaigns", profile_panel.exported_campaigns)
        export.register("conversions", profile_panel.exported_conversions)
        strands.register(profile_panel.timeline)

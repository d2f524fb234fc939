"""What and whether: campaigns, their versions and words, and who gets which."""

from django.apps import AppConfig


class CampaignsConfig(AppConfig):
    name = "campaigns"

    def ready(self) -> None:
        from audiences import erasure, messages, places
        from campaigns import mentions
        from campaigns.sources import erasing

        messages.register_campaigns(mentions.find)
        places.register(mentions.of_place)
        erasure.register(erasing.forget)

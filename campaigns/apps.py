"""What and whether: campaigns, their versions and words, and who gets which."""

from django.apps import AppConfig


class CampaignsConfig(AppConfig):
    name = "campaigns"

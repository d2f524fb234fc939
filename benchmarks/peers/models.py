"""Events as a Django project would keep them: once by their message id; and, where it knows its people, those too."""

from __future__ import annotations

from django.db import models


class PeerEvent(models.Model):
    message_id = models.CharField(max_length=100)
    tenant_id = models.BigIntegerField()
    user_id = models.TextField()
    name = models.TextField(db_collation="C")
    occurred_at = models.DateTimeField()
    received_at = models.DateTimeField(auto_now_add=True)
    properties = models.JSONField(default=dict)

    objects: models.Manager[PeerEvent] = models.Manager()

    class Meta:
        app_label = "peers"
        db_table = "peer_event"
        constraints = [models.UniqueConstraint(fields=["tenant_id", "message_id"], name="peer_event_once")]
        indexes = [
            models.Index(fields=["tenant_id", "user_id", "name", "occurred_at"], name="peer_event_of_user"),
            models.Index(
                fields=["tenant_id", "name", "occurred_at"], include=["user_id"], name="peer_event_of_name"
            ),
        ]


class PeerPerson(models.Model):
    tenant_id = models.BigIntegerField()
    user_id = models.TextField()
    attributes = models.JSONField(default=dict)
    last_seen_at = models.DateTimeField(null=True)

    objects: models.Manager[PeerPerson] = models.Manager()

    class Meta:
        app_label = "peers"
        db_table = "peer_person"
        constraints = [models.UniqueConstraint(fields=["tenant_id", "user_id"], name="peer_person_once")]

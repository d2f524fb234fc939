"""A mail as a task of its own: the person is read, the words are filled, and Django sends them on a kept connection."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from django.core import mail
from django.db import connection
from django.template import Context, Template
from django_scopes import scopes_disabled

from benchmarks.peers import sender
from campaigns.models import Content

READ = """
SELECT p.email, p.first_name, p.last_name, p.city, p.attributes
FROM audiences_identity i JOIN audiences_profile p ON p.id = i.profile_id
WHERE i.tenant_id = %s AND i.kind = 'external_id' AND i.value = %s
"""


@dataclass(frozen=True)
class Words:
    """What is the same for everybody, read once per process."""

    sender: str
    brand: dict[str, str]
    templates: dict[str, Template]


def send(tenant_id: int, user_id: str) -> None:
    words = _words(tenant_id)
    with connection.cursor() as cursor:
        cursor.execute(READ, [tenant_id, user_id])
        email, profile = sender.person(*cursor.fetchone())
    context = Context({"profile": profile, "brand": words.brand, "unsubscribe_url": sender.UNSUBSCRIBE})
    filled = {name: template.render(context) for name, template in words.templates.items()}
    message = mail.EmailMultiAlternatives(
        filled["subject"], filled["text"], words.sender, [email], connection=_server(), headers=sender.HEADERS
    )
    message.attach_alternative(filled["html"], "text/html")
    message.send()


@lru_cache(maxsize=1)
def _words(tenant_id: int) -> Words:
    with scopes_disabled():
        content = Content.objects.select_related("tenant").filter(tenant=tenant_id).latest("id")
    tenant = content.tenant
    return Words(
        f"{tenant.from_name} <{tenant.from_email}>",
        {"name": tenant.name, "postal_address": tenant.postal_address},
        {name: Template(sender.translated(part["text"])) for name, part in content.parts.items()},
    )


@lru_cache(maxsize=1)
def _server() -> Any:
    """Return a connection that is open, and so is left open by whoever sends on it."""
    server = mail.get_connection()
    server.open()
    return server

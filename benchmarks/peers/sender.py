"""django-post-office, told when to queue and when to send: Tact's words as Django templates, rendered on delivery."""

from __future__ import annotations

from typing import Any

import django

UNSUBSCRIBE = "https://news.nightingale.test/u/a-token-as-long-as-those-that-tact-signs-0123456789-0123456789"
HEADERS = {
    "List-Unsubscribe": f"<{UNSUBSCRIBE}>",
    "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
}
READ = """
SELECT email, first_name, last_name, city, attributes FROM audiences_profile
WHERE tenant_id = %s AND attributes @> '{"panel": 0}' ORDER BY id LIMIT %s
"""
# Where the two languages differ, in the template that is measured.
DIALECT = {' | default: "you"': '|default:"you"', " | newline_to_br": "|linebreaksbr"}


def queue(content_id: str, size: str) -> int:
    """Queue a mail for each of so many people, with the words of a content of Tact's; return how many."""
    from django.db import connection
    from django_scopes import scopes_disabled
    from post_office import mail

    from campaigns.models import Content

    with scopes_disabled():
        content = Content.objects.select_related("tenant").get(pk=content_id)
    tenant, template = content.tenant, _template(content.parts)
    with connection.cursor() as cursor:
        cursor.execute(READ, [tenant.pk, int(size)])
        people = [person(*row) for row in cursor.fetchall()]
    brand = {"name": tenant.name, "postal_address": tenant.postal_address}
    mails = [
        {
            "recipients": email,
            "sender": f"{tenant.from_name} <{tenant.from_email}>",
            "template": template,
            "context": {"profile": profile, "brand": brand, "unsubscribe_url": UNSUBSCRIBE},
            "headers": HEADERS,
            "render_on_delivery": True,
        }
        for email, profile in people
    ]
    return len(mail.send_many(mails))


def _template(parts: dict[str, Any]) -> Any:
    from post_office.models import EmailTemplate

    words = {name: translated(part["text"]) for name, part in parts.items()}
    template, _ = EmailTemplate.objects.update_or_create(
        name="News",
        defaults={"subject": words["subject"], "content": words["text"], "html_content": words["html"]},
    )
    return template


def translated(liquid: str) -> str:
    for ours, theirs in DIALECT.items():
        liquid = liquid.replace(ours, theirs)
    return liquid


def person(email: str, first_name: str, last_name: str, city: str, attributes: Any) -> tuple[str, Any]:
    import json

    custom = json.loads(attributes) if isinstance(attributes, str) else attributes
    return email, {"first_name": first_name, "last_name": last_name, "city": city, **custom}


def send(processes: str) -> int:
    """Send the queue; return how many were sent."""
    from django.db import connection
    from post_office import mail

    sent, _failed, _requeued = mail.send_queued(processes=int(processes))
    connection.close()  # its children closed it for us, without our knowing
    return sent


def sent() -> int:
    from post_office.models import STATUS, Email

    return Email.objects.filter(status=STATUS.sent).count()


if __name__ == "__main__":
    django.setup()

    from benchmarks import resident

    resident.serve(queue=queue, send=send, sent=sent)

"""Mails to begin with: each a subject, a preheader and an MJML body of its own, to be written over."""

from __future__ import annotations

from pathlib import Path

from campaigns.channels import Starter

_HERE = Path(__file__).parent


def _starter(
    key: str, label: str, description: str, subject: str, preheader: str, *, is_triggered: bool = False
) -> Starter:
    body = (_HERE / f"{key}.mjml").read_text()
    fields = {"subject": subject, "preheader": preheader, "body_format": "mjml", "body": body, "text": ""}
    return Starter(key, label, description, fields, is_triggered)


STARTERS = (
    _starter(
        "letter",
        "A plain letter",
        "Words and one button, as if from a person.",
        "A word from {{ brand.name }}",
        "",
    ),
    _starter(
        "announcement",
        "Announcement",
        "A headline, what is new, and where to see it.",
        "Something new at {{ brand.name }}",
        "It took a while. We think it was worth it.",
    ),
    _starter(
        "digest",
        "Digest",
        "Three things that are new, in a calm column.",
        "This week at {{ brand.name }}",
        "Three things worth a minute of your time.",
    ),
    _starter(
        "win-back",
        "Win-back",
        "A warm hello to somebody who has been away.",
        "{% if profile.first_name %}{{ profile.first_name }}, it{% else %}It{% endif %} has been a while",
        "A few things have changed since you were here.",
    ),
    _starter(
        "welcome",
        "Welcome",
        "A first hello in three short steps.",
        "Welcome to {{ brand.name }}",
        "Three small things to begin with.",
    ),
    _starter(
        "cart",
        "Left behind",
        "A calm reminder of what somebody nearly bought.",
        "You left something behind",
        "It is still there for you.",
        is_triggered=True,
    ),
    _starter(
        "thanks",
        "Thanks",
        "A personal word after a large order.",
        "Thank you{% if profile.first_name %}, {{ profile.first_name }}{% endif %}",
        "We noticed, and it means a lot.",
        is_triggered=True,
    ),
    _starter(
        "nearby",
        "Around the corner",
        "A short hello to somebody who is near one of your places.",
        "You are around the corner",
        "We are open. Come in, even if only to look.",
        is_triggered=True,
    ),
)

"""E-mail as campaigns see it: a form, compiling, a preview, whom it reaches, and a test to oneself."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from django import forms

from audiences.models import Profile
from campaigns.channels import BlockWords, Compiled, Problem, Starter, Takes, Text
from campaigns.liquid.renderer import shared as renderer
from campaigns.liquid.values import ALWAYS_PRESENT
from campaigns.liquid.wire import Checked, Source
from delivery import providers, queueing
from delivery.channels.email import alone, footer, preview, texts, trial
from delivery.channels.email.compile import (
    CompiledEmail,
    compile_isolated,
    has_unsubscribe_link,
    inline,
    needs_inlining,
)
from delivery.channels.email.forms import MailForm
from delivery.channels.email.mirror import names_a_side
from delivery.channels.email.starters import STARTERS
from tenants.models import Tenant

KIND = "email"
MIRRORED = "Left and right change places in MJML's attributes: the default words are written the other way."
NO_BLOCKS: Mapping[str, BlockWords] = {}

_MARKUP = re.compile(r"</?[A-Za-z][^<>]*>")
_HAS_ADDRESS = "{p}.email IS NOT NULL AND {p}.email <> ''"
_NOT_UNSUBSCRIBED = " AND {p}.consent ->> 'email' IS DISTINCT FROM 'unsubscribed'"
_NOT_SUPPRESSED = (
    " AND NOT EXISTS (SELECT 1 FROM audiences_suppression s WHERE s.tenant_id = {p}.tenant_id"
    " AND s.channel = 'email' AND s.address = lower({p}.email))"
)


class Email:
    kind = KIND
    label = "Email"
    noun = "email"
    icon = "mail"
    preview_template = "delivery/email/_preview.html"

    def form(
        self, data: Mapping[str, Any] | None = None, *, fields: Mapping[str, Any], language: str = ""
    ) -> forms.Form:
        return MailForm(data, initial=dict(fields), language=language)

    def starters(self) -> Sequence[Starter]:
        return STARTERS

    def compile(
        self,
        fields: Mapping[str, Any],
        *,
        is_marketing: bool,
        language: str = "",
        blocks: Mapping[str, BlockWords] = NO_BLOCKS,
        is_mirrored: bool = False,
    ) -> Compiled:
        words = {name: str(fields.get(name) or "") for name in ("subject", "preheader", "body", "text")}
        texts = {name: block.text for name, block in blocks.items()}
        checked = _checked(words, texts)
        used = {name: blocks[name].version for found in checked.values() for name in found.blocks}
        problems = [*_empty(words), *_liquid_problems(checked), *_markup_problems(checked, texts)]
        if problems:
            return Compiled(problems=problems, blocks=used)
        body_format = str(fields.get("body_format") or "mjml")
        made = compile_isolated(
            renderer(),
            body_format=body_format,
            language=language,
            blocks=texts,
            is_mirrored=is_mirrored,
            **words,
        )
        if made.problems:
            return Compiled(problems=[_problem(found) for found in made.problems], blocks=used)
        ready = replace(_ready(made, is_marketing=is_marketing, language=language), blocks=used)
        if is_mirrored and body_format == "mjml" and names_a_side(words["body"]):
            ready.notes.append(MIRRORED)
        return ready

    def around(self, rendering: str, words: str) -> dict[str, str]:
        return alone.fields(rendering, words)

    def texts(self, fields: Mapping[str, Any]) -> list[Text]:
        return texts.texts(fields)

    def translated(self, fields: Mapping[str, Any], translations: Mapping[str, str]) -> dict[str, Any]:
        return texts.replaced(fields, translations)

    def finished(self, parts: Mapping[str, Any], rendered: Mapping[str, str]) -> dict[str, str]:
        message = dict(rendered) | {"language": parts["html"].get("language", "")}
        if parts["html"].get("inline"):
            message["html"] = inline(message["html"])
        return message

    def preview(self, message: Mapping[str, str], *, tenant: Tenant, to: str) -> preview.Shown:
        return preview.shown(message, tenant=tenant, to=to)

    def page(self, message: Mapping[str, str], *, is_dark: bool = False) -> str:
        return preview.page(message, is_dark=is_dark)

    def address(self, profile: Profile) -> str:
        return (profile.email or "").strip()

    def reachable_sql(self, alias: str, *, is_marketing: bool) -> str:
        consent = _NOT_UNSUBSCRIBED if is_marketing else ""
        return "(" + (_HAS_ADDRESS + consent + _NOT_SUPPRESSED).format(p=alias) + ")"

    def sender_problems(self, tenant: Tenant, *, is_marketing: bool) -> list[tuple[str, str]]:
        missing = []
        if not tenant.from_email:
            missing.append(("No sender address is set", "settings_sender"))
        if is_marketing and not tenant.postal_address.strip():
            missing.append(("Marketing mail needs the brand's postal address", "settings_sender"))
        if not tenant.is_sandbox and providers.active(tenant) is None:
            missing.append(("No mail server is set up to send it", "settings_mail_server"))
        return missing

    def takes(self, people: int, *, tenant: Tenant, is_urgent: bool, now: datetime) -> Takes | None:
        return queueing.takes(people, channel=KIND, tenant=tenant, is_urgent=is_urgent, now=now)

    def send_test(self, message: Mapping[str, str], *, tenant: Tenant, to: str) -> str:
        return trial.send(message, tenant=tenant, to=to)


def _empty(words: Mapping[str, str]) -> list[Problem]:
    said = {"subject": "The subject is empty: say what the mail is about.", "body": "The body is empty."}
    return [Problem(name, message) for name, message in said.items() if not words[name].strip()]


def _checked(words: Mapping[str, str], blocks: dict[str, str]) -> dict[str, Checked]:
    """Read what the author typed, so that lines and columns are theirs."""
    return renderer().check(
        {
            "subject": Source(words["subject"], "line", blocks),
            "preheader": Source(words["preheader"], "line", blocks),
            "body": Source(words["body"], "html", blocks),
            "text": Source(words["text"], "text", blocks),
        }
    )


def _liquid_problems(checked: Mapping[str, Checked]) -> list[Problem]:
    return [
        Problem(name, error.message, error.line, error.column)
        for name, found in checked.items()
        for error in found.errors
    ]


def _markup_problems(checked: Mapping[str, Checked], blocks: Mapping[str, str]) -> list[Problem]:
    """Where nobody would see tags as anything but text, a block cannot have any."""
    return [
        Problem(field, f"The block “{name}” holds HTML or MJML, and here is room for plain text only.")
        for field in ("subject", "preheader", "text")
        for name in checked[field].blocks
        if _MARKUP.search(blocks[name])
    ]


def _problem(found: Any) -> Problem:
    return Problem(found.part, found.message, found.line, found.column)


def _ready(made: CompiledEmail, *, is_marketing: bool, language: str) -> Compiled:
    html, text = made.html, made.text
    notes: list[str] = []
    if is_marketing:
        read = renderer().check({"html": Source(html, "html"), "text": Source(text, "text")})
        footed = footer.added(
            html,
            text,
            has_unsubscribe=has_unsubscribe_link(html),
            html_reads=read["html"].variables,
            text_reads=read["text"].variables,
            language=language,
        )
        html, text, notes = footed.html, footed.text, footed.notes
    sources = {
        "subject": Source(made.subject, "line"),
        "preheader": Source(made.preheader, "line"),
        "html": Source(html, "html"),
        "text": Source(text, "text"),
    }
    if not made.preheader.strip():
        del sources["preheader"]
    checked = renderer().check(sources, always_present=ALWAYS_PRESENT - {"brand"})
    return _compiled(sources, checked, notes, language)


def _compiled(
    sources: Mapping[str, Source], checked: Mapping[str, Checked], notes: list[str], language: str
) -> Compiled:
    parts: dict[str, dict[str, Any]] = {
        name: {"text": source.text, "output": source.output} for name, source in sources.items()
    }
    parts["html"] |= {"inline": needs_inlining(sources["html"].text), "language": language}
    needs = list(dict.fromkeys(need for found in checked.values() for need in found.needs))
    return Compiled(
        parts=parts,
        needs=[need for need in needs if not need.startswith("brand.")],
        needs_of_brand=[need for need in needs if need.startswith("brand.")],
        variables=list(dict.fromkeys(path for found in checked.values() for path in found.variables)),
        problems=[
            Problem("body" if name == "html" else name, error.message)
            for name, found in checked.items()
            for error in found.errors
        ],
        notes=notes,
    )

"""Words: compiled when saved, refused where they must be, and one rendering path for all who look at them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import pytest

from audiences import facts
from audiences.models import Profile
from campaigns import channels, contents, drafts, launching, triggers, versions
from campaigns.liquid.wire import Refused
from campaigns.models import Campaign, Content, Variant
from tenants.models import AuditEntry, Tenant, User
from tests.campaigns.conftest import add, words, write


@pytest.fixture
def variant(make_campaign: Callable[..., Campaign]) -> Variant:
    return make_campaign().versions.get().variants.get()


def test_saving_compiles(variant: Variant, owner: User) -> None:
    write(variant, owner, "<p>Hello {{ profile.first_name }} from {{ profile.city | default: 'afar' }}</p>")
    content = variant.contents.get()
    assert content.needs == ["profile.first_name"]
    assert content.problems == []
    assert content.parts["subject"] == {"text": "Hello", "output": "line"}
    assert set(content.parts) == {"subject", "html", "text"}


def test_needs_come_from_every_part(variant: Variant, owner: User) -> None:
    fields = words(
        "<p>{{ profile.plan }}</p>", subject="{{ profile.first_name }}", preheader="{{ profile.city }}"
    )
    content, _ = contents.save(variant=variant, channel="email", fields=fields, actor=owner)
    assert set(content.needs) == {"profile.first_name", "profile.city", "profile.plan"}


@pytest.mark.parametrize(
    ("fields", "field", "line"),
    [
        pytest.param(words(subject=""), "subject", 0, id="no subject"),
        pytest.param(words(" \n "), "body", 0, id="no body"),
        pytest.param(words("<p>\n{{ profile.x | shout }}</p>"), "body", 2, id="unknown filter"),
        pytest.param(words("a\nb\n{% if profile.x %}c"), "body", 3, id="if left open"),
        pytest.param(words(subject="{{ profile."), "subject", 1, id="broken subject"),
        pytest.param(words(text="{% endif %}"), "text", 1, id="broken text"),
        pytest.param(words("<mjml>\n<mj-bod></mj-bod></mjml>", body_format="mjml"), "body", 2, id="no such MJML tag"),
    ],
)  # fmt: skip
def test_problems_name_their_field_and_line(
    variant: Variant, owner: User, fields: dict[str, str], field: str, line: int
) -> None:
    content, _ = contents.save(variant=variant, channel="email", fields=fields, actor=owner)
    found = content.problems[0]
    assert (found["field"], found["line"]) == (field, line), found
    assert content.fields == fields, "what was written is kept"


def test_an_event_is_no_use_where_nothing_triggers(variant: Variant, owner: User) -> None:
    write(variant, owner, "<p>You bought {{ event.product }}</p>")
    assert "event.product" in variant.contents.get().problems[0]["message"]


def test_a_default_variant_that_needs_data_is_refused(variant: Variant, owner: User) -> None:
    default = add(variant.version, owner, is_default=True)
    with pytest.raises(contents.DefaultNeeds) as refused:
        write(default, owner, "<p>Dear {{ profile.first_name }}</p>")
    assert refused.value.needs == ["profile.first_name"]
    assert default.contents.get().fields["body"] == "<p>Hello.</p>"
    write(default, owner, "<p>Dear {{ profile.first_name | default: 'friend' }}</p>")


def test_a_variant_that_needs_data_cannot_become_the_default(variant: Variant, owner: User) -> None:
    write(variant, owner, "<p>Dear {{ profile.first_name }}</p>")
    with pytest.raises(contents.DefaultNeeds):
        drafts.change_variant(
            variant=variant, actor=owner, name="A", weight=50, segment=None, is_default=True
        )


def test_who_opened_it_before_somebody_else_saved_overwrites_nothing(variant: Variant, owner: User) -> None:
    opened = variant.contents.get().updated_at
    write(variant, owner, "<p>Theirs</p>")
    with pytest.raises(contents.ChangedMeanwhile):
        contents.save(
            variant=variant, channel="email", fields=words("<p>Mine</p>"), actor=owner, seen_at=opened
        )
    assert variant.contents.get().fields["body"] == "<p>Theirs</p>"


def test_launched_words_stay(make_campaign: Callable[..., Campaign], owner: User, now: datetime) -> None:
    version = make_campaign().versions.get()
    launching.launch(version=version, actor=owner, now=now)
    with pytest.raises(versions.Frozen):
        write(version.variants.get(), owner, "<p>Other</p>")


def test_saving_is_in_the_audit_log_with_what_changed(variant: Variant, owner: User) -> None:
    write(variant, owner, "<p>Second</p>")
    entry = AuditEntry.objects.filter(action="edited message").latest("id")
    assert entry.changes["a.body"] == ["<p>Hello.</p>", "<p>Second</p>"]
    assert entry.actor == owner


@pytest.mark.parametrize(
    ("old", "new", "logged"),
    [
        (None, "a", (None, "a")),
        ("a", "b", ("a", "b")),
        ("x\n" * 300 + "old\n" + "y\n" * 300, "x\n" * 300 + "new\n" + "y\n" * 300, ("old", "new")),
        ("x\n" * 300, "x\n" * 300 + "more", ("", "more")),
        ("x\n" * 300, "x\n" * 299, ("x", "")),
        ("same" * 200, "same" * 200, ("same" * 200, "same" * 200)),
    ],
)
def test_of_long_words_the_log_keeps_what_differs(old: str | None, new: str, logged: tuple[str, str]) -> None:
    assert contents.differing(old, new) == logged


class TestFooter:
    """What marketing mail must say is added where its author left it out."""

    def compiled(self, body: str, *, is_marketing: bool = True, text: str = "") -> channels.Compiled:
        return channels.get("email").compile(words(body, text=text), is_marketing=is_marketing)

    def test_both_are_added_and_the_author_is_told(self) -> None:
        compiled = self.compiled("<html><body><p>Hello</p></body></html>")
        assert "{{ unsubscribe_url }}" in compiled.parts["html"]["text"]
        assert "{{ brand.postal_address" in compiled.parts["html"]["text"]
        assert compiled.parts["html"]["text"].endswith("</body></html>")
        assert "postal address and an unsubscribe link" in compiled.notes[0]

    def test_an_unsubscribe_link_of_the_author_is_enough(self) -> None:
        compiled = self.compiled('<p><a href="{{ unsubscribe_url }}">Enough</a></p>')
        assert compiled.parts["html"]["text"].count("unsubscribe_url") == 1
        assert "unsubscribe" not in compiled.notes[0]

    def test_nothing_is_added_where_both_are_there(self) -> None:
        body = '<p>{{ brand.postal_address }} <a href="{{ unsubscribe_url }}">Enough</a></p>'
        text = "{{ brand.postal_address }} {{ unsubscribe_url }}"
        compiled = self.compiled(body, text=text)
        assert (compiled.parts["html"]["text"], compiled.parts["text"]["text"], compiled.notes) == (
            body,
            text,
            [],
        )

    def test_the_text_says_it_too(self) -> None:
        compiled = self.compiled("<p>Hello</p>", text="Hello")
        assert "Unsubscribe: {{ unsubscribe_url }}" in compiled.parts["text"]["text"]

    def test_transactional_mail_gets_none(self) -> None:
        compiled = self.compiled("<p>Your receipt</p>", is_marketing=False)
        assert "unsubscribe" not in str(compiled.parts)

    def test_the_footer_needs_nothing(self) -> None:
        assert self.compiled("<p>Hello</p>").needs == []

    def test_a_campaign_that_becomes_transactional_loses_it(self, variant: Variant, owner: User) -> None:
        assert "unsubscribe_url" in variant.contents.get().parts["html"]["text"]
        drafts.describe(
            campaign=variant.version.campaign, actor=owner, name="Receipt", description="",
            message_class="transactional", topic="", priority=3,
        )  # fmt: skip
        assert "unsubscribe_url" not in variant.contents.get().parts["html"]["text"]


def filled(
    content: Content, people: list[Profile], tenant: Tenant, now: datetime
) -> list[dict[str, str] | Refused]:
    known = facts.load(tenant_id=tenant.pk, ids=[person.pk for person in people], now=now)
    return contents.filled(
        channel=content.channel,
        parts=content.parts,
        people=[
            contents.person_context(known[person.pk], unsubscribe_url="https://out/") for person in people
        ],
        shared=contents.shared_context(content.variant.version.campaign, tenant=tenant),
        now=now,
    )


def test_many_people_are_filled_in_order_and_one_refusal_is_only_theirs(
    variant: Variant, owner: User, tenant: Tenant, make_profile: Callable[..., Profile], now: datetime
) -> None:
    write(variant, owner, "<p>Dear {{ profile.first_name }}</p>", subject="For {{ profile.first_name }}")
    people = [make_profile(first_name=name) for name in ("Ada", None, "Eve & Co")]
    first, second, third = filled(variant.contents.get(), people, tenant, now)
    assert isinstance(first, dict)
    assert first["subject"] == "For Ada"
    assert isinstance(second, Refused)
    assert isinstance(third, dict)
    assert "Dear Eve &amp; Co" in third["html"]
    assert third["subject"] == "For Eve & Co"


def test_a_filled_mail_carries_address_and_way_out(
    variant: Variant, tenant: Tenant, make_profile: Callable[..., Profile], now: datetime
) -> None:
    tenant.postal_address = "1 Song Street\n10115 <Berlin>"
    (mail,) = filled(variant.contents.get(), [make_profile()], tenant, now)
    assert isinstance(mail, dict)
    assert 'href="https://out/"' in mail["html"]
    assert "1 Song Street<br" in mail["html"]
    assert "&lt;Berlin&gt;" in mail["html"]
    assert "1 Song Street\n10115 <Berlin>" in mail["text"]


def test_styles_of_hand_written_mail_are_put_inline(
    variant: Variant, owner: User, tenant: Tenant, make_profile: Callable[..., Profile], now: datetime
) -> None:
    write(variant, owner, "<html><head><style>p { color: red }</style></head><body><p>Hi</p></body></html>")
    (mail,) = filled(variant.contents.get(), [make_profile()], tenant, now)
    assert isinstance(mail, dict)
    assert '<p style="color: red' in mail["html"]


@pytest.mark.parametrize(
    "starter", channels.get("email").starters() if channels.all() else [], ids=lambda s: s.key
)
def test_every_starter_can_be_sent_as_it_is(
    starter: channels.Starter, variant: Variant, owner: User, tenant: Tenant, make_profile: Callable[..., Profile],
    now: datetime,
) -> None:  # fmt: skip
    if starter.is_triggered:
        variant.version.when, variant.version.trigger = "event", triggers.make("Checkout Started")
        variant.version.save()
    content, _compiled = contents.save(variant=variant, channel="email", fields=starter.fields, actor=owner)
    assert (content.problems, content.needs) == ([], [])
    bare, full = make_profile(email="x@example.test"), make_profile(first_name="Ada", city="Berlin")
    for mail in filled(content, [bare, full], tenant, now):
        assert isinstance(mail, dict)
        assert mail["subject"].strip()
        assert "{{" not in mail["html"] + mail["text"]

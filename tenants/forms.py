"""What the settings pages ask for."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import cache
from typing import Any
from zoneinfo import available_timezones

from babel import Locale
from babel.numbers import get_currency_name, get_territory_currencies
from django import forms
from django.contrib.auth.password_validation import password_validators_help_texts, validate_password
from django.forms.utils import flatatt
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from tenants import brand, keys, mailboxes
from tenants.models import ApiKey, Tenant, User
from tenants.roles import Role

Choices = list[tuple[str, str]]
# Besides the plain languages: those whose variants readers tell apart.
VARIANTS = ("de-AT", "de-CH", "en-GB", "en-US", "es-MX", "fr-CA", "pt-BR", "pt-PT", "zh-Hans", "zh-Hant")


@cache
def zones() -> Choices:
    """The IANA zones people live in, by region and city."""
    named = {
        zone
        for zone in available_timezones()
        if "/" in zone and not zone.startswith(("Etc/", "SystemV/", "US/"))
    }
    return [("UTC", "UTC"), *((zone, zone.replace("_", " ")) for zone in sorted(named))]


@cache
def languages() -> Choices:
    """Languages by their English name."""
    plain = {code: name for code, name in Locale("en").languages.items() if len(code) == 2}
    variants = {code: str(Locale.parse(code, sep="-").get_display_name("en")) for code in VARIANTS}
    return sorted((plain | variants).items(), key=lambda pair: pair[1].casefold())


@cache
def currencies() -> Choices:
    """Currencies that some country pays with today."""
    codes = {code for place in Locale("en").territories for code in get_territory_currencies(str(place))}
    return [(code, f"{code}: {get_currency_name(code, locale='en')}") for code in sorted(codes)]


class LongSelect(forms.Select):
    """Hundreds of choices: Django would render a template for each, which takes longer than the rest of the page."""

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        options = format_html_join(
            "",
            '<option value="{}"{}>{}</option>',
            ((key, mark_safe(" selected") if key == value else "", label) for key, label in self.choices),
        )
        held = self.build_attrs(self.attrs, {**(attrs or {}), "name": name})
        return format_html("<select{}>{}</select>", flatatt(held), options)


class SecureAddress(forms.URLField):
    """An https:// address, as pictures in mails and links to oneself ought to be."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs, assume_scheme="https")

    def clean(self, value: Any) -> str:
        address: str = super().clean(value)
        if address and not address.startswith("https://"):
            raise forms.ValidationError("The address has to begin with https://.")
        return address


class MailboxField(forms.EmailField):
    """An address as it may stand in a mail's head: held to what holds where the mail is put together."""

    def clean(self, value: Any) -> str:
        address: str = super().clean(value)
        if address:
            try:
                mailboxes.on_the_wire(address)
            except mailboxes.InvalidAddress:
                raise forms.ValidationError("No mail can carry this address.") from None
        return address


class InviteForm(forms.Form):
    email = forms.EmailField(label="Email address", max_length=254)
    role = forms.ChoiceField(choices=Role, initial=Role.MARKETER)


class SignUpForm(forms.Form):
    """A new account for the address that was invited."""

    name = forms.CharField(
        label="Your name", max_length=150, widget=forms.TextInput({"autocomplete": "name"})
    )
    password = forms.CharField(
        strip=False, max_length=256, widget=forms.PasswordInput({"autocomplete": "new-password"})
    )

    def __init__(self, *args: Any, email: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.email = email
        self.fields["password"].help_text = " ".join(password_validators_help_texts())

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or {}
        if password := given.get("password"):
            try:
                validate_password(password, User(email=self.email, name=given.get("name", "")))
            except forms.ValidationError as weak:
                self.add_error("password", weak)
        return given


class SandboxForm(forms.Form):
    name = forms.CharField(
        max_length=100, help_text="It starts empty, with your sender identity and time zone."
    )


class SenderForm(forms.ModelForm):
    class Meta:
        model = Tenant
        fields = (
            "name",
            "from_name",
            "from_email",
            "reply_to",
            "postal_address",
            "timezone",
            "language",
            "currency",
        )
        labels = {
            "name": "Brand",
            "from_name": "From name",
            "from_email": "From address",
            "reply_to": "Reply to",
            "postal_address": "Postal address",
            "timezone": "Time zone",
            "language": "Default language",
        }
        help_texts = {
            "name": "What your team calls this brand here. Messages may show it.",
            "from_name": "Shown as the sender of each mail.",
            "from_email": "Your mail server must be allowed to send for its domain.",
            "reply_to": "Where answers go; empty: to the from address.",
            "postal_address": "Marketing mail must carry it: without it, none leaves.",
            "timezone": "For people whose own is not known, and for times on these pages.",
            "language": "For people whose own is not known.",
            "currency": "For revenue in results.",
        }
        widgets = {"postal_address": forms.Textarea({"rows": 3})}
        field_classes = dict.fromkeys(("from_email", "reply_to"), MailboxField)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, choices in (("timezone", zones()), ("language", languages()), ("currency", currencies())):
            self.fields[name] = forms.ChoiceField(
                choices=_with(self.initial.get(name), choices),
                label=self.fields[name].label,
                help_text=self.fields[name].help_text,
                widget=LongSelect,
            )

    def clean_from_name(self) -> str:
        return _one_line(self.cleaned_data["from_name"])


class BrandForm(forms.ModelForm):
    """How messages look. A colour left out is empty, for a browser's own field for colours always has one."""

    class Meta:
        model = Tenant
        fields = brand.FIELDS
        labels = {
            "primary_color": "Main colour",
            "background_color": "Background",
            "text_color": "Text",
            "logo_url": "Logo",
            "logo_alt": "Logo in words",
            "website": "Website",
            "support_email": "Support address",
        }
        help_texts = {
            "primary_color": "Buttons and headings, as #3f4bb8.",
            "background_color": "Around the words of a mail.",
            "text_color": "The words themselves.",
            "logo_url": "The https:// address of a PNG, JPEG or GIF: few mail programs show others.",
            "logo_alt": "Read out, and shown where pictures are blocked. Empty: the brand's name.",
            "support_email": "Where people get help.",
        }
        widgets = {
            name: forms.TextInput({"placeholder": "#", "maxlength": 7, "spellcheck": "false"})
            for name in brand.FIELDS
            if name.endswith("_color")
        }
        field_classes = dict.fromkeys(("logo_url", "website"), SecureAddress)

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or {}
        return given | {name: given[name].lower() for name in given if name.endswith("_color")}


class KeyForm(forms.Form):
    LIVES = (("", "Never"), ("30", "In 30 days"), ("90", "In 90 days"), ("365", "In a year"))

    name = forms.CharField(
        max_length=100, help_text="Where it will live, such as “Web shop” or “Nightly export”."
    )
    kind = forms.ChoiceField(choices=ApiKey.Kind, initial=ApiKey.Kind.WRITE, widget=forms.RadioSelect)
    scopes = forms.MultipleChoiceField(
        label="It may",
        choices=tuple(keys.SCOPES.items()),
        initial=["ingest", "read"],
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )
    expires = forms.ChoiceField(label="Expires", choices=LIVES, required=False)

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or {}
        if (
            given.get("kind") == ApiKey.Kind.SECRET
            and not given.get("scopes")
            and "scopes" not in self.errors
        ):
            self.add_error("scopes", "A secret key needs something it may do.")
        return given

    def expires_at(self, now: datetime) -> datetime | None:
        days = self.cleaned_data["expires"]
        return now + timedelta(days=int(days)) if days else None


class ForwardForm(forms.Form):
    UNITS = (("hours", "hours"), ("days", "days"))

    amount = forms.IntegerField(min_value=1, max_value=999, initial=1)
    unit = forms.ChoiceField(choices=UNITS, initial="days")

    def length(self) -> timedelta:
        return timedelta(**{self.cleaned_data["unit"]: self.cleaned_data["amount"]})


class AuditFilter(forms.Form):
    """Which entries to show; what is not among the choices filters nothing."""

    thing = forms.ChoiceField(required=False)
    person = forms.ChoiceField(required=False)

    def __init__(self, *args: Any, things: list[str], people: list[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._offer("thing", "Everything", [(thing, thing.capitalize()) for thing in things])
        self._offer("person", "Everybody", [(person, person) for person in people])

    def _offer(self, name: str, everything: str, choices: Choices) -> None:
        field = self.fields[name]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [("", everything), *choices]


def _with(current: str | None, choices: Choices) -> Choices:
    """The choices with what is stored already, so that saving another field does not change this one."""
    known = not current or any(value == current for value, _ in choices)
    return choices if known else [(str(current), str(current)), *choices]


def _one_line(text: str) -> str:
    """A header's value: a line break in it would start another header."""
    return " ".join(text.split())

"""The page of a tenant's mail server."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from campaigns.channels import TestNotSent
from delivery import providers
from delivery.channels.email import trial
from tenants.access import allow
from tenants.http import TenantRequest


class MailServerForm(forms.Form):
    """The password goes in and never comes out: an empty field keeps the one there is."""

    host = forms.CharField(label="Server", max_length=253, help_text="Such as smtp.example.com.")
    port = forms.IntegerField(min_value=1, max_value=65535, initial=587)
    tls = forms.ChoiceField(label="Encryption", choices=providers.Tls, initial=providers.Tls.STARTTLS)
    username = forms.CharField(
        label="User name",
        max_length=320,
        required=False,
        widget=forms.TextInput({"autocomplete": "off"}),
        help_text="Empty if the server asks for none.",
    )
    password = forms.CharField(
        max_length=1000,
        required=False,
        strip=False,
        widget=forms.PasswordInput({"autocomplete": "new-password"}),
    )

    def __init__(self, *args: Any, has_password: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if has_password:
            self.fields["password"].help_text = "One is kept. Leave this empty to keep it."

    def clean_host(self) -> str:
        host: str = self.cleaned_data["host"]
        if not host.isprintable() or any(sign in host for sign in " /@"):
            raise forms.ValidationError("Only the server's name or address, without protocol or path.")
        return host

    def clean_password(self) -> str | None:
        return self.cleaned_data["password"] or None


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@allow("manage")
def mail_server(request: TenantRequest) -> HttpResponse:
    if request.tenant.is_sandbox:
        return render(request, "delivery/mail_server_sandbox.html")
    provider = providers.active(request.tenant)
    form = MailServerForm(
        request.POST or None,
        initial=provider.settings if provider else None,
        has_password=bool(provider and provider.secret),
    )
    if request.method == "POST" and form.is_valid():
        try:
            providers.save_smtp(tenant=request.tenant, actor=request.user, **form.cleaned_data)
        except providers.PasswordNeeded as refusal:
            form.add_error("password", str(refusal))
        except providers.Refused as refusal:
            form.add_error(None, str(refusal))
        else:
            messages.success(request, "Saved. Your mail leaves through this server now.")
            return redirect("settings_mail_server")
    context = {"form": form, "provider": provider}
    return render(request, "delivery/mail_server.html", context, status=422 if form.errors else 200)


TRIAL = {
    "subject": "Your mail server works",
    "text": "Tact handed this mail to the server you set up. Campaigns leave the same way.\n",
    "html": "<p>Tact handed this mail to the server you set up. Campaigns leave the same way.</p>",
}


@require_POST
@allow("manage")
def try_mail_server(request: TenantRequest) -> HttpResponse:
    """Send a mail to whoever asks, the way campaigns go."""
    try:
        messages.success(request, trial.send(TRIAL, tenant=request.tenant, to=request.user.email))
    except TestNotSent as failed:
        messages.error(request, f"Not sent. {failed}")
    return redirect("settings_mail_server")


@require_POST
@allow("manage")
def remove_mail_server(request: TenantRequest) -> HttpResponse:
    providers.remove(tenant=request.tenant, actor=request.user)
    messages.success(request, "Removed. No mail leaves until you set up another.")
    return redirect("settings_mail_server")

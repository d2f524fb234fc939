"""Behind a proxy that speaks https for us: forms are accepted, links lead back, people are told apart."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from config import folders

ASKED = """
import json, django
django.setup()
from allauth.account.adapter import get_adapter
from django.conf import settings
from django.test import Client, RequestFactory
from django.utils import timezone
from delivery.tracking import Paths
settings.STORAGES["staticfiles"]["BACKEND"] = "django.contrib.staticfiles.storage.StaticFilesStorage"
said = {"Host": "tact.example.com", "X-Forwarded-Proto": "https", "X-Forwarded-For": "192.0.2.7"}
client = Client(enforce_csrf_checks=True, headers=said)
client.get("/accounts/login/")
token = client.cookies["csrftoken"].value
request = RequestFactory(headers=said).get("/")
print(json.dumps({
    "form": client.post(
        "/accounts/login/", {"csrfmiddlewaretoken": token}, headers={"Origin": "https://tact.example.com"}
    ).status_code,
    "link": request.build_absolute_uri("/"),
    "from": get_adapter().get_client_ip(request),
    "unsubscribe": Paths(tenant_id=1, delivery_id=1, occasion_at=timezone.now()).unsubscribe(),
}))
"""


def asked(base_url: str) -> dict[str, Any]:
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "TACT_BASE_URL": base_url,
        "TACT_ALLOWED_HOSTS": "shop.example.com, tact.example.com",
    }
    command = [sys.executable, "-c", ASKED]
    done = subprocess.run(command, cwd=folders.PROJECT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("end", ["", "/"])
def test_behind_https_people_sign_in_and_mails_lead_back(end: str):
    found = asked(f"https://tact.example.com{end}")
    assert found["unsubscribe"].startswith("https://tact.example.com/u/")
    assert (found["form"], found["link"]) == (200, "https://tact.example.com/")
    assert found["from"] == "192.0.2.7"


def test_where_there_is_no_proxy_nobody_says_who_they_are():
    found = asked("http://tact.example.com")
    assert (found["link"], found["from"]) == ("http://tact.example.com/", "127.0.0.1")

"""Settings that would send twice, or lead nowhere, are refused when Tact starts."""

import os
import subprocess
import sys
from typing import Any

import pytest
from django.conf import settings as real
from django.core.checks import run_checks

from config.folders import PROJECT


def found(*, deploy: bool = False) -> set[str]:
    return {
        problem.id
        for problem in run_checks(include_deployment_checks=deploy)
        if problem.id.startswith("tact.")
    }


def test_what_we_ship_passes():
    assert found() == set()


@pytest.mark.parametrize(
    ("wrong", "id"),
    [
        pytest.param({"retry": 479}, "tact.E001", id="shorter than wait and run"),
        pytest.param({"timeout": 130}, "tact.E001", id="a longer timeout"),
        pytest.param({"queue_limit": 20}, "tact.E001", id="a longer local queue"),
        pytest.param({"max_attempts": 0}, "tact.E002", id="for ever"),
        pytest.param({"orm": "other"}, "tact.E003", id="another database"),
    ],
)
def test_a_queue_that_could_run_a_task_beside_itself_is_refused(
    settings: Any, wrong: dict[str, Any], id: str
):
    settings.Q_CLUSTER = real.Q_CLUSTER | wrong
    assert found() == {id}


def test_more_workers_with_as_long_a_queue_are_fine(settings: Any):
    settings.Q_CLUSTER = real.Q_CLUSTER | {"workers": 8, "queue_limit": 8}
    assert found() == set()


@pytest.mark.parametrize("which", ["manage", "send", "track"])
def test_a_pace_of_none_is_refused(settings: Any, which: str):
    settings.API_PACE = real.API_PACE | {which: 0}
    assert found() == {"tact.E006"}


def test_a_cluster_without_workers_is_refused(settings: Any):
    settings.Q_CLUSTER = real.Q_CLUSTER | {"workers": 0, "queue_limit": 0}
    assert found() == {"tact.E006"}


@pytest.mark.parametrize("network", ["intranet", "10.1.2.3/16", "10.1.0.0/16:http"])
def test_networks_that_are_none_are_refused(settings: Any, network: str):
    settings.SOURCES_MAY_REACH = ["10.0.0.0/8", "127.0.0.1/32:9310", network]
    assert found() == {"tact.E007"}


@pytest.mark.parametrize(
    "url",
    [
        "tact.example.com",
        "ftp://tact.example.com",
        "https://",
        "http://localhost/tact",
        "",
        "http://[::1",
        "http://localhost:70000",
    ],
)
def test_a_base_url_no_link_can_begin_with_is_refused(settings: Any, url: str):
    settings.BASE_URL = url
    assert found() == {"tact.E004"}


def test_a_base_url_tact_would_not_answer_at_is_refused(settings: Any):
    settings.BASE_URL, settings.ALLOWED_HOSTS = "https://tact.example.com", ["localhost"]
    assert found() == {"tact.E005"}
    settings.ALLOWED_HOSTS = [".example.com"]
    assert found() == set()


def test_settings_are_read_as_people_write_them():
    """Blanks after commas, and levels in small letters."""
    written = {"TACT_ALLOWED_HOSTS": "localhost, 127.0.0.1", "TACT_LOG_LEVEL": "debug"}
    subprocess.run([sys.executable, "manage.py", "check"], cwd=PROJECT, env=os.environ | written, check=True)


def test_before_customers_come_mail_must_leave_and_sign_ins_be_protected(settings: Any):
    settings.BASE_URL, settings.EMAIL_BACKEND = (
        "http://127.0.0.1:8000",
        "django.core.mail.backends.console.EmailBackend",
    )
    assert found(deploy=True) == {"tact.W001", "tact.W002"}
    settings.BASE_URL, settings.EMAIL_BACKEND = (
        "https://a.example.com",
        "django.core.mail.backends.smtp.EmailBackend",
    )
    settings.ALLOWED_HOSTS = ["a.example.com"]
    assert found(deploy=True) == set()

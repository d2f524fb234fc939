"""docs/integrators.md: each call it shows of the management API works as it stands there."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from audiences import segments
from campaigns.blocks import editing
from delivery.models import Delivery
from tenants import keys
from tests.api import shaped

GUIDE = (Path(__file__).parents[2] / "docs" / "integrators.md").read_text()
CHAPTER = GUIDE.partition("## The management API")[2].partition("\n## ")[0]
HOST = "https://tact.example.com/api/v1/"


class Call(NamedTuple):
    method: str
    path: str
    body: str
    headers: dict[str, str]


def calls() -> list[Call]:
    """Return what the guide's curl lines would send."""
    blocks = re.findall(r"```\n(.*?)```", CHAPTER, re.DOTALL)
    lines = [line for block in blocks for line in block.replace("\\\n", " ").split("\ncurl ")]
    return [_read(shlex.split(line.removeprefix("curl "))) for line in lines]


def _read(words: list[str]) -> Call:
    method, url, body, headers = "", "", "", {}
    given = iter(words)
    for word in given:
        match word:
            case "-X":
                method = next(given)
            case "-d":
                body = next(given)
            case "-H":
                name, _, value = next(given).partition(": ")
                headers[name] = value
            case _:
                url = word
    assert url.startswith(HOST)
    return Call(method or ("POST" if body else "GET"), url.removeprefix(HOST), body, headers)


@pytest.fixture
def things(tenant: Any, make_campaign: Any, make_profile: Any, receipt: Any, api: Any) -> dict[str, str]:
    """What the guide's braces stand for."""
    people = [make_profile(external_id=f"user-{n}", email=f"ada{n}@example.com") for n in (1, 2)]
    order = receipt()
    answer = api.post(
        f"campaigns/{order.public_id}/send", {"to": {"external_id": "user-1"}, "idempotency_key": "k"}
    )
    return {
        "profile": str(people[0].public_id),
        "segment": str(segments.create(tenant=tenant, actor=None, name="S", rule={"all": []}).public_id),
        "campaign": str(make_campaign(is_launched=False).public_id),
        "asked": str(order.public_id),
        "draft": str(make_campaign(is_launched=False, name="Draft").public_id),
        "block": str(editing.add(tenant=tenant, actor=None, name="footer", text="<p>Bye</p>").public_id),
        "delivery": answer.json()["delivery"],
    }


@pytest.mark.usefixtures("postbox")
def test_every_call_in_the_guide_works(api: Any, things: dict[str, str]):
    found = calls()
    assert len(found) > 20
    for call in found:
        which = "asked" if "/send" in call.path else "draft" if "/contents/" in call.path else "campaign"
        path = call.path.format(**things | {"campaign": things[which]})
        assert call.headers.pop("Authorization") == "Bearer sk_..."
        content_type = call.headers.pop("Content-Type", "")
        assert (content_type == "application/json") == bool(call.body)
        answer = api.client.generic(
            call.method,
            f"/api/v1/{path}",
            call.body,
            content_type=content_type or "text/plain",
            headers=call.headers,
        )
        assert answer.status_code in (200, 201, 202), (call, answer.content)
        assert all("error" not in each for each in answer.json().get("messages", []))
    assert Delivery.objects.filter(campaign__public_id=things["asked"]).count() == 3


def test_the_guide_tells_of_every_scope():
    table = set(re.findall(r"^\| `(\w+)` \|", CHAPTER, re.MULTILINE))
    assert table == set(keys.SCOPES)


def test_the_error_in_the_guide_is_a_real_one(api: Any):
    rule = {"all": [{"on": "attribute", "name": "city", "operator": "is", "value": {}}]}
    error = shaped(api.post("segments", {"name": "N", "rule": rule}), 400, "invalid")
    (shown,) = re.findall(r"```json\n(.*?)```", CHAPTER, re.DOTALL)
    assert json.loads(shown) == {"error": error}

"""The pages of sources, and where sources show on others."""

from __future__ import annotations

import html
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from campaigns.models import Source
from campaigns.sources import questions, trial
from delivery import alarms
from tenants import clock
from tests.campaigns.conftest import url, words
from tests.servers import says

OK = says('{"today": {"temperature": 21}, "films": [{"title": "Alien", "at": "20:15"}]}')
FORM = {
    "name": "weather",
    "method": "GET",
    "url": "https://api.example.com/?c={{ profile.city }}",
    "headers": "X-Key: s3cret",
    "timeout_seconds": "5",
    "cache_minutes": "5",
    "last_good_hours": "24",
    "on_failure": "skip",
    "default": "",
}


def text(response: Any) -> str:
    return html.unescape(response.content.decode())


def test_an_owner_sets_one_up_and_the_secret_is_never_shown_again(client_of):
    owner = client_of("owner")
    made = owner.post(reverse("source_new"), FORM, follow=True)
    source = Source.objects.get()
    assert questions.headers_of(source) == {"X-Key": "s3cret"}
    edit = reverse("source_edit", args=[source.public_id])
    for page in (made, owner.get(edit), owner.get(reverse("source_list"))):
        assert "s3cret" not in text(page)
    assert f"X-Key: {trial.MASK}" in text(owner.get(edit))
    owner.post(edit, FORM | {"headers": f"X-Key: {trial.MASK}\nX-More: x", "cache_minutes": "60"})
    source.refresh_from_db()
    assert questions.headers_of(source) == {"X-Key": "s3cret", "X-More": "x"}
    assert source.cache_minutes == 60


@pytest.mark.parametrize(
    ("wrong", "says_why"),
    [
        pytest.param({"headers": "nonsense"}, "Line 1: write it as Name: value.", id="no header"),
        pytest.param({"headers": "X: 1\nx: 2"}, "Line 2: x is given twice.", id="twice"),
        pytest.param({"headers": f"X: {trial.MASK}"}, "on one line", id="dots for what was never kept"),
        pytest.param({"default": "{", "on_failure": "default"}, "This is not JSON", id="no JSON"),
        pytest.param({"url": "https://{{ profile.x }}/"}, "written out", id="a server from data"),
        pytest.param({"name": "My weather"}, "small letters", id="a name"),
    ],
)
def test_what_is_wrong_is_said_beside_the_field(client_of, wrong, says_why):
    response = client_of("owner").post(reverse("source_new"), FORM | wrong)
    assert response.status_code == 422
    assert says_why in text(response)
    assert not Source.objects.exists()


def test_trying_shows_the_question_as_sent_and_the_answer_with_what_to_insert(
    client_of, serve, make_source, make_profile
):
    server = serve(OK)
    source = make_source(server.url + "/?c={{ profile.city }}", headers={"X-Key": "s3cret"})
    make_profile(email="ada@example.test", city="São Paulo")
    response = client_of("marketer").post(
        reverse("source_try", args=[source.public_id]), {"who": "ada@example.test"}
    )
    shown = text(response)
    assert "X-Key: s3cret" in server.asked[0]
    assert "s3cret" not in shown
    assert f"GET {server.url}/?c=S%C3%A3o%20Paulo" in shown
    assert '"temperature": 21' in shown
    assert "{{ source.weather.today.temperature }}" in shown
    assert "{% for each in source.weather.films %}{{ each.title }}{% endfor %}" in shown
    assert "{{ source.weather.films[0].title }}" in shown
    page = text(client_of().get(reverse("source_detail", args=[source.public_id])))
    assert "{{ source.weather.today.temperature }}" in page
    assert "Answers" in text(client_of().get(reverse("source_list")))


@pytest.mark.parametrize(
    ("answer", "says_why"),
    [
        pytest.param(
            says("Go away", status="401 Unauthorized"), "It answered 401 Unauthorized.", id="refused"
        ),
        pytest.param(says("<h1>Hi</h1>"), "It did not answer in JSON", id="a page"),
    ],
)
def test_trying_what_fails_says_why_and_shows_what_came(client_of, serve, make_source, answer, says_why):
    source = make_source(serve(answer).url + "/")
    shown = text(client_of().post(reverse("source_try", args=[source.public_id])))
    assert says_why in shown
    assert "Go away" in shown or "<h1>Hi</h1>" in shown
    assert "Fails" in text(client_of().get(reverse("source_list")))


def test_trying_a_place_inside_is_refused(client_of, make_source):
    source = make_source("http://127.0.0.1/")
    shown = text(client_of().post(reverse("source_try", args=[source.public_id])))
    assert "not on the public internet" in shown


def test_trying_as_nobody(client_of, make_source):
    source = make_source("http://127.0.0.1/")
    shown = text(client_of().post(reverse("source_try", args=[source.public_id]), {"who": "nobody"}))
    assert "Nobody goes by that." in shown


def test_a_source_in_use_is_not_removed(client_of, make_source, campaign, owner):
    source = make_source("https://api.example.com/")
    client = client_of("owner")
    client.post(
        url("campaign_variant", campaign, "a"), words("<p>{{ source.weather.x }}</p>") | {"channel": "email"}
    )
    page = client.post(reverse("source_remove", args=[source.public_id]), follow=True)
    assert f"Not removed. It is used by “{campaign.name}”" in text(page)
    assert Source.objects.exists()


def test_the_editor_offers_and_previews_what_a_source_says(
    marketer: Client, serve, make_source, campaign, make_profile, now
):
    server = serve(OK)
    make_profile()
    source = make_source(server.url + "/", cache_minutes=0)
    typed = words("<p>{{ source.weather.today.temperature }} degrees</p>") | {"channel": "email"}
    for _ in range(3):
        shown = text(marketer.post(url("campaign_preview_draft", campaign, "a"), typed))
        assert "21 degrees" in shown
    assert len(server.asked) == 1  # a preview does with an answer of a minute ago
    assert "from the cache" in shown
    marketer.post(url("campaign_variant", campaign, "a"), typed)
    assert "21 degrees" in text(marketer.get(url("campaign_preview", campaign, "a")))
    editor = text(marketer.get(url("campaign_variant", campaign, "a")))
    assert 'data-insert="{{ source.weather.today.temperature }}"' in editor
    assert "Source weather" in editor
    assert source.name in editor


def test_a_preview_says_which_source_failed(marketer: Client, serve, make_source, campaign, make_profile):
    make_source(serve(says("", status="500 Oops")).url + "/")
    make_profile()
    typed = words("<p>{{ source.weather.today }}</p>") | {"channel": "email"}
    shown = text(marketer.post(url("campaign_preview_draft", campaign, "a"), typed))
    assert "The source weather gave nothing. It answered 500 Internal Server Error." in shown


def test_a_source_of_a_live_campaign_that_fails_is_an_alarm(
    tenant, serve, make_source, campaign, owner, marketer, client_of
):
    source = make_source(serve(says("", status="500 Oops")).url + "/")
    marketer.post(
        url("campaign_variant", campaign, "a"), words("<p>{{ source.weather.x }}</p>") | {"channel": "email"}
    )
    trying = reverse("source_try", args=[source.public_id])
    client_of().post(trying)
    found = lambda: [one for one in alarms.of(tenant, now=clock.now(tenant)) if one.kind == "source"]  # noqa: E731
    assert found() == []  # nothing live uses it
    campaign.state = "live"
    campaign.save()
    version = campaign.versions.get()
    version.launched_at = clock.now(tenant)
    version.save()
    (alarm,) = found()
    assert alarm.is_grave
    assert "500" in alarm.numbers
    Source.objects.update(failed_at=clock.raw_now() - timedelta(hours=2))
    assert found() == []
    Source.objects.update(failures=5, rests_until=clock.raw_now() + timedelta(seconds=30))
    assert len(found()) == 1
    assert "Left alone" in text(client_of().get(reverse("source_list")))


def test_the_api_tells_of_sources_and_not_of_their_secrets(api, make_source):
    source = make_source("https://api.example.com/", headers={"X-Key": "s3cret"})
    (listed,) = api.get("sources").json()["data"]
    assert listed == api.get(f"sources/{source.public_id}").json()
    assert (listed["name"], listed["header_names"], listed["state"]) == ("weather", ["X-Key"], "new")
    assert "s3cret" not in str(listed)

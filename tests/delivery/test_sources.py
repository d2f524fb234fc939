"""Live content on its way into a mail, or the reason why there is none."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from typing import Any

import pytest
from django.urls import reverse

from campaigns import versions
from campaigns.models import Campaign, Source
from delivery import sourcing
from delivery.models import Delivery
from tests.servers import says

WORDS = "<p>{{ source.weather.today.temperature }} degrees in {{ profile.city | default: 'town' }}</p>"
OK = says('{"today": {"temperature": 21}}')
DOWN = says("busy", status="503 Service Unavailable")


@pytest.fixture
def weather(make_campaign) -> Callable[..., Campaign]:
    def make(body: str = WORDS, **fields: Any) -> Campaign:
        return make_campaign(variants=(("a", 100, "Weather", body),), **fields)

    return make


def row(campaign: Campaign) -> Delivery:
    return Delivery.objects.get(campaign=campaign)


def free(tenant: Any) -> None:
    """Let what waits to be tried again be tried now."""
    Delivery.objects.filter(state="planned").update(lease_until=None)


def test_a_mail_says_what_the_source_said_and_the_row_keeps_it(
    make_profile, serve, make_source, weather, run, postbox, client_of
):
    server = serve(OK)
    make_source(server.url + "/{{ profile.city }}")
    profile = make_profile(city="Ulm")
    campaign = weather()
    run()
    assert "21 degrees in Ulm" in postbox.to(profile.email).get_body(("html",)).get_content()
    (kept,) = row(campaign).decision["sources"].items()
    assert kept[0] == "weather"
    assert kept[1]["origin"] == "asked"
    assert kept[1]["status"] == 200
    assert kept[1]["answer"] == '{"today": {"temperature": 21}}'
    page = client_of().get(reverse("campaign_why", args=[campaign.public_id]), {"profile": profile.public_id})
    shown = page.content.decode()
    assert "What the sources gave" in shown
    assert "&quot;temperature&quot;: 21" in shown


def test_many_people_cost_one_question(make_profile, serve, make_source, weather, run, postbox):
    server = serve(OK)
    make_source(server.url + "/all", cache_minutes=0)
    people = [make_profile() for _ in range(30)]
    weather()
    run()
    assert len(server.asked) == 1
    assert postbox.recipients() == sorted(person.email for person in people)


def test_each_person_gets_what_was_said_of_them(make_profile, serve, make_source, weather, run, postbox):
    def by_city(line: socket.socket, asked: str) -> None:
        says(f'{{"today": {{"temperature": {len(asked.split()[1])}}}}}')(line, asked)

    make_source(serve(by_city).url + "/{{ profile.city }}")
    people = [make_profile(city=city) for city in ("Rom", "Bern", "Rom", "London")]
    weather()
    run()
    for person in people:
        text = postbox.to(person.email).get_body(("html",)).get_content()
        assert f"{len(person.city) + 1} degrees in {person.city}" in text


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        pytest.param(
            says('{"today": {}}'), "The source weather gave no today.temperature.", id="no such value"
        ),
        pytest.param(
            says("[]", status="404 Not Found"),
            "The source weather gave nothing. It answered 404 Not Found.",
            id="no answer",
        ),
    ],
)
def test_who_cannot_be_told_is_skipped_with_the_reason(
    make_profile, serve, make_source, weather, run, postbox, client_of, answer, why
):
    make_source(serve(answer).url + "/")
    profile = make_profile()
    campaign = weather()
    run()
    found = row(campaign)
    assert (found.state, found.reason, found.reply) == ("skipped", "source", why)
    assert postbox.mails == []
    page = client_of().get(reverse("campaign_why", args=[campaign.public_id]), {"profile": profile.public_id})
    assert "A source had nothing for them" in page.content.decode().replace("a source", "A source")
    assert why in page.content.decode()


def test_words_with_a_default_are_sent_without(make_profile, serve, make_source, weather, run, postbox):
    make_source(serve(says('{"today": null}')).url + "/")
    profile = make_profile()
    weather("<p>{{ source.weather.today.temperature | default: 'mild' }}</p>")
    run()
    assert "mild" in postbox.to(profile.email).get_body(("html",)).get_content()


def test_a_sentence_inside_an_if_is_left_out(make_profile, serve, make_source, weather, run, postbox):
    make_source(serve(says('{"record": null}')).url + "/")
    profile = make_profile()
    weather("<p>Hello{% if source.weather.record %}, {{ source.weather.record.title }}{% endif %}!</p>")
    run()
    assert "Hello!" in postbox.to(profile.email).get_body(("html",)).get_content()


def test_trouble_that_may_pass_is_waited_out_and_then_ends_in_a_reason(
    make_profile, serve, make_source, weather, run, postbox, tenant
):
    server = serve(DOWN)
    make_source(server.url + "/", cache_minutes=0)
    make_profile()
    campaign = weather()
    for attempt in range(1, sourcing.TRIES + 1):
        run()
        assert (row(campaign).state, row(campaign).attempts) == ("planned", attempt)
        assert row(campaign).decision["sources"]["weather"]["why"] == "It answered 503 Service Unavailable."
        free(tenant)
    run()
    assert (row(campaign).state, row(campaign).reason) == ("skipped", "source")
    assert len(server.asked) == 4


def test_trouble_that_passed_delays_and_does_no_more(
    make_profile, serve, make_source, weather, run, postbox, tenant
):
    server = serve(DOWN)
    make_source(server.url + "/")
    profile = make_profile()
    weather()
    run()
    server.answer = OK
    free(tenant)
    run()
    assert postbox.recipients() == [profile.email]


def test_a_default_answer_leaves_at_once_and_says_so(make_profile, serve, make_source, weather, run, postbox):
    default = {"today": {"temperature": "some"}}
    make_source(serve(DOWN).url + "/", on_failure="default", default=default)
    profile = make_profile()
    campaign = weather()
    run()
    assert "some degrees" in postbox.to(profile.email).get_body(("html",)).get_content()
    kept = row(campaign).decision["sources"]["weather"]
    assert (kept["origin"], kept["why"]) == ("default", "It answered 503 Service Unavailable.")


def test_whoever_is_not_reached_in_time_comes_with_the_next_chunk(
    make_profile, serve, make_source, weather, run, postbox, monkeypatch
):
    def slow(line: socket.socket, asked: str) -> None:
        time.sleep(0.3)
        OK(line, asked)

    make_source(serve(slow).url + "/{{ profile.external_id }}", timeout_seconds=1)
    monkeypatch.setattr(sourcing, "SECONDS", 1.5)
    monkeypatch.setattr(sourcing, "RENEWS_AFTER_SECONDS", 1.0)
    people = [make_profile() for _ in range(50)]
    weather()
    run()
    assert postbox.recipients() == sorted(person.email for person in people)
    assert set(Delivery.objects.values_list("attempts", flat=True)) == {1}


def test_words_without_a_source_ask_nobody_and_write_nothing(
    make_profile, make_campaign, run, postbox, monkeypatch
):
    def never(*_: Any, **__: Any) -> None:
        raise AssertionError

    for module, name in ((sourcing.gathering, "gather"), (sourcing, "_keep"), (sourcing.claim, "renew")):
        monkeypatch.setattr(module, name, never)
    profile = make_profile()
    make_campaign()
    run()
    assert postbox.recipients() == [profile.email]


def test_who_lacks_what_the_question_needs_gets_the_next_variant(
    make_profile, serve, make_source, make_campaign, run, postbox
):
    """Of a source that would skip them; one with a default asks nothing of anybody."""
    make_source(serve(OK).url + "/{{ profile.city }}")
    make_profile(email="here@example.test", city="Ulm")
    make_profile(email="there@example.test")
    make_campaign(variants=(("a", 100, "Weather", WORDS),), default=("b", "News", "<p>No weather</p>"))
    run()
    assert dict(Delivery.objects.values_list("address", "arm")) == {
        "here@example.test": "a",
        "there@example.test": "b",
    }


def test_a_source_that_is_gone_skips_and_says_so(make_profile, serve, make_source, weather, run, postbox):
    source = make_source(serve(OK).url + "/")
    make_profile()
    campaign = weather()
    Source.objects.filter(pk=source.pk).delete()
    run()
    assert "no source called weather any more" in row(campaign).reply


def test_after_a_kill_in_mid_question_another_worker_goes_on(
    make_profile, serve, make_source, weather, run, postbox, tenant, monkeypatch
):
    class Killed(BaseException):
        pass

    def killed(*_: Any, **__: Any) -> None:
        raise Killed

    server = serve(OK)
    make_source(server.url + "/")
    profile = make_profile()
    weather()
    with monkeypatch.context() as patched:
        patched.setattr(sourcing, "_keep", killed)
        with pytest.raises(Killed):
            run()
    assert postbox.mails == []
    free(tenant)
    run()
    assert postbox.recipients() == [profile.email]
    assert len(server.asked) == 1  # its answer had been kept


def test_a_copy_of_a_version_asks_the_same(serve, make_source, weather, owner):
    make_source(serve(OK).url + "/")
    campaign = weather()
    draft = versions.start(campaign=campaign, actor=owner)
    assert draft.variants.get().contents.get().sources == {"weather": ["source.weather.today.temperature"]}

"""Braze's connected_content is the source that asks the same; where there is none, its author is told what to do."""

from __future__ import annotations

import html
from time import process_time
from urllib.parse import parse_qs, urlsplit

import pytest
from django.urls import reverse

from campaigns import contents, preview
from campaigns.liquid import calls
from campaigns.liquid.calls import Call
from campaigns.models import Source
from campaigns.sources import editing
from tests.campaigns.conftest import url, words
from tests.servers import says

WEATHER = "https://api.example.com/v2/weather?city={{ profile.city }}&units=metric"
READS = "<p>{{ weather.today.temperature }}</p>"


def saved(campaign, owner, body, **more):
    variant = campaign.versions.get().variants.get()
    _, compiled = contents.save(variant=variant, channel="email", fields=words(body, **more), actor=owner)
    return compiled


@pytest.mark.parametrize(
    "call",
    [
        pytest.param(
            "https://api.example.com/v2/weather?city={{${city}}}&units=metric :save weather", id="plainly"
        ),
        pytest.param(
            "https://API.example.com:443/v2/weather?units=metric&city={{ profile['city'] }} :save weather",
            id="other order, other spelling",
        ),
        pytest.param(
            "http://api.example.com/v2/weather?city={{${city} | url_param_escape}}&amp;units=metric :save weather",
            id="escaped, and over http",
        ),
        pytest.param(
            "\n  https://api.example.com/v2/weather?city={{${city}}}&units=metric\n  :method get\n  :save weather\n"
            "  :cache_max_age 900 :retry",
            id="over some lines, with options that a source has no need of",
        ),
        pytest.param(
            'https://api.example.com/v2/weather?city={{${city}}}&units=metric :headers {"x-key": "abc"}'
            " :content_type application/json :save weather",
            id="with a header that the source sends",
        ),
    ],
)
def test_a_call_is_the_source_that_asks_the_same(campaign, owner, make_source, call):
    make_source(WEATHER, headers={"X-Key": "s3cret"})
    compiled = saved(campaign, owner, f"{{% connected_content {call} %}}\n{READS}")
    assert compiled.problems == []
    assert compiled.sources == {"weather": ["source.weather.today.temperature"]}
    assert compiled.needs == ["profile.city"]
    assert "is the source weather, which keeps its answers 5 minutes" in " ".join(compiled.notes)


@pytest.mark.parametrize(
    ("call", "why"),
    [
        (
            "https://api.example.com/v2/weather?city={{${country}}}&units=metric",
            "No source asks this address.",
        ),
        ("https://api.example.com/v2/weather?city={{${city}}}", "No source asks this address."),
        (
            "https://other.example.com/v2/weather?city={{${city}}}&units=metric",
            "No source asks this address.",
        ),
        ("{{custom_attribute.${api}}}/weather", "the server's name, written out"),
        (
            "https://api.example.com/v2/weather?city={{${city}}}&units=metric :method post",
            "The source weather asks this address with GET, not POST.",
        ),
        (
            'https://api.example.com/v2/weather?city={{${city}}}&units=metric :headers {"X-Other": "1"}',
            "The source weather asks this address without a header X-Other: add it there.",
        ),
        (
            "https://api.example.com/v2/weather?city={{${city}}}&units=metric :basic_auth weather_login",
            "without a header Authorization: add it there.",
        ),
        (
            "https://api.example.com/v2/weather?city={{${city}}}&units=metric :proxy a.example",
            "Tact knows no option :proxy.",
        ),
    ],
)
def test_one_that_no_source_asks_is_said_at_its_place(campaign, owner, make_source, call, why):
    make_source(WEATHER)
    body = f"<p>Hi</p>\n<p>{{% connected_content {call} :save weather %}}</p>"
    (problem,) = saved(campaign, owner, body).problems
    assert (problem.field, problem.line, problem.column) == ("body", 2, 4)
    assert why in problem.message
    assert bool(problem.make_source) == why.startswith("No source")


def test_a_post_is_the_source_that_sends_the_same_body(campaign, owner, make_source):
    make_source(
        "https://api.example.com/pick",
        name="pick",
        method="POST",
        body='{"who": "{{ profile.external_id }}"}',
    )
    call = 'https://api.example.com/pick :method post :body {"who":"{{${user_id}}}"} :save pick'
    compiled = saved(campaign, owner, f"<p>{{% connected_content {call} %}}{{{{ pick.title }}}}</p>")
    assert (compiled.problems, compiled.sources) == ([], {"pick": ["source.pick.title"]})
    other = saved(campaign, owner, f"<p>{{% connected_content {call.replace('who', 'whom')} %}}</p>")
    assert "asks this address and sends another body" in other.problems[0].message


def test_a_call_that_is_not_saved_stands_for_its_answer_and_what_does_not_run_is_left_alone(
    campaign, owner, make_source
):
    make_source("https://api.example.com/fact", name="fact")
    call = "{%- connected_content https://api.example.com/fact -%}"
    body = f"<p>{call}</p>{{% comment %}}{{% connected_content https://x.test/ %}}{{% endcomment %}}"
    compiled = saved(campaign, owner, body)
    assert (compiled.problems, compiled.sources) == ([], {"fact": ["source.fact"]})
    shown = saved(campaign, owner, f"<p>{{% raw %}}{call}{{% endraw %}}</p>")
    assert (shown.problems, shown.sources) == ([], {})


def test_other_mistakes_keep_the_place_they_were_typed_at(campaign, owner, make_source):
    make_source(WEATHER)
    call = "{% connected_content\nhttps://api.example.com/v2/weather?city={{${city}}}&units=metric :save weather %}"
    found = saved(campaign, owner, f"<p>{call} {{{{ 1 | uper }}}}\n {{{{ 1 | uper }}}}</p>").problems
    assert [(one.line, one.column) for one in found] == [(2, 90), (3, 9)]


def test_a_status_is_nothing_a_message_can_ask_for(campaign, owner, make_source):
    make_source(WEATHER)
    call = WEATHER + " :save weather"
    body = f"<p>{{% connected_content {call} %}}{{% if weather.__http_status_code__ == 200 %}}Hi{{% endif %}}</p>"
    (problem,) = saved(campaign, owner, body).problems
    assert "has no status" in problem.message


def test_another_tenants_source_stands_for_nothing(campaign, owner, other_tenant):
    Source(tenant=other_tenant, name="weather", url=WEATHER).save()
    (problem,) = saved(campaign, owner, f"<p>{{% connected_content {WEATHER} :save weather %}}</p>").problems
    assert "No source asks this address" in problem.message


def test_a_template_of_brazes_is_filled_from_the_server_it_names(
    campaign, owner, serve, make_source, make_profile, now
):
    server = serve(says('{"today": {"temperature": 21}, "films": [{"title": "Alien"}, {"title": "Heat"}]}'))
    make_source(server.url + "/weather?city={{ profile.city }}")
    call = f"{{% connected_content {server.url}/weather?city={{{{${{city}}}}}} :save weather :cache_max_age 900 %}}"
    mjml = (
        f"<mjml><mj-body><mj-raw>{call}</mj-raw><mj-section><mj-column><mj-text>"
        "Hi {{${first_name} | default: 'you'}},"
        " {{ weather.today.temperature }} degrees:{% for film in weather.films %} {{ film.title }}{% endfor %}"
        "</mj-text></mj-column></mj-section></mj-body></mjml>"
    )
    assert saved(campaign, owner, mjml, body_format="mjml").problems == []
    ada = make_profile(first_name="Ada", city="New York")
    variant = campaign.versions.get().variants.get()
    shown = preview.of_saved(variant=variant, channel="email", profile=ada, now=now)
    assert "Hi Ada, 21 degrees: Alien Heat" in " ".join(shown.message["text"].split())
    assert [asked.partition(" HTTP")[0] for asked in server.asked] == ["GET /weather?city=New%20York"]


def test_an_owner_makes_the_missing_source_from_it_and_the_words_are_right(campaign, client_of, owner):
    call = 'https://api.example.com/w?c={{${city}}} :headers {"X-Key": "s3cret"} :save weather'
    body = f"<p>{{% connected_content {call} %}}{{{{ weather.sky }}}}</p>"
    saved(campaign, owner, body)
    address = url("campaign_preview_draft", campaign, "a")
    form = words(body) | {"channel": "email", "language": ""}
    page = html.unescape(client_of("owner").post(address, form).content.decode())
    link = page.partition('<a href="' + reverse("source_new"))[2].partition('"')[0]
    asked = {name: value for name, (value,) in parse_qs(urlsplit(link).query).items()}
    assert asked == {
        "name": "weather",
        "url": "https://api.example.com/w?c={{ profile.city }}",
        "method": "GET",
        "headers": "X-Key: ",
    }
    assert "Make a source of it" not in client_of("marketer").post(address, form).content.decode()
    new = html.unescape(client_of("owner").get(reverse("source_new") + link).content.decode())
    assert "https://api.example.com/w?c={{ profile.city }}" in new
    assert "X-Key:" in new
    assert "s3cret" not in new
    made = {
        "method": "GET",
        "timeout_seconds": 5,
        "cache_minutes": 5,
        "last_good_hours": 24,
        "on_failure": "skip",
    }
    editing.add(
        tenant=campaign.tenant,
        actor=owner,
        headers={"X-Key": "abc"},
        name=asked["name"],
        url=asked["url"],
        **made,
    )
    content = campaign.versions.get().variants.get().contents.get()
    assert (content.problems, content.sources) == ([], {"weather": ["source.weather.sky"]})


@pytest.mark.parametrize(
    ("text", "read"),
    [
        (
            "{% connected_content https://a.test/?q={{${city} | default: 'New York'}} :save w %}",
            [Call(0, 83, "https://a.test/?q={{profile.city | default: 'New York'}}", {"save": "w"})],
        ),
        (
            "{% connected_content https://a.test:8080/ :no_cache :save w %}",
            [Call(0, 62, "https://a.test:8080/", {"no_cache": "", "save": "w"})],
        ),
        ("{% connected_contents x %} {% connected_content https://never.closed/", []),
    ],
)
def test_calls_are_read(text, read):
    assert list(calls.calls(text)) == read


@pytest.mark.parametrize(
    "text",
    [
        "{% connected_content " * 9_000,
        "{% connected_content " + "{{" * 90_000 + " %}",
        ("{% connected_content " + "{{" * 3_900 + " %}") * 20,
        "{% comment %}" * 14_000,
    ],
)
def test_reading_takes_no_longer_for_what_was_made_to_take_long(text):
    before = process_time()
    list(calls.calls(text))
    assert process_time() - before < 2

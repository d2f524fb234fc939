"""Setting up sources, and what words may say of them."""

from __future__ import annotations

from typing import Any

import pytest

from campaigns import contents
from campaigns.models import Source
from campaigns.sources import editing, questions, reading
from campaigns.sources.editing import InUse, Refused
from tenants.models import AuditEntry
from tests.campaigns.conftest import add as add_variant
from tests.campaigns.conftest import words

URL = "https://api.example.com/weather?city={{ profile.city }}"


def problems(campaign: Any, owner: Any, body: str) -> list[tuple[str, int, int, str]]:
    variant = campaign.versions.get().variants.get()
    _, compiled = contents.save(variant=variant, channel="email", fields=words(body), actor=owner)
    return [(one.field, one.line, one.column, one.message) for one in compiled.problems]


# --- Words ----------------------------------------------------------------------------------------


def test_words_keep_which_sources_they_use_and_what_they_need_of_each(campaign, owner, make_source):
    make_source(URL)
    make_source("https://api.example.com/films", name="films")
    body = (
        "{{ source.weather.today.temperature }} {{ source.weather.today.sky | default: 'clear' }}"
        "{% for film in source.films.list %}{{ film.title }}{% endfor %}{{ source.films[0].title }}"
    )
    assert problems(campaign, owner, f"<p>{body}</p>") == []
    content = campaign.versions.get().variants.get().contents.get()
    assert content.sources == {
        "weather": ["source.weather.today.temperature"],
        "films": ["source.films.list[*].title", "source.films[0].title"],
    }
    assert content.needs == ["profile.city"]  # what the weather's question cannot do without


def test_what_a_question_needs_is_no_need_where_there_is_a_default(campaign, owner, make_source):
    make_source(URL, on_failure="default", default={})
    problems(campaign, owner, "<p>{{ source.weather.sky | default: 'clear' }}</p>")
    assert campaign.versions.get().variants.get().contents.get().needs == []


@pytest.mark.parametrize(
    ("body", "line", "column", "says"),
    [
        pytest.param(
            "<p>Hi</p>\n<p>{{ source.wether.today }}</p>",
            2,
            7,
            "no source called 'wether'. Did you mean weather?",
            id="unknown",
        ),
        pytest.param("<p>{{ source }}</p>", 1, 7, "Say which source", id="no name"),
        pytest.param(
            "<p>{{ source[profile.city] | default: 'x' }}</p>",
            1,
            7,
            "Say which source",
            id="a name made up by data",
        ),
        pytest.param(
            "{% assign w = source.rain %}<p>{{ w.mm }}</p>",
            1,
            15,
            "no source called 'rain'",
            id="by another name",
        ),
    ],
)
def test_a_source_that_is_not_there_is_a_problem_at_its_place(
    campaign, owner, make_source, body, line, column, says
):
    make_source(URL)
    ((field, at_line, at_column, message), *_) = problems(campaign, owner, body)
    assert (field, at_line, at_column) == ("body", line, column)
    assert says in message


def test_another_tenants_source_is_not_there(campaign, owner, other_tenant):
    Source(tenant=other_tenant, name="weather", url=URL).save()
    assert "no source called 'weather'" in problems(campaign, owner, "<p>{{ source.weather.x }}</p>")[0][3]


def test_a_question_that_needs_an_event_where_none_is_is_a_problem(campaign, owner, make_source):
    make_source("https://api.example.com/{{ event.order }}")
    found = problems(campaign, owner, "<p>{{ source.weather.x }}</p>")
    assert "asks with event.order, and nothing triggers this campaign" in found[0][3]


@pytest.mark.parametrize(
    ("source", "body", "asks_for"),
    [
        pytest.param({}, "{{ source.weather.x }}", "source.weather.x", id="a value"),
        pytest.param({}, "{{ source.weather.x | default: 1 }}", "source.weather", id="an answer at all"),
        pytest.param(
            {"on_failure": "default", "default": {}},
            "{{ source.weather.x }}",
            "source.weather.x",
            id="the value still",
        ),
    ],
)
def test_the_default_variant_cannot_depend_on_a_source(campaign, owner, make_source, source, body, asks_for):
    make_source("https://api.example.com/", **source)
    version = campaign.versions.get()
    default = add_variant(version, owner, is_default=True)
    with pytest.raises(contents.DefaultNeeds) as refused:
        contents.save(variant=default, channel="email", fields=words(f"<p>{body}</p>"), actor=owner)
    assert asks_for in refused.value.needs


def test_the_default_variant_may_use_one_that_always_gives_something(campaign, owner, make_source):
    make_source("https://api.example.com/", on_failure="default", default={})
    default = add_variant(campaign.versions.get(), owner, is_default=True)
    fields = words("<p>{{ source.weather.x | default: 1 }}</p>")
    contents.save(variant=default, channel="email", fields=fields, actor=owner)


# --- Setting up -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "field", "says"),
    [
        pytest.param({"name": "My weather"}, "name", "small letters", id="no name for a template"),
        pytest.param({"name": "weather"}, "name", "already", id="a name that is taken"),
        pytest.param({"url": "https://{{ profile.host }}/x"}, "url", "written out", id="a server from data"),
        pytest.param(
            {"url": "https://api.example.com{{ profile.x }}"},
            "url",
            "written out",
            id="a server's end from data",
        ),
        pytest.param({"url": "https://a:b@example.com/"}, "url", "into a header", id="a password"),
        pytest.param({"url": "ftp://example.com/"}, "url", "https://", id="another protocol"),
        pytest.param(
            {"url": "https://example.com/{{ profile.city"}, "url", "never closed", id="broken Liquid"
        ),
        pytest.param(
            {"url": "https://example.com/{{ source.x }}"},
            "url",
            "Unknown variable 'source'",
            id="another source",
        ),
        pytest.param({"method": "POST", "body": "{{ x }}"}, "body", "Unknown variable", id="broken body"),
        pytest.param({"timeout_seconds": 11}, "timeout_seconds", "1 to 10", id="too patient"),
        pytest.param({"cache_minutes": 1441}, "cache_minutes", "1,440", id="kept too long"),
        pytest.param({"on_failure": "default"}, "default", "as JSON", id="no default"),
        pytest.param({"headers": {"Host": "x"}}, "headers", "set by Tact", id="the server's name"),
        pytest.param({"headers": {"X: y": "x"}}, "headers", "no header's name", id="no header"),
        pytest.param({"headers": {"X-Key": "a\r\nX: b"}}, "headers", "on one line", id="two headers in one"),
        pytest.param({"headers": {"X-Key": ""}}, "headers", "on one line", id="nothing"),
    ],
)
def test_is_not_saved(make_source, fields, field, says):
    make_source(URL)
    with pytest.raises(Refused) as refused:
        make_source(**{"url": "https://example.com/", "name": "films"} | fields)
    assert refused.value.field == field
    assert says in str(refused.value)
    assert Source.objects.count() == 1


def change(source: Source, owner: Any, headers: dict[str, str | None] | None = None, **fields: Any) -> Source:
    given = {name: getattr(source, name) for name in editing.PLAIN} | fields
    return editing.change(source=source, actor=owner, headers=headers or {}, **given)


def test_kept_headers_stay_and_never_go_to_another_server(make_source, owner):
    source = make_source(URL, headers={"X-Key": "one", "X-Other": "two"})
    changed = change(source, owner, {"X-Key": None, "X-New": "three"}, url="https://api.example.com/other")
    assert questions.headers_of(changed) == {"X-Key": "one", "X-New": "three"}
    with pytest.raises(Refused, match="enter the headers again"):
        change(changed, owner, {"X-Key": None}, url="https://evil.example/")
    with pytest.raises(Refused, match="Enter the value of X-Else"):
        change(changed, owner, {"X-Else": None})
    assert questions.headers_of(Source.objects.get()) == {"X-Key": "one", "X-New": "three"}


def test_what_is_done_is_in_the_log_and_no_secret_is(make_source, owner):
    source = make_source(URL, headers={"X-Key": "s3cret"})
    change(source, owner, {"X-Key": "s3cret too"}, cache_minutes=60)
    editing.remove(source=source, actor=owner)
    entries = list(AuditEntry.objects.filter(thing="source").order_by("pk"))
    assert [entry.action for entry in entries] == ["added", "changed", "removed"]
    assert entries[1].changes == {"cache_minutes": [5, 60], "header values": ["as they were", "changed"]}
    assert "s3cret" not in str([entry.changes for entry in entries])


def test_a_source_in_use_keeps_its_name_and_stays(make_source, campaign, owner):
    source = make_source("https://api.example.com/")
    problems(campaign, owner, "<p>{{ source.weather.x }}</p>")
    assert reading.used_by(source) == [campaign]
    for refused in (
        lambda: change(source, owner, name="rain"),
        lambda: editing.remove(source=source, actor=owner),
    ):
        with pytest.raises(InUse, match=campaign.name):
            refused()
    problems(campaign, owner, "<p>Nothing</p>")
    change(source, owner, name="rain")
    editing.remove(source=source, actor=owner)
    assert not Source.objects.exists()


def test_drafts_need_what_a_changed_question_needs(make_source, campaign, owner):
    source = make_source("https://api.example.com/")
    problems(campaign, owner, "<p>{{ source.weather.x }}</p>")
    change(source, owner, url=URL)
    assert campaign.versions.get().variants.get().contents.get().needs == ["profile.city"]

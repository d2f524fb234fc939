"""What sources give: asked once, kept as long as they say, and never waited for longer than there is time."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django_scopes import scope

from campaigns.models import Source, SourceAnswer, SourceHour
from campaigns.sources import answers, breaker, editing, gathering, questions
from campaigns.sources.answers import Since
from campaigns.sources.calling import Question
from campaigns.sources.gathering import Gathered
from tenants import clock
from tests.servers import Answer, says

OK = says('{"today": {"temperature": 21.5, "sky": "clear"}}')
DOWN = says("busy", status="503 Service Unavailable")


@pytest.fixture
def gather(tenant) -> Callable[..., list[Gathered]]:
    def run(
        *people: dict[str, Any], names: tuple[str, ...] = ("weather",), seconds: float = 10, **how: Any
    ) -> Any:
        return gathering.gather(
            names,
            [{"profile": person} for person in people or ({},)],
            shared={"brand": {"name": "Nightingale"}},
            tenant=tenant,
            now=clock.now(tenant),
            until=time.monotonic() + seconds,
            **how,
        )

    return run


def first(gathered: list[Gathered]) -> Any:
    return gathered[0].given[0]


def by_path(**answers_: Answer) -> Answer:
    """Answer by the first piece of the path."""

    def answer(line: socket.socket, asked: str) -> None:
        answers_[asked.split()[1].split("/")[1].split("?")[0]](line, asked)

    return answer


def slow(seconds: float, then: Answer = OK) -> Answer:
    def answer(line: socket.socket, asked: str) -> None:
        time.sleep(seconds)
        then(line, asked)

    return answer


# --- Asking ---------------------------------------------------------------------------------------


def test_the_same_question_is_put_once_for_all_whom_it_is_for(serve, make_source, gather):
    server = serve(OK)
    make_source(server.url + "/now?city={{ profile.city }}")
    found = gather(*({"city": city} for city in ["Ulm", "Bern", "Ulm", "Ulm"]))
    assert sorted(asked.split()[1] for asked in server.asked) == ["/now?city=Bern", "/now?city=Ulm"]
    assert [one.values for one in found] == [
        {"weather": {"today": {"temperature": 21.5, "sky": "clear"}}}
    ] * 4
    assert found[0].values is found[2].values
    assert (found[0].given[0].origin, found[0].given[0].status) == ("asked", 200)


@pytest.mark.parametrize(
    ("city", "asked_as"),
    [
        pytest.param("Frankfurt am Main", "Frankfurt%20am%20Main", id="spaces"),
        pytest.param("a&b=c#d?e/f", "a%26b%3Dc%23d%3Fe%2Ff", id="signs that mean something in an address"),
        pytest.param("Zürich", "Z%C3%BCrich", id="letters beyond ASCII"),
        pytest.param("x\r\nX-Evil: 1", "x%0D%0AX-Evil%3A%201", id="a line break"),
        pytest.param("../admin", "..%2Fadmin", id="a way up"),
    ],
)
def test_what_a_person_brings_stays_one_value_of_the_address(serve, make_source, gather, city, asked_as):
    server = serve(OK)
    make_source(server.url + "/{{ profile.city }}?x={{ profile.city | url_encode }}")
    gather({"city": city})
    assert server.asked[0].split("\r\n")[0] == f"GET /{asked_as}?x={asked_as} HTTP/1.1"


def test_a_body_is_json_whatever_a_person_brings(serve, make_source, gather):
    server = serve(OK)
    make_source(
        server.url + "/",
        method="POST",
        body='{"id": "{{ profile.id }}", "n": {{ profile.n }}, "b": "{{ brand.name }}", "l": {{ profile.l | json }}}',
    )
    gather({"id": 'a"b\\c\n', "n": 3, "l": [{"x": '"}'}, 1.5, None]})
    assert server.asked[0].endswith(
        '{"id": "a\\"b\\\\c\\n", "n": 3, "b": "Nightingale", "l": [{"x": "\\"}"}, 1.5, null]}'
    )
    assert "Content-Type: application/json\r\n" in server.asked[0]


def test_headers_go_along_and_are_nowhere_in_the_open(serve, make_source, gather):
    server = serve(OK)
    source = make_source(server.url + "/", headers={"Authorization": "Bearer s3cret"})
    gather()
    assert "Authorization: Bearer s3cret\r\n" in server.asked[0]
    with connection.cursor() as cursor:
        cursor.execute("SELECT s::text FROM campaigns_source s WHERE tenant_id = %s", [source.tenant_id])
        assert "s3cret" not in str(cursor.fetchall())
        cursor.execute("SELECT a::text FROM tenants_auditentry a WHERE tenant_id = %s", [source.tenant_id])
        assert "s3cret" not in str(cursor.fetchall())


def test_a_person_whose_question_cannot_be_put_is_told_apart(serve, make_source, gather):
    server = serve(OK)
    make_source(server.url + "/?city={{ profile.city }}")
    with_city, without = gather({"city": "Ulm"}, {})
    assert with_city.lacking is None
    assert without.lacking.words == "It cannot be asked: profile.city has no value."
    assert not without.lacking.may_pass
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        pytest.param(says("{}", status="404 Not Found"), "It answered 404 Not Found.", id="not found"),
        pytest.param(says("<html>"), "It did not answer in JSON but: <html>", id="a page"),
        pytest.param(says(""), "It answered nothing.", id="nothing"),
        pytest.param(says('{"a": NaN}'), "did not answer in JSON", id="no number"),
        pytest.param(says('{"a": "\\u0000"}'), "cannot be used: a: holds the character NUL", id="NUL"),
        pytest.param(says('{"a": "\\ud800"}'), "did not answer in JSON", id="half a letter"),
        pytest.param(says("[" * 30 + "]" * 30), "nested more than 20 deep", id="deep"),
        pytest.param(says("[" * 5000 + "]" * 5000), "JSON", id="deeper than any reader"),
        pytest.param(says("[" + ",".join("1" * 20_000) + "]"), "10000 items", id="many"),
        pytest.param(says(b"\xff\xfe{}"), "did not answer in JSON", id="no UTF-8"),
    ],
)
def test_an_answer_that_is_none_says_why(serve, make_source, gather, answer, words):
    make_source(serve(answer).url + "/")
    given = first(gather())
    assert given.origin is None
    assert words in given.words
    assert not given.may_pass


@pytest.mark.parametrize(
    ("answer", "value"),
    [
        pytest.param(says("[1, 2]"), [1, 2], id="a list"),
        pytest.param(says('"word"'), "word", id="a text"),
        pytest.param(says(b'\xef\xbb\xbf{"a": 1}'), {"a": 1}, id="with a byte order mark"),
        pytest.param(says('{"a": 1}', status="201 Created"), {"a": 1}, id="another good status"),
        pytest.param(says('{"a": 1}', Content_Type="text/plain"), {"a": 1}, id="whatever its type says"),
    ],
)
def test_any_json_is_an_answer(serve, make_source, gather, answer, value):
    make_source(serve(answer).url + "/")
    assert gather()[0].values == {"weather": value}


# --- Keeping --------------------------------------------------------------------------------------


def test_an_answer_is_kept_as_long_as_its_source_says(serve, make_source, gather):
    server = serve(OK)
    make_source(server.url + "/", cache_minutes=5)
    assert [first(gather()).origin for _ in range(3)] == ["asked", "kept", "kept"]
    SourceAnswer.objects.update(expires_at=clock.raw_now())
    assert first(gather()).origin == "asked"
    assert len(server.asked) == 2


def test_without_a_cache_each_round_asks_anew_but_a_preview_does_with_what_is_new(serve, make_source, gather):
    server = serve(OK)
    make_source(server.url + "/", cache_minutes=0)
    assert [first(gather()).origin for _ in range(2)] == ["asked", "asked"]
    assert first(gather(fresh_for=timedelta(minutes=1))).origin == "kept"
    assert len(server.asked) == 2


def test_a_change_of_the_question_forgets_what_was_said(serve, make_source, gather, owner):
    server = serve(OK)
    source = make_source(server.url + "/", headers={"X-Key": "one"})
    gather()
    fields = {name: getattr(source, name) for name in editing.PLAIN}
    editing.change(source=source, actor=owner, headers={"X-Key": "two"}, **fields)
    assert first(gather()).origin == "asked"
    assert "X-Key: two" in server.asked[1]


def test_the_last_good_answer_stands_in_until_it_is_too_old(serve, make_source, gather):
    server = serve(OK)
    make_source(server.url + "/", cache_minutes=0, last_good_hours=24)
    gather()
    server.answer = DOWN
    given = first(gather())
    assert (given.origin, given.value["today"]["sky"]) == ("last_good", "clear")
    assert given.words == "It answered 503 Service Unavailable."
    SourceAnswer.objects.update(fetched_at=clock.raw_now() - timedelta(hours=25))
    assert first(gather()).origin is None


def test_a_default_is_used_where_nothing_else_is(serve, make_source, gather):
    server = serve(DOWN)
    make_source(server.url + "/?c={{ profile.city }}", on_failure="default", default={"today": None})
    for person in ({"city": "Ulm"}, {}):
        given = first(gather(person))
        assert (given.origin, given.value) == ("default", {"today": None})
        assert given.words


def test_what_nobody_may_use_any_more_is_forgotten(serve, make_source, gather):
    make_source(serve(OK).url + "/")
    gather()
    answers.forget()
    assert SourceAnswer.objects.count() == 1
    SourceAnswer.objects.update(kept_until=clock.raw_now())
    answers.forget()
    assert SourceAnswer.objects.count() == 0


# --- Failing --------------------------------------------------------------------------------------


def test_a_server_that_fails_again_and_again_is_left_alone_and_tried_with_one_question(
    serve, make_source, gather
):
    server = serve(slow(0.02, DOWN))
    source = make_source(server.url + "/{{ profile.n }}", cache_minutes=0)
    found = gather(*({"n": n} for n in range(500)))
    assert breaker.OPENS_AFTER <= len(server.asked) < 500  # some are on their way when it is noticed
    assert {one.lacking.may_pass for one in found} == {True}
    assert gathering.RESTS in {one.lacking.words for one in found}
    source.refresh_from_db()
    assert breaker.state_of(source, raw_now=clock.raw_now()) == "open"

    server.asked.clear()
    assert first(gather({"n": 1})).words == gathering.RESTS
    assert server.asked == []

    Source.objects.update(rests_until=clock.raw_now())
    gather(*({"n": n} for n in range(20)))
    assert len(server.asked) == 1  # still down: one question was enough to see it

    server.answer = OK
    Source.objects.update(rests_until=clock.raw_now())
    assert all(one.lacking is None for one in gather(*({"n": n} for n in range(20))))
    source.refresh_from_db()
    assert (source.failures, source.rests_until) == (0, None)
    assert source.answered_at
    assert "503" in source.error


def test_a_question_without_an_answer_is_no_sign_that_the_server_is_down(serve, make_source, gather):
    server = serve(says("{}", status="404 Not Found"))
    source = make_source(server.url + "/{{ profile.n }}")
    gather(*({"n": n} for n in range(30)))
    assert len(server.asked) == 30
    source.refresh_from_db()
    assert (source.failures, source.rests_until) == (0, None)


def test_the_hours_sum_up(serve, make_source, gather):
    server = serve(by_path(good=OK, bad=says("", status="404 Not Found")))
    make_source(server.url + "/{{ profile.kind }}?n={{ profile.n }}")
    gather(*({"kind": kind, "n": n} for n in range(3) for kind in ("good", "bad")))
    hour = SourceHour.objects.get()
    assert (hour.questions, hour.failures) == (6, 3)


def test_who_was_not_reached_in_time_is_late_and_not_failed(serve, make_source, gather):
    server = serve(slow(0.4))
    source = make_source(server.url + "/{{ profile.n }}", timeout_seconds=1)
    began = time.monotonic()
    found = gather(*({"n": n} for n in range(100)), seconds=2)
    assert time.monotonic() - began < 9
    late = [one for one in found if one.is_late]
    assert 0 < len(late) < 100
    assert all(one.lacking is None for one in found if not one.is_late)
    source.refresh_from_db()
    assert source.failures == 0
    assert not SourceAnswer.objects.exclude(asked_until=None).exists()  # others may ask them at once


def test_few_questions_at_a_time_go_to_one_server(serve, make_source, gather):
    at_once, most, lock = [0], [0], threading.Lock()

    def counting(line: socket.socket, asked: str) -> None:
        with lock:
            at_once[0] += 1
            most[0] = max(most[0], at_once[0])
        time.sleep(0.05)
        with lock:
            at_once[0] -= 1
        OK(line, asked)

    server = serve(counting)
    for name in ("weather", "films"):
        make_source(server.url + "/" + name + "/{{ profile.n }}", name=name)
    gather(*({"n": n} for n in range(20)), names=("weather", "films"))
    assert len(server.asked) == 40
    assert most[0] == 8
    assert server.lines <= 16


# --- Others ---------------------------------------------------------------------------------------


@pytest.fixture
def beside(tenant) -> Any:
    def run(function: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        try:
            with scope(tenant=tenant):
                return function(*arguments, **named)
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        yield lambda function, *arguments, **named: pool.submit(run, function, *arguments, **named)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("cache_minutes", [pytest.param(5, id="cached"), pytest.param(0, id="not cached")])
def test_of_eight_who_want_the_same_at_once_one_asks(serve, make_source, gather, beside, cache_minutes):
    server = serve(slow(2.5))
    make_source(server.url + "/", cache_minutes=cache_minutes, timeout_seconds=9)
    racers = [beside(gather) for _ in range(8)]
    given = [first(racer.result(timeout=20)) for racer in racers]
    assert len(server.asked) == 1
    assert {one.value["today"]["sky"] for one in given} == {"clear"}
    assert [one.origin for one in given].count("asked") == 1


@pytest.mark.django_db(transaction=True)
def test_who_waits_for_anothers_question_hears_of_its_failure(serve, make_source, gather, beside):
    server = serve(slow(0.6, DOWN))
    make_source(server.url + "/")
    racers = [beside(gather) for _ in range(4)]
    assert {first(racer.result(timeout=20)).words for racer in racers} == {
        "It answered 503 Service Unavailable."
    }
    assert len(server.asked) == 1


@pytest.mark.django_db(transaction=True)
def test_a_question_of_one_that_died_is_put_by_another_once_its_time_is_over(
    serve, make_source, gather, tenant
):
    server = serve(OK)
    source = make_source(server.url + "/")
    since = Since(clock.raw_now(), clock.raw_now())
    key = source.pk, questions.key(Question("GET", server.url + "/"))
    assert answers.take([key], tenant=tenant, since=since, for_seconds=1) == {key}
    began = time.monotonic()
    assert first(gather()).origin == "asked"
    assert time.monotonic() - began > 0.5


@pytest.mark.django_db(transaction=True)
def test_nothing_is_held_in_the_database_while_a_server_is_asked(serve, make_source, gather, beside, tenant):
    held: list[Any] = []

    def looking(line: socket.socket, asked: str) -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT state FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
                " AND xact_start IS NOT NULL AND query NOT LIKE 'autovacuum%%'"
            )
            held.append(cursor.fetchall())
        connection.close()
        OK(line, asked)

    make_source(serve(looking).url + "/")
    gather()
    assert held == [[]]

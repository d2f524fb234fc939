"""The renderer answers for everybody, whatever one template or one person does to it."""

import os
import signal
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from campaigns.liquid.renderer import Renderer
from campaigns.liquid.wire import Refused, Rendered, Source, Template

NOW = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)
HELLO = Template(
    {"subject": Source("Hi {{ profile.name }}\n", "line"), "html": Source("<b>{{ profile.name }}</b>")}
)
ANN = {"profile": {"name": "Ann & Co"}}
HI_ANN = Rendered({"subject": "Hi Ann & Co", "html": "<b>Ann &amp; Co</b>"})
NOBODY: dict[str, Any] = {"profile": {}}


@pytest.fixture(scope="module")
def shared_renderer():
    renderer = Renderer()
    yield renderer
    renderer.close()


@pytest.fixture
def renderer(shared_renderer):
    """The same for all tests, as in production: what one leaves behind would show in the next."""
    yield shared_renderer
    assert shared_renderer.render(HELLO, [ANN], shared={}, now=NOW) == [HI_ANN]


def one(renderer, text, person=ANN, output="html", **keywords):
    template = Template({"html": Source(text, output)})
    (answer,) = renderer.render(template, [person], **{"shared": {}, "now": NOW, **keywords})
    return answer.parts["html"] if isinstance(answer, Rendered) else answer


@pytest.fixture
def brief():
    """A renderer that gives nobody much time."""
    renderer = Renderer(seconds=0.1)
    yield renderer
    assert renderer.render(HELLO, [ANN], shared={}, now=NOW) == [HI_ANN]
    renderer.close()


def child_of(renderer):
    return renderer._seats[0]._child._process.pid


def memory_of(pid):
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmSize:")[1].split()[0]) * 1024


def test_everybody_gets_an_answer_in_order(renderer):
    people = [{"profile": {"name": f"P{n}"}} if n % 3 else NOBODY for n in range(500)]
    answers = renderer.render(HELLO, people, shared={}, now=NOW)
    assert [isinstance(answer, Rendered) for answer in answers] == [bool(n % 3) for n in range(500)]
    assert answers[499] == Rendered({"subject": "Hi P499", "html": "<b>P499</b>"})
    assert answers[0] == Refused("profile.name has no value.", "subject", 1, 7)


def test_nobody_at_all_is_answered_with_nothing(renderer):
    assert renderer.render(HELLO, [], shared={}, now=NOW) == []


@pytest.mark.parametrize("value", [2**70, "\ud800", object()])
def test_data_that_cannot_be_sent_refuses_its_person_alone(renderer, value):
    answers = renderer.render(HELLO, [ANN, {"profile": {"name": value}}, ANN], shared={}, now=NOW)
    assert [isinstance(answer, Refused) for answer in answers] == [False, True, False]


def test_what_is_shared_is_there_for_all_and_ones_own_wins(renderer):
    shared = {"brand": {"name": "Acme"}, "profile": {"name": "all"}}
    assert one(renderer, "{{ brand.name }} {{ profile.name }}", shared=shared) == "Acme Ann &amp; Co"


@pytest.mark.parametrize("name", ["", "  ", None])
def test_an_empty_value_is_a_missing_one(renderer, name):
    person = {"profile": {"name": name}}
    assert one(renderer, "a\n {{ profile.name }}", person) == Refused(
        "profile.name has no value.", "html", 2, 5
    )
    assert one(renderer, "{{ profile.name | upcase | default: 'you' }}", person) == "you"
    assert (
        one(renderer, "{% if profile.name or profile.name != blank %}a{% else %}b{% endif %}", person) == "b"
    )
    assert (
        one(
            renderer,
            "{% if profile.name == blank and profile.name == nil and profile.name == '' %}a{% endif %}",
            person,
        )
        == "a"
    )


@pytest.mark.parametrize("entries", [[{"p": 3}, {}, {"p": 1}], [{"p": 3}, {"p": None}, None, {"p": 1}]])
def test_entries_without_a_value_are_sorted_last(renderer, entries):
    text = "{% assign l = profile.l | sort: 'p' %}{{ l[0].p }}{{ l[1].p }}{{ l[2].p | default: '-' }}"
    assert one(renderer, text, {"profile": {"l": entries}}) == "13-"
    assert one(renderer, "{{ profile.l | sort | join }}", {"profile": {"l": [3, None, 1]}}) == "1 3"


def test_html_is_escaped_and_text_is_not(renderer):
    person = {"profile": {"name": "<script>&\"'"}}
    assert one(renderer, "{{ profile.name }}", person) == "&lt;script&gt;&amp;&#34;&#39;"
    assert one(renderer, "{{ profile.name }}", person, "text") == "<script>&\"'"


def test_nothing_lets_data_through_unescaped(renderer):
    assert "Unknown filter 'safe'" in one(renderer, "{{ profile.name | safe }}").reason


def test_a_line_is_one_line(renderer):
    person = {"profile": {"name": "A\r\nBcc: x@y.example\u2028\x85\tB"}}
    assert one(renderer, " {{ profile.name }}\n", person, "line") == "A Bcc: x@y.example B"
    assert one(renderer, "👩\u200d🚀 5\u00a0€", output="line") == "👩\u200d🚀 5\u00a0€"


def test_it_is_the_time_it_is_told(renderer):
    text = "{{ 'now' | date: '%Y-%m-%d %H:%M' }} {{ 'today' | date: '%d' }} {{ now | date: '%H' }}"
    assert one(renderer, text) == "2026-03-01 12:30 01 12"
    assert one(renderer, text, now=NOW.astimezone(ZoneInfo("Asia/Tokyo"))) == "2026-03-01 21:30 01 21"
    assert one(renderer, text, {"zone": "America/New_York"}) == "2026-03-01 07:30 01 07"
    assert one(renderer, text, {"zone": "No/Where"}) == "2026-03-01 12:30 01 12"


def test_a_moment_moves_to_the_zone_and_a_date_does_not(renderer):
    person = {
        "zone": "Asia/Tokyo",
        "event": {"at": "2026-02-01T20:00:00Z", "when": NOW, "born": "1990-05-12"},
    }
    text = (
        "{{ event.at | date: '%d %H' }}, {{ event.when | date: '%d %H' }}, {{ event.born | date: '%d %H' }}"
    )
    assert one(renderer, text, person) == "02 05, 01 21, 12 00"


def test_a_template_that_cannot_be_read_refuses_everybody(renderer):
    template = Template({"a": Source("ok"), "b": Source("x\n{% if %}")})
    assert {answer.part for answer in renderer.render(template, [ANN, NOBODY], shared={}, now=NOW)} == {"b"}


@pytest.mark.parametrize(
    ("tag", "reason"),
    [
        ("{% abort_message('No cart') %}", "No cart"),
        ('{% abort_message("It\'s empty") %}', "It's empty"),
        ("{% abort_message 'No cart' %}", "No cart"),
        ("{%- abort_message() -%}", "The message says not to send it."),
        ("{% abort_message %}", "The message says not to send it."),
        ("{% liquid\n abort_message 'No cart'\n%}", "No cart"),
        ("{% abort_message('two\nlines') %}", "two lines"),
    ],
)
def test_a_template_may_say_that_somebody_gets_nothing(renderer, tag, reason):
    text = "{% if profile.name == 'Bo' %}" + tag + "{% endif %}Hi {{ profile.name }}"
    answers = renderer.render(
        Template({"a": Source("x"), "b": Source("{% assign y = 1 %}\n" + text)}),
        [ANN, {"profile": {"name": "Bo"}}, ANN],
        shared={},
        now=NOW,
    )
    assert [isinstance(answer, Rendered) for answer in answers] == [True, False, True]
    assert (answers[1].reason, answers[1].part, answers[1].is_wanted) == (reason, "b", True)


def test_a_naive_now_is_refused(renderer):
    with pytest.raises(ValueError):
        renderer.render(HELLO, [ANN], shared={}, now=datetime(2026, 1, 1))


def test_checking_says_what_is_wrong_and_what_is_needed(renderer):
    checked = renderer.check({"a": Source("{{ profile.x }}"), "b": Source("{% if %}"), "c": Source("")})
    assert (checked["a"].needs, checked["a"].errors) == (["profile.x"], [])
    assert checked["b"].errors[0].line == 1
    assert (checked["c"].needs, checked["c"].errors) == ([], [])
    assert renderer.check({"a": Source("{{ shop.x }}")}, roots=["shop"], always_present=[])["a"].needs == [
        "shop.x"
    ]


# what templates do to their renderer: each ends soon, with a reason, and leaves it as it was

DOUBLING = "{% assign a = 'xxxxxxxxxx' %}" + "{% assign a = a | append: a %}" * 60
BOMBS = {
    "a huge range": "{% for i in (1..50000000000) %}x{% endfor %}",
    "nested loops": "{% for i in (1..200) %}" * 4 + "{% endfor %}" * 4,
    "a huge table": "{% tablerow i in (1..1000000000) cols: 3 %}{{ i }}{% endtablerow %}",
    "many loops, one after another": "{% for i in (1..9999) %}{{ i }}{% endfor %}" * 2000,
    "a join in a loop": "{% for i in (1..9999) %}{% assign x = (1..9999) | join %}{% endfor %}",
    "a chain of replaces": "{% assign a = 'aaaaaaaaaaaaaaaaaaaa' %}{{ a " + "| replace: 'a', a " * 7 + "}}",
    "a join of a huge range": "{{ (1..30000000) | join }}",
    "sorting a huge range": "{{ (1..20000000) | reverse | sort | first }}",
    "unique numbers in a loop": "{% for i in (1..9999) %}{% assign x = (1..9999) | uniq %}{% endfor %}",
    "doubling": DOUBLING + "{{ a }}",
    "doubling by capture": "{% assign a = 'xxxxxxxxxx' %}"
    + "{% capture a %}{{ a }}{{ a }}{% endcapture %}" * 60,
    "doubling a list": "{% assign a = 'x,y' | split: ',' %}" + "{% assign a = a | concat: a %}" * 60,
    "squaring": "{% assign a = 99 %}" + "{% assign a = a | times: a %}" * 60 + "{{ a }}",
    "joined with itself": "{% assign a = 'x,y' | split: ',' %}{% for i in (1..9) %}{% assign s = a | join: s %}"
    "{% assign a = a | concat: a %}{% endfor %}{{ a | join: s }}",
    "nested too deep": "{% if true %}" * 2000 + "{% endif %}" * 2000,
    "a condition too long": "{% if " + "true and " * 20000 + "true %}{% endif %}",
    "raw, never closed": "{% raw %}" * 16000,
    "raw, closed before": "{% endraw %}" * 8000 + "{% raw %}" * 8000,
    "raw in a comment": "{% comment %}" + "{% raw %}" * 16000 + "{% endcomment %}",
    "comments in comments": "{% comment %}" * 12000,
    "an output, never closed": "{{ " * 60000,
    "a path too long": "{{ profile" + ".a" * 90000 + " }}",
    "filters without end": "{{ 'a' " + "| upcase " * 20000 + "}}",
    "too long a source": "x" * 200001,
    "recursion": "{% render 'a' %}{% include 'a' %}",
    "a wide date": "{{ 'now' | date: '%999999999d' }}" * 20,
    "a long date": "{{ 'now' | date: '" + "%c" * 60000 + "' }}",
    "branches without end": "{% if profile.x == 1 %}" + "{% elsif profile.x == 2 %}" * 8000 + "{% endif %}",
    "a big case": "{% case 1 %}{% when " + "1, " * 20000 + "1 %}{{ 'x' }}{% endcase %}",
}
BOMBS |= {
    "an assignment in loops in loops": "{% for i in (1..2) %}" * 28
    + "{% assign x = x %}"
    + "{% endfor %}" * 28,
    "a name that grows": "{% assign x = event.a %}{% for i in (1..9) %}{% assign x = x.a %}{% assign x = x | first %}"
    "{% endfor %}{{ x }}",
    "escapes of escapes": "{% assign a = '&' %}{{ a" + " | escape" * 60 + " }}",
    "codes of codes": "{{ '%%%%%%%%%%'" + " | url_encode" * 60 + " }}",
    "breaks of breaks": "{% assign a = '\n\n\n\n' %}{% for i in (1..60) %}{% assign a = a | newline_to_br"
    " | replace: '<', '\n\n' %}{% endfor %}{{ a }}",
    "split and joined": "{% assign a = 'ab' %}{% for i in (1..40) %}{% assign a = a | split: '' | join: a %}"
    "{% endfor %}",
    "captures in captures": "{% capture a %}xxxxxxxxxx{% endcapture %}"
    + "{% capture b %}{{ a }}{{ a }}{% endcapture %}{% capture a %}{{ b }}{{ b }}{% endcapture %}" * 40
    + "{{ a }}",
    "a chain of assignments": "{% assign a = 'x' %}" + "{% assign a = a | append: 'x' %}" * 6000 + "{{ a }}",
    "money without end": "{{ 9" + " | times: 9999999999" * 40 + " | money: 'EUR' }}",
    "a number of many decimals": "{{ 1 | number: 999999999999 }}",
    "a huge list in words": "{{ (1..9999999) | join_and }}",
    "lists in words in a loop": "{% for i in (1..9999) %}{{ (1..9999) | join_and | size }}{% endfor %}",
    "moments without end": "{% for i in (1..9999) %}{{ '1 jan 2001 10:10:10' | local_date: 'full' }}"
    "{{ '1 jan 2001 10:10:10' | time_ago }}{% endfor %}",
    "a moment of nonsense": "{{ '" + "9" * 99 + "' | local_date }}",
    "a search in a loop": "{% assign l = (1..9999) | join: ',' | split: ',' %}{% for i in (1..9999) %}"
    "{% if l contains 'x' %}{% endif %}{% endfor %}",
    "tags stripped": "{% assign a = '"
    + "<" * 50_000
    + "' %}{% for i in (1..500) %}{{ a | strip_html | size }}{% endfor %}",
    "cut to size": "{{ 'a' | truncate: 99999999999999999999 }}{{ 'a b' | truncatewords: 99999999999999999999 }}",
    "other spellings without end": "{{${a}}}" * 24_000,
    "plain words in a loop": "{% for i in (1..9999) %}" + "x" * 1_000 + "{% endfor %}",
}
SURVIVED = {"escapes of escapes", "codes of codes", "cut to size"} | {
    "a wide date",
    "filters without end",
    "branches without end",
    "a big case",
    "a path too long",
}


@pytest.mark.parametrize("bomb", BOMBS.values(), ids=BOMBS.keys())
def test_a_bomb_ends_soon_with_a_reason(renderer, bomb, request):
    one(renderer, "warm {{ profile.name }}")
    before = time.monotonic()
    answer = one(renderer, bomb)
    assert time.monotonic() - before < 20  # unbounded, each takes minutes or all memory
    name = request.node.callspec.id
    if name not in SURVIVED:
        assert isinstance(answer, Refused)
        assert answer.reason.endswith((".", "?"))


@pytest.mark.parametrize(
    "name", ["raw, never closed", "a condition too long", "comments in comments", "nested too deep"]
)
def test_a_bomb_is_named_when_it_is_checked(renderer, name):
    checked = renderer.check({"bomb": Source(BOMBS[name]), "other": Source("{{ profile.x }}")})
    assert checked["bomb"].errors
    assert checked["other"].needs == ["profile.x"]


SLOW = Template(
    {
        "html": Source(
            "{% for i in (1..event.n) %}{% if event.text contains event.word %}{% endif %}{% endfor %}done"
        )
    }
)


def person_who_takes(rounds):
    """Each round looks through a long text for a long word."""
    return {"event": {"n": rounds, "word": "a" * 3000 + "b", "text": "a" * 40_000}}


def test_only_the_one_who_takes_too_long_is_refused(brief):
    quick, slow = person_who_takes(1), person_who_takes(9999)
    answers = brief.render(SLOW, [quick, quick, slow, quick, quick], shared={}, now=NOW)
    assert [isinstance(answer, Refused) for answer in answers] == [False, False, True, False, False]
    assert answers[2].reason == "This took longer than 0.1 s."


def test_a_template_that_is_too_slow_for_everybody_is_given_up(brief):
    before = time.monotonic()
    answers = brief.render(SLOW, [person_who_takes(9999)] * 500, shared={}, now=NOW)
    assert answers[0].reason == "This took longer than 0.1 s."
    assert all(isinstance(answer, Refused) for answer in answers)
    assert time.monotonic() - before < 0.1 * 500 / 2  # not for each of them


def test_a_bomb_holds_up_nobody_else(renderer):
    one(renderer, "warm")
    stop = threading.Event()

    def bomb():
        while not stop.is_set():
            renderer.render(SLOW, [person_who_takes(9999)] * 5, shared={}, now=NOW)

    thread = threading.Thread(target=bomb)
    thread.start()
    waited = []
    try:
        for _ in range(10):
            before = time.monotonic()
            assert renderer.render(HELLO, [ANN], shared={}, now=NOW) == [HI_ANN]
            waited.append(time.monotonic() - before)
            time.sleep(0.1)
    finally:
        stop.set()
        thread.join()
    assert sorted(waited)[5] < 2  # each of the bomb's calls takes three seconds


def test_a_call_has_a_budget_that_its_people_share(brief):
    answers = brief.render(SLOW, [person_who_takes(100)] * 500, shared={}, now=NOW)
    reasons = [answer.reason if isinstance(answer, Refused) else "" for answer in answers]
    assert reasons[0] == ""
    assert reasons[-1] == "This template is too slow to be sent to many people."


def test_the_childs_memory_is_bounded(renderer):
    one(renderer, "warm")
    pid, before = child_of(renderer), memory_of(child_of(renderer))
    for bomb in ("a join of a huge range", "a chain of replaces", "doubling", "doubling a list"):
        one(renderer, BOMBS[bomb])
    assert child_of(renderer) == pid
    assert memory_of(pid) < before + 200 * 1024 * 1024


# how it lives and dies


def test_a_child_that_was_killed_is_replaced_and_nobody_is_blamed(renderer):
    one(renderer, "warm")
    os.kill(child_of(renderer), signal.SIGKILL)
    assert renderer.render(HELLO, [ANN] * 3, shared={}, now=NOW) == [HI_ANN] * 3


def test_a_child_killed_in_the_middle_of_a_call_costs_nobody_an_answer(renderer):
    people = [{"profile": {"name": f"P{n}"}} for n in range(3000)]
    one(renderer, "warm")
    killer = threading.Timer(0.02, os.kill, (child_of(renderer), signal.SIGKILL))
    killer.start()
    answers = renderer.render(HELLO, people, shared={}, now=NOW)
    killer.join()
    assert answers == [Rendered({"subject": f"Hi P{n}", "html": f"<b>P{n}</b>"}) for n in range(3000)]


def test_a_fork_uses_a_child_of_its_own(renderer):
    one(renderer, "warm")
    ours = child_of(renderer)
    pid = os.fork()
    if pid == 0:
        works = renderer.render(HELLO, [ANN], shared={}, now=NOW) == [HI_ANN] and child_of(renderer) != ours
        renderer.close()
        os._exit(0 if works else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert renderer.render(HELLO, [ANN], shared={}, now=NOW) == [HI_ANN]
    assert child_of(renderer) == ours


def test_threads_may_share_it(renderer):
    wrong = []

    def work(number):
        for _ in range(20):
            answer = one(renderer, "{{ profile.name }}" + str(number))
            if answer != f"Ann &amp; Co{number}":
                wrong.append(answer)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_the_child_knows_no_secret_and_opens_nothing(renderer, monkeypatch):
    monkeypatch.setenv("SECRET_KEY", "hush")
    renderer.close()
    one(renderer, "warm")
    process = Path(f"/proc/{child_of(renderer)}")
    environment = process.joinpath("environ").read_bytes()
    assert b"hush" not in environment
    assert not any(b"DATABASE" in each or b"SECRET" in each for each in environment.split(b"\0"))
    limits = process.joinpath("limits").read_text()
    assert "Max file size             0 " in limits
    assert "Max processes             0 " in limits
    assert not [fd for fd in process.joinpath("fd").iterdir() if "socket" in os.readlink(fd)]


def test_the_child_goes_when_its_parent_is_gone():
    pid = os.fork()
    if pid == 0:
        orphaned = Renderer()
        orphaned.render(HELLO, [ANN], shared={}, now=NOW)
        Path(f"/tmp/tact-orphan-{os.getpid()}").write_text(str(child_of(orphaned)))
        os._exit(0)
    os.waitpid(pid, 0)
    note = Path(f"/tmp/tact-orphan-{pid}")
    child = int(note.read_text())
    note.unlink()
    deadline = time.monotonic() + 10
    while Path(f"/proc/{child}").exists() and time.monotonic() < deadline:
        if Path(f"/proc/{child}/stat").read_text().split()[2] == "Z":
            break
        time.sleep(0.05)
    else:
        assert not Path(f"/proc/{child}").exists()

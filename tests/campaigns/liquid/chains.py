"""Templates of every tag and filter there is, as a Hypothesis grammar: filters that fit each other, in tags."""

from typing import Any

from hypothesis import strategies as st

WORDS = st.sampled_from(
    ["a", "Tea", "b c", "<i>", "x & y", "ä", "10", "2.5", "one two three", "it's", "line\nbreak"]
)
NUMBERS = st.one_of(st.integers(-50, 50), st.sampled_from([0.5, 2.25, -1.5, 100.0]))
ENTRIES = st.fixed_dictionaries(
    {
        "name": WORDS,
        "n": st.integers(0, 5),
        "on": st.booleans(),
        "tags": st.lists(WORDS, min_size=1, max_size=3),
    }
)
PEOPLE = st.fixed_dictionaries(
    {
        "profile": st.fixed_dictionaries(
            {
                "word": WORDS,
                "n": NUMBERS,
                "yes": st.just(True),
                "tags": st.lists(WORDS, min_size=1, max_size=4),
                "born": st.sampled_from(["1990-05-12", "2024-02-29 10:00", "2026-01-31T23:59:59"]),
                "b64": st.sampled_from(["aGk=", "VGVh"]),
            }
        ),
        "event": st.fixed_dictionaries({"items": st.lists(ENTRIES, min_size=1, max_size=4)}),
    }
)

Grown = dict[str, list[tuple[str, str]]]
STEPS: Grown = {  # what a filter takes -> (how it is written, what it makes)
    "text": [
        ("upcase", "text"), ("downcase", "text"), ("capitalize", "text"), ("append: {text}", "text"),
        ("prepend: {text}", "text"), ("replace: 'a', {text}", "text"), ("replace_first: 'e', 'E'", "text"),
        ("replace_last: 'e', 'E'", "text"), ("remove: 'zz'", "text"), ("remove_first: 'zz'", "text"),
        ("remove_last: 'zz'", "text"), ("escape", "text"), ("escape_once", "text"), ("escapejs", "text"),
        ("strip", "text"), ("lstrip", "text"), ("rstrip", "text"), ("squish", "text"), ("strip_newlines", "text"),
        ("newline_to_br", "text"), ("strip_html | append: '.'", "text"), ("truncate: {count}", "text"),
        ("truncate: {count}, '-'", "text"), ("truncatewords: 2", "text"), ("truncatewords: 1, '~'", "text"),
        ("url_encode", "text"), ("url_encode | url_decode", "text"), ("base64_encode", "text"),
        ("base64_encode | base64_decode", "text"), ("base64_url_safe_encode", "text"),
        ("base64_url_safe_encode | base64_url_safe_decode", "text"), ("size", "number"), ("slice: 0, {count}", "text"),
        ("slice: -1", "text"), ("split: 'e'", "texts"), ("split: ' '", "texts"), ("default: {text}", "text"),
        ("date: '%Y'", "text"),
    ],
    "number": [
        ("plus: {number}", "number"), ("minus: {number}", "number"), ("times: {number}", "number"),
        ("divided_by: 4", "number"), ("divided_by: 2.5", "number"), ("modulo: 7", "number"), ("abs", "number"),
        ("ceil", "number"), ("floor", "number"), ("round", "number"), ("round: 1", "number"),
        ("at_least: {number}", "number"), ("at_most: {number}", "number"), ("append: {text}", "text"),
        ("default: 3", "number"),
    ],
    "texts": [
        ("join", "text"), ("join: {text}", "text"), ("first", "text"), ("last", "text"), ("sort", "texts"),
        ("sort_natural", "texts"), ("reverse", "texts"), ("uniq", "texts"), ("compact", "texts"),
        ("concat: profile.tags", "texts"), ("size", "number"), ("slice: 0, 2", "texts"),
    ],
    "objects": [
        ("map: 'name'", "texts"), ("map: 'n' | sort", "texts"), ("sort: 'n'", "objects"),
        ("sort_natural: 'name'", "objects"), ("reverse", "objects"), ("where: 'n', 1", "objects"),
        ("where: 'on'", "objects"), ("reject: 'on'", "objects"), ("reject: 'n', 1", "objects"),
        ("uniq: 'n'", "objects"), ("compact: 'n'", "objects"), ("concat: event.items", "objects"),
        ("size", "number"), ("sum: 'n'", "number"),
        ("has: 'on'", "truth"), ("has: 'n', 1", "truth"), ("find_index: 'n', 0 | default: 9", "number"),
        ("find: 'on' | default: 'nobody' | size", "number"), ("first | size", "number"), ("last | size", "number"),
    ],
    "truth": [("default: 'no'", "truth"), ("default: 'no', allow_false: true", "truth")],
    "date": [("date: '%d.%m.%Y'", "text"), ("date: '%H:%M %j'", "text")],
}  # fmt: skip
STARTS = {
    "text": ["profile.word", "'Some words'", "event.items[0].name", "profile.b64"],
    "number": ["profile.n", "7", "2.5", "event.items.size", "event.items.first.n"],
    "texts": ["profile.tags", "event.items.last.tags"],
    "objects": ["event.items"],
    "truth": ["profile.yes", "event.items[0].on"],
    "date": ["profile.born", "'2026-03-01 08:15'"],
}
ARGUMENTS = {
    "text": ["'!'", "profile.word", "'<b>'"],
    "number": ["3", "profile.n", "-1.5"],
    "count": ["2", "4", "9"],
}


@st.composite
def chains(draw: st.DrawFn, ends_as: tuple[str, ...] = ("text", "number", "truth", "texts")) -> str:
    """A value with filters that each fit what comes before."""
    kind = draw(st.sampled_from([kind for kind in STARTS if kind != "date"] + ["date"]))
    text = draw(st.sampled_from(STARTS[kind]))
    for _ in range(draw(st.integers(0, 4))):
        step, kind = draw(st.sampled_from(STEPS[kind]))
        text += " | " + step.format(**{name: draw(st.sampled_from(ways)) for name, ways in ARGUMENTS.items()})
    while kind not in ends_as:
        step, kind = draw(
            st.sampled_from([step for step in STEPS[kind] if step[1] in ends_as] or STEPS[kind])
        )
        text += " | " + step.format(**{name: ways[0] for name, ways in ARGUMENTS.items()})
    return text


@st.composite
def conditions(draw: st.DrawFn) -> str:
    one = draw(st.sampled_from([
        "profile.n > 3", "profile.n <= 0", "profile.word == 'Tea'", "profile.word != 'a'", "profile.word <> 'b c'",
        "profile.tags contains 'a'", "profile.word contains 'e'", "profile.yes", "event.items.size >= 2", "false",
        "event.items[0].n < 2",
    ]))  # fmt: skip
    more = draw(st.sampled_from(["", " and true", " or profile.n == 1", " and profile.yes or false"]))
    return one + more


TAGS = {
    "output": "{{ CHAIN }}",
    "trimmed": " {{- CHAIN -}} ",
    "echo": "{% echo CHAIN %}",
    "assign": "{% assign v = CHAIN %}{{ v }}",
    "capture": "{% capture v %}-{{ CHAIN }}-{% endcapture %}{{ v }}{{ v | size }}",
    "if": "{% if WHETHER %}BODY{% elsif WHETHER %}b{% else %}BODY{% endif %}",
    "unless": "{% unless WHETHER %}BODY{% else %}c{% endunless %}",
    "case": "{% case profile.word %}{% when 'Tea', 'a' %}BODY{% when 'b c' or 'ä' %}d{% else %}BODY{% endcase %}",
    "for": "{% for i in event.items reversed limit: 3 %}{{ forloop.index }}{{ i.name }}{% if i.on %}{% break %}"
    "{% endif %}BODY{% endfor %}",
    "for else": "{% for i in (1..3) %}{% if i == 2 %}{% continue %}{% endif %}{{ i }}BODY{% else %}e{% endfor %}",
    "offset": "{% for t in profile.tags limit: 1 %}{{ t }}{% endfor %}{% for t in profile.tags offset: continue %}"
    "{{ t }}{% endfor %}",
    "tablerow": "{% tablerow i in event.items cols: 2 %}{{ tablerowloop.col }}{{ i.name }}BODY{% endtablerow %}",
    "cycle": "{% for i in event.items %}{% cycle 'x', 'y' %}{% cycle 'g': 1, 2 %}{% endfor %}",
    "increment": "{% increment k %}{% increment k %}",
    "decrement": "{% decrement m %}{% decrement m %}",
    "ifchanged": "{% for i in event.items %}{% ifchanged %}{{ i.on }}{% endifchanged %}{% endfor %}",
    "comment": "{% comment %}{{ nothing }} BODY{% endcomment %}",
    "#": "{% # a note %}",
    "doc": "{% doc %}what it is{% enddoc %}",
    "raw": "{% raw %}{{ profile.word }}{% endraw %}",
    "liquid": "{% liquid\n assign w = CHAIN\n if WHETHER\n echo w\n endif\n%}",
}


RENDERING = {
    "render": "{% render 'plain' %}",
    "render given": " {%- render 'given', given: profile.word, other: event.items[0].n -%} ",
    "render for": "{% render 'entry' for event.items as i %}{% render 'entry' for profile.tags as i, given: 'x' %}",
    "render with": "{% render 'entry' with event.items[0] as i %}",
}
BLOCKS = {  # TAGS stands for some of them
    "plain": "{{ profile.word }}{% assign v = 'inside' %}{{ v }}TAGS",
    "given": "{{ given }}{% if given %}TAGS{% endif %}{{ other | plus: 1 }}{% render 'plain' %}{% render 'inner' %}",
    "entry": "{% cycle 'x', 'y' %}{% increment k %}{{ i | size }}{{ v | default: 'unset' }}{% assign v = 'set' %}TAGS",
    "inner": "{{ given | default: 'none' }}{{ i | default: 'none' | size }}TAGS",
}


@st.composite
def templates(draw: st.DrawFn) -> tuple[str, dict[str, str], dict[str, Any]]:
    """A template, the blocks it may render, and somebody who has all that it may name."""
    tags = TAGS | RENDERING

    def body(depth: int) -> str:
        return "".join(tag(depth) for _ in range(draw(st.integers(1, 2)))) if depth else "{{ profile.word }}"

    def tag(depth: int) -> str:
        text = tags[draw(st.sampled_from(sorted(tags)))]
        while "CHAIN" in text:
            text = text.replace("CHAIN", draw(chains()), 1)
        while "WHETHER" in text:
            text = text.replace("WHETHER", draw(conditions()), 1)
        while "BODY" in text:
            text = text.replace("BODY", "\0", 1).replace("\0", body(depth - 1), 1)
        return text

    text = "".join(tag(2) for _ in range(draw(st.integers(1, 4))))
    tags = TAGS  # a block that renders others by chance might render itself
    return text, {name: words.replace("TAGS", tag(1)) for name, words in BLOCKS.items()}, draw(PEOPLE)

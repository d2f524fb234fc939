"""What a template needs: read from its tree, and enough."""

import pytest

from campaigns.liquid.needs import check
from campaigns.liquid.values import unmet
from campaigns.liquid.wire import Source

NAME = "profile.name"

CASES = {
    "plain text": ("Hello", []),
    "printed": ("{{ profile.name }}", [NAME]),
    "printed twice": ("{{ profile.name }}{{ profile.name }}", [NAME]),
    "default": ("{{ profile.name | default: 'friend' }}", []),
    "default after filters": ("{{ profile.name | capitalize | default: 'friend' }}", []),
    "filter without default": ("{{ profile.name | upcase }}", [NAME]),
    "default from data": ("{{ profile.name | default: profile.nick }}", ["profile.nick"]),
    "default from data with default": ("{{ profile.name | default: profile.nick | default: 'you' }}", []),
    "filter argument": ("{{ 'Dear ' | append: profile.name }}", [NAME]),
    "filter argument is needed even with a default": (
        "{{ 'a' | append: profile.name | default: 'b' }}",
        [NAME],
    ),
    "nested keys": ("{{ profile.address.city }}", ["profile.address.city"]),
    "odd key": ("{{ profile['home city'] }}", ['profile["home city"]']),
    "index": ("{{ event.items[0].name }}", ["event.items[0].name"]),
    "size": ("{{ event.items.size }}", ["event.items.size"]),
    "key from a path": ("{{ profile[event.key] | default: 'x' }}", ["event.key"]),
    "key from a path, guarded": (
        "{% if profile[event.key] %}{{ profile[event.key] }}{% endif %}",
        ["event.key"],
    ),
    "everybody has a campaign": ("{{ campaign.name }} {{ brand.address }} {{ unsubscribe_url }}", []),
    "now": ("{{ 'now' | date: '%Y' }} {{ now | date: '%Y' }}", []),
    "if guards": ("{% if profile.name %}{{ profile.name }}{% endif %}", []),
    "if guards only its branch": ("{% if profile.name %}{% endif %}{{ profile.name }}", [NAME]),
    "if guards nothing else": ("{% if profile.name %}{{ profile.nick }}{% endif %}", ["profile.nick"]),
    "else is not guarded": ("{% if profile.name %}{% else %}{{ profile.name }}{% endif %}", [NAME]),
    "and guards both": (
        "{% if profile.name and profile.nick %}{{ profile.name }}{{ profile.nick }}{% endif %}",
        [],
    ),
    "or guards neither": (
        "{% if profile.name or profile.nick %}{{ profile.name }}{{ profile.nick }}{% endif %}",
        [NAME, "profile.nick"],
    ),
    "or of the same guards": (
        "{% if profile.name == 'a' or profile.name == 'b' %}{{ profile.name }}{% endif %}",
        [],
    ),
    "not blank": ("{% if profile.name != blank %}{{ profile.name }}{% endif %}", []),
    "not empty": ("{% if profile.name != empty %}{{ profile.name }}{% endif %}", []),
    "not nil": ("{% if profile.name != nil %}{{ profile.name }}{% endif %}", []),
    "not the empty text": ("{% if profile.name != '' %}{{ profile.name }}{% endif %}", []),
    "is blank": ("{% if profile.name == blank %}{{ profile.name }}{% endif %}", [NAME]),
    "else of is blank": ("{% if profile.name == blank %}you{% else %}{{ profile.name }}{% endif %}", []),
    "unless blank": ("{% unless profile.name == blank %}{{ profile.name }}{% endunless %}", []),
    "unless": ("{% unless profile.name %}you{% else %}{{ profile.name }}{% endunless %}", []),
    "unless does not guard itself": ("{% unless profile.name %}{{ profile.name }}{% endunless %}", [NAME]),
    "elsif": (
        "{% if profile.nick %}{{ profile.nick }}{% elsif profile.name %}{{ profile.name }}{% endif %}",
        [],
    ),
    "elsif does not guard the one before": (
        "{% if profile.nick %}x{% elsif profile.name %}{{ profile.nick }}{% endif %}",
        ["profile.nick"],
    ),
    "elsif after blank": (
        "{% if profile.name == blank %}x{% elsif profile.nick %}{{ profile.name }}{% endif %}",
        [],
    ),
    "equals a word": ("{% if profile.plan == 'pro' %}{{ profile.plan }}{% endif %}", []),
    "differs from a word": ("{% if profile.plan != 'pro' %}{{ profile.plan }}{% endif %}", ["profile.plan"]),
    "equals another path": ("{% if profile.name == profile.nick %}{{ profile.name }}{% endif %}", [NAME]),
    "greater": ("{% if profile.points > 10 %}{{ profile.points }}{% endif %}", []),
    "contains": ("{% if profile.tags contains 'vip' %}{{ profile.tags | join: ', ' }}{% endif %}", []),
    "a deeper path guards its start": ("{% if profile.address.city %}{{ profile.address }}{% endif %}", []),
    "a shallower path guards no deeper": (
        "{% if profile.address %}{{ profile.address.city }}{% endif %}",
        ["profile.address.city"],
    ),
    "a condition is no need": ("{% if profile.name == 'Bo' %}Hi Bo{% endif %}", []),
    "nested": (
        "{% if profile.a %}{% if profile.b %}{{ profile.a }}{{ profile.b }}{% endif %}{% endif %}",
        [],
    ),
    "case": ("{% case profile.plan %}{% when 'pro' %}{{ profile.plan }}{% else %}x{% endcase %}", []),
    "case else": (
        "{% case profile.plan %}{% when 'a' %}x{% else %}{{ profile.plan }}{% endcase %}",
        ["profile.plan"],
    ),
    "case when blank, else": (
        "{% case profile.plan %}{% when blank %}x{% else %}{{ profile.plan }}{% endcase %}",
        [],
    ),
    "loop": ("{% for item in event.items %}{{ item.name }}{% endfor %}", ["event.items[*].name"]),
    "loop, with default": ("{% for i in event.items %}{{ i.name | default: 'it' }}{% endfor %}", []),
    "loop, guarded": ("{% for i in event.items %}{% if i.name %}{{ i.name }}{% endif %}{% endfor %}", []),
    "loop, guarded otherwise": (
        "{% for i in event.items %}{% if i.price %}{{ i.name }}{% endif %}{% endfor %}",
        ["event.items[*].name"],
    ),
    "a guard lasts for its round": (
        "{% for i in event.items %}{{ i.name }}{% unless i.name %}{% break %}{% endunless %}{% endfor %}",
        ["event.items[*].name"],
    ),
    "loop in a loop": (
        "{% for i in event.items %}{% for t in i.tags %}{{ t }}{% endfor %}{% endfor %}",
        ["event.items[*].tags[*]"],
    ),
    "loop over an assigned list": (
        "{% assign all = event.items | sort: 'price' %}{% for i in all %}{{ i.name }}{% endfor %}",
        ["event.items[*].name"],
    ),
    "loop over either list": (
        "{% if event.n %}{% assign l = event.a %}{% else %}{% assign l = event.b %}{% endif %}"
        "{% for i in l %}{{ i.x }}{% endfor %}",
        ["event.a[*].x", "event.b[*].x"],
    ),
    "loop over a list or its stand-in": (
        "{% assign l = event.a | default: event.b %}{% for i in l %}{{ i.x }}{% endfor %}",
        ["event.a[*].x", "event.b[*].x"],
    ),
    "loop over a list or nothing": (
        "{% assign l = event.a | default: '' %}{% for i in l %}{{ i.x }}{% endfor %}",
        ["event.a[*].x"],
    ),
    "loop over an object": ("{% for pair in event.sizes %}{{ pair[1] }}{% endfor %}", ["event.sizes[*][1]"]),
    "assigned in a loop": (
        "{% for i in event.items %}{% assign n = i.name %}{{ n }}{% endfor %}",
        ["event.items[*].name"],
    ),
    "a loop's own words": (
        "{% for i in event.items %}{{ forloop.index }}{% for j in i.tags %}{{ forloop.parentloop.index }}"
        "{% endfor %}{% endfor %}",
        [],
    ),
    "a word of one's own": ("{% for w in (1..3) %}{{ w }}{% endfor %}", []),
    "split words": (
        "{% assign words = profile.name | split: ' ' %}{% for w in words %}{{ w }}{% endfor %}{{ words[0] }}"
        "{{ words.first }}{{ words.size }}",
        [NAME],
    ),
    "the first of a list": ("{% assign i = event.items | first %}{{ i.name }}", ["event.items.first.name"]),
    "a list's names": (
        "{{ event.items | map: 'name' | join: ', ' }}",
        ["event.items", "event.items[*].name"],
    ),
    "a list's names, cut": (
        "{{ event.items | sort: 'price' | map: 'name' | first }}",
        ["event.items", "event.items[*].name"],
    ),
    "found, with default": ("{{ event.items | find: 'id', 3 | map: 'name' | default: 'x' }}", []),
    "found and guarded": (
        "{% assign f = event.items | find: 'id', 3 %}{% if f %}{{ f.name }}{% endif %}",
        ["event.items[*].name"],
    ),
    "chosen and counted": (
        "{% assign on = event.items | where: 'on' %}{% if on.size > 0 %}{{ on | map: 'name' | join }}{% endif %}"
        "{{ on.size }}{{ event.items | where: 'on' | size }}",
        ["event.items[*].name", "event.items"],
    ),
    "loop body knows its list": ("{% for item in event.items %}{{ event.items | size }}{% endfor %}", []),
    "loop limit": ("{% for item in event.items limit: profile.n %}x{% endfor %}", ["profile.n"]),
    "loop else": ("{% for i in event.items %}x{% else %}{{ profile.name }}{% endfor %}", [NAME]),
    "loop variable of the same name as a key": (
        "{% for name in event.names %}{{ name }}{% endfor %}",
        ["event.names[*]"],
    ),
    "range": ("{% for i in (1..profile.points) %}*{% endfor %}", ["profile.points"]),
    "tablerow": (
        "{% tablerow i in event.items cols: 2 %}{{ tablerowloop.col }}{{ profile.name }}{% endtablerow %}",
        [NAME],
    ),
    "assigned and printed": ("{% assign x = profile.name %}{{ x }}", [NAME]),
    "assigned and not printed": ("{% assign x = profile.name %}", []),
    "assigned with default": ("{% assign x = profile.name | default: 'you' %}{{ x }}", []),
    "assigned, default when printed": ("{% assign x = profile.name %}{{ x | default: 'you' }}", []),
    "assigned and guarded": ("{% assign x = profile.name %}{% if x %}{{ x }}{% endif %}", []),
    "assigned anew within the guard": (
        "{% assign x = profile.name %}{% if x %}{% assign x = profile.nick %}{{ x }}{% endif %}",
        ["profile.nick"],
    ),
    "assigned where guarded": (
        "{% if profile.name %}{% assign x = profile.name %}{% else %}{% assign x = 'you' %}{% endif %}{{ x }}",
        [],
    ),
    "member of an assigned object": ("{% assign o = event.order %}{{ o.total }}", ["event.order.total"]),
    "member of an assigned object, guarded": (
        "{% assign o = event.order %}{% if event.order.total %}{{ o.total }}{% endif %}",
        [],
    ),
    "either of two": (
        "{% if profile.a == 1 %}{% assign x = profile.b %}{% else %}{% assign x = profile.c %}{% endif %}{{ x }}",
        ["profile.b", "profile.c"],
    ),
    "assigned in a later round": (
        "{% assign x = 'a' %}{% for i in event.items %}{{ x }}{% assign x = profile.name %}{% endfor %}",
        [NAME],
    ),
    "assigned before a break": (
        "{% assign x = 'a' %}{% for i in event.items %}{% assign x = profile.name %}{% break %}"
        "{% assign x = 'b' %}{% endfor %}{{ x }}",
        [NAME],
    ),
    "captured": ("{% capture x %}Hi {{ profile.name }}{% endcapture %}", [NAME]),
    "captured is always a text": ("{% capture x %}Hi{% endcapture %}{{ x }}", []),
    "cycle": ("{% cycle profile.a, 'b' %}", ["profile.a"]),
    "echo": ("{% echo profile.name %}", [NAME]),
    "liquid tag": ("{% liquid\n if profile.a\n echo profile.a\n endif\n echo profile.b %}", ["profile.b"]),
    "comment": ("{% comment %}{{ profile.name }}{% endcomment %}", []),
    "raw": ("{% raw %}{{ profile.name }}{% endraw %}", []),
    "concat takes a missing list": ("{{ event.a | concat: event.b | size }}", ["event.b"]),
    "a list alone": ("{{ profile.tags | join: ', ' }}", ["profile.tags"]),
    "aborting guards what comes after": (
        "{% unless profile.name %}{% abort_message('No name') %}{% endunless %}{{ profile.name }}",
        [],
    ),
    "aborting in a branch guards the other": (
        "{% if profile.plan == blank %}{% abort_message %}{% elsif profile.name %}x{% endif %}"
        "{{ profile.plan }}{{ profile.name }}",
        [NAME],
    ),
    "aborting in a loop guards nothing after it": (
        "{% for item in event.items %}{% unless profile.name %}{% abort_message %}{% endunless %}{% endfor %}"
        "{{ profile.name }}",
        [NAME],
    ),
    "what was set before aborting does not count": (
        "{% assign x = 'a' %}{% if profile.plan %}{% assign x = profile.name %}{% abort_message %}{% endif %}{{ x }}",
        [],
    ),
    "how often is known of everybody": ("{{ profile.events.order_completed.count }}", []),
    "how often says nothing of the rest": (
        "{% if profile.events.a.count > 0 %}{{ profile.events.a.last_at }}{% endif %}",
        ["profile.events.a.last_at"],
    ),
    "past events": (
        "{{ profile.events.order_completed.last.total }}",
        ["profile.events.order_completed.last.total"],
    ),
}


@pytest.mark.parametrize(("text", "needs"), CASES.values(), ids=CASES.keys())
def test_needs_are_what_a_template_cannot_do_without(text, needs):
    checked = check(Source(text))
    assert checked.errors == []
    assert checked.needs == needs


def test_variables_are_all_that_is_read():
    text = (
        "{% if profile.plan == 'pro' %}{{ profile.name | default: event.name }}{% endif %}{{ brand.address }}"
    )
    assert check(Source(text)).variables == ["profile.plan", "profile.name", "event.name", "brand.address"]


@pytest.mark.parametrize(
    ("text", "line", "column", "message"),
    [
        ("a\n  {{ profile.name | uper }}", 2, 21, "Unknown filter 'uper'. Did you mean 'upcase'?"),
        ("{% if profile.name %}Hi", 1, 1, "This {% if %} is never closed: add {% endif %}."),
        ("{{ first_name }}", 1, 4, "Unknown variable 'first_name'. Did you mean profile.first_name?"),
        ("{{ profil.name }}", 1, 4, "Unknown variable 'profil'. Did you mean profile?"),
        ("{% assign profile = 1 %}", 1, 4, "'profile' is the name of Tact's own data: choose another name."),
        (
            "{% for event in profile.a %}{% endfor %}",
            1,
            8,
            "'event' is the name of Tact's own data: choose another name.",
        ),
        (
            "{% if profile.a %}{% assign x = 1 %}{% endif %}{{ x }}",
            1,
            51,
            "'x' gets its value only in some cases: set it before, or add a default here.",
        ),
        (
            "{{ event.limit }}",
            1,
            10,
            "'limit' is a word of Liquid's own: write [\"limit\"] instead of .limit.",
        ),
        ("{{ forloop.index }}", 1, 4, "Unknown variable 'forloop'. Did you mean profile.forloop?"),
        ("{{ nil }}", 1, 4, "This never has a value: add a default, or set it before."),
        (
            "{{ profile.name | default }}",
            1,
            19,
            "The filter 'default' is written as: default: instead, allow_false.",
        ),
    ],
)
def test_a_mistake_is_told_with_its_place(text, line, column, message):
    error = check(Source(text)).errors[0]
    assert (error.line, error.column, error.message) == (line, column, message)


@pytest.mark.parametrize(
    "text",
    [
        "{{ profile[event.key] }}",
        "{% assign o = profile[event.key] %}{{ o.name }}",
        "{{ event.items | where: 'on' | map: 'name' | join }}",
        "{% assign on = event.items | reject: 'on' %}{{ on.first.name }}",
        "{{ event.items | find: 'id', 3 }}",
        "{% assign words = profile.name | split: ' ' %}{{ words[1] }}",
        "{{ event.items | map: event.key | join }}",
    ],
)
def test_what_no_need_can_assure_wants_a_default(text):
    (problem,) = check(Source(text)).errors
    assert "may come out empty, even for people who have the data: add a default." in problem.message


@pytest.mark.parametrize(
    "text",
    [
        "{% for i in event.items %}{{ forloop.parentloop.index }}{% endfor %}",
        "{% for i in event.items %}{{ forloop.indx }}{% endfor %}",
        "{% assign x = profile.name | upcase %}{{ x.y }}",
        "{% capture x %}a{% endcapture %}{{ x.y }}",
        "{% for i in (1..3) %}{{ i.name }}{% endfor %}",
        "{% assign o = event.order | default: 'none' %}{{ o.total }}",
    ],
)
def test_what_never_has_a_value_is_said(text):
    (problem,) = check(Source(text)).errors
    assert problem.message == "This never has a value: add a default, or set it before."


def test_all_mistakes_are_told_at_once():
    errors = check(Source("{{ profile.a | uper }}\n{% fo %}\n{% if %}{% endif %}")).errors
    assert [error.line for error in errors] == [1, 2, 3]


def test_unmet_needs_are_absent_null_blank_or_empty():
    person = {"profile": {"a": None, "b": " ", "c": [], "d": 0, "e": False, "f": [{"g": "x"}], "h i": "y"}}
    needs = [
        "profile.a",
        "profile.b",
        "profile.c",
        "profile.d",
        "profile.e",
        "profile.f[0].g",
        'profile["h i"]',
        "profile.f.size",
        "profile.f.first.g",
        "profile.z",
        "event.x",
    ]
    assert unmet(needs, person) == ["profile.a", "profile.b", "profile.c", "profile.z", "event.x"]

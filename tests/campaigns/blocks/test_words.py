"""What a block says stands in the messages that render it, wherever they do."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from campaigns import channels, contents
from campaigns.channels import BlockWords
from campaigns.liquid.wire import Refused
from tests.campaigns.conftest import words

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SHARED = {"brand": {"name": "Nightingale", "postal_address": "1 Song Street"}}
ADA = {"profile": {"first_name": "Ada <3"}, "unsubscribe_url": "https://u.test/"}
BLOCKS = {
    "hello": "Hello {{ name }}",
    "name": "{{ profile.first_name | default: 'you' }}",
    "footer": '<p>{{ brand.name }} <a href="{{ unsubscribe_url }}">Out</a></p>',
    "legal": "<mj-section><mj-column><mj-text>{{ brand.name }}</mj-text></mj-column></mj-section>",
    "button": '<mj-button href="https://x.test/">{{ label }}</mj-button>',
    "link": "https://x.test/{{ profile.first_name | url_encode }}",
    "item": "<li>{{ item.name }}, {{ forloop.index }}</li>",
    "odd": "{% assign total = 3 %}{{ total }}",
    "needy": "{{ profile.city }}",
    "broken": "<mj-section><mj-text>Hi</mj-text></mj-section>",
}


def compiled(fields, blocks=BLOCKS, *, is_marketing=False):
    given = {name: BlockWords(text, number) for number, (name, text) in enumerate(blocks.items(), 1)}
    return channels.get("email").compile(fields, is_marketing=is_marketing, blocks=given)


def mail(fields, person=ADA, **more):
    """Return the mail as somebody gets it."""
    made = compiled(fields, **more)
    assert made.problems == []
    (message,) = contents.filled(channel="email", parts=made.parts, people=[person], shared=SHARED, now=NOW)
    return message


def mjml(inside):
    return words(f"<mjml><mj-body>{inside}</mj-body></mjml>", body_format="mjml")


SECTION = "<mj-section><mj-column>{}</mj-column></mj-section>"


@pytest.mark.parametrize(
    ("fields", "part", "says"),
    [
        pytest.param(
            words(subject="{% render 'hello', name: 'A & B' %}!"), "subject", "Hello A & B!", id="a subject"
        ),
        pytest.param(
            words("<b>{% render 'name' %}</b>"), "html", "<b>Ada &lt;3</b>", id="HTML, escaped as there"
        ),
        pytest.param(words("<p>x</p>{% render 'footer' %}"), "text", "Nightingale Out (https://u.test/)",
                     id="the text made from it"),
        pytest.param(words(text="{%- render 'name' -%}"), "text", "Ada <3", id="a text of one's own"),
        pytest.param(words("x {{- content_blocks.${Name} | id: 'cb1' }}"), "html", "xAda &lt;3", id="Braze's spelling"),
        pytest.param(words("<a href=\"{% render 'link' %}\">x</a>"), "html", 'href="https://x.test/Ada+%3C3"',
                     id="an attribute"),
        pytest.param(mjml("{% render 'legal' %}"), "html", "Nightingale</div>", id="MJML between sections"),
        pytest.param(mjml(SECTION.format("{% render 'button', label: 'Go' %}")), "html", ">Go</a>",
                     id="MJML in a column"),
        pytest.param(mjml(SECTION.format("<mj-text>{% render 'name' %}</mj-text>")), "html", "Ada &lt;3</div>",
                     id="words in MJML"),
        pytest.param(mjml(SECTION.format("<mj-text>{% render 'footer' %}</mj-text>")), "html",
                     '<a href="https://u.test/">Out</a>', id="HTML in MJML"),
        pytest.param(words("{% assign total = 1 %}{% render 'odd' %}{{ total }}"), "html", "31",
                     id="its names are its own"),
    ],
)  # fmt: skip
def test_a_block_stands_in(fields, part, says):
    assert says in mail(fields)[part]


def test_it_is_rendered_for_each_of_a_list():
    person = ADA | {"event": {"items": [{"name": "Tea"}, {"name": "Jam"}]}}
    fields = words("{% render 'item' for event.items %}")
    assert compiled(fields).needs == ["event.items[*].name"]
    assert "<li>Tea, 1</li><li>Jam, 2</li>" in mail(fields, person)["html"]


def test_what_it_needs_the_message_needs():
    made = compiled(words("{% render 'needy' %}"))
    assert (made.needs, made.variables) == (["profile.city"], ["profile.city"])
    assert made.blocks == {"needy": list(BLOCKS).index("needy") + 1}
    assert compiled(words("{% if profile.city %}{% render 'needy' %}{% endif %}")).needs == []


def test_a_way_out_within_a_block_is_the_way_out():
    assert "postal address" in compiled(words("{% render 'footer' %}"), is_marketing=True).notes[0]
    assert "unsubscribe" not in compiled(words("{% render 'footer' %}"), is_marketing=True).notes[0]


def test_what_is_stored_is_whole():
    """Whoever fills it has no block at hand: it could be nobody else's."""
    made = compiled(mjml("{% render 'legal' %}"))
    (message,) = contents.filled(channel="email", parts=made.parts, people=[ADA], shared=SHARED, now=NOW)
    assert not isinstance(message, Refused)
    assert "render 'legal'" not in made.parts["html"]["text"].replace("_render 'legal'", "")


@pytest.mark.parametrize(
    ("fields", "line", "column", "says"),
    [
        pytest.param(words("<p>\n {% render 'foter' %}</p>"), 2, 2,
                     "There is no block called 'foter'. Did you mean footer?", id="nobody wrote it"),
        pytest.param(words("{% render 'zzz' %}"), 1, 1, "Blocks are written under Blocks.", id="nothing is near"),
        pytest.param(words("a{% render footer %}"), 1, 2, "Name the block in quotes", id="a variable"),
        pytest.param(words("a{% include 'footer' %}"), 1, 2, 'write {% render "name" %}', id="include"),
        pytest.param(words("{% render 'hello' %}"), 1, 1, "In the block “hello”: 'name' has no value here",
                     id="it takes something"),
        pytest.param(words("x\n{% render 'hello', name: profil.x %}"), 2, 26, "Unknown variable 'profil'",
                     id="what it is given"),
        pytest.param(mjml("\n{% render 'footer' %}"), 2, 1, "In the block “footer”: <p> is HTML",
                     id="HTML between MJML"),
        pytest.param(mjml("\n\n {% render 'broken' %}"), 3, 2, "In the block “broken”: <mj-text> belongs inside",
                     id="MJML where it may not stand"),
        pytest.param(mjml("{% render 'hello', name: 'x' %}"), 1, 16, "In the block “hello”: Text stands",
                     id="words between MJML"),
        pytest.param(words("<p>x</p>\n {% render 'legal' %}"), 2, 2,
                     "In the block “legal”: <mj-section> is MJML, and this body is written in HTML: say it in HTML, or "
                     "choose MJML for the body.", id="MJML in HTML"),
        pytest.param(words("<p>x</p>\n <mj-text>x</mj-text>"), 2, 2, "<mj-text> is MJML, and", id="MJML typed in HTML"),
        pytest.param(mjml(SECTION.format("<mj-text>\n{% render 'legal' %}</mj-text>")), 2, 1,
                     "In the block “legal”: <mj-section> stands inside <mj-text>, where only HTML is read: put it out",
                     id="MJML in words"),
        *(
            pytest.param(mjml(SECTION.format(f"\n<{tag}>{{% render 'legal' %}}</{tag}>")), 2, len(tag) + 3,
                         f"A block cannot stand inside <{tag}>: put the whole <{tag}> into the block.", id=tag)
            for tag in ("mj-social", "mj-navbar", "mj-accordion", "mj-carousel", "mj-divider")
        ),
        pytest.param(mjml("</mj-body><mj-head><mj-attributes>\n{% render 'legal' %}</mj-attributes></mj-head>"),
                     2, 1, "A block cannot stand inside <mj-attributes>", id="mj-attributes"),
        pytest.param(words("{% render 'legal' %}", body_format="mjml"), 1, 1,
                     "A block cannot stand outside <mj-body>: render it inside.", id="nothing but a block"),
        pytest.param(words(subject="{% render 'footer' %}"), 0, 0, "holds HTML or MJML", id="HTML in a subject"),
        pytest.param(words("{% _render 'name' %}x{% _endrender %}"), 1, 4, "Unknown tag '_render'", id="our own tag"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_where_the_message_renders_it(fields, line, column, says):
    first = compiled(fields).problems[0]
    assert says in first.message
    assert (first.line, first.column) == (line, column)


@pytest.mark.parametrize(
    ("blocks", "says"),
    [
        pytest.param({"a": "{% render 'a' %}"}, "in a circle: a, a", id="of itself"),
        pytest.param({"a": "{% render 'b' %}", "b": "{% render 'c' %}", "c": "{% render 'b' %}"},
                     "in a circle: b, c, b", id="of others"),
        pytest.param({"a": "{% render 'b' %}"}, "There is no block called 'b'", id="of none"),
        pytest.param({chr(97 + n): f"{{% render '{chr(98 + n)}' %}}" * 10 for n in range(8)} | {"i": "xxxxxxxxxx"},
                     "longer than 200,000 characters", id="ever more of others"),
        pytest.param({"a": "{% render 'b0' %}"} | {f"b{n}": f"{{% render 'b{n + 1}' %}}" for n in range(60)}
                     | {"b60": "x"},
                     "nested more than 30 deep", id="ever deeper"),
    ],
)  # fmt: skip
def test_blocks_that_go_too_far_are_refused(blocks, says):
    made = compiled(words("{% render 'a' %}"), blocks)
    assert says in made.problems[0].message


def test_loops_within_blocks_count_together():
    blocks = {"rows": "{% for i in (1..9999) %}x{% endfor %}"}
    made = compiled(words("{% for i in (1..9) %}{% render 'rows' %}{% endfor %}"), blocks)
    (answer,) = contents.filled(channel="email", parts=made.parts, people=[ADA], shared=SHARED, now=NOW)
    assert isinstance(answer, Refused)
    assert "more than 20,000 times" in answer.reason

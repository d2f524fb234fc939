"""What an author writes becomes templates: its Liquid untouched, its mistakes named, nothing fetched."""

import re
from datetime import UTC, datetime

import pytest

from campaigns.liquid.program import Program
from campaigns.liquid.renderer import Renderer
from campaigns.liquid.wire import Source
from delivery.channels.email.compile import (
    compile_email,
    compile_isolated,
    has_unsubscribe_link,
    inline,
    needs_inlining,
)
from delivery.channels.email.mjml_tags import HOLDS_RAW, PARENTS

NOW = datetime(2026, 3, 1, tzinfo=UTC)
ROWS = "{% for i in event.items %}<tr><td>{{ i.name }}</td><td>{{ i.price }}</td></tr>{% endfor %}"
PERSON = {
    "profile": {"name": "Bo & Co", "vip": True},
    "event": {
        "url": "https://shop.example/?a=1&b=2",
        "items": [{"name": "Tea", "price": 3}, {"name": "Jam", "price": 4}],
    },
    "unsubscribe_url": "https://us.example/u/1",
}


def mjml(content, head=""):
    return f"<mjml>{head}<mj-body><mj-section><mj-column>{content}</mj-column></mj-section></mj-body></mjml>"


def compiled(body, **fields):
    made = compile_email(body=body, body_format="mjml" if body.startswith("<mjml") else "html", **fields)
    assert made.problems == []
    return made


def fill(text, output="html"):
    return Program(Source(text, output)).fill(PERSON, NOW)


def mistakes(body):
    found = compile_email(body=body, body_format="mjml").problems
    return [(each.line, each.column, each.message) for each in found]


def test_liquid_in_text_comes_through_mjml():
    made = compiled(
        mjml('<mj-text>Hi {{ profile.name | default: "you" }}{% if 1 < 2 %}<br>ok{% endif %}</mj-text>')
    )
    assert "Hi Bo &amp; Co<br>ok" in fill(made.html)


def test_liquid_in_an_attribute_comes_through_with_its_quotes():
    made = compiled(mjml('<mj-button href="{{ event.url | default: "https://x.example" }}">Go</mj-button>'))
    assert 'href="https://shop.example/?a=1&amp;b=2"' in fill(made.html)


def test_a_loop_in_raw_repeats_rows_of_the_layout():
    start, end = "<mj-raw>{% for i in event.items %}</mj-raw>", "<mj-raw>{% endfor %}</mj-raw>"
    body = mjml(f"{start}<mj-text>{{{{ i.name }}}}!</mj-text>{end}")
    html = fill(compiled(body).html)
    assert html.count('<tr><td align="left"') == 2
    assert html.index("Tea!") < html.index("Jam!")


def test_a_loop_in_a_table_repeats_its_rows():
    body = mjml(f"<mj-table>{ROWS}</mj-table>")
    assert "<tr><td>Tea</td><td>3</td></tr><tr><td>Jam</td><td>4</td></tr>" in fill(compiled(body).html)


def test_html_that_mjml_could_not_read_is_passed_on():
    made = compiled(mjml("<mj-text>5 < 6 & <img src=https://a.example/b.png alt=x> <p>open</mj-text>"))
    assert "5 < 6 & <img src=https://a.example/b.png alt=x> <p>open" in made.html


def test_mjml_asks_no_font_server_and_uses_a_system_font():
    html = compiled(mjml("<mj-text>Hi</mj-text>")).html
    assert "fonts.googleapis" not in html
    assert "@import" not in html
    assert "<link" not in html
    assert "Ubuntu" not in html
    assert "font-family:-apple-system" in html


def test_an_author_may_choose_another_font():
    head = '<mj-head><mj-attributes><mj-all font-family="Georgia" /></mj-attributes></mj-head>'
    html = compiled(mjml("<mj-text>Hi</mj-text>", head)).html
    assert "font-family:Georgia" in html
    assert "-apple-system" not in html


def test_nothing_is_fetched_but_what_the_author_named():
    html = compiled(mjml('<mj-image src="https://a.example/b.png" /><mj-divider /><mj-text>x</mj-text>')).html
    assert set(re.findall(r"(?:src|url\(|background)=?[\"'(]*(https?://[^\"')]+)", html)) == {
        "https://a.example/b.png"
    }


@pytest.mark.parametrize(
    "content",
    [
        '<mj-social><mj-social-element name="facebook" href="https://f.example">F</mj-social-element></mj-social>',
        '<mj-carousel><mj-carousel-image src="https://a.example/b.png" /></mj-carousel>',
    ],
)
def test_pictures_of_other_peoples_servers_are_refused(content):
    assert any("MJML would load https://" in message for _, _, message in mistakes(mjml(content)))


def test_outlook_gets_its_conditional_comments():
    assert "<!--[if mso | IE]>" in compiled(mjml("<mj-text>x</mj-text>")).html


@pytest.mark.parametrize(
    ("body", "line", "column", "message"),
    [
        (
            "<mjml><mj-body>\n <mj-section><mj-column><mj-txt>a</mj-txt></mj-column></mj-section></mj-body></mjml>",
            2,
            25,
            "Unknown tag <mj-txt>. Did you mean <mj-text>?",
        ),
        (
            "<mjml><mj-body>\n\n  <mj-section>\n</mj-body></mjml>",
            3,
            3,
            "This <mj-section> is never closed: add </mj-section>.",
        ),
        (mjml("<mj-text>a"), 1, 39, "This <mj-text> is never closed: add </mj-text>."),
        (
            mjml('<mj-text colour="red">a</mj-text>'),
            1,
            48,
            "<mj-text> has no attribute 'colour'. Did you mean color?",
        ),
        (
            mjml("\n{% for i in event.items %}<mj-text>a</mj-text>{% endfor %}"),
            2,
            1,
            "{% for i in event.items %} stands between MJML tags: put it inside <mj-raw>…</mj-raw>.",
        ),
        (mjml("hello"), 1, 39, "Text stands between MJML tags: put it inside <mj-text>."),
        (mjml("<p>a</p>"), 1, 39, "<p> is HTML: put it inside <mj-text> or <mj-raw>."),
        (
            "<mjml><mj-body><mj-text>a</mj-text></mj-body></mjml>",
            1,
            16,
            "<mj-text> belongs inside <mj-column> or <mj-hero>.",
        ),
        (
            mjml('<mj-image width="{{ profile.width }}" src="a" />'),
            1,
            39,
            "MJML takes no Liquid in this attribute: write a plain value.",
        ),
        (
            mjml('<mj-include path="/etc/passwd" />'),
            1,
            39,
            "<mj-include> is not available: write the content here.",
        ),
        (mjml("</mj-wrapper>"), 1, 39, "This </mj-wrapper> closes nothing."),
        (mjml("<mj-image src='x>"), 1, 39, "This tag is not complete: is a quote or a > missing?"),
        (
            mjml("<mj-social>\n<mj-raw>x</mj-raw></mj-social>"),
            2,
            1,
            "<mj-raw> cannot stand inside <mj-social>: put it around the whole <mj-social>.",
        ),
        (
            "<mjml><mj-raw>x</mj-raw><mj-body></mj-body></mjml>",
            1,
            7,
            "<mj-raw> cannot stand outside <mj-body>: put it inside.",
        ),
        (
            mjml("<mj-text>a\n<mj-button>b</mj-button></mj-text>"),
            2,
            1,
            "<mj-button> stands inside <mj-text>, where only HTML is read: put it outside.",
        ),
        ("", 1, 1, "MJML begins with <mjml> and ends with </mjml>."),
    ],
)
def test_a_mistake_in_mjml_is_told_with_its_place(body, line, column, message):
    assert (line, column, message) in mistakes(body)


def test_raw_may_stand_wherever_mjml_takes_it():
    def holding(tag):
        of = PARENTS[tag][0]
        return (holding(of) if of != "mjml" else "<mjml>{}</mjml>").format(f"<{tag}>{{}}</{tag}>")

    for tag in HOLDS_RAW:
        body = holding(tag).format("<mj-raw>kept</mj-raw>")
        assert (
            "kept"
            in compiled(
                body if "<mj-body>" in body else body.replace("</mj-head>", "</mj-head><mj-body />")
            ).html
        )


def test_the_authors_comments_are_left_out_with_the_liquid_in_them():
    html = compiled(mjml("<!-- {{ profile.secret }} --><mj-text>a</mj-text>")).html
    assert "secret" not in html


@pytest.mark.parametrize("head", ["", "<mj-head />", "<mj-head><mj-preview>old</mj-preview></mj-head>"])
def test_the_preheader_becomes_the_hidden_first_words(head):
    made = compiled(mjml("<mj-text>Hi</mj-text>", head), preheader="5 < 6, {{ profile.name }}")
    html = fill(made.html)
    assert re.search(r'<div style="display:none[^>]*>5 &lt; 6, Bo &amp; Co</div>', html)
    assert "old" not in html
    assert made.text == "Hi\n"


def test_the_preheader_is_put_into_hand_written_html():
    html = compiled("<html><body bgcolor='red'><p>Hi</p></body></html>", preheader="First").html
    assert re.search(r"<body bgcolor='red'><div style=\"display:none[^>]*>First</div><p>Hi</p></body>", html)


def test_hand_written_html_is_kept_as_it_is():
    body = f"<!DOCTYPE html><html><body><!--[if mso]>x<![endif]--><table>{ROWS}</table>"
    assert compiled(body).html == body


def test_styles_are_inlined_after_liquid_so_that_loops_in_tables_survive():
    body = (
        "<html><head><style>td { color: red } @media (max-width: 9px) { td { color: blue } }</style></head><body>"
        "<table>{% for i in event.items %}<tr><td>{{ i.name }}</td></tr>{% endfor %}</table></body></html>"
    )
    template = compiled(body).html
    assert needs_inlining(template)
    html = inline(fill(template))
    assert html.count('<td style="color: red') == 2
    assert "@media" in html
    assert html.index("Tea") < html.index("Jam")


def test_inlining_loads_nothing():
    head = '<link rel="stylesheet" href="http://127.0.0.1:9/x.css"><style>p{color:red}</style>'
    html = f"<html><head>{head}</head><body><p>a</p></body></html>"
    assert 'style="color: red' in inline(html)


def test_what_mjml_made_and_what_has_no_styles_is_not_inlined():
    assert not needs_inlining(compiled(mjml("<mj-text>a</mj-text>")).html)
    assert not needs_inlining("<p>a</p>")


TABLE = (
    "<html><head><title>T</title><style>p{}</style></head><body><div style='display: none'>hidden</div>"
    "<h1>Hello {{ profile.name | default: '<you>' }}</h1>"
    '<p>One <a href="{{ event.url }}"><b>click</b></a> or <a href="https://b.example">https://b.example</a></p>'
    "<table><tr><td>Name</td><td>Price</td></tr>"
    f"{ROWS}</table>"
    '{% if profile.vip %}<p>For you</p>{% endif %}<a href="https://c.example"><img src="x.png" alt="Our cat"></a>'
    '<p><a href="{{ unsubscribe_url }}">Unsubscribe</a></p></body></html>'
)


def test_the_text_is_made_of_the_html_with_its_liquid():
    assert fill(compiled(TABLE).text, "text") == (
        "Hello Bo & Co\n\n"
        "One click (https://shop.example/?a=1&b=2) or https://b.example\n\n"
        "Name Price\nTea 3\nJam 4\nFor you\n\n"
        "Our cat (https://c.example)\n\n"
        "Unsubscribe (https://us.example/u/1)\n"
    )


def test_the_text_has_a_link_however_its_scheme_is_spelled():
    assert compiled('<a href="HTTPS://shop.test/">Shop</a>').text == "Shop (HTTPS://shop.test/)\n"


def test_the_text_of_mjml_says_what_the_mail_says():
    body = mjml(
        "<mj-text>Hi {{ profile.name }}</mj-text>"
        '<mj-button href="{{ event.url }}">Buy</mj-button>'
        f"<mj-table>{ROWS}</mj-table>"
    )
    assert fill(compiled(body).text, "text") == (
        "Hi Bo & Co\n\nBuy (https://shop.example/?a=1&b=2)\n\nTea 3\nJam 4\n"
    )


def test_the_authors_own_text_wins():
    assert (
        compiled(mjml("<mj-text>a</mj-text>"), text="Mine {{ profile.name }}").text
        == "Mine {{ profile.name }}"
    )


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ('<a href="{{ unsubscribe_url }}">x</a>', True),
        ("<a class=b href='{{- unsubscribe_url -}}'>x</a>", True),
        ('<A HREF="{{ unsubscribe_url | escape }}">x</A>', True),
        ("{{ unsubscribe_url }}", False),
        ('<!-- <a href="{{ unsubscribe_url }}">x</a> -->', False),
        ('{% comment %}<a href="{{ unsubscribe_url }}">x</a>{% endcomment %}', False),
        ('<a href="https://x.example">unsubscribe</a>', False),
    ],
)
def test_an_unsubscribe_link_is_one_that_can_be_clicked(html, expected):
    assert has_unsubscribe_link(html) is expected


def test_compiling_in_the_child_is_compiling():
    renderer = Renderer()
    try:
        body = mjml("<mj-text>Hi {{ profile.name }}</mj-text>")
        assert compile_isolated(renderer, body=body, body_format="mjml") == compiled(body)
        deep = mjml("<mj-wrapper>" * 60_000)
        assert compile_isolated(renderer, body=deep, body_format="mjml").problems
        assert compile_isolated(renderer, body=body, body_format="mjml") == compiled(body)
    finally:
        renderer.close()

"""Templates written for Braze are read as they stand, and what has no counterpart is said with its place."""

from datetime import UTC, datetime
from time import process_time

import pytest

from campaigns.liquid.needs import check
from campaigns.liquid.program import Program
from campaigns.liquid.spellings import respelled
from campaigns.liquid.wire import Source
from delivery.channels.email.compile import compile_email

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
ADA = {
    "profile": {
        "first_name": "Ada",
        "email": "ada@example.test",
        "phone": "+4930123456",
        "external_id": "u-1",
        "timezone": "Europe/London",
        "language": "en",
        "city": "London",
        "plan": "gold",
        "Favourite Colour": "blue",
        "address": {"street": "St James's Square", "lines": ["12", "SW1Y"]},
        "points": 1200,
        "owner's name": "Annabella",
    },
    "event": {
        "order id": "A-7",
        "total": 30,
        "items": [{"name": "Tea", "price": 3}, {"name": "Jam", "price": 4}],
    },
    "campaign": {"name": "Spring", "public_id": "c-1"},
    "unsubscribe_url": "https://out.test/u",
}

TEMPLATES = {
    "a greeting": ("Hi {{${first_name} | default: 'there'}}!", "Hi Ada!"),
    "room around it": ("Hi {{ ${first_name} }}, {{- ${city} -}} .", "Hi Ada,London."),
    "names that differ": (
        "{{${user_id}}} {{${email_address}}} {{${phone_number}}} {{${time_zone}}} {{${language}}}",
        "u-1 ada@example.test +4930123456 Europe/London en",
    ),
    "a custom attribute": ("{{custom_attribute.${plan} | upcase}}", "GOLD"),
    "one with a space": ("{{custom_attribute.${Favourite Colour}}}", "blue"),
    "one with a quote": ("{{custom_attribute.${owner's name}}}", "Annabella"),
    "one with members": ("{{custom_attribute.${address}.street}}, {{custom_attribute.${address}.lines[1]}}",
                         "St James's Square, SW1Y"),
    "an event's property": ("Order {{event_properties.${order id}}}: {{event_properties.${items}[0].name}}",
                            "Order A-7: Tea"),
    "a call's property": ("{{api_trigger_properties.${total}}}", "30"),
    "the campaign": ("{{campaign.${name}}}/{{campaign.${api_id}}}", "Spring/c-1"),
    "the way out": ("{{${set_user_to_unsubscribed_url}}}", "https://out.test/u"),
    "in a condition": (
        "{% if ${first_name} == 'Ada' and custom_attribute.${points} > 1000 %}Dear {{${first_name}}}{% endif %}",
        "Dear Ada",
    ),
    "braces in a tag": (
        "{% if {{custom_attribute.${plan}}} == 'gold' %}Gold{% else %}Free{% endif %}", "Gold"
    ),
    "braces in an assignment": (
        "{% assign name = {{${first_name}}} %}{{name | append: '!'}}", "Ada!"
    ),
    "an assignment": ("{% assign points = custom_attribute.${points} | divided_by: 100 %}{{points}}", "12"),
    "a case": (
        "{% case ${language} %}{% when 'de' %}Hallo{% when 'en' %}Hello{% else %}Salut{% endcase %}", "Hello"
    ),
    "a loop": (
        "{% for item in event_properties.${items} %}{{item.name}} {{item.price}}; {% endfor %}", "Tea 3; Jam 4; "
    ),
    "a ladder of languages": (
        "{% if ${language} == 'fr' %}Bonjour{% elsif ${language} == 'en' %}Hello{% endif %} {{${first_name}}}",
        "Hello Ada",
    ),
    "aborting": (
        "{% unless custom_attribute.${plan} %}{% abort_message('No plan') %}{% endunless %}"
        "{{custom_attribute.${plan}}}",
        "gold",
    ),
    "liquid of many lines": (
        "{% liquid\n  assign n = ${first_name}\n  echo n | upcase\n%}", "ADA"
    ),
    "words that look like it": ("{{ 'costs ${5}' }} ${first_name} {% raw %}{{${city}}}{% endraw %}",
                                "costs ${5} ${first_name} {{${city}}}"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "filled"), TEMPLATES.values(), ids=TEMPLATES.keys())
def test_a_template_written_for_braze_is_filled(text, filled):
    assert check(Source(text, "text")).errors == []
    assert Program(Source(text, "text")).fill(ADA, NOW) == filled


def test_needs_see_through_the_spelling():
    text = (
        "{{${first_name}}} {{custom_attribute.${home city}}} {{event_properties.${total} | default: 0}}"
        "{% if ${city} %}{{${city}}}{% endif %}"
    )
    assert check(Source(text)).needs == ["profile.first_name", 'profile["home city"]']


@pytest.mark.parametrize(
    ("text", "line", "column", "message"),
    [
        ("Hi {{${first_name} | uper}}", 1, 22, "Unknown filter 'uper'. Did you mean 'upcase'?"),
        ("a\n{{${first_name}}} {{ nme }}", 2, 22, "Unknown variable 'nme'. Did you mean profile.nme?"),
        ("x {{${braze_id}}}", 1, 5, "Tact has nothing like ${braze_id}."),
        ("{{ campaign.${dispatch_id} }}", 1, 4, "Tact has nothing like campaign.${dispatch_id}."),
        ("{{${first_name}", 1, 1, "This {{ is never closed: add }}."),
        (
            "Hi\n {% connected_content https://api.test/{{${user_id}}} :save stock %}{{stock.left}}",
            2,
            2,
            "{% connected_content %} is not available: make a source of that address and write source.name for what"
            " it answers.",
        ),
        (
            "{% if ${city} %}{% abort_message(no city) %}{% endif %}",
            1,
            33,
            "Write the reason in quotes: {% abort_message('No cart to speak of') %}.",
        ),
    ],
)
def test_a_mistake_keeps_the_place_it_was_typed_at(text, line, column, message):
    first = check(Source(text)).errors[0]
    assert (first.line, first.column, first.message) == (line, column, message)


def test_what_has_no_other_spelling_comes_back_as_it_is():
    text = "{{ profile.first_name }} costs $5 {% if a %}{% endif %}"
    assert respelled(text).text is text


BOMBS = [
    "{{ ${" * 30_000,
    "{% '" * 30_000 + "${",
    "a." * 60_000 + "{{x.${y}}}",
    "${ " * 60_000,
    "{{" * 60_000,
]


@pytest.mark.parametrize("text", BOMBS)
def test_it_takes_no_longer_for_what_was_made_to_take_long(text):
    before = process_time()
    respelled("${" + text)
    assert process_time() - before < 1


MJML = """<mjml><mj-body><mj-section><mj-column>
<mj-text>Hi {{${first_name} | default: "you"}}</mj-text>
<mj-button href="https://shop.test/{{custom_attribute.${plan}}}">Go</mj-button>
</mj-column></mj-section></mj-body></mjml>"""


def test_a_mail_may_be_written_so_in_all_its_fields():
    made = compile_email(body=MJML, body_format="mjml", preheader="For {{${first_name}}}")
    assert made.problems == []
    html = Program(Source(made.html)).fill(ADA, NOW)
    assert "Hi Ada" in html
    assert 'href="https://shop.test/gold"' in html
    assert "For Ada" in html
    assert Program(Source(made.text, "text")).fill(ADA, NOW) == "Hi Ada\n\nGo (https://shop.test/gold)\n"


def test_a_mistake_of_mjml_keeps_its_place_too():
    body = MJML.replace("Go</mj-button>", "{{${first_name}}}</mj-button><mj-spacr />")
    (problem,) = compile_email(body=body, body_format="mjml").problems
    assert body.splitlines()[problem.line - 1][problem.column - 1 :].startswith("<mj-spacr")

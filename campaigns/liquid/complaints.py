"""The words in which a template's mistakes are told to its author."""

import re

_PLAIN = (
    (r"expected '}}', found end of file", "This {{ is never closed: add }}."),
    (r"missing tag name or closing delimiter", "This {% is never closed, or has no name: add %}."),
    (r"found '='", "Use == to compare two values."),
    (r"unexpected '&'", "Write and instead of &&."),
    (r"found dpipe|found '\|\|'", "Write or instead of ||."),
    (
        r"unexpected '[\u201c\u201d\u201e\u2018\u2019\u00ab\u00bb]'",
        "Use straight quotes, ' or \", not curly ones.",
    ),
    (r"unexpected [\"']+[\"']", "This quote is never closed."),
    (
        r"missing or unexpected path segment|expected an identifier",
        "A name is missing after the dot or bracket.",
    ),
    (r"expected word, found", "The name of a filter is missing after |."),
    (r"expected in, found", "Write it as {% for item in list %}."),
    (r"expected '=', found", "Write it as {% assign name = value %}."),
    (r"expected a primitive expression, found end of", "Something is missing here."),
    (r"disallowed ternary", "if cannot stand inside {{ }}: use the tag {% if %}."),
    (r"disallowed not operator", "not is no Liquid: use {% unless %}, or compare with == false."),
    (r"disallowed parentheses", "A condition cannot have parentheses: nest two {% if %} instead."),
    (
        r"expected end of expression, found|comma separated list",
        "Not expected here: is a | , or : missing before it?",
    ),
    (r"missing expression", "Something is missing inside this tag."),
    (r"unexpected liquid parsing error", "This cannot be read: it is too deep or too long."),
)
_OWN_WORD = re.compile(r"expected an identifier, found (?!end of)(\w+)")


def in_plain_words(message: str) -> str:
    """Return what the parser says as a marketer would understand it, or as it is if we have no better words."""
    if found := _OWN_WORD.search(message):
        return f"'{found[1]}' is a word of Liquid's own: write [\"{found[1]}\"] instead of .{found[1]}."
    for pattern, words in _PLAIN:
        if re.search(pattern, message):
            return words
    return message[:1].upper() + message[1:] + ("" if message.endswith((".", "?")) else ".")


def _suggestion(near: list[str], form: str = "{}") -> str:
    return f" Did you mean {form.format(near[0])}?" if near else ""


def never_closed(name: str) -> str:
    return f"This {{% {name} %}} is never closed: add {{% end{name} %}}."


def closes_nothing(name: str, opens: str) -> str:
    return f"This {{% {name} %}} closes nothing: no {{% {opens} %}} is open."


def out_of_place(name: str, allowed: tuple[str, ...]) -> str:
    places = " or ".join(f"{{% {each} %}}" for each in allowed)
    return f"{{% {name} %}} only makes sense inside {places}."


def else_with_condition(condition: str) -> str:
    condition = condition.removeprefix("if ").strip()
    return f"{{% else %}} takes no condition: write {{% elsif {condition} %}}."


def after_else(name: str, block: str) -> str:
    return f"{{% {name} %}} comes after the {{% else %}} of this {{% {block} %}}: {{% else %}} must be last."


def reason_in_quotes(tag: str) -> str:
    return f"Write the reason in quotes: {{% {tag}('No cart to speak of') %}}."


def not_available(name: str) -> str:
    instead = 'write {% render "name" %}' if name == "include" else "write the text here"
    return f"{{% {name} %}} is not available: {instead}."


def block_in_quotes() -> str:
    return 'Name the block in quotes: {% render "footer" %}.'


def unknown_block(name: str, near: list[str]) -> str:
    return f"There is no block called '{name}'." + (_suggestion(near) or " Blocks are written under Blocks.")


def in_a_circle(names: str) -> str:
    return f"Blocks render each other in a circle: {names}."


def too_long_with_blocks(most: int) -> str:
    return f"With its blocks this is longer than {most:,} characters."


def in_block(name: str, message: str) -> str:
    return f"In the block “{name}”: {message}"


def not_given(expression: str, block: str) -> str:
    return (
        f"'{expression}' has no value here: give it one, as in {{% render \"{block}\", name: value %}}, "
        "or add a default in the block."
    )


OF_BRAZE = {
    "connected_content": (
        "{% connected_content %} is not available: make a source of that address and write source.name for what it"
        " answers."
    ),
    "catalog_items": "{% catalog_items %} is not available: make a source of the catalog and write source.name.",
    "translation": "{% translation %} is not available: write the words once in each language.",
}


def nothing_like_it(spelling: str) -> str:
    return f"Tact has nothing like {spelling}."


def unknown_tag(name: str, near: list[str]) -> str:
    return f"Unknown tag '{name}'." + _suggestion(near, "{{% {} %}}")


def unknown_filter(name: str, near: list[str]) -> str:
    return f"Unknown filter '{name}'." + _suggestion(near, "'{}'")


def form(name: str, arguments: list[str]) -> str:
    """Return how a filter is written, from its arguments as Python writes them."""
    names = [argument.split(":")[0].split("=")[0].strip("* ") for argument in arguments]
    return f"{name}: {', '.join(names)}" if names else name


def wrong_arguments(name: str, expected: str) -> str:
    return f"The filter '{name}' is written as: {expected}."


def nothing_inside(what: str) -> str:
    return f"There is nothing inside this {what}."


def unknown_variable(name: str, near: list[str]) -> str:
    return f"Unknown variable '{name}'." + _suggestion(near)


def taken(name: str) -> str:
    return f"'{name}' is the name of Tact's own data: choose another name."


def perhaps_unset(name: str) -> str:
    return f"'{name}' gets its value only in some cases: set it before, or add a default here."


def perhaps_empty(expression: str) -> str:
    return f"'{expression}' may come out empty, even for people who have the data: add a default."


def never_a_value() -> str:
    return "This never has a value: add a default, or set it before."


def no_value(what: str) -> str:
    return f"{what} has no value."


def filter_failed(name: str, detail: str = "") -> str:
    return f"The filter '{name}' cannot be used on this value" + (f": {detail}." if detail else ".")

"""Which language somebody gets: the chain of those that will do, the names, and the way each is written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns import languages
from campaigns.languages import NotALanguage, chosen_words, direction, language_for, normal

CASES = {
    "their own": ("pt-BR", ("pt", "pt-BR"), "en", "pt-BR"),
    "the plain one where their region's is not written": ("pt-BR", ("pt", "es"), "en", "pt"),
    "the default where neither is": ("pt-BR", ("es",), "en", ""),
    "the default for who speaks the plain one of which a region's is written": ("pt", ("pt-BR",), "en", ""),
    "not another region's": ("pt-PT", ("pt-BR",), "en", ""),
    "an underscore is a hyphen": ("pt_br", ("pt-BR",), "en", "pt-BR"),
    "capitals do not matter": ("PT-br", ("pt-BR",), "en", "pt-BR"),
    "an encoding is no part of it": ("pt_BR.UTF-8", ("pt-BR",), "en", "pt-BR"),
    "the script before the plain one": ("zh-Hant-TW", ("zh", "zh-Hant"), "en", "zh-Hant"),
    "the plain one without the script": ("zh-Hant-TW", ("zh",), "en", "zh"),
    "the script that a region is written in": ("zh-TW", ("zh", "zh-Hant"), "en", "zh-Hant"),
    "the region that a script and it name alike": ("zh-Hant-TW", ("zh", "zh-TW"), "en", "zh-TW"),
    "nothing of the other script's region": ("zh-HK", ("zh-Hans",), "en", ""),
    "what the CLDR says is closer": ("es-MX", ("es", "es-419"), "en", "es-419"),
    "Norwegian by either name": ("nb-NO", ("no",), "en", "no"),
    "and the other way round": ("no-NO", ("nb",), "en", "nb"),
    "but not Bokmål for Nynorsk": ("nn", ("nb",), "en", ""),
    "the code that a language once had": ("iw", ("he",), "en", "he"),
    "what follows the region says nothing": ("de-CH-1996-u-co-phonebk", ("de-CH",), "en", "de-CH"),
    "the default where it is their own": ("pt-BR", ("pt",), "pt-BR", ""),
    "the default where it is the closest": ("pt-BR", ("es",), "pt", ""),
    "one closer than the default": ("pt-BR", ("pt-BR",), "pt", "pt-BR"),
    "the default for who speaks nothing we know": (None, ("pt",), "en", ""),
    "the default for what is no tag": ("??", ("pt",), "en", ""),
    "the default where nothing else is written": ("pt", (), "en", ""),
}  # fmt: skip


@pytest.mark.parametrize(("spoken", "offered", "default", "gets"), CASES.values(), ids=CASES)
def test_who_speaks_a_language_gets(spoken: str | None, offered: tuple[str, ...], default: str, gets: str):
    assert language_for(spoken, offered, default) == gets


@given(st.text(max_size=12), st.lists(st.sampled_from(["pt", "pt-BR", "zh-Hant", "ar"]), unique=True))
def test_whatever_somebody_speaks_they_get_one_of_those_written(spoken: str, offered: list[str]):
    assert language_for(spoken, tuple(offered), "en") in {"", *offered}


@pytest.mark.parametrize("tag", ["pt-BR", "zh-Hant-TW", "sr-Latn", "es-419", "ar", "yue"])
def test_a_tag_as_it_is_written_stays(tag: str):
    assert normal(tag) == tag
    assert normal(tag.lower().replace("-", "_")) == tag


@pytest.mark.parametrize("tag", ["", "-", "klingon!", "p", "1a"])
def test_what_is_no_tag_is_refused(tag: str):
    with pytest.raises(NotALanguage):
        normal(tag)


@pytest.mark.parametrize(
    ("tag", "way"),
    [
        ("ar", "rtl"), ("ar-EG", "rtl"), ("he", "rtl"), ("iw", "rtl"), ("fa", "rtl"), ("ur", "rtl"), ("ps", "rtl"),
        ("yi", "rtl"), ("dv", "rtl"), ("pa-PK", "rtl"), ("az-Arab", "rtl"), ("prs", "rtl"), ("en", "ltr"),
        ("ja", "ltr"), ("pa", "ltr"), ("ur-Latn", "ltr"), ("", "auto"),
    ],
)  # fmt: skip
def test_a_language_is_written_one_way(tag: str, way: str):
    assert direction(tag) == way


@pytest.mark.parametrize(
    ("spoken", "offered", "words"),
    [
        pytest.param("pt-BR", ("pt-BR",), "Portuguese (Brazil)", id="their own"),
        pytest.param(
            "pt-BR", ("pt",), "Portuguese, for Portuguese (Brazil) is not written", id="the next that will do"
        ),
        pytest.param("pl", ("pt",), "English, for Polish is not written", id="the default"),
        pytest.param(None, ("pt",), "English, for theirs is not known", id="nothing known of them"),
        pytest.param("pl", (), "", id="nothing to choose from"),
    ],
)
def test_a_choice_of_language_is_said_in_words(spoken: str | None, offered: tuple[str, ...], words: str):
    assert chosen_words(spoken, offered, "en") == words


def test_every_language_has_a_name():
    assert languages.name("pt-BR") == "Portuguese (Brazil)"
    assert languages.name("tlh") == "Klingon"
    assert languages.name("qaa") == "qaa"
    assert languages.name("en-XX") == "en-XX"

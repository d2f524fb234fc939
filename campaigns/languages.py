"""Languages by BCP 47: what a tag is called, which way it is written, and which of those written somebody gets."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from babel import Locale, UnknownLocaleError
from babel.core import get_global, parse_locale

LONGEST = 35  # characters: RFC 5646, 4.4.1, on what a buffer for tags should hold
RIGHT_TO_LEFT = frozenset({"Adlm", "Arab", "Hebr", "Mand", "Nkoo", "Rohg", "Samr", "Syrc", "Thaa", "Yezi"})

Parts = tuple[str, str, str]  # language, script, territory: the latter two may be empty


class NotALanguage(ValueError):
    """No language tag."""


def normal(tag: str) -> str:
    """Return a tag as it is written: ``pt_br`` -> ``pt-BR``, ``iw`` -> ``he``. Raises NotALanguage."""
    parts = _parts(tag)
    if parts is None:
        raise NotALanguage(f"{tag[:LONGEST]!r} is not a language tag such as de or pt-BR")
    return _joined(*parts)


@lru_cache(maxsize=4096)
def chain(tag: str) -> tuple[str, ...]:
    """Return the languages that will do for somebody of a language, the closest first; none for what is no tag.

    Its script is known from where it is written: ``zh-TW`` -> zh-TW, zh-Hant-TW, zh-Hant, zh. Where the Unicode CLDR
    names another parent, that comes between: ``es-MX`` -> es-MX, es-419, ..., es.
    """
    parts = _parts(tag)
    if parts is None:
        return ()
    language, script, territory = parts
    script = script or _script(language, territory)
    steps = [_joined(*parts), _joined(language, script, territory)]
    if script == _script(language, territory):
        steps.append(_joined(language, "", territory))
    steps += [_joined(language, script, ""), language]
    return tuple(dict.fromkeys(each for step in steps for each in _with_parents(step)))


@lru_cache(maxsize=4096)
def language_for(spoken: str | None, offered: tuple[str, ...], default: str = "") -> str:
    """Return which of the offered languages somebody gets; empty for the one that is everybody else's.

    ``default`` is what that one is written in, so that nobody passes by their own language in it.
    """
    for tag in chain(spoken or ""):
        if tag == default:
            return ""
        if tag in offered:
            return tag
    return ""


@lru_cache(maxsize=4096)
def chosen_words(spoken: str | None, offered: tuple[str, ...], default: str = "") -> str:
    """Say which language somebody gets, and why not their own; empty where there is nothing to choose from."""
    if not offered:
        return ""
    gets = name(language_for(spoken, offered, default) or default)
    if not chain(spoken or ""):
        return f"{gets}, for theirs is not known"
    own = name(spoken or "")
    return gets if own == gets else f"{gets}, for {own} is not written"


@lru_cache(maxsize=1024)
def name(tag: str) -> str:
    """Return what a language is called in English; the tag itself where nobody knows."""
    try:
        return str(Locale.parse(tag, sep="-").get_display_name("en"))
    except (ValueError, UnknownLocaleError):
        return str(Locale("en").languages.get(tag, tag)) or "the default language"


def is_right_to_left(tag: str) -> bool:
    """Whether a language's script is written from right to left."""
    parts = _parts(tag)
    return parts is not None and (parts[1] or _script(parts[0], parts[2])) in RIGHT_TO_LEFT


def are_opposite(one: str, other: str) -> bool:
    """Whether two languages are written in opposite directions."""
    return is_right_to_left(one) != is_right_to_left(other)


def direction(tag: str) -> str:
    """Return what HTML calls the way a language is written; ``auto`` where the language is not known."""
    if not chain(tag):
        return "auto"
    return "rtl" if is_right_to_left(tag) else "ltr"


@lru_cache(maxsize=4096)
def _parts(tag: str) -> Parts | None:
    """What follows language, script and territory says nothing about words, and is left out."""
    pieces = tag.strip().replace("_", "-").split(".")[0].split("-")
    for most in range(min(len(pieces), 3), 0, -1):
        try:
            language, territory, script, *_ = parse_locale("-".join(pieces[:most]), sep="-")
        except ValueError:
            continue
        if len(language) not in (2, 3):
            return None
        language, _, implied = str(get_global("language_aliases").get(language, language)).partition("_")
        is_script = len(implied) == 4  # as of sh, sr_Latn; of prs, fa_AF, it is where that is spoken
        return language, script or (implied if is_script else ""), territory or ("" if is_script else implied)
    return None


def _script(language: str, territory: str) -> str:
    likely = get_global("likely_subtags")
    found = likely.get(f"{language}_{territory}") or likely.get(language)
    return (parse_locale(found)[2] or "") if found else ""


def _joined(language: str, script: str, territory: str) -> str:
    return "-".join(filter(None, (language, script, territory)))


def _with_parents(tag: str) -> Iterator[str]:
    yield tag
    if tag == "no":  # who says no more than Norwegian reads Bokmål
        yield "nb"
    parent = get_global("parent_exceptions").get(tag.replace("-", "_"))
    if parent and parent != "root":
        yield str(parent).replace("_", "-")

"""Texts for translators as XLIFF 1.2, which translation programs read; what they must not touch is a placeholder."""

from __future__ import annotations

import re
from collections.abc import Iterator
from xml.etree import ElementTree as ET

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from campaigns.texts import codes
from campaigns.texts.exchange import File, Row
from campaigns.texts.sheet import Unreadable

NAMESPACE = "urn:oasis:names:tc:xliff:document:1.2"
ET.register_namespace("", NAMESPACE)
_XML = "{http://www.w3.org/XML/1998/namespace}"
_ORIGINAL = re.compile(r"tact:(?P<campaign>[0-9a-f-]{36})/(?P<version>\d{1,9})")
_UNWRITABLE = re.compile(rf"{codes.UNWRITABLE}|U(?=\+[0-9A-F]{{4}})")  # and what looks like one written out
_WRITTEN = re.compile(r"U\+((?!D[89A-F])[0-9A-F]{4})")  # a surrogate alone is no character
_CODES = {"ph", "x", "bx", "ex", "bpt", "ept", "it"}  # hold a code
_MARKS = {"g", "mrk"}  # stand around words


def write(file: File) -> bytes:
    """Return the texts as one file of XLIFF; a text without a translation has no target."""
    root = ET.Element(_tag("xliff"), {"version": "1.2"})
    head = {
        "original": f"tact:{file.campaign}/{file.version}",
        "source-language": file.source_language or "und",
        "target-language": file.language,
        "datatype": "html",
    }
    body = ET.SubElement(ET.SubElement(root, _tag("file"), head), _tag("body"))
    for row in file.rows:
        unit = ET.SubElement(body, _tag("trans-unit"), {"id": row.unit, f"{_XML}space": "preserve"})
        ids = _fill(ET.SubElement(unit, _tag("source")), row.source, {})
        if row.target:
            _fill(ET.SubElement(unit, _tag("target")), row.target, ids)
        ET.SubElement(unit, _tag("note")).text = _UNWRITABLE.sub(" ", row.context)
    return bytes(ET.tostring(root, encoding="utf-8", xml_declaration=True))


def _tag(name: str) -> str:
    return f"{{{NAMESPACE}}}{name}"


def _fill(element: ET.Element, text: str, known: dict[str, list[str]]) -> dict[str, list[str]]:
    """Put a text into an element, its codes as placeholders; return code -> their ids, for the other language."""
    rest = {code: list(ids) for code, ids in known.items()}
    made: dict[str, list[str]] = {}
    last: ET.Element | None = None
    for count, piece in enumerate(codes.pieces(text), 1):
        if piece.is_code:
            id_ = rest[piece.text].pop(0) if rest.get(piece.text) else str(count)
            made.setdefault(piece.text, []).append(id_)
            last = ET.SubElement(element, _tag("ph"), {"id": id_})
            last.text = _UNWRITABLE.sub(lambda found: f"U+{ord(found.group()):04X}", piece.text)
        elif last is None:
            element.text = (element.text or "") + piece.text
        else:
            last.tail = (last.tail or "") + piece.text
    return made


def read(data: bytes) -> File:
    """Return the texts of a file as ``write`` made it and a translation program gave it back. Raises Unreadable."""
    try:
        root = fromstring(data, forbid_dtd=True)
    except DefusedXmlException:
        raise Unreadable(
            "The file brings a document type or entities of its own, which is not taken."
        ) from None
    except (ET.ParseError, ValueError, LookupError) as wrong:
        raise Unreadable(f"The file is no XML: {wrong}.") from None
    files = root.findall(_tag("file"))
    if root.tag != _tag("xliff") or len(files) != 1:
        raise Unreadable("The file is no XLIFF 1.2 with one file in it.")
    original = _ORIGINAL.fullmatch(files[0].get("original", ""))
    if original is None:
        raise Unreadable("The file does not say which campaign's texts it holds: its original was changed.")
    try:
        rows = [_row(unit) for unit in files[0].iter(_tag("trans-unit"))]
    except RecursionError:
        raise Unreadable("A text has its marks nested too deep.") from None
    if not rows:
        raise Unreadable("The file has no texts.")
    return File(
        campaign=original["campaign"],
        version=int(original["version"]),
        language=files[0].get("target-language", ""),
        rows=rows,
        source_language=files[0].get("source-language", ""),
    )


def _row(unit: ET.Element) -> Row:
    source, target = unit.find(_tag("source")), unit.find(_tag("target"))
    if source is None:
        raise Unreadable(f"The text {unit.get('id', '')[:80]} has no source.")
    known = {element.get("id", ""): _code(element) for element in source.iter() if _name(element) in _CODES}
    translated = "" if target is None else "".join(_words(target, known))
    return Row(unit.get("id", ""), "", "".join(_words(source, known)), translated)


def _words(element: ET.Element, known: dict[str, str]) -> Iterator[str]:
    """A text's words with its codes in place; programs may leave placeholders empty and keep but their ids."""
    yield element.text or ""
    for child in element:
        if _name(child) in _CODES:
            yield known.get(child.get("id", "")) or _code(child)
        elif _name(child) in _MARKS:
            yield from _words(child, known)
        else:
            raise Unreadable(f"A text holds <{_name(child)[:40]}>, which is not taken.")
        yield child.tail or ""


def _name(element: ET.Element) -> str:
    return element.tag.removeprefix(f"{{{NAMESPACE}}}")


def _code(element: ET.Element) -> str:
    return _WRITTEN.sub(lambda found: chr(int(found[1], 16)), "".join(element.itertext()))

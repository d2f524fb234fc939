"""Which sources words use, what they cannot do without from each, and what is wrong with that."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from difflib import get_close_matches
from typing import Any

from campaigns.channels import Compiled, Problem
from campaigns.liquid.renderer import shared as renderer
from campaigns.liquid.values import parsed
from campaigns.liquid.wire import Source as Text
from campaigns.models import Campaign, Source, Version

ROOT = "source"
MOST = 10  # sources in one content

STATUS = (
    "What a source gives has no status: who gets no answer is skipped, or gets its default one. Ask for a value of the"
    " answer instead, such as {% if weather.today %}."
)

Used = dict[str, list[str]]  # name -> what words cannot do without of its answer, as source.name.value


def root_of(path: str) -> str:
    return path.partition(".")[0].partition("[")[0]


def read(compiled: Compiled, fields: Mapping[str, Any], *, version: Version) -> Compiled:
    """Return compiled words with the sources they use; needs of their questions are needs of the words.

    What a source is to give is no need: nobody knows it before it is asked.
    """
    paths = [path for path in compiled.variables if root_of(path) == ROOT]
    if not paths:
        return compiled
    problems = list(compiled.problems)
    used: Used = {}
    for path in paths:
        keys = parsed(path)
        if len(keys) > 1:
            used.setdefault(str(keys[1]), [])
        else:
            problems.append(
                _problem(
                    fields, path, "Say which source: {{ source.name.value }}, with its name written out."
                )
            )
    problems += [_problem(fields, path, STATUS) for path in paths if path.endswith(".__http_status_code__")]
    known = {one.name: one for one in Source.objects.filter(tenant=version.tenant_id)}
    for name in [name for name in used if name not in known]:
        del used[name]
        near = get_close_matches(name, known, 1)
        advice = f"Did you mean {near[0]}?" if near else "Sources are set up under Data, Sources."
        at = next(path for path in paths if parsed(path)[1:2] == [name])
        problems.append(_problem(fields, at, f"There is no source called '{name}'. {advice}"))
    if len(used) > MOST:
        problems.append(
            Problem("", f"It uses {len(used)} sources: {MOST} are as many as one message may ask.")
        )
    needs = [need for need in compiled.needs if root_of(need) != ROOT]
    for need in compiled.needs:
        if root_of(need) == ROOT and (name := str([*parsed(need), ""][1])) in used:
            used[name].append(need)
    for name in used:
        needs += _asks_for(known[name], version, problems)
    return replace(compiled, needs=list(dict.fromkeys(needs)), problems=problems, sources=used)


def _asks_for(source: Source, version: Version, problems: list[Problem]) -> list[str]:
    """Return what a person needs for a source's question to be put, unless there is a default for when it cannot be."""
    if source.on_failure == Source.OnFailure.DEFAULT:
        return []
    if not version.has_event:
        for need in source.needs:
            if root_of(need) == "event":
                problems.append(
                    Problem("", f"The source {source} asks with {need}, and nothing triggers this campaign.")
                )
    return source.needs


def demands(used: Mapping[str, list[str]]) -> list[str]:
    """Return what of its sources words cannot do without, as paths; what may be skipped for a source's failure too."""
    found = [path for paths in used.values() for path in paths]
    if used:
        skips = Source.objects.filter(name__in=list(used), on_failure=Source.OnFailure.SKIP).order_by("name")
        found += [f"{ROOT}.{one.name}" for one in skips]
    return list(dict.fromkeys(found))


def _problem(fields: Mapping[str, Any], path: str, message: str) -> Problem:
    """Return a problem at the place where the author wrote the path."""
    texts = {name: value for name, value in fields.items() if isinstance(value, str) and ROOT in value}
    checked = renderer().check({name: Text(text, "text") for name, text in texts.items()})
    for name, found in checked.items():
        for read_path, place in zip(found.variables, found.places, strict=True):
            if read_path == path:
                return Problem(name, message, *place)
    return Problem("", message)


def used_by(source: Source) -> list[Campaign]:
    """Return the campaigns whose next messages may ask a source: drafts, and the newest version of what goes on."""
    using = Version.objects.in_play().filter(variants__contents__sources__has_key=source.name)
    campaigns = {version.campaign for version in using.select_related("campaign")}
    return sorted(campaigns, key=lambda campaign: campaign.name.lower())

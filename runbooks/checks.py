"""What no single model can see: names that must be known, or must be there only once.

The checks read the files themselves and pass over what is not of the right type: models tell that. So one mistake in a
playbook does not hide the others.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from runbooks import secrets
from runbooks.document import Document, Loc
from runbooks.errors import Problem, did_you_mean
from runbooks.migration import MigrationFile


class Named(NamedTuple):
    """A name, and where it stands."""

    name: str
    document: Document
    loc: Loc


def references_in_place(document: Document, file: MigrationFile) -> Iterator[Problem]:
    """Secrets are references, and references stand where they are resolved."""
    for name, system in file.systems.items():
        at: Loc = ("systems", name)
        yield from secrets.faults((*at, "url"), system.url, document)
        for key, value in system.auth.values.items():
            yield from secrets.faults((*at, "auth", key), value, document)
        for loc, text in _texts(system.options, (*at, "options")):
            if "${" in text:
                yield document.problem(loc, "references are resolved in 'url' and 'auth' only; move it there")


def _texts(value: Any, loc: Loc) -> Iterator[tuple[Loc, str]]:
    if isinstance(value, str):
        yield loc, value
    for step, each in _steps(value):
        yield from _texts(each, (*loc, step))


def systems_known(playbooks: Sequence[Document], systems: Sequence[str]) -> Iterator[Problem]:
    """Every side of every pair is a system of migration.yaml."""
    for side in ("source", "target"):
        for named in _named(playbooks, "entities", "*", side, "system"):
            if named.name not in systems:
                yield _unknown("system", named, systems)


def names_used_once(playbooks: Sequence[Document]) -> Iterator[Problem]:
    """Playbooks, entities and waves are named once in a migration; children once in their entity."""
    yield from _twice("playbook", _named(playbooks, "playbook"))
    yield from _twice("entity", _named(playbooks, "entities", "*", "entity"))
    yield from _twice("wave", _named(playbooks, "waves", "*", "wave"))
    for document in playbooks:
        for loc, children in _at(document.root.value, ("entities", "*", "children")):
            yield from _twice("child", _labels(document, loc, children))


def _labels(document: Document, loc: Loc, children: Any) -> Iterator[Named]:
    for step, child in _steps(children):
        label = child.get("name") or child.get("entity") if isinstance(child, dict) else None
        if isinstance(label, str):
            yield Named(label, document, (*loc, step, "name"))


def entities_known(playbooks: Sequence[Document]) -> Iterator[Problem]:
    """References point to entities of the migration; a wave filters entities of its own playbook."""
    known = [named.name for named in _named(playbooks, "entities", "*", "entity")]
    for named in _named(playbooks, "entities", "*", "references", "*", "to"):
        if named.name not in known:
            yield _unknown("entity", named, known)
    for document in playbooks:
        for way in (("fields", "*"), ("status",), ("status", "fields", "*"), ("children", "*", "body")):
            yield from _reference_rules(document, ("entities", "*", *way), known)
        yield from _reference_rules(document, ("entities", "*", "children", "*", "fields", "*"), known)
        own = [named.name for named in _named([document], "entities", "*", "entity")]
        for loc, filters in _at(document.root.value, ("waves", "*", "filters")):
            for name in filters if isinstance(filters, dict) else ():
                if name not in own:
                    yield document.problem(loc, _sentence("entity", name, own), key=name)


def _reference_rules(document: Document, way: Loc, known: Sequence[str]) -> Iterator[Problem]:
    for top, value in _at(document.root.value, way):
        for loc, rule in _rules(value, top):
            for end, name in _at(rule, ("reference", "to")):
                if isinstance(name, str) and name not in known:
                    yield _unknown("entity", Named(name, document, (*loc, *end)), known)


def _rules(value: Any, loc: Loc) -> Iterator[tuple[Loc, Any]]:
    """A rule and those inside it; a constant that looks like a rule is none."""
    if not isinstance(value, dict) or "constant" in value:
        return
    yield loc, value
    for way in (("list", "*"), ("when", "*", "then"), ("else",)):
        for inner, each in _at(value, way):
            yield from _rules(each, (*loc, *inner))


def waves_in_order(playbooks: Sequence[Document]) -> Iterator[Problem]:
    """`after` names waves of the migration, and no wave waits for itself."""
    waves = list(_named(playbooks, "waves", "*", "wave"))
    known = [wave.name for wave in waves]
    for named in _named(playbooks, "waves", "*", "after", "*"):
        if named.name not in known:
            yield _unknown("wave", named, known)
    after: dict[str, list[str]] = {}
    for wave in waves:
        way = (*wave.loc[:-1], "after", "*")
        after.setdefault(wave.name, [name for _, name in _at(wave.document.root.value, way) if isinstance(name, str)])
    told: set[str] = set()
    for wave in waves:
        ring = [] if wave.name in told else _ring(wave.name, after)
        if ring:
            told.update(ring)
            text = f"the waves wait for each other: {' → '.join([*ring, ring[0]])}; take one 'after' out"
            yield wave.document.problem((*wave.loc[:-1], "after"), text)


def _ring(start: str, after: dict[str, list[str]]) -> list[str]:
    """The waves from `start` back to `start`, each waiting for the next; empty when there is no such way."""
    came_from: dict[str, str] = {}
    ahead = [start]
    while ahead:
        wave = ahead.pop()
        for name in after.get(wave, ()):
            if name == start:
                ring = [wave]
                while ring[-1] != start:
                    ring.append(came_from[ring[-1]])
                return ring[::-1]
            if name not in came_from:
                came_from[name] = wave
                ahead.append(name)
    return []


# ---------------------------------------------------------------- walking files that may be wrong


def _steps(value: Any) -> Iterable[tuple[str | int, Any]]:
    if isinstance(value, dict):
        return value.items()
    return enumerate(value) if isinstance(value, list) else ()


def _at(value: Any, way: Loc) -> Iterator[tuple[Loc, Any]]:
    """What stands along `way`, in which "*" is every step; nothing where the way ends early."""
    if not way:
        yield (), value
        return
    for step, each in _steps(value):
        if way[0] in ("*", step):
            for rest, found in _at(each, way[1:]):
                yield (step, *rest), found


def _named(documents: Sequence[Document], *way: str) -> Iterator[Named]:
    for document in documents:
        for loc, name in _at(document.root.value, way):
            if isinstance(name, str):
                yield Named(name, document, loc)


def _twice(kind: str, all_of_them: Iterable[Named]) -> Iterator[Problem]:
    first: dict[str, Named] = {}
    for each in all_of_them:
        before = first.setdefault(each.name, each)
        if before is not each:
            where = before.document.where(before.loc)
            yield each.document.problem(
                each.loc, f"the {kind} '{each.name}' is named already at {where}; name it apart"
            )


def _unknown(kind: str, named: Named, known: Sequence[str]) -> Problem:
    return named.document.problem(named.loc, _sentence(kind, named.name, known))


def _sentence(kind: str, name: str, known: Sequence[str]) -> str:
    shown = ", ".join(known[:12]) + (", ..." if len(known) > 12 else "")
    expected = f"expected one of {shown}" if known else "there is none yet"
    return f"unknown {kind} '{name}'; {expected}{did_you_mean(name, known)}"

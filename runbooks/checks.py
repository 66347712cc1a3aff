"""What no single model can see: names that must be known, or must be there only once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from runbooks import secrets
from runbooks.document import Document, Loc
from runbooks.errors import Problem, did_you_mean
from runbooks.migration import MigrationFile
from runbooks.playbook import Playbook
from runbooks.rules import BaseRule, ListOf, ToReference, When


class Read(NamedTuple):
    """A playbook and the file it came from."""

    playbook: Playbook
    document: Document


class _Named(NamedTuple):
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
    elif isinstance(value, dict):
        for key, each in value.items():
            yield from _texts(each, (*loc, key))
    elif isinstance(value, list):
        for index, each in enumerate(value):
            yield from _texts(each, (*loc, index))


def systems_known(reads: Sequence[Read], systems: Sequence[str]) -> Iterator[Problem]:
    """Every side of every pair is a system of migration.yaml."""
    for playbook, document in reads:
        for index, pair in enumerate(playbook.entities):
            for side, system in (("source", pair.source.system), ("target", pair.target.system)):
                if system not in systems:
                    yield _unknown("system", _Named(system, document, ("entities", index, side, "system")), systems)


def names_used_once(reads: Sequence[Read]) -> Iterator[Problem]:
    """Playbooks, entities and waves are named once in a migration; children once in their entity."""
    yield from _twice("playbook", (_Named(r.playbook.playbook, r.document, ("playbook",)) for r in reads))
    yield from _twice("entity", _entities(reads))
    yield from _twice("wave", _waves(reads))
    for playbook, document in reads:
        for index, pair in enumerate(playbook.entities):
            at = ("entities", index, "children")
            children = enumerate(pair.children)
            yield from _twice("child", (_Named(c.label, document, (*at, i, "name")) for i, c in children))


def entities_known(reads: Sequence[Read]) -> Iterator[Problem]:
    """References point to entities of the migration; a wave filters entities of its own playbook."""
    known = [each.name for each in _entities(reads)]
    for playbook, document in reads:
        own = [pair.entity for pair in playbook.entities]
        for index, pair in enumerate(playbook.entities):
            at: Loc = ("entities", index)
            pointers = [((*at, "references", i, "to"), each.to) for i, each in enumerate(pair.references)]
            for loc, rule in _rules_of(playbook, index):
                if isinstance(rule, ToReference):
                    pointers.append(((*loc, "reference", "to"), rule.reference.to))
            for loc, name in pointers:
                if name not in known:
                    yield _unknown("entity", _Named(name, document, loc), known)
        for index, wave in enumerate(playbook.waves):
            for name in wave.filters:
                if name not in own:
                    text = f"unknown entity '{name}'; {_expected(own)}{did_you_mean(name, own)}"
                    yield document.problem(("waves", index, "filters"), text, key=name)


def _rules_of(playbook: Playbook, index: int) -> Iterator[tuple[Loc, BaseRule]]:
    pair, at = playbook.entities[index], ("entities", index)
    tops: list[tuple[Loc, BaseRule]] = [((*at, "fields", name), rule) for name, rule in pair.fields.items()]
    if pair.status is not None:
        tops.append(((*at, "status"), pair.status.rule))
        tops += [((*at, "status", "fields", name), rule) for name, rule in pair.status.fields.items()]
    for i, child in enumerate(pair.children):
        if child.body is not None:
            tops.append(((*at, "children", i, "body"), child.body))
        tops += [((*at, "children", i, "fields", name), rule) for name, rule in child.fields.items()]
    for loc, rule in tops:
        yield from _inside(rule, loc)


def _inside(rule: BaseRule, loc: Loc) -> Iterator[tuple[Loc, BaseRule]]:
    yield loc, rule
    if isinstance(rule, ListOf):
        for index, part in enumerate(rule.rules):
            yield from _inside(part, (*loc, "list", index))
    if isinstance(rule, When):
        for index, case in enumerate(rule.cases):
            yield from _inside(case.then, (*loc, "when", index, "then"))
        if rule.else_ is not None:
            yield from _inside(rule.else_, (*loc, "else"))


def waves_in_order(reads: Sequence[Read]) -> Iterator[Problem]:
    """`after` names waves of the migration, and no wave waits for itself."""
    known = [each.name for each in _waves(reads)]
    after: dict[str, tuple[str, ...]] = {}
    for playbook, document in reads:
        for index, wave in enumerate(playbook.waves):
            after.setdefault(wave.wave, wave.after)
            for i, name in enumerate(wave.after):
                if name not in known:
                    yield _unknown("wave", _Named(name, document, ("waves", index, "after", i)), known)
    told: set[str] = set()
    for each in _waves(reads):
        ring = [] if each.name in told else _ring(each.name, after)
        if ring:
            told.update(ring)
            text = f"the waves wait for each other: {' → '.join([*ring, ring[0]])}; take one 'after' out"
            yield each.document.problem((*each.loc[:-1], "after"), text)


def _ring(start: str, after: Mapping[str, tuple[str, ...]]) -> list[str]:
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


def _entities(reads: Sequence[Read]) -> Iterator[_Named]:
    for playbook, document in reads:
        for index, pair in enumerate(playbook.entities):
            yield _Named(pair.entity, document, ("entities", index, "entity"))


def _waves(reads: Sequence[Read]) -> Iterator[_Named]:
    for playbook, document in reads:
        for index, wave in enumerate(playbook.waves):
            yield _Named(wave.wave, document, ("waves", index, "wave"))


def _twice(kind: str, all_of_them: Iterable[_Named]) -> Iterator[Problem]:
    first: dict[str, _Named] = {}
    for each in all_of_them:
        before = first.setdefault(each.name, each)
        if before is not each:
            where = before.document.where(before.loc)
            yield each.document.problem(
                each.loc, f"the {kind} '{each.name}' is named already at {where}; name it apart"
            )


def _unknown(kind: str, named: _Named, known: Sequence[str]) -> Problem:
    text = f"unknown {kind} '{named.name}'; {_expected(known)}{did_you_mean(named.name, known)}"
    return named.document.problem(named.loc, text)


def _expected(known: Sequence[str]) -> str:
    shown = ", ".join(known[:12]) + (", ..." if len(known) > 12 else "")
    return f"expected one of {shown}" if known else "there is none yet"

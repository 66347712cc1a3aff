"""What no single model can see: names that must be known, or must be there only once.

The checks read the files themselves and pass over what is not of the right type: models tell that. So one mistake in a
playbook does not hide the others.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from runbooks import secrets
from runbooks.document import Document, Loc
from runbooks.errors import Problem
from runbooks.migration import MigrationFile
from runbooks.walk import Named, at, circle, found, sentence, steps, twice, unknown


def references_in_place(document: Document, file: MigrationFile) -> Iterator[Problem]:
    """Secrets are references, and references stand where they are resolved."""
    if file.vault is not None and file.vault != secrets.KEYRING:
        yield from secrets.no_reference(("vault",), file.vault, document)
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
    for step, each in steps(value):
        yield from _texts(each, (*loc, step))


def systems_known(playbooks: Sequence[Document], systems: Sequence[str]) -> Iterator[Problem]:
    """Every side of every pair is a system of migration.yaml."""
    for side in ("source", "target"):
        for named in found(playbooks, "entities", "*", side, "system"):
            if named.name not in systems:
                yield unknown("system", named, systems)


def names_used_once(playbooks: Sequence[Document]) -> Iterator[Problem]:
    """Playbooks, entities and waves are named once in a migration; children once in their entity."""
    yield from twice("playbook", found(playbooks, "playbook"))
    yield from twice("entity", found(playbooks, "entities", "*", "entity"))
    yield from twice("wave", found(playbooks, "waves", "*", "wave"))
    for document in playbooks:
        for loc, children in at(document.root.value, ("entities", "*", "children")):
            yield from twice("child", _labels(document, loc, children))


def _labels(document: Document, loc: Loc, children: Any) -> Iterator[Named]:
    for step, child in steps(children):
        label = child.get("name") or child.get("entity") if isinstance(child, dict) else None
        if isinstance(label, str):
            yield Named(label, document, (*loc, step, "name"))


def entities_known(playbooks: Sequence[Document]) -> Iterator[Problem]:
    """References point to entities of the migration; a wave filters entities of its own playbook."""
    known = [named.name for named in found(playbooks, "entities", "*", "entity")]
    for named in found(playbooks, "entities", "*", "references", "*", "to"):
        if named.name not in known:
            yield unknown("entity", named, known)
    for document in playbooks:
        for way in (("fields", "*"), ("status",), ("status", "fields", "*"), ("children", "*", "body")):
            yield from _reference_rules(document, ("entities", "*", *way), known)
        yield from _reference_rules(document, ("entities", "*", "children", "*", "fields", "*"), known)
        own = [named.name for named in found([document], "entities", "*", "entity")]
        for loc, filters in at(document.root.value, ("waves", "*", "filters")):
            for name in filters if isinstance(filters, dict) else ():
                if name not in own:
                    yield document.problem(loc, sentence("entity", name, own), key=name)


def _reference_rules(document: Document, way: Loc, known: Sequence[str]) -> Iterator[Problem]:
    for top, value in at(document.root.value, way):
        for loc, rule in _rules(value, top):
            for end, name in at(rule, ("reference", "to")):
                if isinstance(name, str) and name not in known:
                    yield unknown("entity", Named(name, document, (*loc, *end)), known)


def _rules(value: Any, loc: Loc) -> Iterator[tuple[Loc, Any]]:
    """A rule and those inside it; a constant that looks like a rule is none."""
    if not isinstance(value, dict) or "constant" in value:
        return
    yield loc, value
    for way in (("list", "*"), ("when", "*", "then"), ("else",)):
        for inner, each in at(value, way):
            yield from _rules(each, (*loc, *inner))


def waves_in_order(playbooks: Sequence[Document]) -> Iterator[Problem]:
    """`after` names waves of the migration, and no wave waits for itself."""
    waves = list(found(playbooks, "waves", "*", "wave"))
    known = [wave.name for wave in waves]
    for named in found(playbooks, "waves", "*", "after", "*"):
        if named.name not in known:
            yield unknown("wave", named, known)
    after: dict[str, list[str]] = {}
    for wave in waves:
        way = (*wave.loc[:-1], "after", "*")
        after.setdefault(wave.name, [name for _, name in at(wave.document.root.value, way) if isinstance(name, str)])
    told: set[str] = set()
    for wave in waves:
        ring = [] if wave.name in told else circle(wave.name, after)
        if ring:
            told.update(ring)
            text = f"the waves wait for each other: {' → '.join([*ring, ring[0]])}; take one 'after' out"
            yield wave.document.problem((*wave.loc[:-1], "after"), text)

"""Known defects of a source's data, and what to put in their place before the mapping sees the record."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from runbooks.base import Items, Model, Name, Text, wrong
from runbooks.document import Document
from runbooks.errors import Problem, did_you_mean
from runbooks.rules import AnyRule, ListOf, Person, ToReference, ValueOrRule, When
from runbooks.walk import Named, at, steps, twice

_WORD = re.compile(r"[A-Za-z_][\w.]*")
_READERS = ("label", "fields", "status", "references")


def _match(value: Any) -> Any:
    """One value or a list of them, by field, is a list of them by field."""
    if not isinstance(value, dict):
        return value
    listed = {key: tuple(each) if isinstance(each, list) else (each,) for key, each in value.items()}
    for key, values in listed.items():
        if not all(isinstance(each, str) for each in values):
            raise wrong(f"'{key}' is matched as text; write its values in quotes", key)
    return listed


def _before_the_target(rule: AnyRule) -> AnyRule:
    """Raises for what only the target could answer."""
    if isinstance(rule, Person | ToReference):
        kind = "person" if isinstance(rule, Person) else "reference"
        raise wrong(f"a remedy changes the source's value; '{kind}' asks the target, which 'fields' do", kind)
    if rule.mask:
        raise wrong("a remedy changes the source's value; a mask goes with the rule under 'fields'", "mask")
    if isinstance(rule, ListOf):
        for part in rule.rules:
            _before_the_target(part)
    if isinstance(rule, When):
        for part in [*(case.then for case in rule.cases), *([rule.else_] if rule.else_ else [])]:
            _before_the_target(part)
    return rule


Matches = Annotated[dict[str, Items[str]], Field(min_length=1)]
"""Source field: the values it may have, as text; "" is an empty one. All that are named must fit."""

Remedy = Annotated[ValueOrRule, AfterValidator(_before_the_target)]


class Defect(Model):
    """A known defect: how a record that has it is told, and what is put in its place."""

    elsewhere: ClassVar[dict[str, str]] = {
        "if": "write 'when' for the records that have the defect",
        "then": "write 'set' for what is put in its place",
        "remedy": "write 'set' for what is put in its place",
        "name": "its name goes after 'defect'",
    }

    defect: Name
    """Its name: once in its entity."""
    about: Text
    """The sentence people read: what is wrong, and what becomes of it."""
    severity: Literal["info", "warning", "critical"] = "warning"
    """How bad it is that the source has it."""
    when: Annotated[Text | Matches, BeforeValidator(_match, json_schema_input_type=str | dict[str, str | list[str]])]
    """Records that have it: an expression that is true of them, or source field: its value, or a list of values."""
    set: dict[Annotated[str, Field(min_length=1)], Remedy] = Field(min_length=1)
    """Source field: the value that the mapping sees instead, or the rule that makes it."""


def problems(playbooks: Sequence[Document]) -> Iterator[Problem]:
    """What no single defect can see: names twice, and remedies for fields that no rule reads."""
    for document in playbooks:
        for loc, entity in at(document.root.value, ("entities", "*")):
            if not isinstance(entity, dict):
                continue
            yield from twice("defect", _named(document, loc[0], loc[1]))
            known = sorted(_read(entity))
            for way, name in _set(entity):
                if name not in known:
                    hint = did_you_mean(name, known) or "; take it out, or name a field that a rule reads"
                    text = f"no rule of this entity reads '{name}', so setting it changes nothing{hint}"
                    yield document.problem((*loc, *way), text, key=name)


def _named(document: Document, *entity: str | int) -> Iterator[Named]:
    for loc, name in at(document.root.value, (*entity, "defects", "*", "defect")):
        if isinstance(name, str):
            yield Named(name, document, loc)


def _set(entity: dict[str, Any]) -> Iterator[tuple[tuple[str | int, ...], str]]:
    for loc, fields in at(entity, ("defects", "*", "set")):
        for name in fields if isinstance(fields, dict) else ():
            yield loc, str(name)


def _read(entity: dict[str, Any]) -> set[str]:
    """Every word of its rules, and of the defects: more than the fields they read, so no field is missed."""
    texts = [text for key in _READERS for text in _texts(entity.get(key))]
    texts += [text for _, each in at(entity, ("defects", "*", "when")) for text in _texts(each)]
    texts += [text for _, each in at(entity, ("defects", "*", "set", "*")) for text in _texts(each)]
    return {word.rstrip(".") for text in texts for word in _WORD.findall(text)}


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    for step, each in steps(value):
        if isinstance(step, str):
            yield step
        yield from _texts(each)

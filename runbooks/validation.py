"""Rules that must hold for a wave: counts, ties, children, sentences over facts, and both sides of each record."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from runbooks.base import Model, Name, Text, wrong
from runbooks.document import Document, Loc
from runbooks.errors import Problem, did_you_mean
from runbooks.facts import CATALOGUE, FactKind
from runbooks.gates import GateError, parse
from runbooks.walk import at, found, twice, unknown

_UNITS = {"s": 1.0, "min": 60.0, "h": 3600.0, "d": 86_400.0}
_DURATION = re.compile(r"(\d{1,6}(?:\.\d{1,3})?) ?(s|min|h|d)", re.ASCII)
_KINDS = ("counts", "references", "children", "holds", "each")
_OF_EACH = ("filter", "when", "then", "within", "created")
_TEXTS = re.compile(r"\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*'")
_DIGITS = re.compile(r"[0-9]+")
_SIDE = re.compile(r"(?<![\w.])(source|target)\s*\.\s*([A-Za-z_]\w*)", re.ASCII)


def seconds(duration: str) -> float:
    """What '5 min' is in seconds. Raises ValueError for what is no duration."""
    read = _DURATION.fullmatch(duration)
    if read is None:
        raise ValueError("no duration")
    return float(read[1]) * _UNITS[read[2]]


def _duration(value: str) -> str:
    if _DURATION.fullmatch(value) is None or seconds(value) <= 0:
        raise wrong(f"'{value}' is no duration; write a number and a unit: 30 s, 5 min, 2 h, 1 d")
    return value


Duration = Annotated[str, AfterValidator(_duration)]
"""A number and a unit: s, min, h or d."""

WAVE_FACTS: Mapping[str, FactKind] = MappingProxyType(
    {
        "drift": FactKind(
            "drift", "whole", "confirmed differences between the sides; not known until they are compared"
        ),
        **{
            name: replace(kind, name=name)
            for kind in CATALOGUE
            if kind.kind == "whole" and (name := kind.name.removeprefix("waves.WAVE.")) != kind.name
        },
    }
)
"""What a rule with `holds` may ask: the facts of the wave it is asked about."""


class ValidationRule(Model):
    """A sentence that must be true of a wave, and how that is found out: one of counts, references, children, holds
    and each."""

    elsewhere: ClassVar[dict[str, str]] = {"if": "write 'when' for the records it is about, 'then' for what must hold"}

    rule: Name
    """Its name: once in a migration."""
    about: Text
    """The sentence people read: what must be true."""
    severity: Literal["info", "warning", "critical"] = "warning"
    """How bad it is when it fails."""
    owner: str = ""
    """Who is asked when it fails."""
    gate: bool = False
    """Whether a wave needs a person while it fails, and is signed off only with a reason."""
    counts: Name | None = None
    """An entity: the source's count is the ledger's sum, nothing is in flight or in doubt."""
    references: Name | None = None
    """An entity: no tie of its records is open that could be made."""
    children: Name | None = None
    """An entity: what hangs on its records at the source is at the target, or was set aside."""
    holds: Text | None = None
    """A sentence over the facts of the wave."""
    each: Name | None = None
    """An entity, of whose records `then` or `within` must be true."""
    filter: str = ""
    """Of `each`: only these, in the source's own query language."""
    when: str = ""
    """Of `each`: only records for which this expression is true; it reads source.FIELD."""
    then: str = ""
    """Of `each`: the expression that must be true; it reads source.FIELD and target.FIELD."""
    within: Duration | None = None
    """Of `each`: the record is at the target so long after it was created at the source."""
    created: str = ""
    """With `within`: the source field that holds when it was created."""
    sample: Annotated[int, Field(ge=1, le=1_000_000)] = 2_000
    """Records that are looked at, at most."""
    at_most: Duration = "2 min"
    """How long it may look; what it has found until then counts."""

    @property
    def entity(self) -> str | None:
        """The entity it is about, when it is about one."""
        return self.counts or self.references or self.children or self.each

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        kinds = [kind for kind in _KINDS if getattr(self, kind) is not None]
        if len(kinds) != 1:
            given = " and ".join(kinds) if kinds else "none of them"
            raise wrong(f"a rule is one of {', '.join(_KINDS)}, and {given} is given; give one")
        extra = [key for key in _OF_EACH if getattr(self, key)]
        if self.each is None and extra:
            raise wrong(f"'{extra[0]}' goes with 'each'; take it out, or say 'each: ENTITY'", extra[0])
        if self.each is not None and bool(self.then) == (self.within is not None):
            given = "both are given" if self.then else "neither is given"
            raise wrong(f"'each' has a 'then' or a 'within', and {given}; give one", "each")
        if (self.within is not None) != bool(self.created):
            lacking, there = ("created", "within") if self.within else ("within", "created")
            raise wrong(f"'{there}' goes with '{lacking}': the source field that says when", there)
        if self.holds is not None and _gate_problem(self.holds):
            raise wrong(_gate_problem(self.holds), "holds")
        return self


def problems(playbooks: Sequence[Document]) -> Iterator[Problem]:
    """What no single rule can see: names twice, entities that are not there, sides and fields that are misspelt."""
    yield from twice("rule", found(playbooks, "rules", "*", "rule"))
    for document in playbooks:
        pairs = {
            str(pair["entity"]): pair
            for _, pair in at(document.root.value, ("entities", "*"))
            if isinstance(pair, dict) and "entity" in pair
        }
        for kind in ("counts", "references", "children", "each"):
            for named in found([document], "rules", "*", kind):
                if named.name not in pairs:
                    yield unknown("entity", named, list(pairs))
        for loc, rule in at(document.root.value, ("rules", "*")):
            if isinstance(rule, dict):
                yield from _sides(document, loc, rule, pairs.get(str(rule.get("each")), {}))


def _sides(document: Document, loc: Loc, rule: Mapping[str, Any], pair: Mapping[str, Any]) -> Iterator[Problem]:
    fields = pair.get("fields")
    known = [*(fields if isinstance(fields, dict) else ()), *(["status"] if "status" in pair else [])]
    for key in ("when", "then"):
        text = rule.get(key)
        if not isinstance(text, str):
            continue
        for side, name in _SIDE.findall(_TEXTS.sub('""', text)):
            if side == "target" and key == "when":
                yield document.problem((*loc, key), "'when' asks the source only; ask the target in 'then'")
            # A target field that no rule makes is fine: automation may fill it. A misspelt one is not.
            elif side == "target" and name not in known and (hint := did_you_mean(name, _apart(name, known))):
                yield document.problem((*loc, key), f"no rule makes the target field '{name}'{hint}")


def _apart(name: str, known: Sequence[str]) -> list[str]:
    """Those that are not the same word with another number: customfield_1 is no misspelt customfield_2."""
    word = _DIGITS.sub("", name)
    return [each for each in known if each == word or _DIGITS.sub("", each) != word]


def _gate_problem(sentence: str) -> str:
    try:
        parse(sentence, WAVE_FACTS)
    except GateError as error:
        return str(error).replace("docs/reference/runbook.md", "docs/reference/playbook.md")
    return ""

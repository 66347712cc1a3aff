"""A gate of the runbook against the facts of this moment: CEL judges, in the sandbox of all expressions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from engine.expressions import Expression, ExpressionFailed, compile_expression
from engine.facts import Value
from engine.wire import Fact
from runbooks.facts import WORDS
from runbooks.gates import Gate, Part


class Verdict(NamedTuple):
    """Whether a gate holds, why it does not, and the facts it names with their values."""

    holds: bool
    why: str
    facts: list[Fact]


class Judge:
    """One gate, ready to be asked."""

    def __init__(self, gate: Gate) -> None:
        """Raises ExpressionError for what is no CEL; the loader has seen to it that there is none."""
        self._parts = [(part, compile_expression(part.text, _reader)) for part in gate.parts]

    def ask(self, facts: Mapping[str, Value | None]) -> Verdict:
        """Judge every part. A part that asks for what is not known yet does not hold."""
        judged = [(part, _holds(part, expression, facts)) for part, expression in self._parts]
        shown: dict[str, Fact] = {}
        for part, holds in judged:
            for name in part.facts:
                before = shown.get(name)
                alone = holds if part.alone else None
                if before is not None and before.holds is not None:  # named by two parts: it is well when both hold
                    alone = before.holds and holds if part.alone else before.holds
                shown[name] = Fact(name=name, value=said(facts.get(name)), holds=alone)
        failing = dict.fromkeys(name for part, holds in judged if not holds for name in part.facts)
        why = ", ".join(f"{name} is {said(facts.get(name))}" for name in failing)
        return Verdict(all(holds for _, holds in judged), why, list(shown.values()))


def said(value: Value | None) -> str:
    """A fact's value as a gate would write it, without quotes."""
    if value is None:
        return "not known yet"
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _reader(name: str) -> Callable[[Mapping[str, Any]], Any]:
    if name in WORDS:
        return lambda _: name
    return lambda facts: facts[name]


def _holds(part: Part, expression: Expression, facts: Mapping[str, Value | None]) -> bool:
    if any(facts.get(name) is None for name in part.facts):
        return False
    try:
        return expression.run(facts) is True
    except ExpressionFailed:
        return False

"""Known defects of a source's data: told and remedied before the rules see a record."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from engine.mapping.compiler import Compiler, Path
from engine.mapping.values import Absent, Make, Refusal, getter, text_of
from runbooks.defects import Defect

Holds = Callable[[Mapping[str, Any]], bool]


class Remedied(NamedTuple):
    """A record's fields as the rules see them, and the names of the defects it had."""

    fields: Mapping[str, Any]
    defects: tuple[str, ...]


class DefectFailed(Exception):
    """A defect could not be told or remedied on a record."""

    def __init__(self, defect: str, error: Exception) -> None:
        super().__init__(defect)
        self.defect = defect
        self.error = error


class Remedies:
    """The compiled defects of one entity, in order: each sees what those before it have set."""

    def __init__(self, defects: Sequence[Defect], compiler: Compiler) -> None:
        """Notes in `compiler` the fields that they need, and what is wrong with their expressions."""
        self._defects = [
            (
                each.defect,
                _holds(each, compiler, ("defects", at, "when")),
                [
                    (name, compiler.rule(rule, ("defects", at, "set", name), name), name.partition(".")[0])
                    for name, rule in each.set.items()
                ],
            )
            for at, each in enumerate(defects)
        ]

    def __bool__(self) -> bool:
        return bool(self._defects)

    def apply(self, fields: Mapping[str, Any]) -> Remedied:
        """The fields themselves where nothing is wrong with them; else a copy. Raises DefectFailed."""
        had: list[str] = []
        for defect, holds, remedies in self._defects:
            try:
                if not holds(fields):
                    continue
                made = [(name, _made(make, fields), head) for name, make, head in remedies]
            except Exception as error:
                raise DefectFailed(defect, error) from error
            fields = dict(fields)
            for name, value, head in made:
                # An object is what its own name says; a text in its place hides what was walked through it.
                fields[name] = value
                if name == head:
                    for under in [key for key in fields if key.startswith(f"{head}.")]:
                        del fields[under]
            had.append(defect)
        return Remedied(fields, tuple(had))


def _made(make: Make, fields: Mapping[str, Any]) -> Any:
    value = make(fields, {}, [])
    return "" if value is None or isinstance(value, Absent) else value


def _holds(defect: Defect, compiler: Compiler, path: Path) -> Holds:
    if isinstance(defect.when, str):
        ask = compiler.expression(defect.when, path)

        def true_of(fields: Mapping[str, Any]) -> bool:
            answer = ask(fields, {}, [])
            if not isinstance(answer, bool):
                raise Refusal("a 'when' that is neither true nor false")
            return answer

        return true_of
    compiler.needs.update(defect.when)
    tests = [(getter(name), frozenset(values)) for name, values in defect.when.items()]

    def fits(fields: Mapping[str, Any]) -> bool:
        return all(
            (value if isinstance(value := read(fields), str) else text_of(value)) in values for read, values in tests
        )

    return fits

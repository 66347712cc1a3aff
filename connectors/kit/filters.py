"""The filter language of connectors whose system has none of its own (memory, files).

    priority >= 4 and region = EMEA
    state in 1,2,3 and title ~ "mail server" and owner != ""

A clause is FIELD OPERATOR VALUE; all clauses must hold. Operators: = != < <= > >= in ~ (contains, any case).
Values with spaces, commas or quotes are quoted ("" inside is a quote). An absent field reads as empty.
Orders compare numbers as numbers; all else compares as text. An empty filter lets everything through.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from connectors.kit.errors import Misconfigured

Test = Callable[[Mapping[str, Any]], bool]

_VALUE = r'(?:"(?:[^"]|"")*"|[^\s,"]+)'
_CLAUSE = re.compile(rf"\s*([\w.\-]+)\s*(!=|<=|>=|=|<|>|~|(?<=\s)in(?=\s))\s*({_VALUE}(?:\s*,\s*{_VALUE})*)\s*")
_VALUES = re.compile(_VALUE)
_AND = re.compile(r"and(?=\s)", re.IGNORECASE)
_HINT = 'Write FIELD OPERATOR VALUE, joined by "and"; operators: = != < <= > >= in ~; quote values with spaces'
_ORDERS: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def compile_filters(filters: Sequence[str], known: Collection[str], entity: str) -> Test | None:
    """One test out of all `filters`; None when they let everything through.

    `known` are the field names the entity has; a filter on any other raises Misconfigured, because it would silently
    let through too much or nothing. Nothing known (no records yet): names are not judged.
    """
    tests = [test for text in filters for test in _clauses(text, known, entity)]
    if not tests:
        return None
    if len(tests) == 1:
        return tests[0]
    return lambda fields: all(test(fields) for test in tests)


def equals(field: str, value: str) -> str:
    """The filter that lets through records whose `field` is exactly `value`."""
    quoted = value.replace('"', '""')
    return f'{field} = "{quoted}"'


def _clauses(text: str, known: Collection[str], entity: str) -> list[Test]:
    tests: list[Test] = []
    at = 0
    while text[at:].strip():
        if tests:
            joint = _AND.match(text, at)
            if joint is None:
                raise Misconfigured(f"{entity}: the filter cannot be read at column {at + 1}", hint=_HINT)
            at = joint.end()
        found = _CLAUSE.match(text, at)
        if found is None:
            raise Misconfigured(f"{entity}: the filter cannot be read at column {at + 1}", hint=_HINT)
        name, sign, values = found.groups()
        if known and name not in known:
            near = get_close_matches(name, known, n=1)
            hint = f"Did you mean {near[0]}?" if near else f"Its fields are: {', '.join(sorted(known)[:20])}"
            raise Misconfigured(f"{entity}: no record has the field {name} that a filter names", hint=hint)
        tests.append(_test(name, sign, [_bare(value) for value in _VALUES.findall(values)], entity))
        at = found.end()
    return tests


def _bare(value: str) -> str:
    return value[1:-1].replace('""', '"') if value.startswith('"') else value


def _test(name: str, sign: str, values: list[str], entity: str) -> Test:
    if sign != "in" and len(values) > 1:
        raise Misconfigured(f"{entity}: the filter on {name} has several values", hint=f"Use: {name} in A,B")
    wanted = frozenset(values)
    first = values[0]
    if sign in ("=", "in"):
        return lambda fields: any(text in wanted for text in _texts(fields.get(name)))
    if sign == "!=":
        return lambda fields: all(text not in wanted for text in _texts(fields.get(name)))
    if sign == "~":
        part = first.casefold()
        return lambda fields: any(part in text.casefold() for text in _texts(fields.get(name)))
    return _ordered(name, _ORDERS[sign], first)


def _ordered(name: str, holds: Callable[[Any, Any], bool], value: str) -> Test:
    number = _number(value)

    def test(fields: Mapping[str, Any]) -> bool:
        there = fields.get(name)
        if there is None or there == "":
            return False
        mine = _number(there) if number is not None else None
        if mine is not None:
            return holds(mine, number)
        return any(holds(text, value) for text in _texts(there))

    return test


def _number(value: Any) -> float | None:
    try:
        return None if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        return None


def _texts(value: Any) -> list[str]:
    if isinstance(value, list):
        return [text for item in value for text in _texts(item)]
    if value is None:
        return [""]
    if isinstance(value, bool):
        return ["true" if value else "false"]
    return [str(value)]

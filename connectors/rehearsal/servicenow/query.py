"""The language of `sysparm_query`, compiled once to closures. What is not valid in it is dropped without a word."""

from __future__ import annotations

import re
from collections.abc import Callable
from operator import itemgetter
from typing import NamedTuple

from connectors.rehearsal.servicenow.dictionary import Column, lineage
from connectors.rehearsal.servicenow.scripts import Asker, date_part, evaluate, to_utc
from connectors.rehearsal.servicenow.store import INDEXED, Row, Store, Table, Test

Get = Callable[[Row], str]
_OPERATORS = (
    "ISNOTEMPTY", "ISEMPTY", "EMPTYSTRING", "ANYTHING", "INSTANCEOF", "STARTSWITH", "ENDSWITH", "DOES NOT CONTAIN",
    "CONTAINS", "NOT LIKE", "NOTLIKE", "LIKE", "NOT IN", "NOTIN", "BETWEEN", "DATEPART", "NSAMEAS", "SAMEAS", "ON",
    "IN", "!=", ">=", "<=", "=", ">", "<",
)  # fmt: skip
_TERM = re.compile(r"([a-z0-9_]+(?:\.[a-z0-9_]+)*)(" + "|".join(_OPERATORS) + r")(.*)", re.DOTALL)
_PARTS = frozenset({"LIKE", "CONTAINS", "NOT LIKE", "NOTLIKE", "DOES NOT CONTAIN", "STARTSWITH", "ENDSWITH"})
_TEXT = "123TEXTQUERY321"
_EXACT = frozenset({"GUID", "reference", "glide_date_time", "boolean", "integer", "document_id"})


class Path(NamedTuple):
    """A column, maybe reached through references. `tables` are those it passes through."""

    get: Get
    column: Column
    table: Table
    tables: frozenset[str]


class Bound(NamedTuple):
    """A comparison on the row's own sys_id."""

    operator: str
    value: str


class Query(NamedTuple):
    """What is asked for. When `keyed`, rows in sys_id order come from `key`'s matches within `bounds`."""

    test: Test | None  # all of it
    order: tuple[tuple[Path, bool], ...]  # path, descending
    key: str  # names `body`
    body: Test | None  # all of it but the bounds
    bounds: tuple[Bound, ...]
    lookup: tuple[str, tuple[str, ...]] | None  # an indexed column and the values it must have
    depends: frozenset[str]
    invalid: bool  # something was dropped

    @property
    def keyed(self) -> bool:
        return len(self.order) == 1 and self.order[0][0].column.name == "sys_id" and not self.order[0][1]


class _Term(NamedTuple):
    text: str
    test: Test
    name: str
    operator: str
    value: str
    tables: frozenset[str]


def walk(store: Store, table: Table, path: str) -> Path | None:
    """The column at a dotted path, or None when there is none."""
    *steps, last = path.split(".")
    places: list[tuple[int, Table]] = []
    at = table
    for step in steps:
        place = at.at.get(step)
        if place is None or at.columns[place].type != "reference" or at.columns[place].reference not in store.tables:
            return None
        at = store.tables[at.columns[place].reference]
        places.append((place, at))
    end = at.at.get(last)
    if end is None:
        return None
    tables = frozenset(target.name for _, target in places)
    finders = [(place, target.finder) for place, target in places]
    if not places:
        return Path(itemgetter(end), at.columns[end], at, tables)

    def get(row: Row) -> str:
        here = row
        for place, find in finders:
            there = find(here[place])
            if there is None:
                return ""
            here = there
        return here[end]

    return Path(get, at.columns[end], at, tables)


def compile_query(store: Store, table: Table, text: str, asker: Asker) -> Query:
    """Compile an encoded query for a table, with dates and scripts as `asker` means them."""
    groups: list[list[list[_Term]]] = [[]]
    order: list[tuple[Path, bool]] = []
    invalid = False
    for token in text.split("^"):
        if not token or token == "EQ":
            continue
        if token.startswith("ORDERBY"):
            name = token.removeprefix("ORDERBYDESC") if token.startswith("ORDERBYDESC") else token[7:]
            path = walk(store, table, name)
            if path:
                order.append((path, token.startswith("ORDERBYDESC")))
            invalid |= path is None
            continue
        joined = token.startswith("OR")
        if token.startswith("NQ"):
            groups.append([])
            token = token[2:]
            if not token:
                continue
        term = _term(store, table, token[2:] if joined else token, asker)
        if term is None:
            invalid = True
        elif joined and groups[-1]:
            groups[-1][-1].append(term)
        else:
            groups[-1].append([term])
    return _assemble([group for group in groups if group], tuple(order), invalid)


def _assemble(groups: list[list[list[_Term]]], order: tuple[tuple[Path, bool], ...], invalid: bool) -> Query:
    everything = [term for group in groups for either in group for term in either]
    depends = frozenset[str]().union(*(term.tables for term in everything))
    bounds: list[Bound] = []
    rest: list[list[_Term]] = []
    lookup: tuple[str, tuple[str, ...]] | None = None
    if len(groups) == 1:
        for either in groups[0]:
            only = either[0] if len(either) == 1 else None
            if only and only.name == "sys_id" and only.operator in (">", ">=", "<", "<="):
                bounds.append(Bound(only.operator, only.value))
                continue
            rest.append(either)
            if only and only.operator in ("=", "IN") and only.value and (only.name in INDEXED or only.name == "sys_id"):
                values = tuple(only.value.split(",")) if only.operator == "IN" else (only.value,)
                if lookup is None or only.name == "sys_id":
                    lookup = only.name, values
    whole = _any([_all(group) for group in groups])
    body = _all(rest) if len(groups) == 1 else whole
    shown = [rest] if len(groups) == 1 else groups
    key = "^NQ".join("^".join("^OR".join(term.text for term in either) for either in group) for group in shown)
    return Query(whole, order, key, body, tuple(bounds), lookup, depends, invalid)


def _all(ands: list[list[_Term]]) -> Test | None:
    tests = [_any([term.test for term in either]) for either in ands]
    kept = [test for test in tests if test is not None]
    if len(kept) < 2:
        return kept[0] if kept else None
    if len(kept) == 2:
        first, second = kept
        return lambda row: first(row) and second(row)
    return lambda row: all(test(row) for test in kept)


def _any(tests: list[Test | None]) -> Test | None:
    kept = [test for test in tests if test is not None]
    if len(kept) < 2:
        return kept[0] if kept else None
    return lambda row: any(test(row) for test in kept)


def _term(store: Store, table: Table, text: str, asker: Asker) -> _Term | None:
    if text.startswith(_TEXT):
        words = text[len(_TEXT) :].lstrip("=").lower()
        searched = [i for i, column in enumerate(table.columns) if column.type == "string"]
        return _Term(text, lambda row: any(words in row[i].lower() for i in searched), "", _TEXT, words, frozenset())
    match = _TERM.fullmatch(text)
    path = walk(store, table, match[1]) if match else None
    if not match or not path:
        return None
    operator, value = match[2], match[3]
    if value.startswith("javascript:") and operator not in ("ON", "DATEPART", "BETWEEN"):
        evaluated = evaluate(value, asker)
        if evaluated is None:
            return None
        value = evaluated
    elif path.column.type == "glide_date_time" and operator in ("=", "!=", ">", ">=", "<", "<="):
        value = to_utc(value, asker.zone)
    test = _test(store, table, path, operator, value, asker)
    seen = path.tables | ({path.column.reference} if operator in _PARTS and path.column.reference else frozenset())
    return _Term(text, test, match[1], operator, value, seen) if test else None


def _test(store: Store, table: Table, path: Path, operator: str, value: str, asker: Asker) -> Test | None:
    get = path.get
    match operator:
        case "=" | "!=" | "IN" | "NOT IN" | "NOTIN":
            wanted = frozenset(value.split(",")) if "IN" in operator else frozenset((value,))
            return _membership(path, wanted, negated=operator not in ("=", "IN"))
        case ">" | ">=" | "<" | "<=":
            return _comparison(path, operator, value)
        case _ if operator in _PARTS:
            return _part(_shown(store, path), operator, value.lower())
        case "ISEMPTY" | "EMPTYSTRING":
            return lambda row: not get(row)
        case "ISNOTEMPTY":
            return lambda row: bool(get(row))
        case "ANYTHING":
            return lambda row: True
        case "SAMEAS" | "NSAMEAS":
            other = walk(store, table, value)
            if other is None:
                return None
            get_other, same = other.get, operator == "SAMEAS"
            return lambda row: (get(row) == get_other(row)) is same
        case "BETWEEN" | "ON":
            return _between(path, value.split("@")[-2:], asker)
        case "INSTANCEOF":
            return lambda row: get(row) in store.tables and any(level.name == value for level in lineage(get(row)))
        case "DATEPART":
            part = re.search(r"datePart\('(\w+)'\s*,\s*'([^']+)'", value)
            if part is None:
                return None
            kind, wanted_part = part[1], part[2]
            return lambda row: date_part(get(row), kind, wanted_part, asker.zone)
    return None


def _membership(path: Path, wanted: frozenset[str], negated: bool) -> Test:
    get = path.get
    if path.column.type not in _EXACT:
        folded = frozenset(value.lower() for value in wanted)
        if negated:
            return lambda row: get(row).lower() not in folded
        return lambda row: get(row).lower() in folded
    if negated:
        return lambda row: get(row) not in wanted
    return lambda row: get(row) in wanted


def _comparison(path: Path, operator: str, value: str) -> Test:
    """Numbers compare as numbers, the rest as strings; an empty field compares with nothing."""
    get, up, equal = path.get, operator[0] == ">", len(operator) == 2
    if path.column.type == "integer":
        bound = _number(value)

        def compare_numbers(row: Row) -> bool:
            number = _number(get(row))
            if number is None or bound is None:
                return False
            return (number > bound if up else number < bound) or (equal and number == bound)

        return compare_numbers
    if up:
        return (lambda row: get(row) >= value != "") if equal else (lambda row: get(row) > value)
    return (lambda row: "" != get(row) <= value) if equal else (lambda row: "" != get(row) < value)


def _number(value: str) -> float | None:
    try:
        return float(value)
    except ValueError:
        return None


def _shown(store: Store, path: Path) -> Get:
    """What a text operator looks at: a reference by the display value of its record."""
    if path.column.type != "reference" or path.column.key != "sys_id":
        return path.get
    target, get = store.tables[path.column.reference], path.get

    def shown(row: Row) -> str:
        there = target.get(get(row))
        return there[target.display] if there else ""

    return shown


def _part(get: Get, operator: str, value: str) -> Test:
    match operator:
        case "STARTSWITH":
            return lambda row: get(row).lower().startswith(value)
        case "ENDSWITH":
            return lambda row: get(row).lower().endswith(value)
        case "LIKE" | "CONTAINS":
            return lambda row: value in get(row).lower()
    return lambda row: value not in get(row).lower()


def _between(path: Path, ends: list[str], asker: Asker) -> Test | None:
    if len(ends) != 2:
        return None
    low, high = (_end(path, end, asker) for end in ends)
    if low is None or high is None:
        return None
    above, below = _comparison(path, ">=", low), _comparison(path, "<=", high)
    return lambda row: above(row) and below(row)


def _end(path: Path, value: str, asker: Asker) -> str | None:
    if value.startswith("javascript:"):
        return evaluate(value, asker)
    return to_utc(value, asker.zone) if path.column.type == "glide_date_time" else value

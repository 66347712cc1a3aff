"""The query language: text to a tree. What the words mean is `search`'s business."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from connectors.rehearsal.jira.problem import Problem, bad

_TOKEN = re.compile(
    r"""\s*(?:
        (?P<quoted>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
      | (?P<operator>!=|!~|<=|>=|=|~|<|>|&&|\|\||!)
      | (?P<mark>[(),])
      | (?P<word>cf\[\d+\]|[^\s"'=!~<>(),&|]+)
    )""",
    re.VERBOSE,
)
_END = ("end", "")
_WORDS = {"&&": "and", "||": "or", "!": "not"}
_EMPTY = frozenset({"empty", "null"})
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r"}


@dataclass(frozen=True, slots=True)
class Function:
    name: str
    arguments: tuple[str, ...]


Operand = str | Function | None
"""A value; None is EMPTY."""


@dataclass(frozen=True, slots=True)
class Term:
    """One restriction. `operator`: = != > >= < <= ~ !~ in, not in, is, is not. `operands`: one, or the list's."""

    field: str
    operator: str
    operands: tuple[Operand, ...]


@dataclass(frozen=True, slots=True)
class Group:
    operator: str  # and, or, not
    clauses: tuple[Clause, ...]


Clause = Term | Group


@dataclass(frozen=True, slots=True)
class Order:
    field: str
    descending: bool


@dataclass(frozen=True, slots=True)
class Query:
    where: Clause | None
    order: tuple[Order, ...]


def parse(text: str) -> Query:
    """Raises Problem (400) with the parser's words."""
    return _Parser(text).query()


def _unquoted(text: str) -> str:
    return re.sub(r"\\(.)", lambda found: _ESCAPES.get(found[1], found[1]), text[1:-1])


class _Parser:
    def __init__(self, text: str) -> None:
        self.tokens: list[tuple[str, str]] = []
        self.places: list[int] = []
        at = 0
        stripped = text.rstrip()
        while at < len(stripped):
            found = _TOKEN.match(stripped, at)
            if found is None:
                raise self._error(f"unexpected character '{stripped[at:].lstrip()[:1]}'", at)
            kind = found.lastgroup or ""
            value = found[kind]
            self.places.append(found.start(kind))
            at = found.end()
            if value in _WORDS:
                kind, value = "word", _WORDS[value]
            self.tokens.append((kind, _unquoted(value) if kind == "quoted" else value))
        self.places.append(len(stripped))
        self.at = 0

    def _error(self, what: str, place: int) -> Problem:
        return bad(f"Error in the JQL Query: {what}. (line 1, character {place + 1})")

    def _expected(self, what: str) -> Problem:
        kind, value = self.peek()
        got = "the end of the query" if kind == "end" else f"'{value}'"
        return self._error(f"Expecting {what} but got {got}", self.places[self.at])

    def peek(self) -> tuple[str, str]:
        return self.tokens[self.at] if self.at < len(self.tokens) else _END

    def next(self) -> tuple[str, str]:
        token = self.peek()
        self.at += 1
        return token

    def is_word(self, *words: str) -> bool:
        kind, value = self.peek()
        return kind == "word" and value.lower() in words

    def take_word(self, *words: str) -> bool:
        if self.is_word(*words):
            self.at += 1
            return True
        return False

    def take_mark(self, mark: str) -> bool:
        if self.peek() == ("mark", mark):
            self.at += 1
            return True
        return False

    # ------------------------------------------------------------ grammar

    def query(self) -> Query:
        where = None if self.peek() == _END or self.is_word("order") else self.either()
        order: list[Order] = []
        if self.take_word("order"):
            if not self.take_word("by"):
                raise self._expected("'BY'")
            order.append(self.order())
            while self.take_mark(","):
                order.append(self.order())
        if self.peek() != _END:
            raise self._expected("either 'OR' or 'AND'")
        return Query(where, tuple(order))

    def order(self) -> Order:
        field = self.field()
        if self.take_word("desc"):
            return Order(field, True)
        self.take_word("asc")
        return Order(field, False)

    def either(self) -> Clause:
        clauses = [self.both()]
        while self.take_word("or"):
            clauses.append(self.both())
        return clauses[0] if len(clauses) == 1 else Group("or", tuple(clauses))

    def both(self) -> Clause:
        clauses = [self.one()]
        while self.take_word("and"):
            clauses.append(self.one())
        return clauses[0] if len(clauses) == 1 else Group("and", tuple(clauses))

    def one(self) -> Clause:
        if self.take_word("not"):
            return Group("not", (self.one(),))
        if self.take_mark("("):
            clause = self.either()
            if not self.take_mark(")"):
                raise self._expected("')'")
            return clause
        return self.term()

    def field(self) -> str:
        kind, value = self.peek()
        if kind not in ("word", "quoted") or (kind == "word" and value.lower() in ("and", "or", "not", "in", "is")):
            raise self._expected("a field name")
        self.at += 1
        return value

    def term(self) -> Term:
        field = self.field()
        kind, value = self.peek()
        if kind == "operator":
            self.at += 1
            return Term(field, value, (self.operand(),))
        if self.take_word("is"):
            operator = "is not" if self.take_word("not") else "is"
            operand = self.operand()
            if operand is not None:
                raise self._error(f"The operator '{operator}' takes EMPTY only", self.places[self.at - 1])
            return Term(field, operator, (None,))
        operator = "not in" if self.take_word("not") else "in"
        if not self.take_word("in"):
            raise self._expected("an operator: '=', '!=', '<', '>', '<=', '>=', '~', '!~', 'IN', 'IS'")
        if not self.take_mark("("):
            raise self._expected("'('")
        operands = [self.operand()]
        while self.take_mark(","):
            operands.append(self.operand())
        if not self.take_mark(")"):
            raise self._expected("')'")
        return Term(field, operator, tuple(operands))

    def operand(self) -> Operand:
        kind, value = self.peek()
        if kind not in ("word", "quoted"):
            raise self._expected("a value")
        self.at += 1
        if kind == "quoted":
            return value
        if value.lower() in _EMPTY:
            return None
        if self.take_mark("("):
            arguments: list[str] = []
            while not self.take_mark(")"):
                kind, argument = self.next()
                if kind not in ("word", "quoted"):
                    self.at -= 1
                    raise self._expected("')'")
                arguments.append(argument)
                self.take_mark(",")
            return Function(value, tuple(arguments))
        return value


# ---------------------------------------------------------------- as /jql/parse shows it


def structure(query: Query) -> dict[str, Any]:
    doc: dict[str, Any] = {}
    if query.where:
        doc["where"] = _show(query.where)
    if query.order:
        doc["orderBy"] = {
            "fields": [
                {"field": {"name": order.field}, "direction": "desc" if order.descending else "asc"}
                for order in query.order
            ]
        }
    return doc


def _show(clause: Clause) -> dict[str, Any]:
    if isinstance(clause, Group):
        return {"operator": clause.operator, "clauses": [_show(one) for one in clause.clauses]}
    operands = [_show_operand(operand) for operand in clause.operands]
    operand = {"values": operands} if clause.operator in ("in", "not in") else operands[0]
    return {"field": {"name": clause.field}, "operator": clause.operator, "operand": operand}


def _show_operand(operand: Operand) -> dict[str, Any]:
    if operand is None:
        return {"keyword": "empty"}
    if isinstance(operand, Function):
        return {"function": operand.name, "arguments": list(operand.arguments)}
    return {"value": operand}

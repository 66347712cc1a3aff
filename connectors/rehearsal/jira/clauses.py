"""The meaning of JQL: a parsed tree to a test on issues, and sort orders to sort keys."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from connectors.rehearsal.jira.catalogue import CATEGORIES, STATUSES, TYPES, User, by_name
from connectors.rehearsal.jira.fields import FIELDS, ON_SCREEN, RESOLUTION, Field
from connectors.rehearsal.jira.jql import Clause, Function, Operand, Term
from connectors.rehearsal.jira.model import Issue
from connectors.rehearsal.jira.problem import Problem, bad
from connectors.rehearsal.jira.stamps import MINUTE, millis
from connectors.rehearsal.jira.store import Store
from connectors.rehearsal.jira.values import holds, text_of, tokens, value_of

Test = Callable[[Issue], bool]

_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}
_EQUALITY = frozenset({"=", "!=", "in", "not in", "is", "is not"})
_NEGATIVE = frozenset({"!=", "not in", "is not", "!~"})
_OPERATORS = {
    "equal": _EQUALITY,
    "ordered": _EQUALITY | set(_COMPARE),
    "words": frozenset({"~", "!~", "is", "is not"}),
}


@dataclass(frozen=True, slots=True)
class Reader:
    """Who asks, and when: dates are read in the reader's zone."""

    user: User
    now: datetime


def field_named(name: str) -> str:
    """The id of the field that a clause name stands for. Raises Problem."""
    folded = name.casefold()
    found = _CLAUSES.get(folded)
    if found is None:
        raise bad(f"Field '{name}' does not exist or you do not have permission to view it.")
    return found


_CLAUSES: dict[str, str] = {
    "key": "key",
    "issuekey": "key",
    "issue": "key",
    "id": "id",
    "text": "text",
    "statuscategory": "statusCategory",
    **{clause.casefold(): entry.id for entry in FIELDS.values() for clause in entry.clauses},
    **{entry.id.casefold(): entry.id for entry in FIELDS.values() if entry.clauses and not entry.custom},
}
CLAUSE_FIELDS = frozenset(_CLAUSES.values())


class Compiler:
    def __init__(self, store: Store, reader: Reader) -> None:
        self.store = store
        self.reader = reader

    def test(self, clause: Clause) -> Test:
        if isinstance(clause, Term):
            return self._term(clause)
        tests = [self.test(one) for one in clause.clauses]
        if clause.operator == "not":
            negated = tests[0]
            return lambda issue: not negated(issue)
        if clause.operator == "and":
            return lambda issue: all(test(issue) for test in tests)
        return lambda issue: any(test(issue) for test in tests)

    def _term(self, term: Term) -> Test:
        field = field_named(term.field)
        test = self._positive(field, term)
        if term.operator not in _NEGATIVE:
            return test
        if term.operator == "is not":
            return lambda issue: not test(issue)
        value = value_of(field)  # an empty field matches neither = nor !=
        return lambda issue: not test(issue) and value(issue) not in (None, "", ())

    def _positive(self, field: str, term: Term) -> Test:
        if field in ("summary", "description", "environment", "text") or self._kind(field) in ("text", "rich", "url"):
            return self._words(field, term)
        match field:
            case "project":
                return self._equal(term, "equal", lambda issue: issue.project.id, self._project)
            case "id" | "key":
                return self._issues(field, term)
            case "issuetype":
                return self._equal(term, "equal", lambda issue: issue.type.id, self._named("issuetype", TYPES))
            case "status":
                return self._equal(term, "equal", lambda issue: issue.status.id, self._named("status", STATUSES))
            case "statusCategory":
                keys = {str(word): category.key for category in CATEGORIES for word in (category.key, category.name)}
                return self._equal(
                    term, "equal", lambda issue: issue.status.category.key, lambda word: _known(keys, word, field)
                )
            case "parent":
                return self._equal(term, "equal", lambda issue: issue.parent or None, self._issue_id("parent"))
            case "created" | "updated" | "resolutiondate":
                return self._moment(field, term)
            case "labels":
                return self._labels(term)
        return self._custom(FIELDS[field], term)

    def _kind(self, field: str) -> str:
        return FIELDS[field].kind if field in FIELDS else ""

    def _custom(self, entry: Field, term: Term) -> Test:
        name = entry.id
        match entry.kind:
            case "user" | "read_only" if entry.type == "user":
                get = (lambda issue: issue.creator) if name == "creator" else (lambda issue: issue.fields.get(name))
                return self._equal(term, "equal", get, self._person)
            case "named" | "choice":
                table = {choice.id: choice for choice in entry.allowed()}
                if name == RESOLUTION.id and term.operator in ("=", "!=") and term.operands[0] == "Unresolved":
                    return lambda issue: name not in issue.fields
                return self._equal(term, "ordered", lambda issue: issue.fields.get(name), self._named(name, table))
            case "choices":
                table = {choice.id: choice for choice in entry.allowed()}
                wanted = self._operands(term, "equal", self._named(name, table))
                return lambda issue: any(one in wanted for one in issue.fields.get(name, ()) or (None,))
            case "number":
                return self._ordered(term, lambda issue: issue.fields.get(name), self._number)
            case "date":
                return self._ordered(term, lambda issue: issue.fields.get(name), self._day)
            case "datetime":
                return self._moment(name, term)
        raise bad(f"Field '{term.field}' is not searchable.")

    # ------------------------------------------------------------ by kind

    def _check(self, term: Term, kind: str) -> None:
        if term.operator not in _OPERATORS[kind]:
            raise bad(f"The operator '{term.operator}' is not supported by the '{term.field}' field.")

    def _operands(self, term: Term, kind: str, read: Callable[[str], Any]) -> set[Any]:
        self._check(term, kind)
        return {self._read(operand, read) for operand in term.operands}

    def _read(self, operand: Operand, read: Callable[[str], Any]) -> Any:
        if operand is None:
            return None
        if isinstance(operand, Function):
            if operand.name.lower() == "currentuser":
                return self.reader.user.account_id
            raise bad(f"Unable to find JQL function '{operand.name}({', '.join(operand.arguments)})'.")
        return read(operand)

    def _equal(self, term: Term, kind: str, get: Callable[[Issue], Any], read: Callable[[str], Any]) -> Test:
        if term.operator in _COMPARE:
            return self._ordered(term, get, read)
        wanted = self._operands(term, kind, read)
        return lambda issue: get(issue) in wanted

    def _ordered(self, term: Term, get: Callable[[Issue], Any], read: Callable[[str], Any]) -> Test:
        self._check(term, "ordered")
        compare = _COMPARE.get(term.operator)
        if compare is None:
            wanted = self._operands(term, "ordered", read)
            return lambda issue: get(issue) in wanted
        bound = self._read(term.operands[0], read)
        if bound is None:
            raise bad(f"The operator '{term.operator}' does not support EMPTY for the '{term.field}' field.")

        def test(issue: Issue) -> bool:
            value = get(issue)
            return value is not None and compare(value, bound)

        return test

    def _issues(self, field: str, term: Term) -> Test:
        """Ids and keys. Comparisons hold within one project; the issue named need not exist any more (UNSURE)."""
        if term.operator not in _COMPARE:
            return self._equal(term, "equal", lambda issue: issue.id, self._issue_id(field))
        compare = _COMPARE[term.operator]
        operand = term.operands[0]
        if not isinstance(operand, str):
            raise bad(f"The operator '{term.operator}' needs an issue for the '{term.field}' field.")
        if operand.isdigit():
            bound = int(operand)
            return lambda issue: compare(issue.id, bound)
        project, number = self._key(operand, field)
        return lambda issue: issue.project.id == project and compare(issue.number, number)

    def _key(self, key: str, field: str) -> tuple[int, int]:
        head, _, number = key.rpartition("-")
        project = self.store.catalogue.project(head) if head and not head.isdigit() else None
        if project is None or not number.isdigit():
            raise bad(f"The issue key '{key}' for field '{field}' is invalid.")
        return project.id, int(number)

    def _issue_id(self, field: str) -> Callable[[str], int]:
        def read(word: str) -> int:
            issue = self.store.find(word)
            if issue is None or issue.secured:
                what = "id" if word.isdigit() else "key"
                raise bad(f"An issue with {what} '{word}' does not exist for field '{field}'.")
            return issue.id

        return read

    def _project(self, word: str) -> int:
        project = self.store.catalogue.project(word) or next(
            (one for one in self.store.catalogue.projects if one.name.casefold() == word.casefold()), None
        )
        if project is None:
            raise _no_value("project", word)
        return project.id

    def _named(self, field: str, table: Any) -> Callable[[str], str]:
        def read(word: str) -> str:
            found = table.get(word) or by_name(table, word)
            if found is None:
                raise _no_value(field, word)
            return str(found.id)

        return read

    def _person(self, word: str) -> str:
        users = self.store.catalogue
        user = users.users.get(word) or users.by_email.get(word.lower())
        return user.account_id if user else word  # an unknown person matches nothing, and is no error

    def _labels(self, term: Term) -> Test:
        wanted = self._operands(term, "equal", str.casefold)
        wants_empty = None in wanted

        def test(issue: Issue) -> bool:
            labels = issue.fields.get("labels")
            if not labels:
                return wants_empty
            return any(label.casefold() in wanted for label in labels)

        return test

    def _number(self, word: str) -> float:
        try:
            return float(word)
        except ValueError:
            raise bad(f"The value '{word}' is not a number.") from None

    def _day(self, word: str) -> str:
        return datetime.fromtimestamp(self._instant(word) / 1000, self.reader.user.zone).date().isoformat()

    # ------------------------------------------------------------ moments: the grain is the minute

    def _moment(self, field: str, term: Term) -> Test:
        value = value_of(field)

        def minute(issue: Issue) -> int | None:
            moment = value(issue)
            return None if moment is None else moment // MINUTE

        return (
            self._ordered(term, minute, lambda word: self._instant(word) // MINUTE)
            if not isinstance(term.operands[0], Function)
            else self._ordered(
                Term(term.field, term.operator, (str(self._function(term.operands[0])),)),
                minute,
                lambda word: int(word) // MINUTE,
            )
        )

    def _function(self, function: Function) -> int:
        now = self.reader.now.astimezone(self.reader.user.zone)
        match function.name.lower():
            case "now":
                moment = now
            case "startofday":
                moment = now.replace(hour=0, minute=0, second=0, microsecond=0)
            case "endofday":
                moment = now.replace(hour=23, minute=59, second=59, microsecond=999_000)
            case _:
                raise bad(f"Unable to find JQL function '{function.name}({', '.join(function.arguments)})'.")
        offset = function.arguments[0] if function.arguments else ""
        return millis(moment + _duration(offset if offset[:1] in "+-" else f"+{offset}")) if offset else millis(moment)

    def _instant(self, word: str) -> int:
        """Milliseconds of a date literal: local to the reader, relative to now, or epoch milliseconds."""
        if re.fullmatch(r"\d{9,}", word):
            return int(word)
        if re.fullmatch(r"[+-]?\d+[wdhm]", word):
            return millis(self.reader.now + _duration(word if word[0] in "+-" else f"+{word}"))
        found = re.fullmatch(r"(\d{4})[-/](\d{1,2})[-/](\d{1,2})(?: (\d{1,2}):(\d{2}))?", word)
        if found:
            try:
                numbers = [int(part or 0) for part in found.groups()]
                local = datetime(*numbers, tzinfo=self.reader.user.zone)  # type: ignore[misc,arg-type]
                return millis(local.astimezone(UTC))
            except ValueError:
                pass
        raise bad(
            f"Date value '{word}' is invalid. Valid formats include: 'yyyy/MM/dd HH:mm', 'yyyy-MM-dd HH:mm', "
            "'yyyy/MM/dd', 'yyyy-MM-dd', or a period format e.g. '-5d', '4w 2d'."
        )

    # ------------------------------------------------------------ words

    def _words(self, field: str, term: Term) -> Test:
        self._check(term, "words")
        texts = self._texts(field)
        if term.operator in ("is", "is not"):
            return lambda issue: not any(texts(issue))
        operand = term.operands[0]
        if not isinstance(operand, str) or not operand.strip():
            raise bad(f"The field '{term.field}' does not support searching for an empty string.")
        phrase = operand.startswith('"') and operand.endswith('"') and len(operand) > 1
        wanted = tokens(operand, wildcards=not phrase)
        if not wanted:
            raise bad(f"The text query '{operand}' for field '{term.field}' holds no word to search for.")

        def test(issue: Issue) -> bool:
            return any(holds(tokens(text), wanted, phrase) for text in texts(issue) if text)

        return test

    def _texts(self, field: str) -> Callable[[Issue], list[str]]:
        if field != "text":
            return lambda issue: [text_of(issue.fields.get(field))]
        names = [entry.id for entry in ON_SCREEN if entry.kind in ("text", "rich")]
        store = self.store

        def texts(issue: Issue) -> list[str]:
            comments = [store.comments[id_].body for id_ in store.comments_of.get(issue.id, ())]
            return [text_of(value) for value in (*(issue.fields.get(name) for name in names), *comments)]

        return texts


def _known(table: dict[str, str], word: str, field: str) -> str:
    found = next((value for name, value in table.items() if name.casefold() == word.casefold()), None)
    if found is None:
        raise _no_value(field, word)
    return found


def _no_value(field: str, word: str) -> Problem:
    return bad(f"The value '{word}' does not exist for the field '{field}'.")


_UNITS = {"w": "weeks", "d": "days", "h": "hours", "m": "minutes"}


def _duration(word: str) -> timedelta:
    found = re.fullmatch(r"([+-]\d+)([wdhm])", word)
    if not found:
        raise bad(f"The period '{word}' is invalid: write one such as '-5d'.")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})

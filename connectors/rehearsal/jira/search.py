"""Searching: a plan that reads few candidates, pages by opaque tokens, and counts."""

from __future__ import annotations

import base64
import heapq
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import orjson

from connectors.rehearsal.jira import jql
from connectors.rehearsal.jira.clauses import Compiler, Reader, Test, field_named
from connectors.rehearsal.jira.jql import Clause, Group, Order, Query, Term
from connectors.rehearsal.jira.model import Issue
from connectors.rehearsal.jira.problem import Problem, bad
from connectors.rehearsal.jira.stamps import millis
from connectors.rehearsal.jira.store import Store
from connectors.rehearsal.jira.values import sort_value

MAX_ORDER = 7
UNBOUNDED = "Unbounded JQL queries are not allowed here. Please add a search restriction to your query."
STALE = "The provided next page token is invalid or has expired. Run the search again from its first page."


@dataclass(frozen=True, slots=True)
class Found:
    """One page. `token` leads to the next; None at the end."""

    issues: list[Issue]
    token: str | None


@dataclass(frozen=True, slots=True)
class _Range:
    """What the top-level ANDs say about where matches can be."""

    projects: tuple[int, ...] | None = None
    ids: frozenset[int] | None = None
    low: int = 0  # numbers within `projects`, when there is one
    high: int | None = None
    low_id: int = 0
    high_id: int | None = None


class Search:
    def __init__(self, store: Store, token_life: float) -> None:
        """`token_life` in seconds."""
        self.store = store
        self.token_life = token_life

    def page(self, text: str, reader: Reader, size: int, token: str | None, reconcile: Iterable[int] = ()) -> Found:
        """The next `size` matches. Issues in `reconcile` are judged by their committed state. Raises Problem."""
        query, test = self._compile(text, reader)
        mark = f"{zlib.crc32(orjson.dumps([text, sorted(reconcile)])):08x}"
        after = self._open(token, mark, millis(reader.now)) if token else None
        found = self._walk(query, test, size + 1, after, frozenset(reconcile))
        if len(found) <= size:
            return Found(found, None)
        return Found(found[:size], self._seal(mark, _position(query.order, found[size - 1]), millis(reader.now)))

    def count(self, text: str, reader: Reader) -> int:
        query, test = self._compile(text, reader)
        return sum(1 for _ in self._matches(query, test, False, None))

    def _compile(self, text: str, reader: Reader) -> tuple[Query, Test]:
        query = jql.parse(text)
        if query.where is None:
            raise bad(UNBOUNDED)
        if len(query.order) > MAX_ORDER:
            raise bad(f"The maximum number of fields to order by is {MAX_ORDER}.")
        for order in query.order:
            field_named(order.field)
        test = Compiler(self.store, reader).test(query.where)
        return query, lambda issue: not issue.secured and not issue.archived and test(issue)

    # ------------------------------------------------------------ walking

    def _walk(
        self, query: Query, test: Test, size: int, after: list[Any] | None, reconcile: frozenset[int]
    ) -> list[Issue]:
        natural = _natural(query.order)
        if natural and not reconcile:
            descending = not query.order or query.order[0].descending
            found: list[Issue] = []
            for issue in self._matches(query, test, descending, after):
                found.append(issue)
                if len(found) == size:
                    break
            return found
        matches = self._matches(query, test, False, None)
        if reconcile:
            matches = self._reconciled(matches, test, reconcile)
        sort_key = _sort_key(query.order)
        if after is not None:
            bound = _wrap(query.order, after)
            matches = (issue for issue in matches if bound < sort_key(issue))
        return heapq.nsmallest(size, matches, key=sort_key)

    def _reconciled(self, matches: Iterator[Issue], test: Test, reconcile: frozenset[int]) -> Iterator[Issue]:
        yield from (issue for issue in matches if issue.id not in reconcile)
        for id_ in reconcile:
            issue = self.store.issues.get(id_)
            if issue is not None and test(issue):
                yield issue

    def _matches(self, query: Query, test: Test, descending: bool, after: list[Any] | None) -> Iterator[Issue]:
        """Matches of the index. In natural order where the query asks for one, from behind `after` on."""
        index = self.store.index
        assert query.where
        where = self._range(query.where)
        natural = _natural(query.order)
        if where.ids is not None:
            held = sorted(where.ids, reverse=descending) if natural == "id" else where.ids
            candidates: Iterable[Issue] = [index.versions[id_] for id_ in held if id_ in index.versions]
            if natural == "key":
                candidates = sorted(candidates, key=lambda issue: (issue.project.key, issue.number), reverse=descending)
            if natural and after is not None:
                candidates = _behind(candidates, sort_value(natural), after[0], descending)
        elif where.projects is not None and natural != "id":
            candidates = self._by_key(where, descending, after if natural == "key" else None)
        elif natural == "key":
            everything = _Range(tuple(project.id for project in self.store.catalogue.projects))
            candidates = self._by_key(everything, descending, after)
        else:
            low, high = where.low_id, where.high_id
            if natural and after is not None:
                last = after[0][1]
                low, high = (low, _least(high, last - 1)) if descending else (max(low, last + 1), high)
            candidates = index.by_id(low, high, descending)
        return (issue for issue in candidates if test(issue))

    def _by_key(self, where: _Range, descending: bool, after: list[Any] | None) -> Iterator[Issue]:
        assert where.projects is not None
        held = [project for project in self.store.catalogue.projects if project.id in where.projects]
        for project in sorted(held, key=lambda one: one.key, reverse=descending):
            low, high = where.low, where.high
            if after is not None:
                key, number = after[0]
                if project.key != key and (project.key < key) != descending:
                    continue  # behind us
                if project.key == key:
                    low, high = (low, _least(high, number - 1)) if descending else (max(low, number + 1), high)
            yield from self.store.index.by_key(project.id, low, high, descending)

    def _range(self, where: Clause) -> _Range:
        terms = where.clauses if isinstance(where, Group) and where.operator == "and" else (where,)
        projects: set[int] | None = None
        ids: set[int] | None = None
        low, high, low_id, high_id = 0, None, 0, None
        for term in terms:
            if not isinstance(term, Term):
                continue
            field = field_named(term.field)
            words = [word for word in term.operands if isinstance(word, str)]
            if len(words) != len(term.operands):
                continue
            if term.operator in ("=", "in"):
                if field == "project":
                    projects = _both(projects, {project.id for word in words if (project := self._project(word))})
                elif field == "labels":
                    ids = _both(ids, set().union(*(self.store.index.by_label(word) for word in words)))
                elif field in ("id", "key"):
                    ids = _both(ids, {issue.id for word in words if (issue := self.store.find(word))})
            elif field in ("id", "key") and term.operator in (">", ">=", "<", "<="):
                number = int(words[0].rpartition("-")[2])
                of = None if words[0].isdigit() else self._project(words[0].rpartition("-")[0])
                first = number + (term.operator == ">") if term.operator[0] == ">" else 0
                last = number - (term.operator == "<") if term.operator[0] == "<" else None
                if of is None:
                    low_id, high_id = max(low_id, first), _least(high_id, last)
                else:
                    projects = _both(projects, {of.id})
                    low, high = max(low, first), _least(high, last)
        return _Range(
            tuple(projects) if projects is not None else None,
            frozenset(ids) if ids is not None else None,
            low,
            high,
            low_id,
            high_id,
        )

    def _project(self, word: str) -> Any:
        by_name = (one for one in self.store.catalogue.projects if one.name.casefold() == word.casefold())
        return self.store.catalogue.project(word) or next(by_name, None)

    # ------------------------------------------------------------ tokens

    def _seal(self, mark: str, position: list[Any], now: int) -> str:
        doc = [mark, now + int(self.token_life * 1000), position]
        return base64.urlsafe_b64encode(zlib.compress(orjson.dumps(doc), 1)).decode()

    def _open(self, token: str, mark: str, now: int) -> list[Any]:
        try:
            held, expires, position = orjson.loads(zlib.decompress(base64.urlsafe_b64decode(token)))
        except (ValueError, TypeError, zlib.error):
            raise bad(STALE) from None
        if held != mark or expires < now:
            raise bad(STALE)
        return list(position)


def check_text(text: str, store: Store, reader: Reader) -> tuple[Query | None, list[str]]:
    """The tree of a query and what is wrong with it, for /jql/parse."""
    try:
        query = jql.parse(text)
        if query.where:
            Compiler(store, reader).test(query.where)
        for order in query.order:
            field_named(order.field)
    except Problem as problem:
        return None, problem.messages
    return query, []


def _both(left: set[int] | None, right: set[int]) -> set[int]:
    return right if left is None else left & right


def _least(left: int | None, right: int | None) -> int | None:
    return min((bound for bound in (left, right) if bound is not None), default=None)


# ---------------------------------------------------------------- orders


def _natural(order: tuple[Order, ...]) -> str:
    """`id` or `key` where the index itself is in that order. Without ORDER BY the newest come first."""
    if not order:
        return "id"
    field = field_named(order[0].field)
    return {"key": "key", "id": "id"}.get(field, "")  # what stands behind either decides nothing any more


def _position(order: tuple[Order, ...], issue: Issue) -> list[Any]:
    natural = _natural(order)
    if natural:
        return [sort_value(natural)(issue)]
    return [*(sort_value(field_named(one.field))(issue) for one in order), issue.id]


class _Descending:
    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def __lt__(self, other: _Descending) -> bool:
        return bool(other.value < self.value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Descending) and bool(other.value == self.value)


def _wrap(order: tuple[Order, ...], position: list[Any]) -> list[Any]:
    if len(position) == 1:  # a natural order
        position = [position[0]]
    wrapped: list[Any] = [
        _Descending(value) if one.descending else value for one, value in zip(order, position, strict=False)
    ]
    if not order:
        return [_Descending(value) for value in position]
    return [*wrapped, *position[len(order) :]]


def _sort_key(order: tuple[Order, ...]) -> Callable[[Issue], list[Any]]:
    return lambda issue: _wrap(order[:1] if _natural(order) else order, _position(order, issue))


def _behind(
    issues: Iterable[Issue], value: Callable[[Issue], list[Any]], after: list[Any], descending: bool
) -> Iterator[Issue]:
    for issue in issues:
        held = value(issue)
        if held < after if descending else held > after:
            yield issue

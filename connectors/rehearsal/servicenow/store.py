"""The rows of the double, in memory: a row is a list of strings, one per column, the sys_id first."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from itertools import chain

from connectors.rehearsal.servicenow.dictionary import DEFINITIONS, SYS_ID, Column, columns, lineage

Row = list[str]
Test = Callable[[Row], bool]
INDEXED = frozenset({"element_id", "table_sys_id", "correlation_id", "number", "user_name", "email", "documentkey"})
"""Columns that are looked up by value."""
_KEPT = 16  # filters whose matches are kept up to date


class Matches:
    """The sys_ids, sorted, of the rows that pass a test; kept up to date while its table is written."""

    def __init__(self, test: Test | None, rows: Iterator[Row]) -> None:
        self.test = test
        self.ids = sorted(row[SYS_ID] for row in rows if test is None or test(row))

    def touch(self, sys_id: str, row: Row | None) -> None:
        at = bisect_left(self.ids, sys_id)
        there = at < len(self.ids) and self.ids[at] == sys_id
        passes = row is not None and (self.test is None or self.test(row))
        if passes and not there:
            insort(self.ids, sys_id)
        elif there and not passes:
            del self.ids[at]


class Table:
    """One table. Rows of tables that extend it are found through it, too."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.definition = DEFINITIONS[name]
        self.columns: tuple[Column, ...] = columns(name)
        self.at = {column.name: place for place, column in enumerate(self.columns)}
        self.display = self.at.get(self.definition.display, SYS_ID)
        self.own: dict[str, Row] = {}
        self.family: list[Table] = [self]
        self.lineage: list[Table] = [self]
        self.template: Row = [column.default for column in self.columns]
        if "sys_class_name" in self.at:
            self.template[self.at["sys_class_name"]] = name
        self._matches: OrderedDict[str, tuple[Matches, frozenset[str]]] = OrderedDict()
        self._indexes: dict[str, dict[str, set[str]]] = {}

    def get(self, sys_id: str) -> Row | None:
        for table in self.family:
            row = table.own.get(sys_id)
            if row is not None:
                return row
        return None

    @property
    def finder(self) -> Callable[[str], Row | None]:
        """`get` without the way through the family where there is none, for those who call it often."""
        return self.own.get if len(self.family) == 1 else self.get

    def home(self, sys_id: str) -> Table | None:
        """The table of the family that holds the row."""
        return next((table for table in self.family if sys_id in table.own), None)

    def rows(self) -> Iterator[Row]:
        """All rows, in no order that means anything: a row that is written moves to the end."""
        return chain.from_iterable(table.own.values() for table in self.family)

    def __len__(self) -> int:
        return sum(len(table.own) for table in self.family)

    def matches(self, key: str, test: Test | None, depends: frozenset[str] = frozenset()) -> Matches:
        """The rows that pass `test`; `key` names the test, `depends` the other tables that it looks into."""
        kept = self._matches.get(key)
        if kept is None:
            kept = self._matches[key] = Matches(test, self.rows()), depends
            if len(self._matches) > _KEPT:
                self._matches.popitem(last=False)
        else:
            self._matches.move_to_end(key)
        return kept[0]

    def lookup(self, column: str, values: Sequence[str]) -> list[Row]:
        """The rows whose indexed `column` has one of `values`, by the index that the first look-up makes."""
        index = self._indexes.get(column)
        if index is None:
            index = self._indexes[column] = {}
            place = self.at[column]
            for row in self.rows():
                index.setdefault(row[place].lower(), set()).add(row[SYS_ID])
        ids = dict.fromkeys(sys_id for value in values for sys_id in sorted(index.get(value.lower(), ())))
        found = (self.get(sys_id) for sys_id in ids)
        return [row for row in found if row is not None]

    def written(self, sys_id: str, before: Row | None, after: Row | None) -> None:
        """Bring matches and indexes up to date."""
        for kept, _ in self._matches.values():
            kept.touch(sys_id, after)
        for column, index in self._indexes.items():
            place = self.at[column]
            if before is not None:
                index.get(before[place].lower(), set()).discard(sys_id)
            if after is not None:
                index.setdefault(after[place].lower(), set()).add(sys_id)

    def forget(self, other: str) -> None:
        """Another table was written: drop the matches that look into it."""
        stale = [key for key, (_, depends) in self._matches.items() if other in depends]
        for key in stale:
            del self._matches[key]


class Store:
    """All tables. `on_write(table, before, after)` hears of each change; an inserted row has no before."""

    def __init__(self) -> None:
        self.tables = {name: Table(name) for name in DEFINITIONS}
        self.on_write: Callable[[Table, Row | None, Row | None], None] | None = None
        self._next: dict[str, int] = {}
        for table in self.tables.values():
            for ancestor in list(lineage(table.name))[1:]:
                self.tables[ancestor.name].family.append(table)
                table.lineage.append(self.tables[ancestor.name])

    def put(self, table: Table, row: Row) -> None:
        """Insert a row or replace the one with its sys_id."""
        sys_id = row[SYS_ID]
        before = table.own.pop(sys_id, None)
        table.own[sys_id] = row
        self._told(table, sys_id, before, row)

    def remove(self, table: Table, sys_id: str) -> Row | None:
        before = table.own.pop(sys_id, None)
        if before is not None:
            self._told(table, sys_id, before, None)
        return before

    def _told(self, table: Table, sys_id: str, before: Row | None, after: Row | None) -> None:
        for level in table.lineage:
            level.written(sys_id, before, after)
            for other in self.tables.values():
                other.forget(level.name)
        if self.on_write:
            self.on_write(table, before, after)

    def load(self, table: Table, rows: Iterator[Row]) -> None:
        """Fill a table at the start, before anybody reads."""
        table.own.update((row[SYS_ID], row) for row in rows)

    def number(self, table: Table) -> str:
        """The next number of a table; a number is never given twice."""
        prefix = table.definition.prefix
        if table.name not in self._next:
            place = table.at["number"]
            taken = (row[place][len(prefix) :] for row in table.own.values() if row[place].startswith(prefix))
            self._next[table.name] = max((int(digits) for digits in taken if digits.isdigit()), default=10000) + 1
        given = self._next[table.name]
        self._next[table.name] = given + 1
        return f"{prefix}{given:07d}"

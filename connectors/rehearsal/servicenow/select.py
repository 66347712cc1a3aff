"""Find rows: by the kept matches of a keyset query, by an index, or by looking at all of them."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable
from typing import NamedTuple

from connectors.rehearsal.servicenow.query import Path, Query
from connectors.rehearsal.servicenow.store import Row, Table


class Window(NamedTuple):
    """The rows at offset ... offset + limit, before anybody's read rights, and how many there are in all."""

    rows: list[Row]
    total: int


def select(table: Table, query: Query, key: str | None, offset: int, limit: int) -> Window:
    """`key` names the query's filter while it means the same at any time, else None."""
    if key is not None and query.keyed and query.lookup is None:
        return _keyed(table, query, key, offset, limit)
    rows = everything(table, query)
    return Window(rows[offset : offset + limit], len(rows))


def everything(table: Table, query: Query) -> list[Row]:
    """All rows of a query, in its order; without one, in an order that changes as rows are written."""
    test = query.test
    if query.lookup is not None:
        column, values = query.lookup
        if column == "sys_id":
            found = (table.get(value) for value in dict.fromkeys(values))
            rows = [row for row in found if row is not None and (test is None or test(row))]
        else:
            rows = [row for row in table.lookup(column, values) if test is None or test(row)]
    else:
        rows = [row for row in table.rows() if test(row)] if test else list(table.rows())
    for path, descending in reversed(query.order):
        rows.sort(key=_number(path) if path.column.type == "integer" else path.get, reverse=descending)
    return rows


def _number(path: Path) -> Callable[[Row], float]:
    get = path.get

    def key(row: Row) -> float:
        value = get(row)
        return float(value) if value.lstrip("-").isdigit() else float("-inf")

    return key


def _keyed(table: Table, query: Query, key: str, offset: int, limit: int) -> Window:
    ids = table.matches(key, query.body, query.depends).ids
    low, high = 0, len(ids)
    for operator, value in query.bounds:
        match operator:
            case ">":
                low = max(low, bisect_right(ids, value))
            case ">=":
                low = max(low, bisect_left(ids, value))
            case "<":
                high = min(high, bisect_left(ids, value))
            case "<=":
                high = min(high, bisect_right(ids, value))
    found = map(table.get, ids[low + offset : min(high, low + offset + limit)])
    return Window([row for row in found if row is not None], max(0, high - low))

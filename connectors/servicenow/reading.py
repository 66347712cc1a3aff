"""Reading tables: slices by sys_id, single records, counts."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from connectors.kit.contract import Page, Record, Scope
from connectors.kit.errors import Misconfigured
from connectors.servicenow.dictionary import Dictionary
from connectors.servicenow.instance import TABLE, Instance, Row, key_of
from connectors.servicenow.query import Filter, conjunction, one_of, parse

SLICE = 500  # keys a call; longer URLs than the instance takes go through the batch API by themselves
ALWAYS = ("sys_id", "sys_updated_on", "sys_mod_count")
_SPAN = ".."


def version(row: Row) -> str:
    """Grows with each update: the count of updates first, because two updates may share a second."""
    return f"{str(row.get('sys_mod_count') or '0').zfill(10)} {row.get('sys_updated_on', '')}"


def record(row: Row) -> Record:
    return Record(row["sys_id"], version(row), row)


class Reader:
    """The rows of tables as records."""

    def __init__(self, instance: Instance, dictionary: Dictionary) -> None:
        self._instance = instance
        self._dictionary = dictionary
        self._scopes: dict[Scope, tuple[Filter, ...]] = {}
        self.tables: set[str] = set()  # read so far

    async def filters(self, scope: Scope) -> tuple[Filter, ...]:
        """The filters of a scope, read and checked once. Every field in them exists, and of the field list as well."""
        known = self._scopes.get(scope)
        if known is None:
            known = tuple(parse(text, scope.entity) for text in scope.filters if text.strip())
            named = dict.fromkeys([*(name for one in known for name in one.fields), *scope.fields])
            await self._dictionary.require(scope.entity, tuple(named))
            self._scopes[scope] = known
            self.tables.add(scope.entity)
        return known

    async def count(self, scope: Scope) -> int:
        query = conjunction(await self.filters(scope), order=())
        path = f"/api/now/stats/{scope.entity}"
        reply = await self._instance.get(path, {"sysparm_count": "true", "sysparm_query": query})
        return int(self._instance.result(reply, path)["stats"]["count"])

    async def read(self, scope: Scope, span: str, limit: int) -> Page:
        filters = await self.filters(scope)
        low, separator, high = span.partition(_SPAN)
        if not separator:
            raise Misconfigured(f"{scope.entity}: a span that was not made here", hint="Plan the wave again.")
        bounds = [f"sys_id>{low}"] if low else []
        if high:
            bounds.append(f"sys_id<={high}")
        query = conjunction(filters, "^".join(bounds))
        window = await self._instance.window(TABLE + scope.entity, query, columns(scope), limit)
        records = [record(row) for row in window.rows]
        if not records:
            return Page([], span, None)
        last = records[-1].key
        return Page(records, f"{low}{_SPAN}{last}", f"{last}{_SPAN}{high}" if window.more else None)

    def spans(self, parts: int) -> list[str]:
        """Parts of the key space, not of the rows: sys_ids are random, so the parts are alike. The ends are open,
        because a sys_id chosen by a client need not be hexadecimal."""
        parts = max(1, min(parts, 256))
        marks = ["", *(f"{(number << 128) // parts:032x}" for number in range(1, parts)), ""]
        return [f"{low}{_SPAN}{high}" for low, high in pairwise(marks)]

    async def fetch(self, scope: Scope, keys: Sequence[str]) -> list[Record]:
        await self._dictionary.require(scope.entity, scope.fields)
        self.tables.add(scope.entity)
        rows = await self.rows(scope.entity, "sys_id", keys, columns(scope))
        return [record(row) for row in rows]

    async def rows(self, table: str, field: str, values: Sequence[str], fields: Sequence[str]) -> list[Row]:
        """All rows whose `field` is one of `values`."""
        found: list[Row] = []
        for start in range(0, len(values), SLICE):
            part = values[start : start + SLICE]
            if field == "sys_id":
                found += await self._by_key(table, part, fields)
            else:
                terms = one_of(field, part)
                found += [row async for row in self._instance.everything(TABLE + table, terms, fields)]
        return found

    async def _by_key(self, table: str, keys: Sequence[str], fields: Sequence[str]) -> list[Row]:
        """There are no more rows than keys: when all of them came, nobody has to be asked where the end is."""
        found: dict[str, Row] = {}
        left = list(dict.fromkeys(keys))
        while left:
            query = conjunction((), one_of("sys_id", left))
            window = await self._instance.window(TABLE + table, query, fields, len(left))
            found |= {key_of(row): row for row in window.rows}
            asked, left = left, [key for key in left if key not in found]
            if not window.more or len(left) == len(asked):
                break
        return list(found.values())


def columns(scope: Scope) -> tuple[str, ...]:
    """What to ask for; empty asks for all columns."""
    return tuple(dict.fromkeys((*ALWAYS, *scope.fields))) if scope.fields else ()

"""A memory store as a source."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import AsyncIterator, Sequence
from itertools import pairwise

import orjson

from connectors.kit.contract import Change, Changes, Content, Feed, Page, Record, Scope
from connectors.kit.errors import Misconfigured, Unavailable
from connectors.kit.filters import Test, compile_filters, equals
from connectors.memory.calls import Calls
from connectors.memory.store import Table, narrow

_BLOCK = 64 * 1024  # bytes a piece of a content stream
_CHANGES = 1000  # changes a call


class MemorySource(Calls):
    async def count(self, scope: Scope) -> int:
        def work() -> int:
            table, test = self._readable(scope)
            if test is None:
                return len(table)
            total, after, going = 0, "", True
            while going:
                records, after = table.slice(after, "", 5000, ())
                total += sum(1 for record in records if test(record.fields))
                going = bool(after)
            return total

        return await self._call("count", scope.entity, work)

    async def spans(self, scope: Scope, parts: int) -> list[str]:
        table, _ = self._readable(scope)
        borders = ["", *table.borders(parts), ""]
        return [_span(after, upto) for after, upto in pairwise(borders)]

    async def read(self, scope: Scope, span: str, limit: int) -> Page:
        after, upto = _borders(span)

        def work() -> Page:
            table, test = self._readable(scope)
            records, last = table.slice(after, upto, limit, scope.fields if test is None else ())
            if test is not None:
                records = narrow([record for record in records if test(record.fields)], scope.fields)
            return Page(records, _span(after, last or upto), _span(last, upto) if last else None)

        return await self._call("read", scope.entity, work)

    async def fetch(self, scope: Scope, keys: Sequence[str]) -> list[Record]:
        def work() -> list[Record]:
            table, _ = self._readable(scope._replace(filters=()))
            return narrow([record for record in map(table.get, keys) if record is not None], scope.fields)

        return await self._call("fetch", scope.entity, work)

    async def children(self, scope: Scope, parents: Sequence[str]) -> list[Record]:
        def work() -> list[Record]:
            table, test = self._readable(scope)
            found = [table.rows[key] for parent in parents for key in table.hanging.get(parent, ())]
            return narrow([record for record in found if test is None or test(record.fields)], scope.fields)

        return await self._call("children", scope.entity, work)

    async def changes(self, scope: Scope, position: str) -> Changes:
        if self.options.feed is Feed.NONE:
            raise Misconfigured(f"{scope.entity}: this store has no change feed", hint="Sweep it instead")

        def work() -> Changes:
            table, test = self._readable(scope)
            log = table.log
            first = bisect_right(log, int(position), key=lambda entry: entry.number)
            settled = bisect_right(log, self.store.at() - self.options.settle, key=lambda entry: entry.at)
            end = max(first, min(settled, first + _CHANGES))
            changes = []
            for _, number, key, deleted in log[first:end]:
                there = table.get(key)
                version = f"{number:012d}"
                latest = there is not None and there.version == version
                if self.options.feed is Feed.CURSOR and not latest:
                    continue
                if there is None or test is None or test(there.fields):
                    changes.append(Change(key, version, deleted))
            reached = str(log[end - 1].number) if end > first else position
            return Changes(changes, reached, end >= settled)

        return await self._call("changes", scope.entity, work)

    async def position(self, scope: Scope) -> str:
        """The last settled change: what is on its way comes after it."""
        log = self.store.tables[scope.entity].log
        settled = bisect_right(log, self.store.at() - self.options.settle, key=lambda entry: entry.at)
        return str(log[settled - 1].number) if settled else "0"

    def equals(self, field: str, value: str) -> str:
        return equals(field, value)

    async def emails(self, ids: Sequence[str]) -> dict[str, str]:
        wanted = set(ids)
        return {person: email for email, person in self.store.people.items() if person in wanted}

    def content(self, entity: str, record: Record) -> Content:
        async def pieces() -> AsyncIterator[bytes]:
            if record.key not in self.store.contents:
                raise Unavailable(f"{entity} {record.key} has no bytes in the store {self.store.name}")
            data = self.store.contents[record.key]
            cut = self._struck("content", [])
            end = len(data) // 2 if cut else len(data)
            for start in range(0, end, _BLOCK):
                yield data[start : min(end, start + _BLOCK)]
            if cut:
                raise Unavailable(f"{entity} {record.key}: the stream ended after {end} of {len(data)} bytes")

        return pieces

    def _readable(self, scope: Scope) -> tuple[Table, Test | None]:
        self._permit("read", scope.entity)
        table = self.store.tables[scope.entity]
        return table, compile_filters(scope.filters, table.all_names(), scope.entity) if scope.filters else None


def _span(after: str, upto: str) -> str:
    return orjson.dumps((after, upto)).decode()


def _borders(span: str) -> tuple[str, str]:
    after, upto = orjson.loads(span)
    return after, upto

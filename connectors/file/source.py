"""A folder of files as a source."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice, pairwise

import orjson

from connectors.file.contents import open_content
from connectors.file.folder import Folder
from connectors.file.options import PEOPLE
from connectors.file.table import Table
from connectors.kit.contract import Changes, Content, Page, Record, Scope
from connectors.kit.errors import Misconfigured
from connectors.kit.filters import Test, compile_filters, equals

_BATCH = 1000


class FileSource:
    """Reads through a Folder."""

    folder: Folder

    async def count(self, scope: Scope) -> int:
        def work() -> int:
            table, test = self._readable(scope)
            if test is None:
                return len(table.index)
            total, after, going = 0, "", True
            while going:
                records, after = table.slice(after, "", _BATCH)
                total += sum(1 for record in records if test(record.fields))
                going = bool(after)
            return total

        return await self.folder.call("count", work)

    async def spans(self, scope: Scope, parts: int) -> list[str]:
        def work() -> list[str]:
            table, _ = self._readable(scope)
            return [_span(after, upto) for after, upto in pairwise(["", *table.index.borders(parts), ""])]

        return await self.folder.call("spans", work)

    async def read(self, scope: Scope, span: str, limit: int) -> Page:
        after, upto = orjson.loads(span)

        def work() -> Page:
            table, test = self._readable(scope)
            records, last = table.slice(after, upto, limit)
            kept = [record for record in records if test is None or test(record.fields)]
            return Page(_narrow(kept, scope.fields), _span(after, last or upto), _span(last, upto) if last else None)

        return await self.folder.call("read", work)

    async def fetch(self, scope: Scope, keys: Sequence[str]) -> list[Record]:
        def work() -> list[Record]:
            table = self.folder.readable(scope.entity)
            places = sorted({place for key in keys if (place := table.index.get(key)) is not None})
            return _narrow(table.records(places), scope.fields)

        return await self.folder.call("fetch", work)

    async def children(self, scope: Scope, parents: Sequence[str]) -> list[Record]:
        def work() -> list[Record]:
            table, test = self._readable(scope)
            found = [record for parent in parents for record in table.hanging(parent)]
            return _narrow([record for record in found if test is None or test(record.fields)], scope.fields)

        return await self.folder.call("children", work)

    async def changes(self, scope: Scope, position: str) -> Changes:
        """Lines as they were appended. With filters, only records that pass them now (and removed ones)."""

        def work() -> Changes:
            table, test = self._readable(scope)
            self._feeding(table)
            found = table.changes(position)
            if test is None:
                return found
            places = {change.key: table.index.get(change.key) for change in found.changes}
            there = table.records(place for place in places.values() if place is not None)
            hidden = {record.key for record in there if not test(record.fields)}
            return found._replace(changes=[change for change in found.changes if change.key not in hidden])

        return await self.folder.call("changes", work)

    async def position(self, scope: Scope) -> str:
        def work() -> str:
            table = self.folder.readable(scope.entity)
            self._feeding(table)
            return table.position(table.end, table.number)

        return await self.folder.call("position", work)

    def equals(self, field: str, value: str) -> str:
        return equals(field, value)

    async def emails(self, ids: Sequence[str]) -> dict[str, str]:
        def work() -> dict[str, str]:
            people = self.folder.perhaps(PEOPLE)
            if people is None:
                return {person: person.lower() for person in ids if "@" in person}
            places = [place for person in set(ids) if (place := people.index.get(person)) is not None]
            found = {record.key: record.fields.get("email") for record in people.records(sorted(places))}
            return {person: str(email).lower() for person, email in found.items() if email}

        return await self.folder.call("people", work)

    def content(self, entity: str, record: Record) -> Content:
        return open_content(self.folder, entity, record)

    def _readable(self, scope: Scope) -> tuple[Table, Test | None]:
        table = self.folder.readable(scope.entity)
        return table, compile_filters(scope.filters, table.names, scope.entity) if scope.filters else None

    def _feeding(self, table: Table) -> None:
        if not table.feeds:
            raise Misconfigured(f"{table.path} has no change feed", hint="Sweep it, or export it as .jsonl")


def addresses(people: Table) -> dict[str, str]:
    """Ids of people by e-mail address (lower case)."""
    found: dict[str, str] = {}
    walk = people.index.walk("", "")
    while places := list(islice(walk, _BATCH)):
        found |= {str(record.fields.get("email", "")).lower(): record.key for record in people.records(places)}
    found.pop("", None)
    return found


def _span(after: str, upto: str) -> str:
    return orjson.dumps((after, upto)).decode()


def _narrow(records: list[Record], names: Sequence[str]) -> list[Record]:
    if not names:
        return records
    return [
        record._replace(fields={name: record.fields[name] for name in names if name in record.fields})
        for record in records
    ]

"""Tables of a SQLite file as a source: the example of docs/how-to/add-a-connector.md.

A table needs a text column `id`, its key, and a whole-number column `updated` that grows with every edit.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sqlite3
from collections.abc import Sequence
from datetime import datetime
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from connectors.kit.contract import (
    Answer,
    Change,
    Changes,
    Connection,
    Content,
    Feed,
    FieldInfo,
    Finding,
    Page,
    Ports,
    Record,
    Scope,
    Traits,
)
from connectors.kit.errors import Misconfigured, Unavailable
from connectors.kit.filters import Test, compile_filters, equals

_CHANGES = 1000  # a piece of the feed

Row = sqlite3.Row


def connect(connection: Connection, ports: Ports) -> Sqlite:
    """What the registry looks for: `connector: sqlite`, with an absolute path as the URL."""
    return Sqlite(Path(connection.url), ports)


class Sqlite:
    """A Source."""

    def __init__(self, path: Path, ports: Ports) -> None:
        self._path = path
        self._ports = ports

    def traits(self, entity: str) -> Traits:
        # SQLite has one writer, so a greater `updated` is never committed before a smaller one: nothing settles late.
        return Traits(feed=Feed.CURSOR, granularity=0.0, settle=0.0)

    async def now(self) -> datetime:
        return self._ports.clock.now()

    async def check(self, reads: Sequence[Scope], writes: Sequence[str]) -> list[Finding]:
        findings = [Finding("reach", True, f"{self._path.name} opens")]
        findings += [Finding(f"read {scope.entity}", True, f"{await self.count(scope)} records") for scope in reads]
        hint = "Name another target in the playbook."
        return findings + [Finding(f"write {entity}", False, "this connector only reads", hint) for entity in writes]

    async def schema(self, entity: str) -> list[FieldInfo]:
        columns = await self._ask(entity, "SELECT name, type FROM pragma_table_info(:name)", name=entity)
        return [FieldInfo(row["name"], row["name"], _type(row["type"])) for row in columns]

    async def close(self) -> None:
        """Every call opens the file and closes it again."""

    # ------------------------------------------------------------ reading

    async def count(self, scope: Scope) -> int:
        rows = await self._ask(scope.entity, "SELECT * FROM {table}")
        test = await self._test(scope)
        return sum(1 for row in rows if test is None or test(dict(row)))

    async def spans(self, scope: Scope, parts: int) -> list[str]:
        await self._test(scope)
        return [json.dumps(["", None])]  # above this key, up to that one; null: to the end, and what comes later

    async def read(self, scope: Scope, span: str, limit: int) -> Page:
        after, upto = json.loads(span)
        rows = await self._ask(
            scope.entity,
            "SELECT * FROM {table} WHERE id > :after AND (:upto IS NULL OR id <= :upto) ORDER BY id LIMIT :limit",
            after=after,
            upto=upto,
            limit=limit,
        )
        if len(rows) < limit:  # a local file: here a short page is the end
            return Page(await self._records(scope, rows), span, None)
        last = rows[-1]["id"]
        return Page(await self._records(scope, rows), json.dumps([after, last]), json.dumps([last, upto]))

    async def fetch(self, scope: Scope, keys: Sequence[str]) -> list[Record]:
        sql = "SELECT * FROM {table} WHERE id IN (SELECT value FROM json_each(:keys))"
        rows = await self._ask(scope.entity, sql, keys=json.dumps(list(keys)))
        return await self._records(scope._replace(filters=()), rows)

    async def children(self, scope: Scope, parents: Sequence[str]) -> list[Record]:
        raise Misconfigured(f"{scope.entity}: nothing hangs on rows of a table", hint="Take it out of 'children'.")

    async def changes(self, scope: Scope, position: str) -> Changes:
        sql = "SELECT * FROM {table} WHERE updated > :position ORDER BY updated LIMIT :most"
        rows = await self._ask(scope.entity, sql, position=int(position), most=_CHANGES)
        changes = [Change(record.key, record.version) for record in await self._records(scope, rows)]
        reached = str(rows[-1]["updated"]) if rows else position
        return Changes(changes, reached, caught_up=len(rows) < _CHANGES)

    async def position(self, scope: Scope) -> str:
        rows = await self._ask(scope.entity, "SELECT max(updated) AS top FROM {table}")
        return str(rows[0]["top"] or 0)

    def equals(self, field: str, value: str) -> str:
        return equals(field, value)

    async def emails(self, ids: Sequence[str]) -> dict[str, str]:
        return {}

    def content(self, entity: str, record: Record) -> Content:
        raise Misconfigured(f"{entity}: rows of a table have no bytes", hint="Take it out of 'children'.")

    # ------------------------------------------------------------ inside

    async def _records(self, scope: Scope, rows: Sequence[Row]) -> list[Record]:
        test = await self._test(scope)
        fields = [dict(row) for row in rows]
        # Versions compare as strings, so a number gets leading zeros.
        return [
            Record(
                each["id"],
                f"{each['updated']:020d}",
                {name: each[name] for name in scope.fields if name in each} if scope.fields else each,
            )
            for each in fields
            if test is None or test(each)
        ]

    async def _test(self, scope: Scope) -> Test | None:
        names = [info.name for info in await self.schema(scope.entity)]
        return compile_filters(scope.filters, names, scope.entity) if scope.filters else None

    async def _ask(self, table: str, sql: str, **values: Any) -> list[Row]:
        """One call: paced, on a thread, with errors of the contract. `{table}` in the statement is the table."""
        clock, pacer = self._ports
        await pacer.turn("read")
        began, status = clock.monotonic(), 0
        try:
            rows = await asyncio.to_thread(self._rows, table, sql, values)
            status = 200
            return rows
        except sqlite3.OperationalError as error:
            raise Unavailable(f"{self._path.name}: {error}") from error
        finally:
            pacer.done(Answer("read", clock.monotonic() - began, status))

    def _rows(self, table: str, sql: str, values: dict[str, Any]) -> list[Row]:
        if not self._path.is_file():
            raise Misconfigured(f"there is no file {self._path}", hint="Write its absolute path as the URL.")
        with contextlib.closing(sqlite3.connect(f"{self._path.as_uri()}?mode=ro", uri=True)) as file:
            file.row_factory = sqlite3.Row
            tables = [row["name"] for row in file.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            if table not in tables:
                near = get_close_matches(table, tables, 1)
                hint = f"Did you mean {near[0]}?" if near else f"It has: {', '.join(tables)}."
                raise Misconfigured(f"{self._path.name} has no table {table}", hint=hint)
            quoted = table.replace('"', '""')
            return list(file.execute(sql.replace("{table}", f'"{quoted}"'), values))


def _type(declared: str) -> str:
    return "number" if any(word in declared.upper() for word in ("INT", "REAL", "NUM")) else "string"

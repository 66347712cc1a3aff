"""A SQLite file as a subject of the conformance suite."""

from __future__ import annotations

import contextlib
import itertools
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import util
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType

from connectors.kit.conformance import Subject
from connectors.kit.contract import Connection, Connector

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "sqlite.py"
SECRET = "a value that nobody may log"


def example() -> ModuleType:
    """The module, as the registry would import it from its folder."""
    spec = util.spec_from_file_location("example_sqlite", EXAMPLE)
    assert spec is not None and spec.loader is not None
    module = util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class SqliteSubject(Subject):
    entity = "ticket"
    names = ("title", "level")
    narrow = "level = 1"
    nothing = 'title = "no such thing"'
    broken_filters = ("level ==== 1", "levl = 1")
    gone = "nobody"
    secret = SECRET

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        self._numbers = itertools.count(1)
        self._do("CREATE TABLE ticket (id TEXT PRIMARY KEY, updated INTEGER NOT NULL, title TEXT, level INTEGER)")
        for number in range(60):
            self._put(f"T{number:03d}", number % 4)
        self.keys = frozenset(f"T{number:03d}" for number in range(60))
        self.narrowed = frozenset(f"T{number:03d}" for number in range(60) if number % 4 == 1)

    async def connect(self) -> Connector:
        connector: Connector = example().connect(Connection("sut", "sqlite", str(self.path)), self.ports)
        return connector

    async def edit(self, key: str) -> None:
        self._do("UPDATE ticket SET title = ?, updated = ? WHERE id = ?", f"edited {key}", next(self._numbers), key)

    async def insert(self) -> str:
        key = f"T9{next(self._numbers)}"
        self._put(key, 2)
        return key

    async def remove(self, key: str) -> None:
        self._do("DELETE FROM ticket WHERE id = ?", key)

    def _put(self, key: str, level: int) -> None:
        self._do("INSERT INTO ticket VALUES (?, ?, ?, ?)", key, next(self._numbers), SECRET, level)

    def _do(self, sql: str, *values: object) -> None:
        with contextlib.closing(sqlite3.connect(self.path)) as file, file:
            file.execute(sql, values)


@asynccontextmanager
async def sqlite_subject() -> AsyncIterator[Subject]:
    with TemporaryDirectory() as folder:
        yield SqliteSubject(Path(folder) / "tickets.db")

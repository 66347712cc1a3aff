"""The ledger's disk. SQLite writes a real file; what survives a death is what this says that it does.

Stands where aiosqlite stands, without its threads: every call gives way to other tasks first, as a thread would.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from tests.simulation.world import Dead, World


class Disk:
    """One ledger file through all lives of a night."""

    def __init__(self, folder: Path, world: World) -> None:
        self._folder = folder
        self.world = world
        self._number = 0
        self.open: list[Connection] = []
        self.synced = 0  # bytes of the write-ahead log that a power cut leaves
        self._make()

    def _make(self) -> None:
        place = self._folder / f"disk{self._number}"
        place.mkdir()
        self.path = place / "ledger.db"
        self._log = f"{self.path}-wal"

    def connecting(self, alive: Callable[[], bool]) -> Callable[[Path], Any]:
        async def connect(path: Path) -> Connection:
            await asyncio.sleep(0)
            connection = Connection(self, path, alive)
            self.open.append(connection)
            self.synced = self._log_size()
            return connection

        return connect

    def _log_size(self) -> int:
        try:
            return os.stat(self._log).st_size  # noqa: PTH116 - asked ten times a record
        except FileNotFoundError:
            return 0

    def sync(self) -> None:
        self.synced = self._log_size()

    def die(self, *, power: bool) -> None:
        """The process is gone: its files stay as the system has them. The machine is gone: as they were synced."""
        before, self._number = self.path, self._number + 1
        self._make()
        for ending in ("", "-wal"):
            if Path(f"{before}{ending}").exists():
                shutil.copyfile(f"{before}{ending}", f"{self.path}{ending}")
        log = Path(f"{self.path}-wal")
        if power and log.exists():
            os.truncate(log, min(self.synced, log.stat().st_size))
            with log.open("ab") as file:
                file.write(self.world.delays.randbytes(self.world.delays.randrange(3) * 1500))
        for connection in self.open:
            connection.drop()
        self.open.clear()
        shutil.rmtree(before.parent)


class Connection:
    """The part of the engine's connection that the ledger uses."""

    def __init__(self, disk: Disk, path: Path, alive: Callable[[], bool]) -> None:
        self._disk = disk
        self._alive = alive
        self._raw = sqlite3.connect(path, isolation_level=None, check_same_thread=False, cached_statements=400)
        self._syncs = False

    @property
    def in_transaction(self) -> bool:
        return self._raw.in_transaction

    async def execute(self, sql: str, parameters: Sequence[Any] = ()) -> sqlite3.Cursor:
        await self._turn()
        world = self._disk.world
        if sql == "COMMIT":
            await asyncio.sleep(5.0 if world.strikes("slow disk") else 0.001)
            self._dead()
        if sql in ("BEGIN IMMEDIATE", "COMMIT") and not world.dawn:
            for name, word in (("full disk", "database or disk is full"), ("disk error", "disk I/O error")):
                if world.strikes(name):
                    if self._raw.in_transaction:
                        self._raw.execute("ROLLBACK")
                    raise sqlite3.OperationalError(word)
        cursor = self._raw.execute(sql, parameters)
        if sql.startswith("PRAGMA synchronous=FULL"):
            self._syncs = True
        if self._syncs and not self._raw.in_transaction:
            self._disk.sync()
        return cursor

    async def batch(self, statements: Sequence[tuple[str, Sequence[Any]]]) -> list[int]:
        return [(await self.execute(sql, parameters)).rowcount for sql, parameters in statements]

    async def executescript(self, sql: str) -> None:
        await self._turn()
        self._raw.executescript(sql)
        if self._syncs:
            self._disk.sync()

    async def execute_fetchall(self, sql: str, parameters: Sequence[Any] = ()) -> Iterable[Any]:
        await self._turn()
        if self._disk.world.strikes("bad read"):
            raise sqlite3.OperationalError("disk I/O error")
        return self._raw.execute(sql, parameters).fetchall()

    async def close(self) -> None:
        if self in self._disk.open:
            self._disk.open.remove(self)
        self._raw.close()

    def drop(self) -> None:
        self._raw.close()

    async def _turn(self) -> None:
        self._dead()
        await asyncio.sleep(0)
        self._dead()

    def _dead(self) -> None:
        if not self._alive():
            raise Dead

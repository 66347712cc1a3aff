"""SQLite with one writer and one reader, and commits shared by all who wait for one.

Two connections on purpose: tasks that share a connection share its open transaction. Writers hand in a whole
transaction each; those that wait at the same moment are committed together, so that durability (synchronous=FULL)
costs one fsync for all of them.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import Awaitable, Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import aiosqlite

from engine.errors import LedgerError

Statement = tuple[str, Sequence[Any]]
_BEGIN: Statement = ("BEGIN IMMEDIATE", ())
Witness = Callable[[str, str], None]
"""Called with ('before' | 'after', point) around each durable write: where crash tests pull the plug."""


class Connection(aiosqlite.Connection):
    """One that runs many statements in one visit to its thread: a visit for each costs more than most statements."""

    async def batch(self, statements: Sequence[Statement]) -> list[int]:
        """The row count of each. Raises at the first that fails, and leaves open what was begun."""
        counts: list[int] = await self._execute(self._batch, statements)  # type: ignore[no-untyped-call]
        return counts

    def _batch(self, statements: Sequence[Statement]) -> list[int]:
        return [self._conn.execute(sql, parameters).rowcount for sql, parameters in statements]


Connect = Callable[[Path], Awaitable[Connection]]
"""Opens the file, without transactions of its own: a simulation brings a disk that can lose things."""


class _Job(NamedTuple):
    point: str
    statements: Sequence[Statement]
    done: asyncio.Future[list[int]]


async def _on_disk(path: Path) -> Connection:
    connection = Connection(lambda: sqlite3.connect(path, isolation_level=None), 64)
    await connection
    return connection


def _nobody(_when: str, _point: str) -> None:
    return None


class Database:
    """One SQLite file. `write` is durable when it returns; `read` sees only what is durable."""

    def __init__(self, path: Path, witness: Witness | None = None, connect: Connect | None = None) -> None:
        self.path = path
        self._witness = witness or _nobody
        self._open = connect or _on_disk
        self._jobs: list[_Job] = []
        self._forgetting: list[asyncio.Future[None]] = []
        self._wake = asyncio.Event()
        self._closing = False
        self._pump: asyncio.Task[None] | None = None
        self._connections: list[Connection] = []
        self._writer: Connection
        self._reader: Connection

    async def open(self) -> None:
        try:
            self._writer = await self._connect()
            await self._writer.execute("PRAGMA journal_mode=WAL")
            await self._writer.execute("PRAGMA synchronous=FULL")
            await self._writer.execute("PRAGMA wal_autocheckpoint=4000")
            await self._writer.execute("PRAGMA busy_timeout=5000")
            self._reader = await self._connect()
            await self._reader.execute("PRAGMA query_only=ON")
        except sqlite3.Error as error:
            await self.close()
            raise LedgerError(_explain(error, self.path)) from error
        self._pump = asyncio.create_task(self._commit_forever(), name="ledger writer")

    async def _connect(self) -> Connection:
        connection = await self._open(self.path)
        self._connections.append(connection)
        return connection

    async def close(self) -> None:
        """Commit what waits, then let go of the file. Fine to call twice."""
        self._closing = True
        if self._pump is not None:
            self._wake.set()
        pump, self._pump = self._pump, None
        try:
            if pump is not None:
                await pump
        finally:
            while self._connections:
                await self._connections.pop().close()

    async def write(self, point: str, statements: Iterable[Statement]) -> list[int]:
        """Run these statements as one transaction; durable on return. Gives the row count of each statement."""
        job = _Job(point, tuple(statements), asyncio.get_running_loop().create_future())
        if self._closing:
            raise LedgerError("The ledger is closed; the engine is stopping.")
        self._jobs.append(job)
        self._wake.set()
        # A caller that is cancelled must not take its half of a shared transaction with it.
        return await asyncio.shield(job.done)

    async def forget(self) -> None:
        """Let the write-ahead log go: what was deleted is in no file then, as far as no reader is in the way."""
        if self._closing:
            return
        done = asyncio.get_running_loop().create_future()
        self._forgetting.append(done)
        self._wake.set()
        await asyncio.shield(done)

    async def script(self, sql: str) -> None:
        """Run a schema script, before anything else is written."""
        await self._writer.executescript(sql)

    async def read(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        try:
            return list(await self._reader.execute_fetchall(sql, parameters))  # type: ignore[arg-type]
        except sqlite3.Error as error:
            raise LedgerError(_explain(error, self.path)) from error

    async def _commit_forever(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._jobs:
                jobs, self._jobs = self._jobs, []
                await self._commit(jobs)
            if self._forgetting:
                await self._truncate_log()
            if self._closing:
                return

    async def _truncate_log(self) -> None:
        asked, self._forgetting = self._forgetting, []
        with contextlib.suppress(sqlite3.Error):  # a full disk, say: the next checkpoint does it
            await self._writer.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        for done in asked:
            if not done.done():
                done.set_result(None)

    async def _commit(self, jobs: list[_Job]) -> None:
        for job in jobs:
            self._witness("before", job.point)
        try:
            counts = await self._all_at_once(jobs) or await self._one_by_one(jobs)
            await self._writer.execute("COMMIT")
        except Exception as error:  # noqa: BLE001 - whatever it was, those who wait must hear of it
            with contextlib.suppress(sqlite3.Error):
                await self._writer.execute("ROLLBACK")
            for job in jobs:
                if not job.done.done():
                    self._fail(job, error)
            return
        for job, rows in counts:
            self._witness("after", job.point)
            if not job.done.done():
                job.done.set_result(rows)

    async def _all_at_once(self, jobs: list[_Job]) -> list[tuple[_Job, list[int]]]:
        """Row counts of all, uncommitted; empty, and nothing is begun, where one of them fails."""
        try:
            rows = iter(await self._writer.batch([_BEGIN, *(one for job in jobs for one in job.statements)]))
        except Exception:  # noqa: BLE001 - one by one, the one that fails is told
            if self._writer.in_transaction:
                await self._writer.execute("ROLLBACK")
            return []
        next(rows)  # of BEGIN
        return [(job, [next(rows) for _ in job.statements]) for job in jobs]

    async def _one_by_one(self, jobs: list[_Job]) -> list[tuple[_Job, list[int]]]:
        """Row counts of those that do not fail, uncommitted; the others have been told why they do."""
        counts: list[tuple[_Job, list[int]]] = []
        await self._writer.batch([_BEGIN])
        for job in jobs:
            await self._writer.execute("SAVEPOINT job")
            try:
                counts.append((job, await self._writer.batch(job.statements)))
            except Exception as error:
                if not self._writer.in_transaction:
                    raise  # a full disk ends the whole transaction, not only this part of it
                await self._writer.execute("ROLLBACK TO job")
                self._fail(job, error)
            await self._writer.execute("RELEASE job")
        return counts

    def _fail(self, job: _Job, error: Exception) -> None:
        job.done.set_exception(LedgerError(_explain(error, self.path)))
        job.done.exception()  # heard: whoever waited may have been cancelled meanwhile


def _explain(error: Exception, path: Path) -> str:
    """What SQLite's word means for an operator. Never the statement's parameters."""
    text = str(error) if isinstance(error, sqlite3.Error) else type(error).__name__
    if "full" in text:
        advice = "The disk is full. Free space there; what was acknowledged is safe. Then: cutover run"
    elif "disk I/O" in text:
        advice = (
            "The disk refuses to write: it failed, or a quota or a limit on file sizes is reached. "
            "Mend that; what was acknowledged is safe. Then: cutover run"
        )
    elif "readonly" in text:
        advice = "The file or its folder cannot be written. Give the engine's user write access. Then: cutover run"
    elif "locked" in text:
        advice = "Another process has it open for writing. Close that one. Then: cutover run"
    elif "malformed" in text or "not a database" in text:
        advice = "The file is damaged. Restore it from a copy, or move it away and reconcile before you load again."
    else:
        advice = "See the engine's log."
    return f"The ledger {path.name} could not be used ({text}). {advice}"

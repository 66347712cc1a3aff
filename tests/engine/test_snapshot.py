"""The picture of an engine that works: taken while things change, it still holds together."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from engine.database import Connection, Statement
from engine.wire import Run, Status
from tests.engine.memory_migration import fill, go, night, write


class Desk:
    """A ledger's disk on which one reader is held up in the middle, and one writer until that reader has begun."""

    def __init__(self) -> None:
        self.reader: asyncio.Task[Any] | None = None
        self.writes = asyncio.Event()  # the last wave is about to be called loaded
        self.looked = asyncio.Event()  # the reader has seen how the waves stand
        self.ended = asyncio.Event()  # the run is over

    async def connect(self, path: Path) -> Connection:
        desk = self

        class Slow(Connection):
            async def batch(self, statements: Sequence[Statement]) -> list[int]:
                if any("awaiting_sign_off" in parameters for _, parameters in statements):
                    desk.writes.set()
                    await desk.looked.wait()
                return await super().batch(statements)

            async def execute_fetchall(self, sql: str, parameters: Any = None) -> Any:
                rows = await super().execute_fetchall(sql, parameters)
                if asyncio.current_task() is desk.reader and "FROM wave" in sql:
                    desk.looked.set()
                    await desk.ended.wait()
                return rows

        connection = Slow(lambda: sqlite3.connect(path, isolation_level=None), 64)
        await connection
        return connection


def test_a_run_that_is_shown_as_over_stands_beside_waves_as_it_left_them(tmp_path: Path) -> None:
    async def work() -> None:
        desk = Desk()
        async with night(tmp_path, connect=desk.connect) as it:
            fill(it.left, 12)
            await it.conductor.run(Run(waves=["pilot"], by="ana"))
            await asyncio.wait_for(desk.writes.wait(), 20)
            desk.reader = taking = asyncio.create_task(it.snapshots.take())
            await asyncio.wait_for(it.conductor.over(), 20)
            desk.ended.set()
            status: Status = await taking
            assert status.run or status.waves[0].state == "awaiting_sign_off", "over, and not loaded"
            later = await it.snapshots.take()
            assert (later.run, later.run_outcome, later.waves[0].state) == ([], "done", "awaiting_sign_off")

    write(tmp_path)
    go(work)

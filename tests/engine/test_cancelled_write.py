"""Whoever stops waiting for a write takes nothing from those who wait on."""

from __future__ import annotations

import asyncio
from pathlib import Path

from engine.database import Database
from tests.engine.test_database import with_database


def test_a_failing_write_whose_caller_is_gone_takes_none_of_its_neighbours_with_it(tmp_path: Path) -> None:
    async def work(database: Database) -> None:
        good = [asyncio.create_task(database.write("good", [("INSERT INTO t VALUES (1, 'x')", ())]))]
        bad = asyncio.create_task(database.write("bad", [("INSERT INTO t VALUES (2, NULL)", ())]))
        good.append(asyncio.create_task(database.write("good", [("INSERT INTO t VALUES (3, 'x')", ())])))
        await asyncio.sleep(0)
        bad.cancel()
        await asyncio.gather(*good)
        assert await database.read("SELECT n FROM t") == [(1,), (3,)]
        await asyncio.gather(bad, return_exceptions=True)

    with_database(tmp_path, work)

"""One writer, one reader, shared commits."""

import asyncio
import gc
import sqlite3
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from engine.database import Database
from engine.errors import LedgerError


def with_database(path: Path, work: Callable[[Database], Awaitable[None]], witness=None) -> None:
    async def main() -> None:
        database = Database(path / "ledger.db", witness)
        await database.open()
        try:
            await database.script("CREATE TABLE t (n INTEGER PRIMARY KEY, word TEXT NOT NULL)")
            await work(database)
        finally:
            await database.close()

    asyncio.run(main())


def test_a_task_never_sees_or_commits_the_open_transaction_of_another(tmp_path: Path) -> None:
    async def work(database: Database) -> None:
        async def writer(number: int) -> None:
            statements = [("INSERT INTO t VALUES (?, 'half')", (number * 2 + half,)) for half in (0, 1)]
            await database.write("pair", statements)

        async def reader() -> None:
            for _ in range(50):
                rows = await database.read("SELECT count(*) FROM t")
                assert rows[0][0] % 2 == 0, "a half-written pair was visible"
                await asyncio.sleep(0)

        await asyncio.gather(reader(), *(writer(n) for n in range(100)))
        assert await database.read("SELECT count(*) FROM t") == [(200,)]

    with_database(tmp_path, work)


def test_a_failing_write_takes_none_of_its_neighbours_with_it(tmp_path: Path) -> None:
    async def work(database: Database) -> None:
        good = [database.write("good", [("INSERT INTO t VALUES (?, 'good')", (n,))]) for n in range(5)]
        bad = database.write(
            "bad", [("INSERT INTO t VALUES (90, 'first half')", ()), ("INSERT INTO t VALUES (91, NULL)", ())]
        )
        more = [database.write("good", [("INSERT INTO t VALUES (?, 'good')", (n,))]) for n in range(5, 9)]
        results = await asyncio.gather(*good, bad, *more, return_exceptions=True)
        assert [type(result) for result in results] == [list] * 5 + [LedgerError] + [list] * 4
        assert await database.read("SELECT count(*), max(n) FROM t") == [(9, 8)]

    with_database(tmp_path, work)


def test_a_failing_write_that_is_alone_leaves_the_writer_usable(tmp_path: Path) -> None:
    async def work(database: Database) -> None:
        with pytest.raises(LedgerError):
            await database.write("bad", [("INSERT INTO t VALUES (1, 'x')", ()), ("INSERT INTO t VALUES (1, 'x')", ())])
        await database.write("good", [("INSERT INTO t VALUES (2, 'x')", ())])
        assert await database.read("SELECT n FROM t") == [(2,)]

    with_database(tmp_path, work)


def test_what_was_written_is_on_disk_when_write_returns(tmp_path: Path) -> None:
    async def work(database: Database) -> None:
        await database.write("one", [("INSERT INTO t VALUES (1, 'x')", ())])
        with sqlite3.connect(tmp_path / "ledger.db") as stranger:
            assert stranger.execute("SELECT count(*) FROM t").fetchall() == [(1,)]
        stranger.close()

    with_database(tmp_path, work)


def test_a_caller_that_is_cancelled_does_not_undo_what_others_wait_for(tmp_path: Path) -> None:
    async def work(database: Database) -> None:
        first = asyncio.create_task(database.write("one", [("INSERT INTO t VALUES (1, 'x')", ())]))
        second = asyncio.create_task(database.write("two", [("INSERT INTO t VALUES (2, 'x')", ())]))
        await asyncio.sleep(0)
        first.cancel()
        await second
        assert (2,) in await database.read("SELECT n FROM t")
        await asyncio.gather(first, return_exceptions=True)

    with_database(tmp_path, work)


def test_a_write_that_fails_when_its_caller_is_gone_is_no_error_that_nobody_heard(tmp_path: Path) -> None:
    unheard: list[dict[str, Any]] = []

    async def work(database: Database) -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _loop, context: unheard.append(context))
        gone = asyncio.create_task(database.write("bad", [("INSERT INTO nowhere VALUES (1)", ())]))
        await asyncio.sleep(0)
        gone.cancel()
        await asyncio.gather(gone, return_exceptions=True)
        await database.write("good", [("INSERT INTO t VALUES (1, 'x')", ())])
        gc.collect()

    with_database(tmp_path, work)
    assert unheard == []


def test_each_durable_write_is_witnessed_before_and_after(tmp_path: Path) -> None:
    seen: list[tuple[str, str]] = []

    async def work(database: Database) -> None:
        await database.write("point", [("INSERT INTO t VALUES (1, 'x')", ())])

    with_database(tmp_path, work, lambda when, point: seen.append((when, point)))
    assert seen == [("before", "point"), ("after", "point")]


def test_a_full_disk_is_told_with_what_to_do_and_loses_nothing(tmp_path: Path) -> None:
    async def work(database: Database) -> None:
        await database.write("one", [("INSERT INTO t VALUES (1, 'kept')", ())])
        await database.script("PRAGMA max_page_count = 4")
        with pytest.raises(LedgerError, match=r"disk is full.*cutover run"):
            for n in range(2, 2000):
                await database.write("fill", [("INSERT INTO t VALUES (?, ?)", (n, "x" * 2000))])
        await database.script("PRAGMA max_page_count = 100000")
        await database.write("after", [("INSERT INTO t VALUES (100000, 'freed')", ())])
        assert await database.read("SELECT word FROM t WHERE n IN (1, 100000)") == [("kept",), ("freed",)]

    with_database(tmp_path, work)


def test_a_closed_ledger_says_so(tmp_path: Path) -> None:
    async def main() -> None:
        database = Database(tmp_path / "ledger.db")
        await database.open()
        await database.close()
        await database.close()
        with pytest.raises(LedgerError, match="closed"):
            await database.write("late", [("SELECT 1", ())])

    asyncio.run(main())


def test_a_file_that_is_no_ledger_is_told_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "ledger.db").write_bytes(b"this is a letter to my aunt, not a database" * 100)

    async def main() -> None:
        database = Database(tmp_path / "ledger.db")
        with pytest.raises(LedgerError, match="damaged"):
            await database.open()
        await database.close()

    asyncio.run(main())
    assert (tmp_path / "ledger.db").read_bytes().startswith(b"this is a letter")

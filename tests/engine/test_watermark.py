"""What the ledger says of how far a wave is: it never runs ahead of the work, and never falls behind it."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from connectors import memory
from connectors.kit.contract import Changes, Page, Record, Scope
from connectors.memory.connector import Memory
from engine.clock import Clock
from engine.ledger import Ledger
from engine.model import Bucket, Entry, Intent, SetAside
from engine.wire import Run
from tests.engine.memory_migration import fill, go, night, write
from tests.engine.test_rollback_native import At
from tests.engine.test_rollback_seeds import Hasty, Sword, engine, given


@pytest.fixture(autouse=True)
def _nothing_of_a_dead_engine_is_left() -> Iterator[None]:
    """What asyncio has to say of its tasks is said here, and not in the middle of something else."""
    yield
    gc.collect()


def test_the_watermark_moves_after_what_it_passes_was_carried_and_stays_there(tmp_path: Path) -> None:
    write(tmp_path)
    points: list[str] = []

    def witness(when: str, point: str) -> None:
        if when == "after":
            points.append(point)

    async def work() -> None:
        async with night(tmp_path, witness) as it:
            fill(it.left, 20, bad=0)
            await it.run("pilot")
            wave, entity = (await it.ledger.waves())["pilot"].id, await it.ledger.entity("incident")
            before = await it.ledger.position(wave, entity)
            it.left.edit("incident", "I0004", {"short_description": "changed since"})
            points.clear()
            await it.run("pilot")
            assert "advance" in points
            assert points.index("written") < points.index("advance")
            assert await it.ledger.position(wave, entity) > before  # type: ignore[operator]

    go(work)


def test_a_feed_that_repeats_itself_out_of_order_does_not_hide_the_newest_edit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor does a list that lags show it: what the feed says is all there is."""
    changes, read, was = Memory.changes, Memory.read, dict[str, Record]()

    async def lagging(self: Memory, scope: Scope, span: str, limit: int) -> Page:
        page = await read(self, scope, span, limit)
        return page._replace(records=[was.get(record.key, record) for record in page.records])

    async def older_ones_last(self: Memory, scope: Scope, position: str) -> Changes:
        told = await changes(self, scope, position)
        return told._replace(changes=[*told.changes, *(each._replace(version="") for each in told.changes)])

    write(tmp_path)

    async def work() -> None:
        async with night(tmp_path) as it:
            fill(it.left, 20, bad=0)
            await it.run("pilot")
            before = it.left.get("incident", "I0004")
            assert before is not None
            was["I0004"] = before
            monkeypatch.setattr(Memory, "changes", older_ones_last)
            monkeypatch.setattr(Memory, "read", lagging)
            it.left.edit("incident", "I0004", {"short_description": "changed since"})
            await it.run("pilot")
            assert "changed since" in {record.fields["title"] for record in it.right.records("issue")}

    go(work)


def test_every_page_is_a_chunk_however_short_it_is(tmp_path: Path) -> None:
    write(tmp_path, source="{ page: 3 }")

    async def work() -> None:
        async with night(tmp_path) as it:
            fill(it.left, 20, bad=0)
            await it.run()
            wave = (await it.ledger.waves())["rest"].id
            assert it.ledger.chunks(wave) == (7, 7)

    go(work)


def test_chunks_that_were_open_when_an_engine_died_are_closed_by_the_next(tmp_path: Path) -> None:
    write(tmp_path)
    left = memory.store(f"{tmp_path.name}-left")
    fill(left, 20, bad=0)

    async def work() -> None:
        clock = Hasty(1)
        assert not await given(tmp_path, clock, Run(waves=["pilot"], by="ana"), At("written"))
        assert await given(tmp_path, clock, Run(waves=["pilot"], by="ana"), Sword(0, ""))
        async with engine(tmp_path, clock, Sword(0, "")) as it:
            wave, entity = (await it.ledger.waves())["pilot"].id, await it.ledger.entity("incident")
            assert await it.ledger.open_chunks(wave, entity) == []

    asyncio.run(work())


def test_a_chunk_that_grew_until_it_was_read_again_is_carried_in_chunks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last chunk of a lane ends where the source does: after a death, all that is new since is in it."""
    intend, at_once = Ledger.intend, list[int]()

    async def counted(self: Ledger, wave: int, entity: int, keys: Sequence[tuple[str, str]], mark: str) -> Intent:
        if entity == await self.entity("incident"):
            at_once.append(len(keys))
        return await intend(self, wave, entity, keys, mark)

    write(tmp_path)
    left = memory.store(f"{tmp_path.name}-left")
    fill(left, 20, bad=0)
    monkeypatch.setattr(Ledger, "intend", counted)

    async def work() -> None:
        clock, run = Hasty(1), Run(waves=["pilot"], by="ana")
        assert not await given(tmp_path, clock, run, At("written"))
        for i in range(45):
            left.put("incident", f"J{i}", {"short_description": "new", "priority": "1", "state": "1", "region": "EMEA"})
        assert await given(tmp_path, clock, run, Sword(0, ""))
        assert max(at_once) == 10
        assert len(memory.store(f"{tmp_path.name}-right").records("issue")) == 50
        async with engine(tmp_path, clock, Sword(0, "")) as it:
            wave, entity = (await it.ledger.waves())["pilot"].id, await it.ledger.entity("incident")
            assert await it.ledger.open_chunks(wave, entity) == []

    asyncio.run(work())


def test_what_is_written_again_is_to_be_compared_again(tmp_path: Path) -> None:
    async def work() -> None:
        ledger = Ledger(tmp_path / "ledger.db", Clock())
        await ledger.open()
        try:
            await ledger.add_wave("pilot")
            wave, entity = (await ledger.waves())["pilot"].id, await ledger.entity("incident")
            entry = Entry("a", Bucket.SYNCED, "1", "v1", "f1")
            await ledger.settle(wave, entity, [entry])
            await ledger.drifts.found(wave, entity, ["a"], ["a"], until=ledger.drifts.durable)
            assert await ledger.drifts.dirty_count(wave, entity) == 0
            await ledger.settle(wave, entity, [entry._replace(version="v2", print="f2")])
            assert await ledger.drifts.dirty_count(wave, entity) == 1
            read = ledger.drifts.durable
            await ledger.settle(wave, entity, [entry])
            await ledger.drifts.found(wave, entity, ["a"], ["a"], until=read)
            assert await ledger.drifts.dirty_count(wave, entity) == 1, "it was written while it was compared"
            await ledger.settle(wave, entity, [], [SetAside("a", "left")], bucket=Bucket.LEFT)
            assert await ledger.drifts.dirty_count(wave, entity) == 0
        finally:
            await ledger.close()

    asyncio.run(work())


def test_the_ledger_waits_for_the_disk(tmp_path: Path) -> None:
    async def work() -> None:
        ledger = Ledger(tmp_path / "ledger.db", Clock())
        await ledger.open()
        try:
            assert list(await ledger._db._writer.execute_fetchall("PRAGMA synchronous")) == [(2,)]
        finally:
            await ledger.close()

    asyncio.run(work())


def test_what_was_mended_and_is_set_aside_again_is_set_aside_anew(tmp_path: Path) -> None:
    async def work() -> None:
        ledger = Ledger(tmp_path / "ledger.db", Clock())
        await ledger.open()
        try:
            await ledger.add_wave("pilot")
            wave, entity = (await ledger.waves())["pilot"].id, await ledger.entity("incident")
            for _ in range(2):
                await ledger.settle(wave, entity, [], [SetAside("a", "no such priority", "priority")])
                assert [row.tries for row in await ledger.aside()] == [1]
                await ledger.settle(wave, entity, [Entry("a", Bucket.SYNCED, "1", "v1", "f1")])
        finally:
            await ledger.close()

    asyncio.run(work())


def test_a_wave_whose_records_left_the_scope_is_loaded_all_the_same(tmp_path: Path) -> None:
    write(tmp_path)

    async def work() -> None:
        async with night(tmp_path) as it:
            fill(it.left, 20, bad=0)
            await it.run("pilot")
            it.left.remove("incident", "I0000")
            status = await it.run("pilot")
            assert (status.waves[0].state, status.waves[0].buckets.left) == ("awaiting_sign_off", 1)

    go(work)


def test_a_wave_whose_source_counts_otherwise_than_the_ledger_says_both_counts(tmp_path: Path) -> None:
    write(tmp_path, target="{ creates: none, bulk: 1 }")

    async def work() -> None:
        async with night(tmp_path) as it:
            fill(it.left, 20, bad=0)
            it.right.faults.add("drop_after", "create", times=1, where=lambda fields: "title" in fields)
            await it.run("pilot")
            (doubtful,) = [row for row in await it.ledger.aside() if row.bucket is Bucket.IN_DOUBT]
            it.left.remove("incident", doubtful.key)
            pilot = (await it.run("pilot")).waves[0]
            assert pilot.state == "needs_human"
            assert pilot.cause.startswith("count: the source counts 4 incident, the ledger 5"), pilot.cause

    go(work)

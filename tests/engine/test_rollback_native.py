"""What was sent and never written down: a rollback finds it, by its intent or, where there is none, by its id."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from connectors import memory
from engine.model import Bucket, WaveState
from engine.wire import Rollback, Run
from tests.engine.memory_migration import write
from tests.engine.test_rollback_seeds import Hasty, Sword, engine, given

LATE = 60.0  # seconds after which a create without an answer may still be applied
HASTE = Sword(0, "")


@pytest.fixture(autouse=True)
def _nothing_of_a_dead_engine_is_left() -> Iterator[None]:
    """What asyncio has to say of its tasks is said here, and not in the middle of something else."""
    yield
    gc.collect()


class At(Sword):
    """Falls before (or after) the first durable write of this name."""

    def __init__(self, point: str, when: str = "before") -> None:
        super().__init__(1, when)
        self._point = point

    def __call__(self, when: str, point: str) -> None:
        if point == self._point:
            super().__call__(when, point)


@asynccontextmanager
async def world(folder: Path, creates: str = "native") -> AsyncIterator[tuple[memory.Store, memory.Store, Hasty]]:
    write(folder, target=f"{{ creates: {creates}, late_commit: {LATE} }}")
    left, right = (memory.store(f"{folder.name}-{side}") for side in ("left", "right"))
    for i in range(4):
        fields = {"short_description": f"printer {i}", "priority": "1", "state": "1", "region": "EMEA"}
        left.put("incident", f"I{i}", fields)
        left.put("comment", f"C{i}", {"text": f"call {i}"}, parent=f"I{i}")
    try:
        yield left, right, Hasty(1)
    finally:
        memory.forget(left.name)
        memory.forget(right.name)


async def state(folder: Path, clock: Hasty) -> WaveState:
    async with engine(folder, clock, HASTE) as it:
        return (await it.ledger.waves())["pilot"].state


def test_a_create_that_is_applied_after_its_resend_does_not_outlive_the_rollback(tmp_path: Path) -> None:
    async def work() -> None:
        async with world(tmp_path) as (_, right, clock):
            right.faults.add("late", "create", times=1, seconds=LATE / 2)
            assert await given(tmp_path, clock, Run(waves=["pilot"], by="ana"), HASTE)
            assert await state(tmp_path, clock) is WaveState.AWAITING_SIGN_OFF
            assert len(right.copies("issue")) == 4
            assert await given(tmp_path, clock, Rollback(wave="pilot", by="ana"), HASTE)
            assert await state(tmp_path, clock) is WaveState.ROLLED_BACK
            await clock.sleep(2 * LATE)
            assert right.records("issue") == []
            assert right.records("comment") == []

    asyncio.run(work())


class Corrected(Hasty):
    """A clock that somebody sets."""

    off = 0.0

    def now(self) -> datetime:
        return super().now() + timedelta(seconds=self.off)


@pytest.mark.parametrize("off", [-2 * 86_400.0, 2 * LATE])
def test_a_rollback_waits_as_long_as_a_create_may_still_come_whatever_the_clock_is_set_to(
    tmp_path: Path, off: float
) -> None:
    async def work() -> None:
        async with world(tmp_path) as (_, right, _clock):
            clock = Corrected(1)
            right.faults.add("late", "create", times=1, seconds=LATE - 1)
            assert await given(tmp_path, clock, Run(waves=["pilot"], by="ana"), HASTE)
            clock.off, began = off, clock.monotonic()
            right._late = [late._replace(due=late.due + off) for late in right._late]  # nobody sets the target's clock
            assert await given(tmp_path, clock, Rollback(wave="pilot", by="ana"), HASTE)
            assert clock.monotonic() < began + 2 * LATE
            await clock.sleep(2 * LATE)
            assert right.records("issue") == []

    asyncio.run(work())


def test_a_record_that_was_created_unseen_and_is_refused_now_does_not_outlive_the_rollback(tmp_path: Path) -> None:
    async def work() -> None:
        async with world(tmp_path) as (left, right, clock):
            assert not await given(tmp_path, clock, Run(waves=["pilot"], by="ana"), At("written"))
            assert len(right.copies("issue")) == 4
            left.edit("incident", "I2", {"priority": "nobody mapped this"})
            assert await given(tmp_path, clock, Run(waves=["pilot"], by="ana"), HASTE)
            assert await state(tmp_path, clock) is WaveState.AWAITING_SIGN_OFF
            assert await given(tmp_path, clock, Rollback(wave="pilot", by="ana"), HASTE)
            assert await state(tmp_path, clock) is WaveState.ROLLED_BACK
            assert right.records("issue") == []
            assert right.records("comment") == []

    asyncio.run(work())


def test_a_record_that_was_created_unseen_and_is_refused_by_the_target_now_does_not_outlive_the_rollback(
    tmp_path: Path,
) -> None:
    async def work() -> None:
        async with world(tmp_path) as (_, right, clock):
            right.faults.add("fail", "create", times=1, where='title = "printer 2"')
            right.faults.add("reject", "create", times=1, where='title = "printer 2"')
            assert await given(tmp_path, clock, Run(waves=["pilot"], by="ana"), HASTE)
            assert await state(tmp_path, clock) is WaveState.AWAITING_SIGN_OFF
            async with engine(tmp_path, clock, HASTE) as it:
                (aside,) = await it.ledger.aside()
                assert (aside.key, right.get("issue", aside.target).fields["title"]) == ("I2", "printer 2")
            assert await given(tmp_path, clock, Rollback(wave="pilot", by="ana"), HASTE)
            assert await state(tmp_path, clock) is WaveState.ROLLED_BACK
            assert right.records("issue") == []
            assert right.records("comment") == []

    asyncio.run(work())


@pytest.mark.parametrize("runs_again", [True, False])
@pytest.mark.parametrize("creates", ["native", "strong", "lagging"])
def test_a_record_that_was_created_unseen_and_is_gone_at_the_source_now_does_not_outlive_the_rollback(
    tmp_path: Path, creates: str, runs_again: bool
) -> None:
    async def work() -> None:
        async with world(tmp_path, creates) as (left, right, clock):
            assert not await given(tmp_path, clock, Run(waves=["pilot"], by="ana"), At("written"))
            assert len(right.copies("issue")) == 4
            left.remove("incident", "I2")
            left.edit("incident", "I3", {"region": "of no wave"})
            if runs_again:
                assert await given(tmp_path, clock, Run(waves=["pilot"], by="ana"), HASTE)
                assert await state(tmp_path, clock) is WaveState.AWAITING_SIGN_OFF
                async with engine(tmp_path, clock, HASTE) as it:
                    known = await it.ledger.known(await it.ledger.entity("incident"), ["I2", "I3"])
                    assert [one.bucket for one in known.values()] == [Bucket.LEFT, Bucket.LEFT]
            assert await given(tmp_path, clock, Rollback(wave="pilot", by="ana"), HASTE)
            assert await state(tmp_path, clock) is WaveState.ROLLED_BACK
            assert right.records("issue") == []
            assert right.records("comment") == []

    asyncio.run(work())


def test_creates_without_an_answer_are_looked_up_by_their_intents_and_do_not_outlive_the_rollback(
    tmp_path: Path,
) -> None:
    async def work() -> None:
        async with world(tmp_path, creates="strong") as (_, right, clock):
            assert not await given(tmp_path, clock, Run(waves=["pilot"], by="ana"), At("written"))
            assert len(right.copies("issue")) == 4
            assert await given(tmp_path, clock, Rollback(wave="pilot", by="ana"), HASTE)
            assert await state(tmp_path, clock) is WaveState.ROLLED_BACK
            assert right.records("issue") == []

    asyncio.run(work())


def test_what_hangs_on_a_record_that_is_removed_is_forgotten_whichever_wave_it_came_with(tmp_path: Path) -> None:
    async def work() -> None:
        async with world(tmp_path, creates="strong") as (left, right, clock):
            assert await given(tmp_path, clock, Run(waves=["pilot"], by="ana"), HASTE)
            left.edit("incident", "I2", {"region": "AMER"})  # it goes to the other wave, its comment is to follow
            assert await given(tmp_path, clock, Run(waves=["pilot"], by="ana"), HASTE)
            assert not await given(tmp_path, clock, Run(waves=["rest"], by="ana"), At("written", "after"))
            assert await given(tmp_path, clock, Rollback(wave="rest", by="ana"), HASTE)
            assert len(right.records("issue")) == len(right.records("comment")) == 3
            assert await given(tmp_path, clock, Run(waves=["rest"], by="ana"), HASTE)
            issues = {issue.key: issue.fields["title"] for issue in right.records("issue")}
            hanging = {issues.get(one.parent): one.fields["body"] for one in right.records("comment")}
            assert hanging == {f"printer {i}": f"call {i}" for i in range(4)}

    asyncio.run(work())


def test_a_record_that_was_edited_while_its_rollback_was_cut_off_keeps_what_hangs_on_it(tmp_path: Path) -> None:
    async def work() -> None:
        async with world(tmp_path, creates="strong") as (_, right, clock):
            assert await given(tmp_path, clock, Run(waves=["pilot"], by="ana"), HASTE)
            assert not await given(tmp_path, clock, Rollback(wave="pilot", by="ana"), At("undo_intend", "after"))
            (edited,) = (issue for issue in right.records("issue") if issue.fields["title"] == "printer 2")
            right.edit("issue", edited.key, {"title": "by rosa"}, by="rosa")
            assert await given(tmp_path, clock, Rollback(wave="pilot", by="ana"), HASTE)
            assert await state(tmp_path, clock) is WaveState.ROLLED_BACK
            assert [issue.key for issue in right.records("issue")] == [edited.key]
            (comment,) = right.records("comment")
            async with engine(tmp_path, clock, HASTE) as it:
                known = await it.ledger.known(await it.ledger.entity("incident/comment"), ["C0", "C1", "C2", "C3"])
                assert {key: one.target for key, one in known.items()} == {"C2": comment.key}

    asyncio.run(work())

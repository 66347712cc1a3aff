"""A change whose answer was lost may be applied late: it never undoes a newer one."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from connectors.memory.store import ME
from engine.wire import Run
from tests.engine.comparing_night import drift, soil, target_of
from tests.engine.memory_migration import fill, go, night, write
from tests.engine.test_rollback_native import HASTE, LATE, world
from tests.engine.test_rollback_seeds import Hasty, Sword, given

RUN = Run(waves=["pilot"], by="ana")
CHANGES = {  # the call, what was edited and is on the way, what is edited then, and how both show at the target
    "update": ({"short_description": "old"}, {"short_description": "new"}, "title", "old", "new"),
    "move": ({"state": "2"}, {"state": "6"}, "status", "doing", "done"),
}


class DiesWaiting(Hasty):
    """Its engine dies where it would wait for long, when there is a sword for it."""

    def __init__(self) -> None:
        super().__init__(1)
        self.sword: Sword | None = None

    async def sleep(self, seconds: float) -> None:
        if self.sword is not None and seconds > LATE / 2:
            self.sword.fell.set()
            self.sword = None
            await asyncio.Event().wait()
        await super().sleep(seconds)


@pytest.mark.parametrize("call", CHANGES)
@pytest.mark.parametrize("dies", [False, True], ids=["one life", "two lives"])
def test_a_change_that_comes_late_does_not_undo_the_one_after_it(call: str, dies: bool, tmp_path: Path) -> None:
    edit, edit_again, field, outdated, newest = CHANGES[call]

    async def work() -> None:
        async with world(tmp_path) as (left, right, _):
            clock, sword = DiesWaiting(), Sword(0, "")
            assert await given(tmp_path, clock, RUN, HASTE)
            left.edit("incident", "I2", edit)
            right.faults.add("late", call, times=1, seconds=LATE - 1)
            if dies:
                clock.sword = sword
                assert not await given(tmp_path, clock, RUN, sword)
                left.edit("incident", "I2", edit_again)
            assert await given(tmp_path, clock, RUN, HASTE)
            await clock.sleep(2 * LATE)
            right.apply_late()
            shown = {record.fields[field] for record in right.records("issue")}
            assert (newest if dies else outdated) in shown
            assert not dies or outdated not in shown

    asyncio.run(work())


def test_what_we_wrote_last_is_nobodys_edit_whoever_touched_the_record_it_hangs_on(tmp_path: Path) -> None:
    """As a late change of ours leaves it: else it would be taken for somebody's will, and stay."""
    write(tmp_path)

    async def work() -> None:
        async with night(tmp_path) as it:
            fill(it.left, 8, bad=0)
            await it.run("pilot")
            issue = await target_of(it, "I0004")
            comment = it.right.tables["comment"].hanging[issue][0]
            it.right.edit("issue", issue, {"title": "by zoe"}, by="zoe")
            it.right.edit("comment", comment, {"body": "older words"}, by=ME)
            await soil(it)
            wave = (await it.run("pilot")).waves[0]
            assert wave.state == "needs_human"
            found = {(kind, field) for _, kind, field in await drift(it)}
            assert found == {("edited_at_target", "title"), ("changed", "body")}
            (theirs,) = [row.difference for row in await it.ledger.drifts.list() if row.difference.by]
            assert (theirs.by, theirs.field) == ("zoe", "title")

    go(work)

"""A change whose answer was lost may be applied late: it never undoes a newer one, and is never taken for undone."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from connectors import memory
from connectors.kit.contract import Creates, Traits
from connectors.kit.errors import ConnectorError
from connectors.memory.connector import Memory
from connectors.memory.store import ME
from engine.compare import EXTERNAL_ID, Difference, Kind
from engine.repair import Repairs
from engine.rollback import Rollbacks
from engine.wire import Repair, Retry, Rollback, Run
from tests.engine.comparing_night import drift, soil, target_of
from tests.engine.memory_migration import PLAYBOOK, fill, go, night, write
from tests.engine.test_existing import prepared
from tests.engine.test_rollback_native import HASTE, LATE, world
from tests.engine.test_rollback_seeds import Engine, Hasty, Sword, engine, given

RUN = Run(waves=["pilot"], by="ana")
BACK = Rollback(wave="pilot", despite="wrong desk", by="ana")
CHANGES = {  # the call, what was edited and is on the way, what is edited then, and how both show at the target
    "update": ({"short_description": "old"}, {"short_description": "new"}, "title", "old", "new"),
    "move": ({"state": "2"}, {"state": "6"}, "status", "doing", "done"),
}


class Waiting(Hasty):
    """When its engine would wait for long, something else happens first, once: its death, if nothing is said."""

    def __init__(self) -> None:
        super().__init__(1)
        self.sword: Sword | None = None
        self.meanwhile: Callable[[], None] | None = None

    async def sleep(self, seconds: float) -> None:
        if seconds > LATE / 2 and self.meanwhile is not None:
            meanwhile, self.meanwhile = self.meanwhile, None
            meanwhile()
        if seconds > LATE / 2 and self.sword is not None:
            self.sword.fell.set()
            self.sword = None
            await asyncio.Event().wait()
        await super().sleep(seconds)

    def deadly(self) -> Sword:
        self.sword = Sword(0, "")
        return self.sword


async def done(it: Engine) -> None:
    assert await it.settled()


async def nothing_to_run(it: Engine) -> None:
    """What `run` leaves where every wave is loaded or rolled back."""
    number = await it.ledger.start_run([], "ana", "")
    await it.ledger.end_run(number, "done")


@pytest.mark.parametrize("call", CHANGES)
@pytest.mark.parametrize("how", ["one life", "two lives", "an empty run between", "a life between"])
def test_a_change_that_comes_late_does_not_undo_the_one_after_it(call: str, how: str, tmp_path: Path) -> None:
    edit, edit_again, field, outdated, newest = CHANGES[call]

    async def work() -> None:
        async with world(tmp_path) as (left, right, _):
            clock = Waiting()
            assert await given(tmp_path, clock, Run(by="ana"), HASTE)
            left.edit("incident", "I2", edit)
            right.faults.add("late", call, times=1, seconds=LATE - 1)
            if how == "one life":
                clock.meanwhile = lambda: left.edit("incident", "I2", edit_again)
            else:
                assert not await given(tmp_path, clock, RUN, clock.deadly())
                left.edit("incident", "I2", edit_again)
            if how == "a life between":
                async with engine(tmp_path, clock, HASTE) as it:
                    await nothing_to_run(it)
            async with engine(tmp_path, clock, HASTE) as it:
                if how == "an empty run between":
                    await nothing_to_run(it)
                await it.conductor.run(RUN)
                await done(it)
                if clock.meanwhile is not None:
                    clock.meanwhile()
                await it.conductor.run(RUN)
                await done(it)
            await clock.sleep(2 * LATE)
            right.apply_late()
            shown = {record.fields[field] for record in right.records("issue")}
            assert newest in shown
            assert outdated not in shown

    asyncio.run(work())


def test_what_went_back_at_the_source_goes_back_at_the_target_although_no_answer_told_that_it_had_changed(
    tmp_path: Path,
) -> None:
    async def work() -> None:
        async with world(tmp_path) as (left, right, _):
            clock = Waiting()
            assert await given(tmp_path, clock, RUN, HASTE)
            left.edit("incident", "I2", {"short_description": "by mistake"})
            right.faults.add("drop_after", "update", times=1)
            clock.meanwhile = lambda: left.edit("incident", "I2", {"short_description": "printer 2"})
            assert await given(tmp_path, clock, RUN, HASTE)
            assert {record.fields["title"] for record in right.records("issue")} == {f"printer {i}" for i in range(4)}

    asyncio.run(work())


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("call", CHANGES)
def test_what_went_back_at_the_source_after_a_death_goes_back_at_the_target(
    call: str, late: bool, tmp_path: Path
) -> None:
    """The record looks as the ledger has it; what the dead engine changed, it did not live to write down."""
    edit, _, field, outdated, _ = CHANGES[call]
    back = {"short_description": "printer 2"} if call == "update" else {"state": "1"}

    async def work() -> None:
        async with world(tmp_path) as (left, right, _):
            clock = Waiting()
            assert await given(tmp_path, clock, RUN, HASTE)
            before = {record.key: record.fields[field] for record in right.records("issue")}
            left.edit("incident", "I2", edit)
            right.faults.add("late" if late else "drop_after", call, times=1, seconds=LATE - 1)
            assert not await given(tmp_path, clock, RUN, clock.deadly())
            left.edit("incident", "I2", back)
            assert await given(tmp_path, clock, RUN, HASTE)
            await clock.sleep(2 * LATE)
            right.apply_late()
            assert {record.key: record.fields[field] for record in right.records("issue")} == before
            assert outdated not in before.values()

    asyncio.run(work())


def test_a_rollback_waits_for_what_a_dead_engine_may_still_change(tmp_path: Path) -> None:
    prepared(tmp_path, n=12, target=f"{{ creates: strong, late_commit: {LATE} }}")
    left, right = (memory.store(f"{tmp_path.name}-{side}") for side in ("left", "right"))
    was = dict(right.get("issue", "T04").fields)  # type: ignore[union-attr]

    async def work() -> None:
        clock = Waiting()
        left.edit("incident", "I0004", {"priority": "P5"})
        assert await given(tmp_path, clock, RUN, HASTE)
        await clock.sleep(2 * LATE)
        left.edit("incident", "I0004", {"priority": "1"})
        right.faults.add("late", "restore", times=1, seconds=LATE - 1)
        async with engine(tmp_path, clock, clock.deadly()) as it:
            await it.conductor.retry(Retry(by="ana"))
            assert not await it.settled()
        assert await given(tmp_path, clock, BACK, HASTE)
        await clock.sleep(2 * LATE)
        right.apply_late()
        assert dict(right.get("issue", "T04").fields) == was  # type: ignore[union-attr]

    asyncio.run(work())


def test_a_record_that_was_closed_by_a_rollback_is_not_opened_again_by_a_late_change(tmp_path: Path) -> None:
    closing = PLAYBOOK.replace("    children:", "    rollback: { status: withdrawn }\n    children:")
    write(tmp_path, playbook=closing, target=f"{{ creates: strong, deletes: false, late_commit: {LATE} }}")
    left, right = (memory.store(f"{tmp_path.name}-{side}") for side in ("left", "right"))
    fill(left, 4, bad=0)

    async def work() -> None:
        clock = Waiting()
        assert await given(tmp_path, clock, RUN, HASTE)
        await clock.sleep(2 * LATE)
        left.edit("incident", "I0000", {"state": "2"})
        right.faults.add("late", "move", times=1, seconds=LATE - 1)
        assert not await given(tmp_path, clock, RUN, clock.deadly())
        assert await given(tmp_path, clock, BACK, HASTE)
        await clock.sleep(2 * LATE)
        right.apply_late()
        assert {record.fields["status"] for record in right.records("issue")} == {"withdrawn"}

    asyncio.run(work())


def test_our_id_that_a_repair_puts_back_late_is_not_on_a_record_that_a_rollback_has_given_back(tmp_path: Path) -> None:
    prepared(tmp_path, n=12, target=f"{{ creates: strong, late_commit: {LATE} }}")
    right = memory.store(f"{tmp_path.name}-right")

    async def work() -> None:
        clock = Waiting()
        assert await given(tmp_path, clock, RUN, HASTE)
        right.tables["issue"].sign("T04", "")
        async with engine(tmp_path, clock, HASTE) as it:
            await clock.sleep(3 * LATE)
            number = await it.ledger.entity("incident")
            torn = Difference("incident", "I0004", Kind.CHANGED, EXTERNAL_ID, "T04", "I0004")
            await it.ledger.drifts.found(1, number, [], ["I0004"], [torn])
            right.faults.add("late", "restore", times=1, seconds=LATE - 1)
            with pytest.raises(ConnectorError):
                await Repairs(it.conductor, it.ledger, clock).repair(Repair(wave="pilot", by="ana"))
            await Rollbacks(it.conductor, it.ledger).roll_back(BACK)
            await done(it)
        await clock.sleep(2 * LATE)
        right.apply_late()
        assert "T04" not in right.tables["issue"].xids

    asyncio.run(work())


def test_a_link_that_was_sent_twice_does_not_come_back_after_a_rollback_that_closes_its_records(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    traits = Memory.traits

    def mixed(self: Memory, entity: str) -> Traits:
        if entity == "link":
            return traits(self, entity)
        return replace(traits(self, entity), creates=Creates.STRONG, deletes=entity != "issue")

    monkeypatch.setattr(Memory, "traits", mixed)
    closing = PLAYBOOK.replace("    children:", "    rollback: { status: withdrawn }\n    children:")

    async def work() -> None:
        async with world(tmp_path) as (left, right, _):
            left.edit("incident", "I1", {"parent": "I0"})
            write(tmp_path, playbook=closing, target=f"{{ creates: native, late_commit: {LATE} }}")
            clock = Waiting()
            right.faults.add("late", "create", times=1, seconds=LATE - 1, where="type = Relates")
            assert await given(tmp_path, clock, RUN, HASTE)
            assert await given(tmp_path, clock, BACK, HASTE)
            await clock.sleep(2 * LATE)
            assert right.records("link") == []
            assert {record.fields["status"] for record in right.records("issue")} == {"withdrawn"}

    asyncio.run(work())


def test_what_a_rollback_puts_back_late_does_not_undo_the_next_load(tmp_path: Path) -> None:
    prepared(tmp_path, n=12, target=f"{{ creates: strong, late_commit: {LATE} }}")
    right = memory.store(f"{tmp_path.name}-right")

    async def work() -> None:
        clock = Waiting()
        assert await given(tmp_path, clock, RUN, HASTE)
        await clock.sleep(2 * LATE)
        right.faults.add("late", "restore", times=1, seconds=LATE - 1)
        assert not await given(tmp_path, clock, BACK, clock.deadly())
        async with engine(tmp_path, clock, HASTE) as it:
            await nothing_to_run(it)
            await Rollbacks(it.conductor, it.ledger).roll_back(BACK)
            await done(it)
            await it.conductor.run(RUN)
            await done(it)
        loaded = dict(right.get("issue", "T04").fields)  # type: ignore[union-attr]
        assert loaded["title"] == "printer 4 on fire"
        await clock.sleep(2 * LATE)
        right.apply_late()
        assert dict(right.get("issue", "T04").fields) == loaded  # type: ignore[union-attr]

    asyncio.run(work())


def test_what_we_wrote_last_is_nobodys_edit_whoever_touched_the_record_it_hangs_on(tmp_path: Path) -> None:
    """As a late change of ours leaves it: else it would be taken for somebody's will, and stay."""
    write(tmp_path)

    async def work() -> None:
        async with night(tmp_path) as it:
            fill(it.left, 8, bad=0)
            await it.run("pilot")
            issue = await target_of(it, "I0004")
            ours, bobs = it.right.tables["comment"].hanging[issue][:2]
            it.right.edit("comment", bobs, {"body": "bob's words"}, by="bob")
            it.right.edit("issue", issue, {"title": "by zoe"}, by="zoe")
            it.right.edit("comment", ours, {"body": "older words"}, by=ME)
            await soil(it)
            wave = (await it.run("pilot")).waves[0]
            assert wave.state == "needs_human"
            found = sorted((kind, field) for _, kind, field in await drift(it))
            assert found == [("changed", "body"), ("edited_at_target", "body"), ("edited_at_target", "title")]
            by = {row.difference.field: row.difference.by for row in await it.ledger.drifts.list() if row.difference.by}
            assert by == {"title": "zoe", "body": "bob"}

    go(work)

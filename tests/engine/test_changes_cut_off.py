"""What an engine that died in the middle of a change leaves to the next one, and to the people who look."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from connectors.kit.contract import Outcome, Page, Scope, Write, Written
from connectors.memory.connector import Memory
from connectors.memory.target import Contents
from engine.assembly import Assembly, assemble
from engine.errors import Refused
from engine.manifest import Seal
from engine.pacing import Pacing
from engine.rerun import Reruns
from engine.signoff import SignOffs
from engine.systems import Systems
from engine.wire import Rerun, RerunPreview, Run, Sign
from runbooks.migration import Migration
from tests.engine.memory_migration import PLAYBOOK, write
from tests.engine.test_late_changes import RUN, Waiting
from tests.engine.test_rerun import LOUDER
from tests.engine.test_rollback_native import HASTE, LATE, At, world
from tests.engine.test_rollback_seeds import Engine, engine, given

SECRET = b"s" * 32


def prints(folder: Path) -> dict[tuple[str, str], str]:
    """{(entity, key): fingerprint}, as the file has it."""
    with closing(sqlite3.connect(folder / "ledger.db")) as raw:
        rows = raw.execute("SELECT name, key, print FROM entry JOIN entity ON entity.id = entry.entity")
        return {(name, key): stamp for name, key, stamp in rows}


async def signed(folder: Path, clock: Waiting) -> None:
    async with engine(folder, clock, HASTE) as it:
        await SignOffs(it.conductor, it.ledger, lambda: Seal(b"k" * 32), clock).sign(Sign(wave="pilot", by="ana"))


def test_a_list_that_lags_does_not_bring_back_what_was_before_a_change_that_was_cut_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def work() -> None:
        async with world(tmp_path, "strong") as (left, right, _):
            clock = Waiting()
            assert not await given(tmp_path, clock, RUN, At("settle", "before"))
            was = left.get("incident", "I2")
            assert was is not None
            left.edit("incident", "I2", {"short_description": "new"})
            assert not await given(tmp_path, clock, RUN, At("written", "before"))
            sent: list[object] = []
            read, update = Memory.read, Memory.update

            async def lagging(self: Memory, scope: Scope, span: str, limit: int) -> Page:
                page = await read(self, scope, span, limit)
                return page._replace(records=[was if record.key == "I2" else record for record in page.records])

            async def seen(self: Memory, entity: str, writes: list[Write]) -> list[Outcome]:
                sent.extend(write.fields.get("title") for write in writes)
                return await update(self, entity, writes)

            monkeypatch.setattr(Memory, "read", lagging)
            monkeypatch.setattr(Memory, "update", seen)
            assert await given(tmp_path, clock, RUN, HASTE)
            assert "printer 2" not in sent
            assert "new" in {record.fields["title"] for record in right.records("issue")}

    asyncio.run(work())


def test_what_was_certainly_not_changed_is_as_it_was_and_who_edits_it_meanwhile_is_not_written_over(
    tmp_path: Path,
) -> None:
    async def work() -> None:
        async with world(tmp_path, "strong") as (left, right, _):
            clock = Waiting()
            assert await given(tmp_path, clock, RUN, HASTE)
            before = prints(tmp_path)
            left.edit("incident", "I2", {"short_description": "by mistake"})
            right.denied.add("update issue")
            assert await given(tmp_path, clock, RUN, HASTE)
            assert prints(tmp_path) == before
            right.denied.clear()
            left.edit("incident", "I2", {"short_description": "printer 2"})
            issue = next(each.key for each in right.records("issue") if each.fields["title"] == "printer 2")
            right.edit("issue", issue, {"title": "zoe's words"}, by="zoe")
            assert await given(tmp_path, clock, RUN, HASTE)
            there = right.get("issue", issue)
            assert there is not None and there.fields["title"] == "zoe's words"

    asyncio.run(work())


def test_what_was_put_back_with_its_older_stamp_goes_back_at_the_target(tmp_path: Path) -> None:
    """A restored file, or a row with a version of its own."""

    async def work() -> None:
        async with world(tmp_path, "strong") as (left, right, _):
            clock = Waiting()
            assert await given(tmp_path, clock, RUN, HASTE)
            was = left.get("incident", "I2")
            assert was is not None
            left.edit("incident", "I2", {"short_description": "by mistake"})
            right.faults.add("drop_after", "update", times=1)
            assert not await given(tmp_path, clock, RUN, clock.deadly())
            left.tables["incident"].put(was)
            assert await given(tmp_path, clock, RUN, HASTE)
            assert {each.fields["title"] for each in right.records("issue")} == {f"printer {i}" for i in range(4)}
            assert "?" not in prints(tmp_path).values()

    asyncio.run(work())


def test_no_wave_is_signed_while_a_change_of_it_is_cut_off_be_it_by_the_run_of_another(tmp_path: Path) -> None:
    """A record has gone to another wave, and that one's run died on its comment, which is the first one's still."""
    apart = PLAYBOOK.replace("after: [pilot], ", "").replace('{ incident: "" }', '{ incident: "region = AMER" }')
    rest = Run(waves=["rest"], by="ana")

    async def work() -> None:
        async with world(tmp_path, "strong") as (left, right, _):
            write(tmp_path, playbook=apart, target=f"{{ creates: strong, late_commit: {LATE} }}")
            clock = Waiting()
            assert await given(tmp_path, clock, RUN, HASTE)
            left.edit("incident", "I2", {"region": "AMER"})
            assert await given(tmp_path, clock, RUN, HASTE)
            left.edit("comment", "C2", {"text": "edited"})
            right.faults.add("drop_after", "update", times=1, where="body = edited")
            assert not await given(tmp_path, clock, rest, clock.deadly())
            with pytest.raises(Refused, match="1 change was cut off with an engine; first: cutover run --wave pilot"):
                await signed(tmp_path, clock)
            assert await given(tmp_path, clock, RUN, HASTE)
            await signed(tmp_path, clock)
            left.edit("comment", "C2", {"text": "edited again"})
            assert await given(tmp_path, clock, rest, HASTE)
            assert "edited again" in {each.fields["body"] for each in right.records("comment")}
            assert "?" not in prints(tmp_path).values()

    asyncio.run(work())


def test_a_comment_that_was_deleted_while_its_change_was_cut_off_keeps_nobody_from_signing(tmp_path: Path) -> None:
    async def work() -> None:
        async with world(tmp_path) as (left, right, _):
            clock = Waiting()
            assert await given(tmp_path, clock, RUN, HASTE)
            left.edit("comment", "C2", {"text": "edited"})
            left.edit("incident", "I2", {"priority": "2"})
            right.faults.add("drop_after", "update", times=1, where="body = edited")
            assert not await given(tmp_path, clock, RUN, clock.deadly())
            assert prints(tmp_path)["incident/comment", "C2"] == "?"
            left.remove("comment", "C2")
            with pytest.raises(Refused, match="1 change was cut off with an engine; first: cutover run --wave pilot"):
                await signed(tmp_path, clock)
            assert await given(tmp_path, clock, RUN, HASTE)
            assert prints(tmp_path)["incident/comment", "C2"] == ""
            await signed(tmp_path, clock)

    asyncio.run(work())


def test_a_preview_of_a_rerun_calls_what_was_cut_off_by_its_name(tmp_path: Path) -> None:
    async def work() -> None:
        async with world(tmp_path, "strong") as (left, right, _):
            left.edit("incident", "I2", {"priority": "3"})
            clock = Waiting()
            assert await given(tmp_path, clock, RUN, HASTE)
            write(tmp_path, playbook=LOUDER, target=f"{{ creates: strong, late_commit: {LATE} }}")
            assert await previewed(tmp_path, clock) == (1, {"priority": 1})
            right.faults.add("drop_before", "update", times=1)
            sword = clock.deadly()
            async with engine(tmp_path, clock, sword) as it:
                sword.drawn = True
                await reruns(it, clock).rerun(Rerun(wave="pilot", by="ana"))
                assert not await it.settled()
            assert await previewed(tmp_path, clock) == (1, {"(a change that was cut off with an engine)": 1})

    asyncio.run(work())


def test_what_an_engine_created_before_it_died_and_the_target_leaves_as_it_is_is_brought_up_to_date(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its key is ours to choose: sent again it is there already, in the words of the first attempt."""

    def create(self: Memory, entity: str, writes: list[Write], contents: Contents) -> list[Outcome]:
        owner = self.store.tables[entity].owner
        return [
            Written(one.xid, owner[one.xid], created=False)
            if one.xid in owner
            else self.store.create(entity, [one], contents)[0]
            for one in writes
        ]

    monkeypatch.setattr(Memory, "_create", create)

    async def work() -> None:
        async with world(tmp_path, "native") as (left, right, _):
            clock = Waiting()
            assert not await given(tmp_path, clock, RUN, At("written", "before"))
            left.edit("incident", "I2", {"short_description": "new"})
            assert await given(tmp_path, clock, RUN, HASTE)
            titles = {record.fields["title"] for record in right.records("issue")}
            assert titles == {"printer 0", "printer 1", "new", "printer 3"}

    asyncio.run(work())


async def previewed(folder: Path, clock: Waiting) -> tuple[int, dict[str, int]]:
    async with engine(folder, clock, HASTE) as it:
        seen: RerunPreview = await reruns(it, clock).preview(Rerun(wave="pilot", by="ana"))
    return seen.changed, {each.field: each.records for each in seen.fields}


def reruns(it: Engine, clock: Waiting) -> Reruns:
    async def assembled(migration: Migration) -> Assembly:
        return await assemble(migration, it.ledger, Systems(Pacing(clock)), clock, SECRET)

    return Reruns(it.conductor, it.ledger, SECRET, assembled)

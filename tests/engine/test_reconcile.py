"""Both sides compared: what is found, what is not called drift, and what is looked at again."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest

from connectors import memory
from connectors.memory.store import ME
from engine.compare import Kind
from engine.inspection import ask_once
from engine.people import People
from engine.reconcile import Reconciler
from engine.references import OpenReference
from engine.sides import Sides
from engine.wire import Run
from tests.engine.comparing_night import CORRUPTIONS, SECRET, corrupt, drift, soil, target_of
from tests.engine.memory_migration import PLAYBOOK, fill, go, night, write


def test_a_wave_whose_sides_are_equal_is_loaded_and_nothing_is_left_to_compare(tmp_path: Path) -> None:
    async def work() -> None:
        write(tmp_path)
        async with night(tmp_path) as it:
            fill(it.left, bad=0)
            status = await it.run()
            assert [wave.state for wave in status.waves] == ["awaiting_sign_off"] * 2
            number = await it.ledger.entity("incident")
            for wave in (1, 2):
                assert await it.ledger.drifts.dirty(wave, number, "", 10) == []
            assert await drift(it) == []

    go(work)


@pytest.mark.parametrize("how", CORRUPTIONS)
def test_a_corruption_of_the_target_is_found_at_the_end_of_the_wave(how: str, tmp_path: Path) -> None:
    async def work() -> None:
        write(tmp_path)
        async with night(tmp_path) as it:
            fill(it.left, bad=0)
            await it.run("pilot")
            await corrupt(it, how, "I0040")  # it refers to I0052
            await soil(it)
            status = await it.run("pilot")
            wave = status.waves[0]
            assert wave.state == "needs_human"
            assert wave.cause.startswith("drift: ")
            assert "cutover repair --wave pilot" in wave.cause
            kind, field = CORRUPTIONS[how]
            assert (kind, field) in {(found, name) for _, found, name in await drift(it)}

    go(work)


def test_an_edit_by_somebody_at_the_target_is_listed_with_its_author_and_stops_no_wave(tmp_path: Path) -> None:
    async def work() -> None:
        write(tmp_path)
        async with night(tmp_path) as it:
            fill(it.left, bad=0)
            await it.run("pilot")
            it.right.edit("issue", await target_of(it, "I0012"), {"title": "better words"}, by="zoe")
            await soil(it)
            wave = (await it.run("pilot")).waves[0]
            assert (wave.state, "1 records were edited at the target" in wave.cause) == ("awaiting_sign_off", True)
            (row,) = await it.ledger.drifts.list()
            assert (row.difference.key, row.difference.kind, row.difference.by) == ("I0012", Kind.EDITED, "zoe")
            assert row.difference.at and row.wave == "pilot"

    go(work)


def test_what_the_playbook_says_otherwise_now_is_told_apart_from_what_was_changed(tmp_path: Path) -> None:
    async def work() -> None:
        write(tmp_path)
        async with night(tmp_path) as it:
            fill(it.left, bad=0)
            await it.run("pilot")
            await soil(it)
            write(tmp_path, playbook=PLAYBOOK.replace('"2": high', '"2": urgent'))
            await it.run("pilot")
            found = await drift(it)
            assert found and {(kind, field) for _, kind, field in found} == {("mapping_changed", "priority")}

    go(work)


def test_what_is_put_right_is_no_drift_any_more(tmp_path: Path) -> None:
    async def work() -> None:
        write(tmp_path)
        async with night(tmp_path) as it:
            fill(it.left, bad=0)
            await it.run("pilot")
            issue = await target_of(it, "I0012")
            it.right.edit("issue", issue, {"priority": "odd"}, by=ME)
            await soil(it)
            assert (await it.run("pilot")).waves[0].state == "needs_human"
            it.right.edit("issue", issue, {"priority": "low"}, by=ME)
            assert (await it.run("pilot")).waves[0].state == "awaiting_sign_off"
            assert await drift(it) == []

    go(work)


def test_what_differs_once_is_no_drift_and_neither_is_what_differs_otherwise_the_next_time(tmp_path: Path) -> None:
    async def work() -> None:
        write(tmp_path)
        async with night(tmp_path) as it:
            fill(it.left, bad=0)
            await it.run("pilot")
            mended, other, stays = [await target_of(it, key) for key in ("I0004", "I0008", "I0012")]
            whole = {id: dict(it.right.get("issue", id).fields) for id in (mended, other)}
            for id in (mended, other, stays):
                it.right.edit("issue", id, {"title": "cut"}, by=ME)
            await soil(it)

            async def between_the_looks(_seconds: float) -> None:
                assert await drift(it) == [], "called drift after one look"
                it.right.edit("issue", mended, whole[mended], by=ME)
                it.right.edit("issue", other, {**whole[other], "priority": "odd"}, by=ME)

            flow = it.conductor.wave("pilot").parts[0].flow
            sides = Sides(it.ledger, People(), SECRET, ask_once)
            tally = await Reconciler(it.ledger, 1, sides, between_the_looks).dirty(flow)
            assert [(one.key, one.field) for one in tally.differing] == [("I0012", "title")]
            assert await drift(it) == [("I0012", "changed", "title")]

    go(work)


def test_users_who_write_all_the_time_make_no_drift(tmp_path: Path) -> None:
    async def work() -> None:
        write(tmp_path, source="{ granularity: 0.002, settle: 0.01 }")
        async with night(tmp_path) as it:
            fill(it.left, 200, bad=0)
            chance, writing = random.Random(7), True

            async def users() -> None:
                while writing:
                    key = f"I{chance.randrange(200):04}"
                    it.left.edit("incident", key, {"short_description": f"words {chance.random()}"})
                    if chance.random() < 0.3:
                        it.left.put("comment", f"N{chance.random()}", {"text": "more"}, parent=key)
                    await asyncio.sleep(0.01)

            work = asyncio.create_task(users())
            try:
                for _ in range(5):
                    await it.run()
                    assert await drift(it) == []
            finally:
                writing = False
                await work
            status = await it.run("pilot", "rest")
            assert [wave.state for wave in status.waves] == ["awaiting_sign_off"] * 2
            assert await drift(it) == []

    go(work)


def test_a_tie_of_a_record_that_was_proved_before_is_proved_too(tmp_path: Path) -> None:
    seen: list[str] = []

    def witness(when: str, point: str) -> None:
        if (when, point) == ("after", "tied") and seen:
            links = memory.store(f"{tmp_path.name}-right").tables["link"]
            for id in [id for id, row in links.rows.items() if row.fields["from"] == seen[0]]:
                links.remove(id)

    async def work() -> None:
        write(tmp_path)
        async with night(tmp_path, witness) as it:
            fill(it.left, bad=0)
            await it.run("pilot")
            seen.append(await target_of(it, "I0020"))  # of the pilot; it refers to I0026, which comes with the rest
            status = await it.run("rest")
            assert await drift(it) == [("I0020", "missing", "link Relates incident to I0026")]
            assert [wave.state for wave in status.waves] == ["awaiting_sign_off", "needs_human"]
            assert "cutover drift list --wave pilot" in status.waves[1].cause

    go(work)


def test_a_record_is_compared_again_when_something_is_hung_on_it_or_it_is_tied(tmp_path: Path) -> None:
    async def work() -> None:
        write(tmp_path)
        async with night(tmp_path) as it:
            fill(it.left, bad=0)
            await it.run()
            number = await it.ledger.entity("incident")
            assert await it.ledger.drifts.dirty_count(1, number) == 0
            it.left.put("comment", "late", {"text": "one more"}, parent="I0004")
            await it.conductor.run(Run(waves=["pilot"], by="ana"))
            soiled: set[str] = set()
            while it.conductor.busy:
                soiled |= {entry.key for entry in await it.ledger.drifts.dirty(1, number, "", 100)}
                await asyncio.sleep(0)
            assert soiled == {"I0004"}
            assert await it.ledger.drifts.dirty_count(1, number) == 0
            await it.ledger.tied(number, [OpenReference("I0020", "incident", "I0026", "", "")])
            assert [entry.key for entry in await it.ledger.drifts.dirty(1, number, "", 100)] == ["I0020"]

    go(work)


def test_a_wave_that_is_not_to_be_proved_says_so(tmp_path: Path) -> None:
    async def work() -> None:
        write(tmp_path, playbook=PLAYBOOK.replace("workers: 3", "workers: 3, prove: none"))
        async with night(tmp_path) as it:
            fill(it.left, bad=0)
            wave = (await it.run("pilot")).waves[0]
            assert wave.state == "awaiting_sign_off"
            assert "not compared" in wave.cause

    go(work)


def test_a_wave_proved_by_a_sample_reads_some_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.reconcile._SAMPLE", 5)

    async def work() -> None:
        write(tmp_path, playbook=PLAYBOOK.replace("workers: 3", "workers: 3, prove: sample"))
        async with night(tmp_path) as it:
            fill(it.left, bad=0)
            assert (await it.run("pilot")).waves[0].state == "awaiting_sign_off"
            number = await it.ledger.entity("incident")
            assert 0 < len(await it.ledger.drifts.dirty(1, number, "", 100)) < 15

    go(work)

"""Rolling a wave back: the target is as it was, what people edited stays, and a later run loads the wave again."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from connectors import memory
from engine.errors import Refused
from engine.rollback import Rollbacks
from engine.wire import Pause, Resume, Rollback, RollbackPreview, Run, Status
from tests.engine.memory_migration import PLAYBOOK, Night, fill, go, night, write

Export = dict[str, dict[str, Any]]


def prepared(folder: Path, n: int = 57, bad: int = 3, **options: str) -> None:
    write(folder, **options)
    fill(memory.store(f"{folder.name}-left"), n, bad=bad)


def export(store: memory.Store) -> Export:
    """Everything at a store but its stamps."""
    return {
        entity: {record.key: (dict(record.fields), record.parent) for record in store.records(entity)}
        for entity in ("issue", "comment", "link")
    }


async def rolled_back(it: Night, wave: str) -> Status:
    await Rollbacks(it.conductor, it.ledger).roll_back(Rollback(wave=wave, by="ana"))
    return await it.settled()


async def previewed(it: Night, wave: str) -> RollbackPreview:
    return await Rollbacks(it.conductor, it.ledger).preview(wave)


def fates(seen: RollbackPreview) -> dict[str, dict[str, int]]:
    return {each.entity: each.fates for each in seen.entities}


def state(status: Status, wave: str) -> tuple[str, str]:
    return next((each.state, each.cause) for each in status.waves if each.wave == wave)


def test_a_rolled_back_wave_leaves_the_target_as_it_was_before_it_and_can_be_loaded_again(tmp_path: Path) -> None:
    prepared(tmp_path)

    async def work() -> None:
        async with night(tmp_path) as it:
            it.right.put("issue", "theirs", {"title": "was there before"})
            await it.run("pilot")
            before = export(it.right)
            opened = (await it.run("rest")).waves[1].chunks_opened
            whole = export(it.right)
            status = await rolled_back(it, "rest")
            assert status.run_outcome == "done"
            assert state(status, "rest")[0] == "rolled_back"
            assert export(it.right) == before
            assert status.waves[1].buckets.synced == 0
            assert status.waves[1].chunks_opened == 0
            status = await it.run("rest")
            assert state(status, "rest")[0] == "awaiting_sign_off"
            assert status.waves[1].chunks_opened == opened > 0, "it was not read again from its beginning"
            assert [len(records) for records in export(it.right).values()] == [len(r) for r in whole.values()]
            assert set(it.copies().values()) == {1}

    go(work)


def test_rolling_back_an_earlier_wave_leaves_the_records_of_later_ones_alone_and_ties_them_again(
    tmp_path: Path,
) -> None:
    prepared(tmp_path)

    async def work() -> None:
        async with night(tmp_path) as it:
            await it.run()
            whole, links = it.right.count("issue"), it.right.count("link")
            seen = await previewed(it, "pilot")
            assert fates(seen)["incident"] == {"removed": 14, "never created": 1}
            assert fates(seen)["incident/comment"] == {"removed": 28}
            assert seen.references["rest"] > 0
            assert seen.elsewhere == {"rest": 15}
            status = await rolled_back(it, "pilot")
            assert state(status, "pilot")[0] == "rolled_back"
            assert it.right.count("issue") == whole - 14
            assert it.right.count("comment") == (whole - 14) * 2
            assert it.right.count("link") < links
            assert state(status, "rest")[0] == "awaiting_sign_off"
            number = await it.ledger.entity("incident")
            loosened = {entry.key for entry in await it.ledger.drifts.dirty(2, number, "", 100)}
            assert len(loosened) == seen.references["rest"], "what refers to a removed record is to be compared again"
            assert [wave.buckets.to_do for wave in status.waves] == [15, 0], "it is the pilot's to do, and only once"
            assert status.total.planned == 57
            status = await it.run("pilot")
            assert [wave.buckets.to_do for wave in status.waves] == [0, 0]
            assert (status.total.planned, status.total.synced) == (57, whole)
            status = await it.run("rest")
            assert status.run_outcome == "done"
            assert (it.right.count("issue"), it.right.count("link")) == (whole, links)
            assert status.waves[1].buckets.overlap == 15

    go(work)


def test_a_later_wave_that_is_run_again_takes_what_an_earlier_one_gave_back(tmp_path: Path) -> None:
    prepared(tmp_path, playbook=PLAYBOOK.replace("after: [pilot], ", ""))

    async def work() -> None:
        async with night(tmp_path) as it:
            await it.run()
            whole = it.right.count("issue")
            await rolled_back(it, "pilot")
            status = await it.run("rest")
            assert status.run_outcome == "done"
            assert it.right.count("issue") == whole
            assert status.waves[1].buckets.overlap == 0
            status = await it.run("pilot")
            assert status.run_outcome == "done"
            assert (status.waves[0].buckets.overlap, status.total.planned, status.total.to_do) == (15, 57, 0)
            assert set(it.copies().values()) == {1}

    go(work)


def test_a_record_that_a_person_edited_stays_whole_and_is_listed_with_who_did_it(tmp_path: Path) -> None:
    prepared(tmp_path, bad=0)

    async def work() -> None:
        async with night(tmp_path) as it:
            await it.run("pilot")
            edited, commented, *_ = [record.key for record in it.right.records("issue")]
            it.right.edit("issue", edited, {"title": "a better title"}, by="rosa")
            it.right.put("comment", "hers", {"body": "seen"}, parent=commented, by="rosa")
            seen = await previewed(it, "pilot")
            assert fates(seen)["incident"] == {"removed": 13, "edited": 2}
            assert {(one.target, one.by) for one in seen.edited} == {(edited, "rosa"), (commented, "rosa")}
            status = await rolled_back(it, "pilot")
            assert state(status, "pilot")[0] == "rolled_back"
            assert {record.key for record in it.right.records("issue")} == {edited, commented}
            assert it.right.get("issue", edited).fields["title"] == "a better title"
            assert it.right.count("comment") == 2 * 2 + 1
            assert (await it.buckets())["edited"] == 2
            assert {row.cause for row in await it.ledger.aside(wave="pilot")} == {
                "edited at the target by rosa after our write: a rollback left it as it is"
            }
            it.left.edit("incident", "I0000", {"short_description": "changed since"})
            await it.run("pilot")
            assert it.right.get("issue", edited).fields["title"] == "a better title", "a run wrote over it"
            assert set(it.copies().values()) == {1}

    go(work)


def test_what_does_not_carry_our_id_is_never_removed(tmp_path: Path) -> None:
    prepared(tmp_path, bad=0)

    async def work() -> None:
        async with night(tmp_path) as it:
            await it.run("pilot")
            key = it.right.records("issue")[3].key
            it.right.tables["issue"].sign(key, "somebody-elses")
            await rolled_back(it, "pilot")
            assert [record.key for record in it.right.records("issue")] == [key]
            (row,) = await it.ledger.aside(wave="pilot")
            assert "carries our id no more" in row.cause

    go(work)


def test_a_person_who_removed_a_record_before_is_no_trouble(tmp_path: Path) -> None:
    prepared(tmp_path, bad=0)

    async def work() -> None:
        async with night(tmp_path) as it:
            await it.run("pilot")
            it.right.remove("issue", it.right.records("issue")[0].key)
            assert fates(await previewed(it, "pilot"))["incident"] == {"removed": 14, "gone": 1}
            status = await rolled_back(it, "pilot")
            assert state(status, "pilot")[0] == "rolled_back"
            assert (it.right.count("issue"), it.right.count("comment")) == (0, 2), "comments of a record that was gone"

    go(work)


def test_answers_that_get_lost_and_systems_that_are_busy_change_nothing_about_the_end(tmp_path: Path) -> None:
    prepared(tmp_path, bad=0)

    async def work() -> None:
        async with night(tmp_path) as it:
            await it.run("pilot")
            it.right.faults.add("throttle", "delete", times=1, seconds=0.01)
            it.right.faults.add("drop_after", "delete", times=2)
            it.right.faults.add("unavailable", "others", times=1)
            status = await rolled_back(it, "pilot")
            assert state(status, "pilot")[0] == "rolled_back"
            assert export(it.right) == {"issue": {}, "comment": {}, "link": {}}
            assert "15 incident removed" in state(status, "pilot")[1]

    go(work)


def test_what_is_refused_once_is_tried_again_when_the_rest_is_gone(tmp_path: Path) -> None:
    prepared(tmp_path, bad=0)

    async def work() -> None:
        async with night(tmp_path) as it:
            await it.run("pilot")
            it.right.faults.add("reject", "delete", times=1, where=lambda fields: "title" in fields)
            status = await rolled_back(it, "pilot")
            assert state(status, "pilot")[0] == "rolled_back"
            assert export(it.right) == {"issue": {}, "comment": {}, "link": {}}
            assert not await it.ledger.aside(wave="pilot")

    go(work)


def test_what_the_system_refuses_to_remove_is_listed_and_needs_a_person(tmp_path: Path) -> None:
    prepared(tmp_path, bad=0)

    async def work() -> None:
        async with night(tmp_path) as it:
            await it.run("pilot")
            it.right.faults.add(
                "reject", "delete", cause="locked", where=lambda fields: fields.get("title") == "printer 4 on fire"
            )
            status = await rolled_back(it, "pilot")
            assert state(status, "pilot")[0] == "needs_human"
            assert "1 incident refused" in state(status, "pilot")[1]
            assert "cutover rollback --wave pilot" in state(status, "pilot")[1]
            (row,) = await it.ledger.aside(wave="pilot")
            assert (row.key, row.cause) == ("I0004", "could not be undone: locked")
            assert it.right.count("issue") == 1
            it.right.faults.clear()
            status = await rolled_back(it, "pilot")
            assert state(status, "pilot")[0] == "rolled_back"
            assert it.right.count("issue") == 0

    go(work)


def test_where_nothing_can_be_deleted_and_no_status_stands_for_it_all_stays_and_is_listed(tmp_path: Path) -> None:
    prepared(tmp_path, bad=0, target="{ deletes: false }")

    async def work() -> None:
        async with night(tmp_path) as it:
            await it.run("pilot")
            assert fates(await previewed(it, "pilot"))["incident"] == {"cannot be deleted": 15}
            status = await rolled_back(it, "pilot")
            assert state(status, "pilot")[0] == "rolled_back"
            assert it.right.count("issue") == 15
            assert (await it.buckets())["left"] == 15
            await it.run("pilot")
            assert (await it.buckets()) == {"synced": 15}
            assert set(it.copies().values()) == {1}

    go(work)


def test_where_nothing_can_be_deleted_the_playbook_names_the_status_that_stands_for_it(tmp_path: Path) -> None:
    playbook = PLAYBOOK.replace("    children:", "    rollback: { status: withdrawn }\n    children:")
    prepared(tmp_path, bad=0, target="{ deletes: false }", playbook=playbook)

    async def work() -> None:
        async with night(tmp_path) as it:
            await it.run("pilot")
            assert fates(await previewed(it, "pilot"))["incident"] == {"closed": 15}
            status = await rolled_back(it, "pilot")
            assert state(status, "pilot")[0] == "rolled_back"
            assert {record.fields["status"] for record in it.right.records("issue")} == {"withdrawn"}
            await it.run("pilot")
            assert {record.fields["status"] for record in it.right.records("issue")} == {"open", "doing", "done"}
            assert set(it.copies().values()) == {1}

    go(work)


def test_a_rollback_waits_while_a_hold_stands_and_goes_on_after_it(tmp_path: Path) -> None:
    prepared(tmp_path, bad=0)

    async def work() -> None:
        async with night(tmp_path) as it:
            await it.run("pilot")
            await it.conductor.pause(Pause(wave="pilot", reason="wait", by="ben"))
            await Rollbacks(it.conductor, it.ledger).roll_back(Rollback(wave="pilot", by="ana"))
            for _ in range(300):
                if it.pacing.reasons():
                    break
                await asyncio.sleep(0.01)
            assert any("wait" in reason for reason in it.pacing.reasons())
            assert it.right.count("issue") == 15
            await it.conductor.resume(Resume(wave="pilot", by="ben"))
            await it.settled()
            assert it.right.count("issue") == 0

    go(work)


def test_a_wave_that_is_half_rolled_back_is_not_run_and_one_that_is_runs_by_name_only(tmp_path: Path) -> None:
    prepared(tmp_path, bad=0)

    async def work() -> None:
        async with night(tmp_path) as it:
            with pytest.raises(Refused, match="never ran"):
                await rolled_back(it, "pilot")
            await it.run("pilot")
            it.right.denied.add("delete issue")
            status = await rolled_back(it, "pilot")
            assert state(status, "pilot")[0] == "rolling_back"
            assert "may not delete" in state(status, "pilot")[1]
            with pytest.raises(Refused, match="half rolled back"):
                await it.conductor.run(Run(waves=["pilot"], by="ana"))
            assert (await previewed(it, "pilot")).began
            it.right.denied.clear()
            status = await rolled_back(it, "pilot")
            assert state(status, "pilot")[0] == "rolled_back"
            assert it.right.count("issue") == 0
            with pytest.raises(Refused, match="comes after pilot"):
                await it.conductor.run(Run(by="ana"))
            with pytest.raises(Refused, match="rolled back already"):
                await rolled_back(it, "pilot")

    go(work)


def test_a_field_of_a_record_that_stays_is_cleared_where_it_held_one_that_goes(tmp_path: Path) -> None:
    playbook = PLAYBOOK.replace("link: Relates", "field: above")
    prepared(tmp_path, bad=0, playbook=playbook)

    async def work() -> None:
        async with night(tmp_path) as it:
            await it.run("pilot")
            before = export(it.right)
            await it.run("rest")
            assert export(it.right)["issue"] != before["issue"]
            status = await rolled_back(it, "rest")
            assert state(status, "rest")[0] == "rolled_back"
            assert export(it.right) == before
            assert status.waves[0].loose_references > 0
            await it.run("rest")
            ends = {record.key for record in it.right.records("issue")}
            assert {r.fields["above"] for r in it.right.records("issue") if "above" in r.fields} <= ends

    go(work)

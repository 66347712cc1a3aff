"""Kill -9 at every durable point of the ledger, then run again: every record once, and little of the work twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.wire import Pause, Resume, RunbookStatus, Stop, Tick
from tests.proof.night import ALL_AT_ONCE, KILLED, Night, edit, full, night, until
from tests.proof.points import durable_points
from tests.proof.truth import little_to_do_again, movable, proven, rows

# Where a run passes, and which times of many are killed at. Of what comes once, the first time is all there is.
ON_THE_WAY: dict[str, tuple[int, ...]] = {
    "meta": (1,),
    "entity": (1, 3),
    "add_wave": (1, 2),
    "approve": (1, 2),
    "keep_book": (1,),
    "start_run": (1,),
    "wave_state": (1, 2, 3, 5),
    "plan": (1, 3),
    "open_lanes": (1, 2),
    "open_chunk": (1, 5),
    "intend": (1, 2, 9),
    "written": (1, 4),
    "defects": (1, 2),
    "settle": (1, 2, 7, 12),
    "close_chunk": (1, 4),
    "advance": (1, 2),
    "tied": (1,),
    "compared": (1,),
    "overlap": (1, 2),
    "loaded": (1, 2),
    "end_run": (1,),
}
BY_COMMAND = {"hold", "lift", "note", "decide", "mark", "sign", "stale"}
AFTER_A_KILL = {"drop_intents"}
AFTER_A_DELETION = {"drop_overlaps"}
AFTER_AN_EDIT = {"changing"}
IN_A_COMPARISON = {"compare_begin", "compare_at", "compare_end", "reopen"}  # tests/proof/test_compare_kill.py
WHERE_RECORDS_ARE_THERE = {"image", "keep_key"}  # tests/proof/test_existing_kill.py
IN_A_ROLLBACK = {"undo_begin", "undo_at", "undo_intend", "undo_aside", "undo_outcome", "undo_end"}

# One night, killed again and again on its way: what each engine leaves, the next one has to make good.
COPYING = (
    "after:entity:1 before:add_wave:2 after:approve:1 before:keep_book:1 before:wave_state:1 after:plan:1 "
    "before:open_lanes:1 after:open_chunk:1 before:intend:1 after:intend:1 before:written:1 after:written:1 "
    "before:settle:2 before:close_chunk:1 after:close_chunk:1"
)
CLOSING = "after:defects:1 after:advance:1 after:loaded:1 after:overlap:1 before:tied:1"


def test_every_durable_point_of_the_ledger_is_killed_at() -> None:
    elsewhere = {*BY_COMMAND, *AFTER_A_KILL, *AFTER_A_DELETION, *AFTER_AN_EDIT, *WHERE_RECORDS_ARE_THERE}
    assert durable_points() == {*ON_THE_WAY, *elsewhere, *IN_A_COMPARISON, *IN_A_ROLLBACK}


@pytest.mark.parametrize("kills", [COPYING, CLOSING], ids=["copying", "closing"])
def test_a_night_killed_again_and_again_ends_with_every_record_once(tmp_path: Path, kills: str) -> None:
    with night(tmp_path) as it:
        defective(it)
        for crash_at in kills.split():
            killed(it, crash_at)
        proven(it, it.drive())
        hits = sum(row["priority"] == "5" for row in it.servicenow.rows("incident"))
        assert rows(it, "SELECT sum(n) FROM defects") == rows(it, "SELECT count(*) FROM defect") == [(hits,)]


@full
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(("point", "time"), [(point, time) for point, times in ON_THE_WAY.items() for time in times])
def test_a_kill_at_this_point_costs_no_record_and_makes_none_twice(
    tmp_path: Path, when: str, point: str, time: int
) -> None:
    with night(tmp_path) as it:
        defective(it)
        killed(it, f"{when}:{point}:{time}")
        proven(it, it.drive())


@full
@pytest.mark.parametrize("when", ["before", "after"])
def test_creates_whose_records_left_the_source_while_nobody_was_there_are_found_and_cleared_up(
    tmp_path: Path, when: str
) -> None:
    with night(tmp_path, waves=ALL_AT_ONCE) as it:
        killed(it, "before:written:1")
        until(lambda: it.created() > 0, "what was sent has been applied")
        orphans = {issue["fields"]["customfield_10050"] for issue in it.jira.issues()}
        for number in orphans:
            it.servicenow.write("delete", "incident", sys_id=movable(it)[number]["sys_id"])
        killed(it, f"{when}:drop_intents:1")
        status = it.drive()
        assert status is not None
        assert status.run_outcome == "done", status.waves
        assert rows(it, "SELECT count(*) FROM intent") == [(0,)]
        assert status.total.left == len(orphans), "what was created for nobody is known"
        numbers = [issue["fields"]["customfield_10050"] for issue in it.jira.issues()]
        assert len(numbers) == len(set(numbers))
        assert set(numbers) == {*movable(it), *orphans}


@full
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_record_that_two_waves_found_and_that_is_deleted_blocks_neither_through_a_kill(
    tmp_path: Path, when: str
) -> None:
    with night(tmp_path) as it:
        proven(it, it.drive())
        moved = rows(it, "SELECT key FROM overlap LIMIT 1")[0][0]
        it.servicenow.write("delete", "incident", sys_id=moved)
        killed(it, f"{when}:drop_overlaps:1", "pilot", "rest")
        status = it.drive("pilot", "rest")
        assert status is not None
        assert {wave.state for wave in status.waves} == {"awaiting_sign_off"}, status.waves
        assert status.total.left == 1
        assert moved not in {row[0] for row in rows(it, "SELECT key FROM overlap")}


@pytest.mark.parametrize("crash_at", ["before:changing:1", "after:changing:1", "before:written:1"])
def test_an_edit_that_was_cut_off_by_a_kill_and_taken_back_at_the_source_is_taken_back_at_the_target(
    tmp_path: Path, crash_at: str
) -> None:
    with night(tmp_path) as it:
        proven(it, it.drive())
        row = next(iter(movable(it).values()))
        for words in ("taken for another", row["short_description"]):
            it.servicenow.write(
                "update", "incident", sys_id=row["sys_id"], fields={"short_description": words}, user="ada"
            )
            if words != row["short_description"]:
                killed(it, crash_at, "pilot", "rest")
        proven(it, it.drive("pilot", "rest"))


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_pause_is_in_force_after_a_kill_if_it_was_durable_and_so_is_its_end(tmp_path: Path, when: str) -> None:
    durable = when == "after"
    with night(tmp_path) as it:
        engine = it.start(f"{when}:hold:1")
        it.command("/pause", Pause(reason="vendor call", by="ben"))
        assert engine.wait(10) == KILLED
        it.start(f"{when}:lift:1")
        status = it.status()
        assert status is not None
        assert [hold.reason for hold in status.holds] == (["vendor call"] if durable else [])
        if not durable:
            it.command("/pause", Pause(reason="vendor call", by="ben"))
        it.command("/resume", Resume(by="ana"))
        assert it.engine is not None
        assert it.engine.wait(10) == KILLED
        it.start(f"{when}:note:1")
        status = it.status()
        assert status is not None
        assert [hold.reason for hold in status.holds] == ([] if durable else ["vendor call"])
        it.command("/stop", Stop(by="ana"))
        assert it.engine.wait(10) == KILLED
        assert rows(it, "SELECT count(*) FROM event WHERE what = 'stop'") == [(int(durable),)]


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_tick_that_was_durable_survives_a_kill_and_another_was_never_said(tmp_path: Path, when: str) -> None:
    with night(tmp_path) as it:
        step = "{ step: notice, title: Tell everybody, owner: lead }"
        book = f"runbook: r\nphases: [{{ phase: ready, title: Ready, steps: [{step}] }}]\n"
        (it.folder / "runbook.yaml").write_text(book)
        edit(it.folder / "migration.yaml", lambda migration: migration.update(runbook="runbook.yaml"))
        engine = it.start(f"{when}:mark:1")
        it.command("/tick", Tick(step="notice", by="ana"))
        assert engine.wait(10) == KILLED
        it.start()
        there = it.ask("/runbook", RunbookStatus).phases[0].steps[0]
        assert (there.state, there.by) == (("done", "ana") if when == "after" else ("ready", ""))
        told = rows(it, "SELECT count(*) FROM event WHERE what = 'step done'")
        assert told == [(int(when == "after"),)]


def defective(it: Night) -> None:
    """The playbook knows a defect that some records have."""
    defect = {"defect": "p5", "about": "it counts as low", "when": {"priority": "5"}, "set": {"priority": "4"}}
    edit(it.folder / "playbooks" / "incidents.yaml", lambda book: book["entities"][0].update(defects=[defect]))


def killed(it: Night, crash_at: str, *waves: str) -> None:
    """Run into this kill."""
    status = it.drive(*waves, crash_at=crash_at)
    assert status is None, f"{crash_at} never came: {status.run_outcome}"
    assert it.engine is not None
    assert it.engine.returncode == KILLED, it.log[-3000:]
    little_to_do_again(it)

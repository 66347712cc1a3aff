"""Kill -9 at every durable point of a rollback, and in the middle of its calls: the target ends as it was."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from connectors.rehearsal.jira.control import perform
from engine.wire import Rollback, Status
from tests.proof.night import KILLED, Night, full, night, until
from tests.proof.test_kill import IN_A_ROLLBACK
from tests.proof.truth import nothing_lost_and_nothing_twice, rows

ROSA = "a better summary, by a person"
ON_THE_WAY: dict[str, tuple[int, ...]] = {
    "undo_begin": (1,),
    "undo_at": (1,),
    "undo_intend": (1, 2),
    "undo_aside": (1,),
    "undo_outcome": (1, 2),
    "undo_end": (1,),
}
CHAIN = (
    "after:undo_begin:1 after:undo_at:1 after:undo_intend:1 before:undo_aside:1 before:undo_outcome:1 before:undo_end:1"
)

Export = dict[str, dict[str, Any]]


def export(it: Night) -> Export:
    """Everything at the target, minus the vendor's stamps."""
    return {
        issue["id"]: {name: held for name, held in issue.items() if name != "updated"} for issue in it.jira.issues()
    }


def test_every_durable_point_of_a_rollback_is_killed_at() -> None:
    assert set(ON_THE_WAY) == IN_A_ROLLBACK


def test_a_rollback_killed_again_and_again_leaves_the_target_as_it_was_and_no_edited_record_touched(
    tmp_path: Path,
) -> None:
    with night(tmp_path) as it:
        before = loaded(it)
        edited = edit_one(it, before)
        kept = export(it)[edited]
        for crash_at in CHAIN.split():
            assert back(it, crash_at) is None, f"{crash_at} never came"
            assert it.engine is not None
            assert it.engine.returncode == KILLED, it.log[-3000:]
            assert export(it)[edited] == kept
        undone(it, back(it), before, edited, kept)
        it.drive("rest")
        assert export(it)[edited]["fields"]["summary"] == ROSA


def test_a_rollback_killed_in_the_middle_of_its_calls_goes_on_and_the_wave_loads_again(tmp_path: Path) -> None:
    with night(tmp_path) as it:
        before = loaded(it)
        whole = it.created()
        it.start()
        it.jira.latency = 0.1
        it.command("/rollback", Rollback(wave="rest", by="ana"))
        until(lambda: it.created() < whole - 2, "records go", 30, it.story)
        it.kill()
        assert it.created() > len(before), "it was over before it could be killed"
        status = back(it)
        assert status is not None
        assert export(it) == before
        assert [wave.state for wave in status.waves] == ["awaiting_sign_off", "rolled_back"]
        status = it.drive("rest")
        assert status is not None
        assert status.run_outcome == "done"
        nothing_lost_and_nothing_twice(it)


@full
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(("point", "time"), [(point, time) for point, times in ON_THE_WAY.items() for time in times])
def test_a_rollback_killed_at_this_point_ends_as_if_it_had_not_been(
    tmp_path: Path, when: str, point: str, time: int
) -> None:
    with night(tmp_path, incidents=130) as it:
        before = loaded(it)
        edited = edit_one(it, before)
        kept = export(it)[edited]
        assert back(it, f"{when}:{point}:{time}") is None
        undone(it, back(it), before, edited, kept)


@full
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("point", ["intend:1", "written:1", "settle:2", "close_chunk:1", "tied:1"])
def test_a_wave_that_was_killed_while_it_loaded_can_be_rolled_back(tmp_path: Path, when: str, point: str) -> None:
    with night(tmp_path) as it:
        status = it.drive("pilot")
        assert status is not None
        before = export(it)
        assert it.drive("rest", crash_at=f"{when}:{point}") is None
        status = back(it)
        assert status is not None, it.log[-3000:]
        assert status.waves[1].state == "rolled_back", status.waves[1].cause
        assert export(it) == before
        assert rows(it, "SELECT count(*) FROM intent") == [(0,)]


def loaded(it: Night) -> Export:
    """Both waves; the target as it was between them."""
    status = it.drive("pilot")
    assert status is not None
    before = export(it)
    status = it.drive("rest")
    assert status is not None
    assert status.run_outcome == "done", [wave.cause for wave in status.waves]
    return before


def edit_one(it: Night, before: Export) -> str:
    """A person rewrites a record of the wave `rest`, one that is tied to no other; its id."""
    issue = next(one for one in it.jira.issues() if one["id"] not in before and not one["links"])
    somebody = next(user for user in it.jira.site.catalogue.by_email if "cutover" not in user)
    perform(it.jira.site, {"op": "edit", "issue": issue["id"], "user": somebody, "fields": {"summary": ROSA}})
    return str(issue["id"])


def back(it: Night, crash_at: str = "") -> Status | None:
    """Roll the wave `rest` back, or go on with that. None when the drill killed it."""
    engine = it.start(crash_at)
    if engine.poll() is None:
        it.command("/rollback", Rollback(wave="rest", by="ana"))
    status = it.ended()
    it.end()
    return status


def undone(it: Night, status: Status | None, before: Export, edited: str, kept: dict[str, Any]) -> None:
    assert status is not None, it.log[-3000:]
    assert status.waves[1].state == "rolled_back", status.waves[1].cause
    assert export(it) == {**before, edited: kept}
    assert status.waves[1].buckets.edited == 1
    assert rows(it, "SELECT count(*) FROM rollback WHERE ended = ''") == [(0,)]
    kept_rows = rows(it, "SELECT wave, entity, bucket, n FROM tally WHERE n <> 0 AND bucket < 9 ORDER BY 1, 2, 3")
    assert kept_rows == rows(it, "SELECT wave, entity, bucket, count(*) FROM entry GROUP BY 1, 2, 3 ORDER BY 1, 2, 3")

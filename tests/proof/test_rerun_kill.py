"""Kill -9 where a re-run becomes durable: before, it was never said; after, the next run carries it to its end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from engine.wire import Rerun, RerunPreview
from tests.proof.night import KILLED, Night, edit, night
from tests.proof.truth import movable, rows


def louder(it: Night) -> None:
    """The least urgent become urgent: in the playbook, and (the source knows it) nowhere else."""

    def change(book: Any) -> None:
        book["entities"][0]["fields"]["priority"]["map"]["5"] = "Highest"

    edit(it.folder / "playbooks" / "incidents.yaml", change)


def stamps(it: Night) -> dict[str, str]:
    return {issue["id"]: issue["updated"] for issue in it.jira.issues()}


def test_a_rerun_killed_where_it_becomes_durable_was_never_said_or_is_carried_to_its_end(tmp_path: Path) -> None:
    with night(tmp_path, incidents=40) as it:
        it.drive("pilot")
        louder(it)
        before = stamps(it)
        it.start("before:stale:1")
        seen = it.ask("/rerun?wave=pilot", RerunPreview)
        assert [(one.field, one.records) for one in seen.fields] == [("priority", seen.changed)]
        assert 0 < seen.changed < seen.records
        killed(it)
        assert rows(it, "SELECT state FROM wave WHERE name = 'pilot'") == [("awaiting_sign_off",)]
        assert rows(it, "SELECT count(*) FROM entry WHERE bucket = 2") == [(0,)], "nobody had said that"
        it.start("after:stale:1")
        killed(it)
        assert rows(it, "SELECT state FROM wave WHERE name = 'pilot'") == [("approved",)]
        assert rows(it, "SELECT count(*) FROM event WHERE what = 'rerun'") == [(1,)]
        assert it.drive("pilot", crash_at="after:written:1") is None
        status = it.drive("pilot")
        assert status is not None
        assert status.waves[0].state == "awaiting_sign_off", status.waves[0].cause
        after = stamps(it)
        assert sum(after[issue] != stamp for issue, stamp in before.items()) == seen.changed, "only what changes"
        lowest = {row["number"] for row in it.servicenow.rows("incident") if row["priority"] == "5"}
        found = {issue["fields"]["customfield_10050"]: issue for issue in it.jira.issues()}
        assert set(found) == {number for number, row in movable(it).items() if row["priority"] in "45"}
        assert len(found) == len(before), "nothing is there twice"
        assert len({str(found[number]["fields"]["priority"]) for number in lowest}) == 1
        assert {str(one["fields"]["priority"]) for number, one in found.items() if number not in lowest}.isdisjoint(
            str(found[number]["fields"]["priority"]) for number in lowest
        )


def killed(it: Night) -> None:
    assert it.command("/rerun", Rerun(wave="pilot", by="ana")) is None, "it lived"
    assert it.engine is not None
    assert it.engine.wait(10) == KILLED

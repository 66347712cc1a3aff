"""Records that Jira had before: kill -9 around the image and the update, and every issue ends as it should."""

from __future__ import annotations

from pathlib import Path

import pytest

from connectors.rehearsal.jira import JiraDouble
from connectors.rehearsal.jira.control import perform
from connectors.rehearsal.servicenow import ServiceNowDouble
from engine.wire import Rollback, Status
from tests.proof.night import KILLED, Night, edit, full, night
from tests.proof.test_kill import WHERE_RECORDS_ARE_THERE
from tests.proof.test_nothing_at_rest import forms
from tests.proof.test_rollback_kill import Export, export
from tests.proof.truth import rows

NEEDLE = "zzwrittenover"
ON_THE_WAY = {"keep_key": (1,), "image": (1, 2)}
WAVES = [{"wave": "all", "filters": {"incident": ""}, "chunk": 10, "workers": 2}]


def test_every_durable_point_of_an_image_is_killed_at() -> None:
    assert set(ON_THE_WAY) == WHERE_RECORDS_ARE_THERE


def somebodys(servicenow: ServiceNowDouble, jira: JiraDouble) -> None:
    """Every third incident has an issue that a person made, with values of its own in all that will be written over."""
    someone = next(user for user in jira.site.catalogue.by_email if "cutover" not in user)
    for n, row in enumerate(servicenow.rows("incident")):
        if n % 3:
            continue
        fields = {
            "project": {"key": "INFRA" if row["category"] in ("network", "hardware") else "DESK"},
            "issuetype": {"name": "Incident" if row["severity"] in ("1", "2") else "Task"},
            "summary": f"{NEEDLE} {n}",
            "customfield_10050": row["number"],
            "labels": [NEEDLE],
            "priority": {"name": "Low"},
        }
        issue = perform(jira.site, {"op": "create", "user": someone, "fields": fields})["id"]
        perform(jira.site, {"op": "comment", "user": someone, "issue": issue, "body": f"{NEEDLE} said"})
        if n % 2:
            perform(jira.site, {"op": "status", "user": someone, "issue": issue, "to": "In Progress"})


def updating(it: Night) -> None:
    rule = {"match": "Source number", "by": "number"}
    edit(it.folder / "playbooks" / "incidents.yaml", lambda book: book["entities"][0].update(existing=rule))


def back(it: Night, crash_at: str = "") -> Status | None:
    """Roll the wave back, or go on with that. None when the drill killed it."""
    engine = it.start(crash_at)
    if engine.poll() is None:
        it.command("/rollback", Rollback(wave="all", by="ana"))
    status = it.ended()
    it.end()
    return status


def killed(it: Night, status: Status | None) -> None:
    assert status is None
    assert it.engine is not None
    assert it.engine.returncode == KILLED, it.log[-3000:]


def updated(it: Night, before: Export, status: Status | None) -> None:
    """Each incident has one issue, and those that were there are it."""
    assert status is not None, it.log[-3000:]
    assert status.run_outcome == "done", status.waves[0].cause
    assert rows(it, "SELECT count(*) FROM image") == [(len(before),)]
    numbers = [issue["fields"]["customfield_10050"] for issue in it.jira.issues()]
    assert len(numbers) == len(set(numbers)), "a second issue was made beside one that was there"
    held = dict(rows(it, "SELECT key, target FROM entry WHERE bucket = 1"))
    assert len(set(held.values()) & set(before)) >= len(before) // 2, rows(it, "SELECT text FROM cause")
    there = export(it)
    assert all(NEEDLE not in str(there[id]["fields"]["summary"]) for id in set(held.values()) & set(before))


def needles(it: Night) -> list[str]:
    """Files of the folder that hold what was written over, in whatever form."""
    files = [path for path in it.folder.rglob("*") if path.is_file() and not path.is_socket()]
    return [f"{path.name}: {form!r}" for path in files for form in forms(NEEDLE) if form in path.read_bytes().lower()]


def test_issues_that_were_there_are_updated_and_put_back_through_kills_at_every_step(tmp_path: Path) -> None:
    with night(tmp_path, 16, waves=WAVES, before=somebodys) as it:
        updating(it)
        before = export(it)
        for crash_at in ("before:image:1", "after:image:1"):
            killed(it, it.drive(crash_at=crash_at))
            assert {id: export(it)[id] for id in before} == before, "written over before its image was durable"
        updated(it, before, it.drive())
        assert needles(it) == []
        killed(it, back(it, "before:undo_outcome:1"))
        status = back(it)
        assert status is not None
        assert status.waves[0].state == "rolled_back", status.waves[0].cause
        assert export(it) == before
        assert needles(it) == []


@full
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("point", ["keep_key:1", "image:1", "image:2", "written:1", "settle:1", "tied:1"])
def test_a_wave_that_updates_and_is_killed_here_goes_on_and_can_be_undone(
    tmp_path: Path, when: str, point: str
) -> None:
    with night(tmp_path, 60, waves=WAVES, before=somebodys) as it:
        updating(it)
        before = export(it)
        killed(it, it.drive(crash_at=f"{when}:{point}"))
        if point.startswith("settle"):
            updated(it, before, it.drive())
        status = back(it)
        assert status is not None
        assert status.waves[0].state == "rolled_back", status.waves[0].cause
        assert export(it) == before

"""What must hold at the end of any night, asked at the systems themselves and read in the ledger's file."""

from __future__ import annotations

import hashlib
import sqlite3
from collections import Counter
from contextlib import closing
from typing import Any

from engine.wire import Status
from tests.proof.night import CHUNK, WORKERS, Night

PRIORITIES = {"1", "2", "3", "4", "5"}


def proven(night: Night, status: Status | None) -> None:
    """I1 nothing lost, I2 nothing twice, I4 the ledger sums; every wave loaded and nothing left for a person."""
    assert status is not None, f"the engine died\n{night.log[-3000:]}"
    assert status.run_outcome == "done", [(wave.wave, wave.state, wave.cause) for wave in status.waves]
    assert {wave.state for wave in status.waves} == {"awaiting_sign_off"}
    nothing_lost_and_nothing_twice(night)
    the_ledger_sums(night, status)


def movable(night: Night) -> dict[str, dict[str, str]]:
    """Incidents that the playbook does not set aside, by number."""
    return {row["number"]: row for row in night.servicenow.rows("incident") if row["priority"] in PRIORITIES}


def nothing_lost_and_nothing_twice(night: Night) -> None:
    wanted = movable(night)
    issues = night.jira.issues()
    numbers = Counter(issue["fields"].get("customfield_10050") for issue in issues)
    assert {number for number, n in numbers.items() if n > 1} == set(), "records that are there twice"
    assert set(numbers) == set(wanted), "records lost, or there without reason"
    assert _twice(issue["properties"]["cutover"]["x"] for issue in issues) == set(), "external ids that are there twice"
    by_number = {issue["fields"]["customfield_10050"]: issue for issue in issues}
    for number, incident in wanted.items():
        assert by_number[number]["fields"]["summary"] == incident["short_description"]
    _comments(night, wanted, by_number)
    _attachments(night, wanted, by_number)
    _links(night, wanted, by_number)


def _comments(night: Night, wanted: dict[str, dict[str, str]], issues: dict[str, Any]) -> None:
    entries = Counter(row["element_id"] for row in night.servicenow.rows("sys_journal_field"))
    found = [one for issue in issues.values() for one in issue["comments"]]
    assert _twice(one["properties"]["cutover"]["x"] for one in found) == set(), "comments that are there twice"
    for number, incident in wanted.items():
        assert len(issues[number]["comments"]) == entries[incident["sys_id"]], f"comments of {number}"


def _attachments(night: Night, wanted: dict[str, dict[str, str]], issues: dict[str, Any]) -> None:
    files: dict[str, Counter[str]] = {}
    for row in night.servicenow.rows("sys_attachment"):
        digest = hashlib.sha256(night.servicenow.content(row["sys_id"])).hexdigest()
        files.setdefault(row["table_sys_id"], Counter())[digest] += 1
    for number, incident in wanted.items():
        found = Counter(one["sha256"] for one in issues[number]["attachments"])
        assert found == files.get(incident["sys_id"], Counter()), f"attachments of {number}"


def _links(night: Night, wanted: dict[str, dict[str, str]], issues: dict[str, Any]) -> None:
    by_key = {incident["sys_id"]: issues[number]["id"] for number, incident in wanted.items()}
    pairs = {
        frozenset((issues[number]["id"], by_key[incident["parent_incident"]]))
        for number, incident in wanted.items()
        if incident["parent_incident"] in by_key
    }
    links = {
        one["id"]: (one["type"], one["inward"], one["outward"]) for issue in issues.values() for one in issue["links"]
    }
    assert _twice(links.values()) == set(), "links that are there twice"
    assert {frozenset(ends) for _, *ends in links.values()} == pairs


def the_ledger_sums(night: Night, status: Status) -> None:
    """As /status has it, and as the file has it."""
    for wave in status.waves:
        buckets = wave.buckets
        total = buckets.synced + buckets.quarantined + buckets.excluded + buckets.overlap
        assert (buckets.planned, buckets.to_do, buckets.in_flight, buckets.in_doubt) == (total, 0, 0, 0), wave
    assert status.total.planned == len(night.servicenow.rows("incident"))
    assert status.total.synced == len(movable(night))
    assert rows(night, "SELECT count(*) FROM intent") == [(0,)]
    assert rows(night, "SELECT count(*) FROM chunk WHERE done = 0") == [(0,)]
    assert rows(night, "SELECT count(*) FROM entry WHERE bucket IN (2, 3)") == [(0,)]
    kept = rows(night, "SELECT wave, entity, bucket, n FROM tally WHERE n <> 0 AND bucket < 9 ORDER BY 1, 2, 3")
    assert kept == rows(night, "SELECT wave, entity, bucket, count(*) FROM entry GROUP BY 1, 2, 3 ORDER BY 1, 2, 3")


def little_to_do_again(night: Night) -> None:
    """I5, right after a kill: what the ledger does not know to be finished is at most a chunk for each worker."""
    incident = "(SELECT id FROM entity WHERE name = 'incident')"
    finished = {
        target
        for (target,) in rows(night, f"SELECT target FROM entry WHERE entity = {incident} AND bucket = 1")  # noqa: S608
    }
    open_ones = [issue for issue in night.jira.issues() if issue["id"] not in finished]
    assert len(open_ones) <= CHUNK * WORKERS


def rows(night: Night, sql: str) -> list[tuple[Any, ...]]:
    """Straight from the file, past the engine."""
    with closing(sqlite3.connect(f"file:{night.ledger}?mode=ro", uri=True)) as ledger:
        return ledger.execute(sql).fetchall()


def _twice(values: Any) -> set[Any]:
    return {value for value, n in Counter(values).items() if n > 1}

"""Records that a person leaves out of the move: they stay out, they are counted, and they may come back."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from cockpit.client import NoEngine
from connectors import memory
from engine.errors import Refused
from engine.model import Bucket
from engine.stories import quarantine
from engine.wire import Buckets, Events, Exclude, Receipt, Repair, Retry, Run, Status
from tests.bench.engine_process import engine
from tests.cockpit.desk import desk, plain, until
from tests.engine.comparing_night import compared, comparing, corrupt, drift, repairs
from tests.engine.memory_migration import Night, fill, go, night, write

CAUSE = "priority: value not in the map"


def prepared(folder: Path, *, n: int = 57, bad: int = 3, target: str = "{}") -> None:
    for side in ("left", "right"):
        memory.forget(f"{folder.name}-{side}")
    fill(memory.store(f"{folder.name}-left"), n, bad=bad)
    write(folder, target=target)


def test_what_is_excluded_is_in_the_sum_and_no_run_takes_it_up_even_when_it_changes(tmp_path: Path) -> None:
    prepared(tmp_path)

    async def work() -> None:
        async with night(tmp_path) as it:
            await it.run()
            receipt = await it.conductor.exclude(Exclude(cause=CAUSE, reason="test data", by="ana"))
            assert (receipt.durable, receipt.effective) == (True, True)
            assert receipt.message.startswith("3 records excluded.")
            closed(await it.snapshots.take(), excluded=3)
            it.left.edit("incident", "I0001", {"priority": "1"})
            it.left.edit("incident", "I0004", {"short_description": "printer 4 again"})
            status = await it.run("pilot", "rest")
            assert {wave.state for wave in status.waves} == {"awaiting_sign_off"}
            closed(status, excluded=3)
            assert it.right.count("issue") == 54

    go(work)


def test_an_excluded_comment_that_changes_does_not_keep_its_record_from_being_compared(tmp_path: Path) -> None:
    async def work() -> None:
        write(tmp_path, target="{ creates: strong }")
        async with night(tmp_path) as it:
            fill(it.left, bad=0)
            it.right.faults.add(
                "reject", "create", times=1, where=lambda fields: fields.get("body") == "called 40 times"
            )
            await it.run("pilot")
            await it.conductor.exclude(Exclude(keys=["C0040"], reason="test data", by="ana"))
            it.left.edit("comment", "C0040", {"text": "called again"})
            await corrupt(it, "a record is dropped", "I0040")
            await compared(it, comparing(it), full=True)
            await repairs(it).repair(Repair(wave="pilot", by="ana"))
            status = await it.settled()
            assert (status.waves[0].state, status.waves[0].cause) == ("awaiting_sign_off", "")
            assert await drift(it) == []

    go(work)


def test_the_reason_is_its_cause_and_the_audit_trail_knows_who_and_why(tmp_path: Path) -> None:
    prepared(tmp_path)

    async def work() -> None:
        async with night(tmp_path) as it:
            await it.run()
            await it.conductor.exclude(Exclude(keys=["I0001"], reason=" test data ", by="ana"))
            rows = {row.key: row for row in await it.ledger.aside()}
            assert (rows["I0001"].bucket, rows["I0001"].cause) == (Bucket.EXCLUDED, "test data")
            assert rows["I0002"].bucket is Bucket.QUARANTINED
            (event,) = [event for event in await it.ledger.events(limit=999) if event[3] == "exclude"]
            assert event[2] == "ana" and event[5] == f"1 record: test data (set aside for {CAUSE})"

    go(work)


def test_only_a_retry_by_name_brings_it_back(tmp_path: Path) -> None:
    prepared(tmp_path)

    async def work() -> None:
        async with night(tmp_path) as it:
            await it.run()
            await it.conductor.exclude(Exclude(cause=CAUSE, reason="test data", by="ana"))
            with pytest.raises(Refused, match="No quarantined record fits"):
                await it.conductor.retry(Retry(by="ana"))
            mend(it)
            await it.conductor.retry(Retry(keys=["I0001"], by="ben"))
            closed(await it.settled(), excluded=2)
            await it.conductor.retry(Retry(cause="test data", by="ben"))
            closed(await it.settled(), excluded=0)
            said = [(event[2], event[3]) for event in await it.ledger.events(limit=999)]
            assert said.count(("ben", "take back")) >= 2

    go(work)


def test_a_running_wave_keeps_its_records_and_another_wave_may_lose_its_own(tmp_path: Path) -> None:
    prepared(tmp_path, target="{ latency: 0.05 }")

    async def work() -> None:
        async with night(tmp_path) as it:
            await it.run("pilot")
            await it.conductor.run(Run(waves=["rest"], by="ana"))
            while (await it.buckets()).get("quarantined", 0) < 3:
                await asyncio.sleep(0.01)
            with pytest.raises(Refused, match="rest is running"):
                await it.conductor.exclude(Exclude(cause=CAUSE, reason="test data", by="ana"))
            assert (await it.buckets()).get("excluded", 0) == 0, "nothing is done when some of it is refused"
            await it.conductor.exclude(Exclude(wave="pilot", reason="test data", by="ana"))
            closed(await it.settled(), excluded=1, quarantined=2)

    go(work)


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (Exclude(cause=CAUSE, records=2, reason="test data", by="ana"), "Now it would be 3 records, not 2"),
        (Exclude(cause=CAUSE, reason="  ", by="ana"), "Say why"),
        (Exclude(reason="test data", by="ana"), "Say which"),
        (Exclude(keys=["I0050"], reason="test data", by="ana"), "No quarantined record fits"),
        (Exclude(wave="pilto", reason="test data", by="ana"), "Did you mean pilot"),
    ],
)
def test_a_command_that_names_nothing_or_says_no_reason_is_refused(
    tmp_path: Path, command: Exclude, words: str
) -> None:
    prepared(tmp_path)

    async def work() -> None:
        async with night(tmp_path) as it:
            await it.run()
            with pytest.raises(Refused, match=words):
                await it.conductor.exclude(command)
            assert await it.buckets() == {"synced": 54, "quarantined": 3}

    go(work)


def test_what_exists_at_the_target_stays_there_as_it_is(tmp_path: Path) -> None:
    prepared(tmp_path, bad=0)

    async def work() -> None:
        async with night(tmp_path) as it:
            await it.run()
            it.left.edit("incident", "I0004", {"short_description": "new words"})
            it.right.faults.add("reject", "update", times=None, cause="no", where=lambda f: f["title"] == "new words")
            await it.run("pilot", "rest")
            (row,) = await it.ledger.aside()
            assert row.target
            receipt = await it.conductor.exclude(Exclude(keys=[row.key], reason="done by hand", by="ana"))
            assert "At the target already: 1;" in receipt.message
            status = await it.run("pilot", "rest")
            closed(status, excluded=1)
            assert it.right.count("issue") == 57

    go(work)


def test_a_story_names_the_rule_that_is_concerned_and_its_line(tmp_path: Path) -> None:
    prepared(tmp_path)

    async def work() -> None:
        async with night(tmp_path) as it:
            await it.run()
            story = await quarantine(it.conductor.assembly, it.ledger, keys=["I0001"])
            (record,) = story.records
            assert record.field == "priority" and record.rule.startswith("priority")
            line = int(record.where.split(":")[-2])
            assert "priority:" in (tmp_path / "book.yaml").read_text().splitlines()[line - 1]
            await it.conductor.exclude(Exclude(keys=["I0001"], reason="test data", by="ana"))
            (record,) = (await quarantine(it.conductor.assembly, it.ledger, keys=["I0001"])).records
            assert (record.bucket, record.rule, record.where) == ("excluded", "", "")

    go(work)


@pytest.mark.parametrize(("when", "excluded"), [("before", 0), ("after", 2)])
def test_a_kill_at_its_durable_point_leaves_all_of_it_or_nothing(tmp_path: Path, when: str, excluded: int) -> None:
    rows = plain(6)
    for row in rows[:2]:
        row["priority"] = "P5"
    with desk(tmp_path, rows) as it:
        with engine(tmp_path, env={"CUTOVER_CRASH_AT": f"{when}:decide:1"}) as process:
            process.wait_until_up()
            it.client.post("/run", Receipt, Run(by="ana"))
            until(lambda: (status := it.status()) is not None and status.run_outcome == "done", "the run is done")
            with pytest.raises(NoEngine):
                it.client.post("/exclude", Receipt, Exclude(cause=CAUSE, reason="test data", by="ana"))
        with engine(tmp_path) as process:
            process.wait_until_up()
            total = it.client.get("/status", Status).total
            assert (total.excluded, total.quarantined, total.planned) == (excluded, 2 - excluded, 6)
            said = [event.what for event in it.client.get("/events", Events).events]
            assert ("exclude" in said) == bool(excluded), "the audit trail knows what was done, and nothing else"


def mend(it: Night) -> None:
    """At the source: every priority is one that the map has."""
    for key in ("I0000", "I0001", "I0002"):
        it.left.edit("incident", key, {"priority": "1"})


def closed(status: Status, *, excluded: int, quarantined: int = 0) -> None:
    """The ledger's sum is the source's count."""
    for buckets in (status.total, *(wave.buckets for wave in status.waves)):
        assert buckets.planned == sum(
            n for name, n in buckets.model_dump().items() if name not in ("planned", "left")
        ), buckets
    synced = 57 - excluded - quarantined
    assert status.total == Buckets(planned=57, synced=synced, excluded=excluded, quarantined=quarantined)

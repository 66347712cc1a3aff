"""Nights that once went wrong: duplicates, records called synced that were not, waves that never ended."""

import asyncio
from pathlib import Path

import pytest

from connectors import memory
from connectors.kit.contract import Answer
from engine.clock import Clock
from engine.database import Database
from engine.errors import EngineError, Refused
from engine.pacing import Pacing
from engine.wire import Resolve, Retry, Run
from tests.engine.memory_migration import PLAYBOOK, fill, go, night, write

PLAIN = """
playbook: incidents
entities:
  - entity: incident
    source: { system: left, entity: incident }
    target: { system: right, entity: issue }
    fields: { title: short_description }
waves:
  - { wave: pilot, filters: { incident: "region = EMEA" }, chunk: 10, workers: 3 }
  - { wave: rest, after: [pilot], filters: { incident: "" }, chunk: 10, workers: 3 }
"""


def prepared(folder: Path, n: int = 57, bad: int = 0, **options: str) -> None:
    write(folder, **options)
    fill(memory.store(f"{folder.name}-left"), n, bad=bad)


def titles(it):
    return {i.fields["title"] for i in it.right.records("issue")}


def test_a_lookup_that_fails_once_makes_no_duplicate(tmp_path, monkeypatch):
    monkeypatch.setattr("engine.patience._FIRST_WAIT", 0.001)
    prepared(tmp_path, target="{ creates: strong, bulk: 5 }")

    async def work():
        async with night(tmp_path) as it:
            it.right.faults.add("drop_after", "create", times=1)
            it.right.faults.add("unavailable", "find", times=1)
            await it.run()
            assert set(it.copies().values()) == {1}

    go(work)


def test_an_update_refused_once_arrives_after_retry(tmp_path):
    prepared(tmp_path)

    async def work():
        async with night(tmp_path) as it:
            await it.run("pilot")
            it.left.edit("incident", "I0000", {"short_description": "new words"})
            it.right.faults.add(
                "reject", "update", times=None, cause="no", where=lambda f: f.get("title") == "new words"
            )
            await it.run("pilot")
            assert (await it.buckets())["quarantined"] == 1
            it.right.faults.clear()
            await it.conductor.retry(Retry(by="ana"))
            await it.settled()
            assert (await it.buckets()) == {"synced": 15}
            assert "new words" in titles(it), "synced, and never written"

    go(work)


def test_an_update_the_mapping_refused_arrives_after_the_playbook_is_mended(tmp_path):
    prepared(tmp_path)

    async def work():
        async with night(tmp_path) as it:
            await it.run("pilot")
            it.left.edit("incident", "I0000", {"short_description": "new words", "priority": "P5"})
            await it.run("pilot")
            assert (await it.buckets())["quarantined"] == 1
            (tmp_path / "book.yaml").write_text(PLAYBOOK.replace('"5": low }', '"5": low, P5: low }'))
            await it.conductor.retry(Retry(by="ana"))
            await it.settled()
            assert (await it.buckets()) == {"synced": 15}
            assert "new words" in titles(it), "synced, and never written"

    go(work)


def test_a_record_in_doubt_is_not_sent_again_because_it_changed(tmp_path):
    prepared(tmp_path, n=20, target="{ creates: none, bulk: 1 }")

    async def work():
        async with night(tmp_path) as it:
            it.right.faults.add("drop_after", "create", times=1)
            status = await it.run("pilot")
            assert status.waves[0].state == "needs_human"
            rows = [r for r in await it.ledger.aside() if r.entity == "incident"]
            assert rows
            for row in rows:
                it.left.edit("incident", row.key, {"short_description": "changed meanwhile"})
            await it.run("pilot")
            assert set(it.copies().values()) == {1}, "resent blindly"

    go(work)


def test_two_runs_asked_for_at_once_are_one(tmp_path):
    prepared(tmp_path, target="{ creates: strong, latency: 0.01 }")

    async def work():
        async with night(tmp_path) as it:
            answers = await asyncio.gather(
                it.conductor.run(Run(by="ana")), it.conductor.run(Run(by="ben")), return_exceptions=True
            )
            await it.settled()
            await asyncio.sleep(0.5)
            await it.settled()
            assert set(it.copies().values()) == {1}, "duplicates"
            assert sum(isinstance(a, Refused) for a in answers) == 1

    go(work)


def test_a_record_that_two_waves_found_and_that_is_deleted_blocks_no_wave(tmp_path):
    prepared(tmp_path)

    async def work():
        async with night(tmp_path) as it:
            await it.run()
            it.left.remove("incident", "I0004")  # moved by pilot, overlap of rest
            status = await it.run("pilot", "rest")
            assert [w.state for w in status.waves] == ["awaiting_sign_off"] * 2, status.waves[1].cause

    go(work)


def test_a_record_that_moves_to_the_scope_of_a_later_wave_is_kept_up_to_date(tmp_path):
    prepared(tmp_path)

    async def work():
        async with night(tmp_path) as it:
            await it.run("pilot")
            it.left.edit("incident", "I0004", {"region": "APAC", "short_description": "moved to APAC"})
            await it.run("pilot")
            status = await it.run("rest")
            assert status.run_outcome == "done"
            assert "moved to APAC" in titles(it), "in scope of rest, loaded, and stale"

    go(work)


def test_a_resolved_record_without_status_or_children_gets_finished(tmp_path):
    write(tmp_path, target="{ creates: none, bulk: 1 }", playbook=PLAIN)
    fill(memory.store(f"{tmp_path.name}-left"), 20, bad=0)

    async def work():
        async with night(tmp_path) as it:
            it.right.faults.add("drop_after", "create", times=1)
            await it.run("pilot")
            (row,) = await it.ledger.aside()
            title = it.left.get("incident", row.key).fields["short_description"]
            target = next(i.key for i in it.right.records("issue") if i.fields["title"] == title)
            await it.conductor.resolve(Resolve(key=row.key, target=target, by="ana"))
            status = await it.run("pilot")
            assert status.waves[0].state == "awaiting_sign_off", status.waves[0].cause

    go(work)


def test_a_resolved_record_keeps_its_links(tmp_path):
    prepared(tmp_path, n=20, target="{ creates: none, bulk: 1 }")

    async def work():
        async with night(tmp_path) as it:
            it.right.faults.add("drop_after", "create", times=1, where=lambda f: f.get("title") == "printer 5 on fire")
            await it.run()
            rows = [r for r in await it.ledger.aside() if r.bucket == 3]
            assert [r.key for r in rows] == ["I0005"]
            title = "printer 5 on fire"
            target = next(i.key for i in it.right.records("issue") if i.fields["title"] == title)
            await it.conductor.resolve(Resolve(key="I0005", target=target, by="ana"))
            status = await it.run()
            assert status.run_outcome == "done", status
            assert any(link.fields["from"] == target for link in it.right.records("link")), "its link was never made"

    go(work)


def test_a_comment_added_without_a_change_of_its_parent_arrives(tmp_path):
    prepared(tmp_path)

    async def work():
        async with night(tmp_path) as it:
            await it.run()
            it.left.put("comment", "C9999", {"text": "late"}, parent="I0001")
            status = await it.run("pilot", "rest")
            assert status.run_outcome == "done"
            assert "late" in {c.fields["body"] for c in it.right.records("comment")}

    go(work)


def test_a_link_refused_in_a_later_wave_can_be_retried(tmp_path):
    prepared(tmp_path)

    async def work():
        async with night(tmp_path) as it:
            await it.run("pilot")  # I0020 -> I0026 (140 % 57), which moves with rest
            it.right.faults.add(
                "reject", "create", times=None, cause="no such link", where=lambda f: f.get("type") == "Relates"
            )
            await it.run("rest")
            rows = await it.ledger.aside()
            by_key = {r.key: r for r in rows}
            waves = {w.id: n for n, w in (await it.ledger.waves()).items()}
            number = await it.ledger.entity("incident")
            known = await it.ledger.known(number, list(by_key))
            wrong = [k for k, r in by_key.items() if waves[known[k].wave] != r.wave]
            it.right.faults.clear()
            await it.conductor.retry(Retry(by="ana"))
            await it.settled()
            left = await it.ledger.aside()
            assert not left, f"{len(left)} stay quarantined for ever; aside and entry disagree on the wave of {wrong}"

    go(work)


def test_throttling_costs_no_attempt(tmp_path, monkeypatch):
    monkeypatch.setattr("engine.patience._FIRST_WAIT", 0.001)
    prepared(tmp_path)

    async def work():
        async with night(tmp_path) as it:
            it.right.faults.add("throttle", "create", times=30, seconds=0.001)
            await it.conductor.run(Run(waves=["pilot"], by="ana"))
            for _ in range(400):
                if not it.conductor.busy or await it.ledger.holds():
                    break
                await asyncio.sleep(0.01)
            assert not await it.ledger.holds(), "a rate limit put a hand on the brake"

    go(work)


def test_a_lost_answer_to_a_link_makes_no_second_one(tmp_path, monkeypatch):
    monkeypatch.setattr("engine.patience._FIRST_WAIT", 0.001)
    prepared(tmp_path, target="{ creates: strong, bulk: 50 }")

    async def work():
        async with night(tmp_path) as it:
            it.right.faults.add("drop_after", "create", times=1, where=lambda f: f.get("type") == "Relates")
            await it.run()
            assert set(it.copies("link").values()) == {1}

    go(work)


def test_a_field_reference_ends_as_the_source_has_it(tmp_path):
    book = PLAIN.replace(
        "fields: { title: short_description }\n",
        "fields: { title: short_description }\n    references: [{ from: parent, to: incident, field: parent_id }]\n",
    )
    write(tmp_path, playbook=book)
    left = memory.store(f"{tmp_path.name}-left")
    for key in ("A", "B", "X"):
        left.put("incident", key, {"short_description": key, "region": "EMEA", "parent": "A" if key == "X" else ""})

    async def work():
        async with night(tmp_path) as it:
            await it.run("pilot")
            it.left.edit("incident", "X", {"parent": "B"})
            await it.run("pilot")
            it.left.edit("incident", "X", {"parent": "A"})
            await it.run("pilot")
            by = {i.fields["title"]: i for i in it.right.records("issue")}
            assert by["X"].fields["parent_id"] == by["A"].key, "the target keeps an older value"

    go(work)


def test_a_reference_to_an_entity_of_a_later_wave_is_tied_by_that_wave(tmp_path):
    book = """
playbook: both
entities:
  - entity: incident
    source: { system: left, entity: incident }
    target: { system: right, entity: issue }
    fields: { title: short_description }
    references:
      - { from: problem, to: problem, link: Relates }
  - entity: problem
    source: { system: left, entity: problem }
    target: { system: right, entity: issue }
    fields: { title: short_description }
waves:
  - { wave: pilot, filters: { incident: "" }, chunk: 10, workers: 3 }
  - { wave: rest, after: [pilot], filters: { problem: "" }, chunk: 10, workers: 3 }
"""
    write(tmp_path, playbook=book)
    left = memory.store(f"{tmp_path.name}-left")
    left.put("problem", "P1", {"short_description": "problem"})
    left.put("incident", "I1", {"short_description": "incident", "problem": "P1"})

    async def work():
        async with night(tmp_path) as it:
            status = await it.run()
            assert status.run_outcome == "done"
            assert it.right.count("link") == 1

    go(work)


def test_a_quarantined_record_whose_create_was_lost_is_not_created_twice(tmp_path):
    prepared(tmp_path, n=8, target="{ creates: strong, bulk: 50, latency: 0.05 }")

    async def work():
        async with night(tmp_path) as it:
            it.right.faults.add("drop_after", "create", times=1)
            it.right.faults.add("unavailable", "find", times=None)
            await it.conductor.run(Run(waves=["pilot"], by="ana"))
            while not it.right.count("issue"):
                await asyncio.sleep(0.01)
        it.right.faults.clear()
        it.left.edit("incident", "I0000", {"priority": "P5"})
        async with night(tmp_path) as it:  # died while in doubt; the record changed into one that no rule takes
            await it.run("pilot")
            assert (await it.buckets()) == {"synced": 1, "quarantined": 1}
            (tmp_path / "book.yaml").write_text(PLAYBOOK.replace('"5": low }', '"5": low, P5: low }'))
            await it.conductor.retry(Retry(by="ana"))
            await it.settled()
            assert set(it.copies().values()) == {1}

    go(work)


def test_a_record_that_another_wave_sent_without_an_answer_is_looked_for_when_it_has_come_here(tmp_path):
    book = PLAIN.replace("after: [pilot], ", "")
    prepared(tmp_path, n=8, target="{ creates: strong, bulk: 50, latency: 0.05 }", playbook=book)

    async def work():
        async with night(tmp_path) as it:
            it.right.faults.add("drop_after", "create", times=1)
            it.right.faults.add("unavailable", "find", times=None)
            await it.conductor.run(Run(waves=["rest"], by="ana"))
            while not it.right.count("issue"):
                await asyncio.sleep(0.01)
        it.right.faults.clear()
        for record in it.left.records("incident"):
            it.left.edit("incident", record.key, {"region": "EMEA"})
        async with night(tmp_path) as it:
            status = await it.run("pilot")
            assert status.run_outcome == "done"
            assert set(it.copies().values()) == {1}
            status = await it.run("rest")
            assert (status.run_outcome, status.total.planned, status.total.synced) == ("done", 8, 8)
            assert set(it.copies().values()) == {1}

    go(work)


def test_a_create_cut_off_by_another_worker_waits_for_late_commits_in_the_same_engine(tmp_path):
    prepared(tmp_path, n=40, target="{ creates: strong, bulk: 50, late_commit: 0.8 }")

    async def work():
        async with night(tmp_path) as it:
            await asyncio.sleep(1.0)  # the engine is older than any late commit
            it.right.faults.add("late", "create", times=1, seconds=0.5)
            await it.conductor.run(Run(waves=["pilot"], by="ana"))
            while it.right.calls["create"] < 1:
                await asyncio.sleep(0.001)
            it.right.denied.add("create issue")  # another worker meets a lasting fault; all are cut off
            it.right.denied.add("update issue")
            status = await it.settled()
            it.right.denied.clear()
            await it.run("pilot")
            await asyncio.sleep(0.6)
            assert status.waves[0].state == "failed"
            assert set(it.copies().values()) == {1}

    go(work)


def test_a_place_given_to_a_cancelled_caller_goes_to_the_next(tmp_path):
    async def work():
        pacing = Pacing(Clock())
        pacer = pacing.system("x", {"concurrency": 1})
        await pacer.turn("a")
        one, two = asyncio.create_task(pacer.turn("a")), asyncio.create_task(pacer.turn("a"))
        await asyncio.sleep(0)
        pacer.done(Answer("a", 0.01, 200))
        one.cancel()
        await asyncio.wait_for(asyncio.shield(two), 0.5)

    go(work)


def test_a_statement_that_cannot_be_bound_does_not_stop_the_ledger(tmp_path):
    async def work():
        db = Database(tmp_path / "x.db")
        await db.open()
        await db.script("CREATE TABLE t (v TEXT)")
        with pytest.raises(EngineError):
            await asyncio.wait_for(db.write("a", [("INSERT INTO t VALUES (?)", ("\ud800",))]), 1)
        await asyncio.wait_for(db.write("b", [("INSERT INTO t VALUES (?)", ("ok",))]), 1)
        await db.close()

    go(work)


def test_a_key_with_a_nul_fails_the_wave_with_what_to_mend(tmp_path):
    write(tmp_path, playbook=PLAIN)
    left = memory.store(f"{tmp_path.name}-left")
    for key in ("a\0b", "a\0c"):
        left.put("incident", key, {"short_description": key, "region": "EMEA"})

    async def work():
        async with night(tmp_path) as it:
            status = await it.run("pilot")
            assert status.waves[0].state == "failed"
            assert "NUL" in status.waves[0].cause

    go(work)


def test_one_record_with_a_huge_number_stops_no_wave(tmp_path):
    write(tmp_path, playbook=PLAIN)
    left = memory.store(f"{tmp_path.name}-left")
    left.put("incident", "A", {"short_description": 2**70, "region": "EMEA"})
    left.put("incident", "B", {"short_description": "x", "region": "EMEA"})

    async def work():
        async with night(tmp_path) as it:
            status = await it.run("pilot")
            assert status.waves[0].state == "awaiting_sign_off", status.waves[0].cause

    go(work)


def test_a_source_without_a_feed_is_swept(tmp_path):
    prepared(tmp_path, source="{ feed: none }")

    async def work():
        async with night(tmp_path) as it:
            status = await it.run("pilot")
            assert status.waves[0].state == "awaiting_sign_off"
            it.left.edit("incident", "I0000", {"short_description": "new words"})
            await it.run("pilot")
            assert "new words" in titles(it)

    go(work)


def test_a_retry_that_meets_a_misconfigured_target_fails_the_wave(tmp_path):
    prepared(tmp_path, bad=3)

    async def work():
        async with night(tmp_path) as it:
            await it.run()
            (tmp_path / "book.yaml").write_text(PLAYBOOK.replace('"5": low }', '"5": low, P5: low }'))
            it.right.denied.add("create issue")
            await it.conductor.retry(Retry(by="ana"))
            status = await it.settled()
            assert "error of the engine" not in status.run_outcome
            assert "failed" in [w.state for w in status.waves]

    go(work)


def test_a_record_in_doubt_that_is_deleted_at_the_source_stays_in_doubt(tmp_path):
    prepared(tmp_path, n=20, target="{ creates: none, bulk: 1 }")

    async def work():
        async with night(tmp_path) as it:
            it.right.faults.add("drop_after", "create", times=1, where=lambda f: "title" in f)
            status = await it.run("pilot")
            (row,) = [r for r in await it.ledger.aside() if r.bucket == 3]
            it.left.remove("incident", row.key)
            status = await it.run("pilot")
            assert status.waves[0].state == "needs_human", "loaded with a create that nobody ever resolved"

    go(work)


def test_the_moment_a_doubt_names_is_not_later_than_the_call(tmp_path, monkeypatch):
    """ServiceNow looks for a lost upload among the files made since `sent`: a later moment hides it."""
    prepared(tmp_path, n=4, target="{ creates: strong, bulk: 50 }")
    doubts, applied = [], []
    find, create = memory.Memory.find, memory.Memory.create

    async def told(self, entity, asked):
        doubts.extend(asked)
        return await find(self, entity, asked)

    async def slow(self, entity, writes):
        try:
            return await create(self, entity, writes)
        finally:
            applied.append(Clock().now())
            await asyncio.sleep(0.3)  # a read timeout

    monkeypatch.setattr(memory.Memory, "find", told)
    monkeypatch.setattr(memory.Memory, "create", slow)

    async def work():
        async with night(tmp_path) as it:
            it.right.faults.add("drop_after", "create", times=1)
            await it.run("pilot")
            assert doubts and doubts[0].sent <= applied[0], "the contract: `sent` when it left"

    go(work)

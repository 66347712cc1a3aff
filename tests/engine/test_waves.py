"""Waves between two systems in memory: every record once, in the right bucket, whatever happens on the way."""

import asyncio
from pathlib import Path

import pytest

from connectors import memory
from engine.errors import Refused
from engine.wire import Pause, Resolve, Resume, Retry, Run
from tests.engine.memory_migration import PLAYBOOK, fill, go, night, write


def prepared(folder: Path, n: int = 57, bad: int = 3, **options: str) -> None:
    write(folder, **options)
    fill(memory.store(f"{folder.name}-left"), n, bad=bad)


def test_two_waves_move_every_record_once_with_status_comments_and_links(tmp_path: Path) -> None:
    prepared(tmp_path)

    async def work() -> None:
        async with night(tmp_path) as it:
            status = await it.run()
            assert status.run_outcome == "done"
            assert [wave.state for wave in status.waves] == ["awaiting_sign_off", "awaiting_sign_off"]
            assert set(it.copies().values()) == {1}
            assert await it.buckets() == {"synced": 54, "quarantined": 3}
            # `rest` takes everything: what the pilot moved is told apart, not moved again.
            rest = status.waves[1].buckets
            assert (rest.planned, rest.overlap, rest.to_do) == (57, 15, 0)
            issues = it.right.records("issue")
            assert {issue.fields["status"] for issue in issues} == {"open", "doing", "done"}
            assert it.right.count("comment") == 54 * 2
            assert set(it.copies("comment").values()) == {1}
            wanted = {
                (r.key, r.fields["parent"])
                for r in it.left.records("incident")
                if r.fields["parent"] and r.fields["priority"] != "P5"
            }
            sound = {pair for pair in wanted if it.left.get("incident", pair[1]).fields["priority"] != "P5"}
            assert it.right.count("link") == len(sound)

    go(work)


def test_running_again_changes_nothing(tmp_path: Path) -> None:
    prepared(tmp_path)

    async def work() -> None:
        async with night(tmp_path) as it:
            await it.run()
        async with night(tmp_path) as it:
            before = dict(it.right.calls)
            receipt = await it.conductor.run(Run(by="ana"))
            assert "nothing to run" in receipt.message
            assert (await it.snapshots.take()).run_outcome == "done"
            status = await it.run("pilot")
            assert status.waves[0].state == "awaiting_sign_off"
            assert it.right.calls["create"] == before["create"]
            assert set(it.copies().values()) == {1}

    go(work)


def test_a_run_that_died_after_its_last_wave_ends_well_when_it_is_run_again(tmp_path: Path) -> None:
    prepared(tmp_path)

    async def work() -> None:
        async with night(tmp_path) as it:
            await it.run()
            await it.ledger.start_run(["rest"], "ana", "")  # as a kill leaves it between the last wave and the end
        async with night(tmp_path) as it:
            assert (await it.snapshots.take()).run_outcome == "interrupted"
            await it.conductor.run(Run(by="ana"))
            assert (await it.snapshots.take()).run_outcome == "done"

    go(work)


def test_what_changes_at_the_source_during_the_copy_arrives_and_nothing_moves_backwards(tmp_path: Path) -> None:
    prepared(tmp_path, n=200, bad=0, target="{ latency: 0.005 }")

    async def work() -> None:
        async with night(tmp_path) as it:
            await it.conductor.run(Run(by="ana"))
            edits = 0
            while it.conductor.busy and edits < 150:
                key = f"I{edits * 37 % 200:04}"
                it.left.edit("incident", key, {"short_description": f"edit {edits} of {key}"})
                edits += 1
                await asyncio.sleep(0.001)
            it.left.put("incident", "I0000a", {"short_description": "born late", "priority": "1", "state": "1"})
            await it.settled()
            assert edits > 20, "the copy was over before anybody could edit"
            await it.run("pilot", "rest")  # what came after the last look of a wave: its next delta
            titles = {issue.fields["title"] for issue in it.right.records("issue")}
            assert titles == {record.fields["short_description"] for record in it.left.records("incident")}
            assert set(it.copies().values()) == {1}

    go(work)


def test_a_quarantined_record_moves_after_the_playbook_is_mended(tmp_path: Path) -> None:
    prepared(tmp_path)

    async def work() -> None:
        async with night(tmp_path) as it:
            await it.run()
            assert (await it.buckets())["quarantined"] == 3
            mended = PLAYBOOK.replace('"5": low }', '"5": low, P5: low }')
            (tmp_path / "book.yaml").write_text(mended)
            await it.conductor.retry(Retry(by="ana"))
            status = await it.settled()
            assert await it.buckets() == {"synced": 57}
            assert it.right.count("comment") == 57 * 2
            assert len({wave.playbook for wave in status.waves}) == 1
            with pytest.raises(Refused, match="No quarantined record"):
                await it.conductor.retry(Retry(by="ana"))

    go(work)


def test_a_refused_record_is_set_aside_and_its_batch_lives(tmp_path: Path) -> None:
    prepared(tmp_path, bad=0)

    async def work() -> None:
        async with night(tmp_path) as it:
            it.right.faults.add(
                "reject",
                "create",
                times=None,
                cause="title 'printer 7 on fire' is not allowed",
                field="title",
                where=lambda fields: fields.get("title") == "printer 7 on fire",
            )
            await it.run()
            assert await it.buckets() == {"synced": 56, "quarantined": 1}
            (row,) = await it.ledger.aside()
            assert (row.key, row.field) == ("I0007", "title")
            assert "printer 7" not in row.cause, "a vendor's sentence carried the value into the ledger"

    go(work)


def test_a_pause_is_durable_effective_and_survives_the_engine(tmp_path: Path) -> None:
    prepared(tmp_path, n=300, bad=0, target="{ latency: 0.01 }")

    async def work() -> None:
        async with night(tmp_path) as it:
            await it.conductor.run(Run(by="ana"))
            while it.right.count("issue") < 20:
                await asyncio.sleep(0.005)
            receipt = await it.conductor.pause(Pause(reason="vendor call", by="ben"))
            assert (receipt.accepted, receipt.durable, receipt.effective) == (True, True, True)
            held = it.right.count("issue")
            await asyncio.sleep(0.2)
            assert it.right.count("issue") == held, "records moved while the wave was held"
            assert held < 300
        async with night(tmp_path) as it:
            await it.conductor.run(Run(by="ana"))
            await asyncio.sleep(0.2)
            assert it.right.count("issue") == held, "the hold did not survive the engine"
            status = await it.snapshots.take()
            assert status.waves[0].hold is not None
            assert status.waves[0].hold.reason == "vendor call"
            assert any("vendor call" in waiting.reason for waiting in status.waiting)
            await it.conductor.resume(Resume(by="ana"))
            assert (await it.settled()).run_outcome == "done"
            assert set(it.copies().values()) == {1}
            assert it.right.count("issue") == 300

    go(work)


def test_one_wave_is_held_while_another_would_go_on(tmp_path: Path) -> None:
    prepared(tmp_path, bad=0)

    async def work() -> None:
        async with night(tmp_path) as it:
            await it.conductor.pause(Pause(wave="rest", reason="not tonight", by="ben"))
            await it.conductor.run(Run(by="ana"))
            for _ in range(200):
                status = await it.snapshots.take()
                if status.waves[0].state == "awaiting_sign_off":
                    break
                await asyncio.sleep(0.01)
            assert status.waves[0].state == "awaiting_sign_off"
            assert it.right.count("issue") == 15
            with pytest.raises(Refused, match="There is no wave rst"):
                await it.conductor.pause(Pause(wave="rst", reason="typo", by="ben"))

    go(work)


def test_an_unavailable_target_holds_the_wave_with_a_reason_instead_of_giving_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepared(tmp_path, bad=0)
    monkeypatch.setattr("engine.patience._FIRST_WAIT", 0.001)

    async def work() -> None:
        async with night(tmp_path) as it:
            it.right.faults.add("unavailable", "create", times=None)
            await it.conductor.run(Run(by="ana"))
            for _ in range(500):
                status = await it.snapshots.take()
                if status.holds:
                    break
                await asyncio.sleep(0.01)
            assert status.holds[0].by == "engine"
            assert "cutover resume --wave pilot" in status.holds[0].reason
            it.right.faults.clear()
            await it.conductor.resume(Resume(by="ana"))
            assert (await it.settled()).run_outcome == "done"
            assert it.right.count("issue") == 57

    go(work)


def test_a_right_that_is_missing_is_found_before_anything_moves(tmp_path: Path) -> None:
    prepared(tmp_path, target='{ denied: ["create issue"] }')

    async def work() -> None:
        async with night(tmp_path) as it:
            with pytest.raises(Refused, match="create issue"):
                await it.run()
            status = await it.snapshots.take()
            assert status.waves[0].state == "draft"
            assert "create issue" in status.waves[0].cause
            assert it.right.count("issue") == 0

    go(work)


def test_a_right_that_is_lost_on_the_way_stops_at_once_with_its_hint(tmp_path: Path) -> None:
    prepared(tmp_path, n=200, bad=0, target="{ latency: 0.01 }")

    async def work() -> None:
        async with night(tmp_path) as it:
            await it.conductor.run(Run(by="ana"))
            while not it.right.count("issue"):
                await asyncio.sleep(0.001)
            it.right.denied.add("create issue")
            status = await it.settled()
            assert status.waves[0].state == "failed"
            assert status.waves[0].cause
            assert status.run_outcome == "failed: wave pilot"
            assert status.waves[1].state == "approved"
            it.right.denied.clear()
            assert (await it.run()).run_outcome == "done"
            assert set(it.copies().values()) == {1}

    go(work)


@pytest.mark.parametrize("creates", ["strong", "lagging", "native"])
@pytest.mark.parametrize("fault", ["drop_after", "drop_before", "late"])
def test_a_lost_answer_makes_no_duplicate_and_loses_nothing(tmp_path: Path, creates: str, fault: str) -> None:
    options = (
        f"{{ creates: {creates}, bulk: 5, late_commit: 0.3, search_settle: {0.3 if creates == 'lagging' else 0} }}"
    )
    prepared(tmp_path, bad=0, target=options)

    async def work() -> None:
        async with night(tmp_path) as it:
            it.right.faults.add(fault, "create", times=None, rate=0.2, seconds=0.2)
            status = await it.run()
            it.right.faults.clear()
            assert status.run_outcome == "done", status.waves
            assert set(it.copies().values()) == {1}
            assert it.right.count("issue") == 57
            assert it.right.count("comment") == 114
            assert set(it.copies("comment").values()) == {1}
            assert await it.ledger.unanswered() == {}

    go(work)


def test_where_nobody_can_know_a_person_decides_and_nothing_is_sent_twice(tmp_path: Path) -> None:
    prepared(tmp_path, n=20, bad=0, target="{ creates: none, bulk: 5 }")

    async def work() -> None:
        async with night(tmp_path) as it:
            it.right.faults.add("drop_after", "create", times=1)
            status = await it.run()
            assert status.waves[0].state == "needs_human"
            rows = await it.ledger.aside()
            assert status.total.in_doubt == len(rows) > 1
            assert max(it.copies().values()) == 1
            by_title = {issue.fields["title"]: issue.key for issue in it.right.records("issue")}
            for row in rows[:-1]:
                title = it.left.get("incident", row.key).fields["short_description"]
                await it.conductor.resolve(Resolve(key=row.key, target=by_title[title], by="ana"))
            last = it.left.get("incident", rows[-1].key).fields["short_description"]
            it.right.remove("issue", by_title[last])
            await it.conductor.resolve(Resolve(key=rows[-1].key, by="ana"))
            await it.conductor.retry(Retry(by="ana"))
            await it.settled()
            await it.run()
            assert await it.buckets() == {"synced": 20}
            assert set(it.copies().values()) == {1}
            assert it.right.count("issue") == 20

    go(work)


def test_a_record_that_leaves_the_scope_is_known_and_no_part_of_the_sum(tmp_path: Path) -> None:
    prepared(tmp_path, bad=0)

    async def work() -> None:
        async with night(tmp_path) as it:
            await it.run("pilot")
            it.left.remove("incident", "I0000")
            it.left.edit("incident", "I0004", {"region": "APAC"})
            status = await it.run("pilot")
            pilot = status.waves[0].buckets
            assert (pilot.planned, pilot.synced, pilot.left) == (13, 13, 2)
            assert it.right.count("issue") == 15, "what was moved stays until somebody rolls it back"

    go(work)


def test_a_wave_out_of_order_is_refused_with_what_to_run_first(tmp_path: Path) -> None:
    prepared(tmp_path)

    async def work() -> None:
        async with night(tmp_path) as it:
            with pytest.raises(Refused, match="after pilot"):
                await it.conductor.run(Run(waves=["rest"], by="ana"))
            with pytest.raises(Refused, match="Did you mean pilot"):
                await it.conductor.run(Run(waves=["pilto"], by="ana"))

    go(work)


def test_a_second_run_is_refused_while_one_goes_on(tmp_path: Path) -> None:
    prepared(tmp_path, target="{ latency: 0.05 }")

    async def work() -> None:
        async with night(tmp_path) as it:
            await it.conductor.run(Run(by="ana"))
            with pytest.raises(Refused, match="is running"):
                await it.conductor.run(Run(by="ben"))
            await it.settled()

    go(work)


def test_an_empty_scope_is_loaded_at_once(tmp_path: Path) -> None:
    write(tmp_path)

    async def work() -> None:
        async with night(tmp_path) as it:
            status = await it.run()
            assert [wave.state for wave in status.waves] == ["awaiting_sign_off"] * 2
            assert status.total.planned == 0

    go(work)


def test_an_error_of_the_engine_itself_never_ends_as_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prepared(tmp_path)

    async def broken(*_: object) -> list[object]:
        raise ValueError("the secret value 4711")

    async def work() -> None:
        async with night(tmp_path) as it:
            monkeypatch.setattr(memory.Memory, "update", broken)
            monkeypatch.setattr(memory.Memory, "move", broken)
            status = await it.run()
            assert status.waves[0].state == "failed"
            assert "ValueError at" in status.waves[0].cause
            assert "4711" not in status.model_dump_json()

    go(work)

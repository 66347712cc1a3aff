"""Carrying records of a wave again: said before it is done, only what changes is written, and nothing twice."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest

from connectors import memory
from engine.assembly import Assembly, assemble
from engine.clock import Clock
from engine.errors import Refused
from engine.rerun import Reruns
from engine.systems import Systems
from engine.wire import Pause, Rerun, RerunPreview, Resume, Retry, Run, Status
from runbooks.migration import Migration
from tests.engine.memory_migration import PLAYBOOK, Night, fill, go, night, write

LOUDER = PLAYBOOK.replace('"3": low', '"3": middle')
SAID = LOUDER.replace("{ body: text }", '{ body: { template: "said: {text}" } }')


def prepared(folder: Path, n: int = 57, bad: int = 3, playbook: str = PLAYBOOK) -> None:
    write(folder, playbook=playbook)
    fill(memory.store(f"{folder.name}-left"), n, bad=bad)


def reruns(it: Night) -> Reruns:
    clock = Clock()

    async def assembled(migration: Migration) -> Assembly:
        return await assemble(migration, it.ledger, Systems(it.pacing), clock, b"s" * 32)

    return Reruns(it.conductor, it.ledger, b"s" * 32, assembled)


async def previewed(it: Night, **asked: Any) -> RerunPreview:
    return await reruns(it).preview(Rerun(wave="pilot", by="ana", **asked))


async def again(it: Night, **asked: Any) -> Status:
    await reruns(it).rerun(Rerun(wave="pilot", by="ana", **asked))
    return await it.settled()


def fields(seen: RerunPreview) -> dict[str, int]:
    return {f"{one.entity}.{one.field}": one.records for one in seen.fields}


def figures(seen: RerunPreview) -> dict[str, int]:
    return {name: n for name in ("records", "unchanged", "changed", "refused", "created") if (n := getattr(seen, name))}


def export(store: memory.Store) -> dict[str, dict[str, Any]]:
    return {
        entity: {record.key: (dict(record.fields), record.version) for record in store.records(entity)}
        for entity in ("issue", "comment")
    }


def changed(before: dict[str, dict[str, Any]], after: dict[str, dict[str, Any]], entity: str = "issue") -> set[str]:
    assert before[entity].keys() == after[entity].keys()
    return {key for key in before[entity] if before[entity][key] != after[entity][key]}


def at_night(folder: Path, work: Callable[[Night], Any], **options: Any) -> None:
    prepared(folder, **options)

    async def all_of_it() -> None:
        async with night(folder) as it:
            await it.run("pilot")
            await work(it)

    go(all_of_it)


def test_the_newest_mapping_says_how_many_records_change_and_in_which_fields_and_then_exactly_those_change(
    tmp_path: Path,
) -> None:
    async def work(it: Night) -> None:
        before = export(it.right)
        write(tmp_path, playbook=SAID)
        seen = await previewed(it)
        louder = sum(record.fields["priority"] == "low" for record in it.right.records("issue")) - len(
            [r for r in it.left.records("incident") if r.fields["region"] == "EMEA" and r.fields["priority"] in "45"]
        )
        assert louder == 3
        comments = it.right.count("comment")
        assert figures(seen) == {"records": 15 + 28, "refused": 1, "unchanged": 11, "changed": 3 + comments}
        assert fields(seen) == {"incident.priority": 3, "incident/comment.body": comments}
        assert seen.ran_with != seen.mapping
        calls = it.right.calls["update"] + it.right.calls["move"]
        status = await again(it)
        assert status.run_outcome == "done"
        assert it.right.calls["update"] + it.right.calls["move"] > calls
        after = export(it.right)
        assert len(changed(before, after)) == 3
        assert len(changed(before, after, "comment")) == comments
        assert {status.waves[0].state, status.waves[0].playbook} == {"awaiting_sign_off", seen.mapping}
        assert set(it.copies().values()) == {1}
        assert figures(await previewed(it)) == {"records": 43, "refused": 1, "unchanged": 42}

    at_night(tmp_path, work)


def test_carried_again_with_nothing_to_change_nothing_is_written_and_no_status_of_a_person_is_put_back(
    tmp_path: Path,
) -> None:
    async def work(it: Night) -> None:
        one = it.right.records("issue")[0].key
        it.right.edit("issue", one, {"status": "waiting for rosa"}, by="rosa")
        before = export(it.right)
        status = await again(it, mapping="same")
        assert export(it.right) == before
        assert status.waves[0].buckets.synced == 15

    at_night(tmp_path, work, bad=0)


def test_the_same_mapping_is_the_one_that_ran_whatever_the_folder_says_now(tmp_path: Path) -> None:
    async def work(it: Night) -> None:
        it.left.edit("incident", "I0000", {"short_description": "changed since"})
        write(tmp_path, playbook=LOUDER)
        before = export(it.right)
        seen = await previewed(it, mapping="same")
        assert (seen.mapping, seen.changed, fields(seen)) == (
            seen.ran_with,
            1,
            {"incident.(changed at the source since)": 1},
        )
        status = await again(it, mapping="same")
        assert status.run_outcome == "done"
        assert len(changed(before, export(it.right))) == 1
        assert status.waves[0].playbook == seen.ran_with
        assert fields(await previewed(it)) == {"incident.priority": 3}, "what the folder says now is another thing"

    at_night(tmp_path, work, bad=0)


def test_a_former_mapping_that_was_not_kept_is_not_guessed(tmp_path: Path) -> None:
    async def work(it: Night) -> None:
        await it.ledger._db.write("test", [("DELETE FROM book", ())])
        write(tmp_path, playbook=LOUDER)
        assert fields(await previewed(it)) == {"incident.(not known: the playbook it ran with was not kept)": 3}
        with pytest.raises(Refused, match=r"was not kept\. Put it back into the folder"):
            await previewed(it, mapping="same")

    at_night(tmp_path, work, bad=0)


def test_fields_are_told_against_the_mapping_each_record_went_with(tmp_path: Path) -> None:
    async def work(it: Night) -> None:
        write(tmp_path, playbook=LOUDER)
        await again(it, keys=["I0012"])  # priority 3, and nothing else of the wave
        assert it.right.count("issue") == 15
        write(tmp_path, playbook=PLAYBOOK)
        assert fields(await previewed(it)) == {"incident.priority": 1}

    at_night(tmp_path, work, bad=0)


def test_only_what_failed_or_one_cause_of_it_is_taken_up(tmp_path: Path) -> None:
    mended = PLAYBOOK.replace('"1": high', 'P5: low, P6: low, "1": loudest')

    async def work(it: Night) -> None:
        assert (await it.buckets()) == {"synced": 13, "quarantined": 2}
        causes = {row.cause: row.key for row in await it.ledger.aside(wave="pilot")}
        assert len(causes) == 1
        (cause,) = causes
        before = export(it.right)
        with pytest.raises(Refused, match="No record of wave pilot fits"):
            await again(it, cause="another one")
        write(tmp_path, playbook=mended)
        assert figures(await previewed(it, failed=True)) == {"records": 2, "created": 2}
        assert figures(await previewed(it, cause=cause)) == {"records": 2, "created": 2}
        status = await again(it, cause=cause)
        after = export(it.right)
        assert {key: after["issue"][key] for key in before["issue"]} == before["issue"], "the rest was left alone"
        assert status.waves[0].buckets.synced == 15
        assert status.waves[0].playbook != (await previewed(it)).mapping, "most of it ran with the former one"
        with pytest.raises(Refused, match="No record of wave pilot fits"):
            await again(it, failed=True)

    at_night(tmp_path, lambda it: work(it), bad=5)


def test_one_record_is_carried_again_or_one_comment(tmp_path: Path) -> None:
    async def work(it: Night) -> None:
        before = export(it.right)
        write(tmp_path, playbook=SAID)
        assert fields(await previewed(it, keys=["I0012"])) == {"incident.priority": 1}
        assert fields(await previewed(it, keys=["C0012"])) == {"incident/comment.body": 1}
        await again(it, keys=["I0012"])
        assert len(changed(before, export(it.right))) == 1
        assert len(changed(before, export(it.right), "comment")) == 0
        await again(it, keys=["C0012"])
        assert len(changed(before, export(it.right), "comment")) == 1
        with pytest.raises(Refused, match="No record of wave pilot fits"):
            await again(it, keys=["I0001"])  # of another wave

    at_night(tmp_path, work, bad=0)


def test_a_record_that_the_mapping_refuses_now_is_counted_before_and_set_aside_then(tmp_path: Path) -> None:
    async def work(it: Night) -> None:
        write(tmp_path, playbook=PLAYBOOK.replace('"3": low, ', ""))
        assert figures(await previewed(it)) == {"records": 45, "unchanged": 42, "refused": 3}
        status = await again(it)
        assert (status.waves[0].buckets.synced, status.waves[0].buckets.quarantined) == (12, 3)
        assert set(it.copies().values()) == {1}

    at_night(tmp_path, work, bad=0)


def test_answers_that_get_lost_make_nothing_twice(tmp_path: Path) -> None:
    async def work(it: Night) -> None:
        write(tmp_path, playbook=SAID)
        it.right.faults.add("drop_after", "update", times=3)
        it.right.faults.add("throttle", "update", times=1, seconds=0.01)
        it.right.faults.add("unavailable", "move", times=1)
        status = await again(it)
        assert status.run_outcome == "done"
        assert {record.fields["body"][:5] for record in it.right.records("comment")} == {"said:"}
        assert set(it.copies().values()) == {1}

    at_night(tmp_path, work, bad=0)


def test_cut_off_in_the_middle_the_next_run_carries_the_rest(tmp_path: Path) -> None:
    prepared(tmp_path, bad=0)

    async def first() -> None:
        async with night(tmp_path) as it:
            await it.run("pilot")
            write(tmp_path, playbook=SAID)
            it.right.denied.add("update issue")
            status = await again(it)
            assert status.waves[0].state == "failed"
            assert status.waves[0].buckets.in_flight == 15

    async def second() -> None:
        async with night(tmp_path) as it:
            it.right.denied.clear()
            status = await it.run()
            assert status.run_outcome == "done"
            assert fields(await previewed(it)) == {}
            assert {record.fields["body"][:5] for record in it.right.records("comment")} == {"said:"}
            assert set(it.copies().values()) == {1}

    go(first)
    go(second)


def test_a_rerun_with_the_former_mapping_that_was_cut_off_never_goes_on_with_another_one(tmp_path: Path) -> None:
    prepared(tmp_path, bad=0)

    async def first() -> None:
        async with night(tmp_path) as it:
            await it.run("pilot")
            it.left.edit("incident", "I0000", {"short_description": "changed since"})
            it.left.edit("incident", "I0004", {"short_description": "changed since"})
            write(tmp_path, playbook=LOUDER)
            it.right.denied.add("update issue")
            status = await again(it, keys=["I0000", "I0012"], mapping="same")
            assert (status.waves[0].state, status.waves[0].buckets.in_flight) == ("failed", 2)

    async def second() -> None:
        async with night(tmp_path) as it:
            it.right.denied.clear()
            said = r"playbook \w+, the one it ran with.*Go on: cutover rerun --wave pilot --mapping same\. "
            for command in (Run(by="ana"), Run(waves=["pilot"], by="ana")):
                with pytest.raises(Refused, match=said):
                    await it.conductor.run(command)
            with pytest.raises(Refused, match=said):
                await again(it, keys=["I0012"])
            before, ran_with = export(it.right), (await previewed(it)).ran_with
            status = await again(it, keys=["I0000"], mapping="same")
            assert (status.run_outcome, status.waves[0].playbook) == ("done", ran_with)
            assert len(changed(before, export(it.right))) == 2, "what changed at the source, and no priority"
            assert fields(await previewed(it)) == {"incident.priority": 3}
            assert (await it.run("pilot")).run_outcome == "done", "nothing stands in the way any more"

    go(first)
    go(second)


def test_a_rerun_that_was_cut_off_when_all_was_carried_goes_on_when_it_is_typed_again(tmp_path: Path) -> None:
    async def work(it: Night) -> None:
        write(tmp_path, playbook=LOUDER)
        it.left.edit("incident", "I0008", {"short_description": "changed since"})
        it.right.denied.add("update issue")
        assert (await again(it, mapping="same")).waves[0].state == "failed"
        it.right.denied.clear()
        with pytest.raises(Refused, match="it was cut off"):
            await again(it, failed=True)
        with pytest.raises(Refused, match="it was cut off"):
            await it.conductor.retry(Retry(wave="pilot", by="ana"))
        status = await again(it, cause="one that is gone by now", mapping="same")
        assert status.run_outcome == "done"

    at_night(tmp_path, work, bad=5)


def test_a_wave_that_never_ran_is_not_run_again_nor_one_that_is_at_work(tmp_path: Path) -> None:
    async def work(it: Night) -> None:
        with pytest.raises(Refused, match=r"has not run\. Type: cutover run --wave rest"):
            await reruns(it).rerun(Rerun(wave="rest", by="ana"))
        assert (await reruns(it).preview(Rerun(wave="rest", by="ana"))).refusals
        with pytest.raises(Refused, match="There is no mapping older"):
            await previewed(it, mapping="older")
        await reruns(it).rerun(Rerun(wave="pilot", by="ana"))
        with pytest.raises(Refused, match="pilot is running"):
            await previewed(it)
        await it.settled()

    at_night(tmp_path, work)


def test_a_wave_that_is_signed_off_is_run_again_only_for_a_reason_and_its_manifest_is_void(tmp_path: Path) -> None:
    async def work(it: Night) -> None:
        await it.ledger.sign("pilot", "ben", "signed", {"signed:pilot": "{}"})
        with pytest.raises(Refused, match="signed off, and its manifest would tell of what is no more"):
            await again(it)
        assert len((await previewed(it)).despite) == 1
        status = await again(it, despite="the vendor changed a code")
        assert status.waves[0].state == "awaiting_sign_off"
        told = [row[5] for row in await it.ledger.events(0) if row[3] == "rerun"]
        assert told and told[0].endswith("the vendor changed a code")

    at_night(tmp_path, work)


def test_records_that_are_gone_from_the_source_do_not_keep_the_wave_in_flight(tmp_path: Path) -> None:
    async def work(it: Night) -> None:
        it.left.remove("incident", "I0000")
        it.left.remove("comment", "C0004")
        status = await again(it)
        assert status.run_outcome == "done"
        buckets = {each.entity: each.buckets for each in status.waves[0].entities}
        assert (buckets["incident"].in_flight, buckets["incident"].left) == (0, 1)
        assert buckets["incident/comment"].in_flight == 0

    at_night(tmp_path, work, bad=0)


def test_a_pause_holds_it(tmp_path: Path) -> None:
    async def work(it: Night) -> None:
        write(tmp_path, playbook=SAID)
        await it.conductor.pause(Pause(wave="pilot", reason="wait", by="ben"))
        before = export(it.right)
        await reruns(it).rerun(Rerun(wave="pilot", by="ana"))
        for _ in range(300):
            if it.pacing.reasons():
                break
            await asyncio.sleep(0.01)
        assert export(it.right) == before
        await it.conductor.resume(Resume(by="ben"))
        await it.settled()
        assert export(it.right) != before

    at_night(tmp_path, work, bad=0)


@pytest.mark.parametrize("seed", range(4))
def test_what_a_rerun_leaves_is_what_a_first_run_with_that_mapping_would_have_left(tmp_path: Path, seed: int) -> None:
    chance = Random(seed)
    values = {code: chance.choice(["high", "low", "middle"]) for code in "12345"}
    states = {code: chance.choice(["open", "doing", "done"]) for code in "126"}
    playbook = PLAYBOOK.replace('{ "1": high, "2": high, "3": low, "4": low, "5": low }', json.dumps(values))
    playbook = playbook.replace('{ "1": open, "2": doing, "6": done }', json.dumps(states))
    if chance.random() < 0.5:
        playbook = playbook.replace("{ body: text }", '{ body: { template: "said: {text}" } }')
    folders = tmp_path / f"first{seed}", tmp_path / f"again{seed}"

    def held(store: memory.Store) -> list[list[Any]]:
        issues = {record.key: record.fields for record in store.records("issue")}
        comments = [[issues[record.parent]["title"], record.fields["body"]] for record in store.records("comment")]
        return [sorted(map(sorted, (map(str, one.items()) for one in issues.values()))), sorted(comments)]

    async def work() -> None:
        stores = []
        for folder in folders:
            folder.mkdir()
            prepared(folder, n=40, bad=2, playbook=playbook if folder is folders[0] else PLAYBOOK)
            async with night(folder) as it:
                await it.run("pilot")
                stores.append(it.right)
                if folder is folders[1]:
                    write(folder, playbook=playbook)
                    before, seen = export(it.right), await previewed(it)
                    for _ in range(chance.randrange(3)):
                        kind = chance.choice(["drop_after", "drop_before", "unavailable"])
                        it.right.faults.add(kind, chance.choice(["update", "move"]), times=1)
                    status = await again(it)
                    assert status.run_outcome == "done"
                    after = export(it.right)
                    differ = len(changed(before, after)) + len(changed(before, after, "comment"))
                    assert differ == seen.changed
                    assert set(it.copies().values()) == {1}
        assert held(stores[0]) == held(stores[1])

    go(work)

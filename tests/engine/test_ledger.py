"""Every record's fate, in exactly one bucket, whatever happens in between."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from importlib import resources
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.clock import Clock
from engine.compare import Difference, Kind
from engine.errors import LedgerError
from engine.ledger import Ledger
from engine.model import Bucket, Entry, Hold, SetAside, WaveState


def with_ledger(path: Path, work: Callable[[Ledger], Awaitable[None]]) -> None:
    async def main() -> None:
        ledger = Ledger(path / "ledger.db", Clock())
        await ledger.open()
        try:
            await work(ledger)
        finally:
            await ledger.close()

    asyncio.run(main())


async def wave_and_entity(ledger: Ledger) -> tuple[int, int]:
    await ledger.add_wave("pilot")
    return (await ledger.waves())["pilot"].id, await ledger.entity("incident")


def test_a_record_is_in_one_bucket_and_the_sums_follow_it(tmp_path: Path) -> None:
    async def work(ledger: Ledger) -> None:
        wave, entity = await wave_and_entity(ledger)
        await ledger.settle(wave, entity, [Entry("a", Bucket.IN_FLIGHT, "1", "v1", "f")], point="written")
        assert await ledger.tally() == {(wave, entity): {Bucket.IN_FLIGHT: 1}}
        await ledger.settle(wave, entity, [Entry("a", Bucket.SYNCED, "1", "v1", "f")])
        await ledger.settle(wave, entity, [], [SetAside("b", "value not in the map", "priority")])
        assert await ledger.tally() == {(wave, entity): {Bucket.SYNCED: 1, Bucket.QUARANTINED: 1}}
        await ledger.settle(wave, entity, [Entry("b", Bucket.SYNCED, "2", "v1", "f")])
        assert await ledger.tally() == {(wave, entity): {Bucket.SYNCED: 2}}
        assert await ledger.aside() == []

    with_ledger(tmp_path, work)


async def three_that_differ(ledger: Ledger) -> tuple[int, int, int, list[Difference]]:
    """(wave, another one, entity, what was found of its records a, b and c)."""
    wave, entity = await wave_and_entity(ledger)
    await ledger.add_wave("rest")
    for key in ("a", "b", "c"):
        await ledger.settle(wave, entity, [Entry(key, Bucket.SYNCED, f"at {key}", "v1", "f")])
    differs = [Difference("incident", key, Kind.MISSING, "", f"at {key}", key) for key in ("a", "b", "c")]
    return wave, (await ledger.waves())["rest"].id, entity, differs


def test_a_difference_goes_with_its_record_when_that_is_set_aside_leaves_or_goes_to_another_wave(
    tmp_path: Path,
) -> None:
    async def work(ledger: Ledger) -> None:
        wave, rest, entity, differs = await three_that_differ(ledger)
        await ledger.drifts.found(wave, entity, [], ["a", "b", "c"], differs, until=ledger.drifts.durable)
        assert [kept.difference.key for kept in await ledger.drifts.list()] == ["a", "b", "c"]
        await ledger.settle(wave, entity, [Entry("a", Bucket.IN_FLIGHT, "at a", "v2", "f")])
        await ledger.settle(wave, entity, [], [SetAside("a", "gone at the source", "", "at a")], bucket=Bucket.LEFT)
        await ledger.settle(rest, entity, [Entry("b", Bucket.SYNCED, "at b", "v1", "f")])
        await ledger.settle(wave, entity, [], [SetAside("c", "value not in the map", "", "at c")])
        assert await ledger.drifts.list() == []

    with_ledger(tmp_path, work)


def test_a_difference_goes_with_the_copy_that_it_was_found_on(tmp_path: Path) -> None:
    async def work(ledger: Ledger) -> None:
        wave, entity = await wave_and_entity(ledger)
        comment = await ledger.entity("incident/comment")
        await ledger.settle(wave, entity, [Entry("a", Bucket.SYNCED, "at a", "v1", "f")])
        await ledger.settle(wave, comment, [Entry("c", Bucket.SYNCED, "at c", "v1", "f")])
        differs = [
            Difference("incident", "a", Kind.CHANGED, "title", "at a", "a"),
            Difference("incident/comment", "c", Kind.MISSING, "", "at c", "a"),
        ]
        await ledger.drifts.found(wave, entity, [], ["a"], differs, until=ledger.drifts.durable)
        await ledger.settle(wave, entity, [Entry("a", Bucket.SYNCED, "at a", "v2", "g")])
        assert len(await ledger.drifts.list()) == 2
        await ledger.settle(wave, comment, [Entry("c", Bucket.SYNCED, "anew", "v1", "f")])
        assert [kept.difference.key for kept in await ledger.drifts.list()] == ["a"]
        await ledger.settle(wave, entity, [Entry("a", Bucket.SYNCED, "anew", "v2", "g")])
        assert await ledger.drifts.list() == []

    with_ledger(tmp_path, work)


def test_a_record_that_was_set_aside_or_went_to_another_wave_while_it_was_compared_has_no_difference(
    tmp_path: Path,
) -> None:
    async def work(ledger: Ledger) -> None:
        wave, rest, entity, differs = await three_that_differ(ledger)
        await ledger.settle(wave, entity, [], [SetAside("a", "link refused", "", "at a")])
        await ledger.settle(rest, entity, [Entry("b", Bucket.SYNCED, "at b", "v1", "f")])
        await ledger.drifts.found(wave, entity, [], ["a", "b", "c"], differs, until=ledger.drifts.durable)
        assert [kept.difference.key for kept in await ledger.drifts.list()] == ["c"]

    with_ledger(tmp_path, work)


keys = st.sampled_from([f"k{n}" for n in range(12)])
buckets = st.sampled_from(list(Bucket))


@settings(max_examples=25, deadline=None)
@given(st.lists(st.lists(st.tuples(keys, buckets), min_size=1, max_size=8), max_size=12))
def test_the_sums_equal_the_entries_after_any_history(
    tmp_path_factory: pytest.TempPathFactory, history: list[list[tuple[str, Bucket]]]
) -> None:
    async def work(ledger: Ledger) -> None:
        wave, entity = await wave_and_entity(ledger)
        now: dict[str, Bucket] = {}
        for step in history:
            by_key = dict(step)
            now |= by_key
            await ledger.settle(wave, entity, [Entry(key, bucket) for key, bucket in by_key.items()])
        assert (await ledger.tally()).get((wave, entity), {}) == Counter(now.values())

    with_ledger(tmp_path_factory.mktemp("history"), work)


def test_the_cause_of_what_is_set_aside_is_grouped_and_counted(tmp_path: Path) -> None:
    async def work(ledger: Ledger) -> None:
        wave, entity = await wave_and_entity(ledger)
        aside = [SetAside(f"k{n}", "value not in the map", "priority") for n in range(3)]
        await ledger.settle(wave, entity, [], [*aside, SetAside("x", "too long", "summary")])
        await ledger.settle(wave, entity, [], aside[:1])
        assert await ledger.causes() == [
            ("quarantined", "pilot", "value not in the map", "priority", 3),
            ("quarantined", "pilot", "too long", "summary", 1),
        ]
        (row,) = await ledger.aside(keys=["k0"])
        assert (row.cause, row.tries) == ("value not in the map", 2)

    with_ledger(tmp_path, work)


def test_a_persons_word_moves_what_still_stands_where_it_was_seen_and_is_in_the_audit_trail(tmp_path: Path) -> None:
    async def work(ledger: Ledger) -> None:
        wave, entity = await wave_and_entity(ledger)
        await ledger.settle(wave, entity, [], [SetAside(key, "too long", "summary") for key in ("a", "b")])
        seen = await ledger.aside()
        await ledger.settle(wave, entity, [Entry("b", Bucket.SYNCED, "2", "v1", "f")])  # meanwhile
        notes = {"pilot": "2 records: test data"}
        await ledger.decide(seen, Bucket.EXCLUDED, "test data", by="ana", what="exclude", notes=notes)
        assert await ledger.tally() == {(wave, entity): {Bucket.EXCLUDED: 1, Bucket.SYNCED: 1}}
        (row,) = await ledger.aside()
        assert (row.key, row.bucket, row.cause, row.field) == ("a", Bucket.EXCLUDED, "test data", "")
        assert [event[2:] for event in await ledger.events()] == [("ana", "exclude", "pilot", "2 records: test data")]

    with_ledger(tmp_path, work)


def test_an_intent_stays_open_for_the_keys_without_an_answer(tmp_path: Path) -> None:
    async def work(ledger: Ledger) -> None:
        wave, entity = await wave_and_entity(ledger)
        number = (await ledger.intend(wave, entity, [("a", ""), ("b", "T1"), ("c", "")], "mark-7")).id
        assert {key: intent.mark for key, intent in (await ledger.intents(entity, wave)).items()} == dict.fromkeys(
            "abc", "mark-7"
        )
        await ledger.settle(wave, entity, [Entry("a", Bucket.SYNCED, "1")], intent=number, in_doubt=[("b", "T1")])
        assert {key: one.parent for key, one in (await ledger.intents(entity, wave)).items()} == {"b": "T1"}
        assert await ledger.unanswered() == {(wave, entity): 1}
        await ledger.settle(wave, entity, [Entry("b", Bucket.SYNCED, "2")], intent=number)
        assert await ledger.intents(entity, wave) == {}

    with_ledger(tmp_path, work)


def test_reading_goes_on_where_it_was_left_and_open_chunks_are_known(tmp_path: Path) -> None:
    async def first(ledger: Ledger) -> None:
        wave, entity = await wave_and_entity(ledger)
        await ledger.open_lanes(wave, entity, [""], "position-1")
        await ledger.open_chunk(wave, entity, 0, "span-1", "rest-1", 500)
        await ledger.open_chunk(wave, entity, 0, "span-2", "rest-2", 500)
        await ledger.close_chunk(wave, entity, "span-1")

    async def second(ledger: Ledger) -> None:
        wave, entity = await wave_and_entity(ledger)
        assert await ledger.lanes(wave, entity) == {0: "rest-2"}
        assert [chunk.span for chunk in await ledger.open_chunks(wave, entity)] == ["span-2"]
        assert await ledger.position(wave, entity) == "position-1"
        assert ledger.chunks(wave) == (1, 2)
        # Opening again changes nothing: a wave that resumes must not start anew.
        await ledger.open_lanes(wave, entity, [""], "position-2")
        assert await ledger.lanes(wave, entity) == {0: "rest-2"}
        assert await ledger.position(wave, entity) == "position-1"

    with_ledger(tmp_path, first)
    with_ledger(tmp_path, second)


def test_a_hold_survives_the_engine(tmp_path: Path) -> None:
    hold = Hold("pilot", "vendor call", "ana@jump1", "2026-11-21T21:00:00+00:00")

    async def first(ledger: Ledger) -> None:
        await ledger.hold(hold)

    async def second(ledger: Ledger) -> None:
        assert await ledger.holds() == [hold]
        await ledger.lift("pilot", "ben")
        assert await ledger.holds() == []
        assert [(event[2], event[3]) for event in await ledger.events()] == [("ana@jump1", "pause"), ("ben", "resume")]

    with_ledger(tmp_path, first)
    with_ledger(tmp_path, second)


def test_references_open_when_both_ends_exist_and_close_when_tied(tmp_path: Path) -> None:
    async def work(ledger: Ledger) -> None:
        wave, entity = await wave_and_entity(ledger)
        child = Entry("child", Bucket.SYNCED, "T1")
        await ledger.settle(wave, entity, [child], references=[("child", "parent", entity, "parent-key")])
        assert await ledger.open_references(wave, entity, "parent", ("", ""), 10) == []
        assert await ledger.loose_references() == {wave: 1}
        await ledger.settle(wave, entity, [Entry("parent-key", Bucket.SYNCED, "T2")])
        found = await ledger.open_references(wave, entity, "parent", ("", ""), 10)
        assert [(one.target, one.to_target) for one in found] == [("T1", "T2")]
        await ledger.tied(entity, found)
        assert await ledger.open_references(wave, entity, "parent", ("", ""), 10) == []
        assert await ledger.loose_references() == {}

    with_ledger(tmp_path, work)


def test_what_refers_to_a_record_that_a_rollback_forgot_is_loose_whether_its_tie_was_named_or_not(
    tmp_path: Path,
) -> None:
    async def work(ledger: Ledger) -> None:
        wave, entity = await wave_and_entity(ledger)
        ends = [Entry(key, Bucket.SYNCED, f"at {key}", "v1", "f") for key in ("child", "goes", "stays")]
        ties = [("child", "parent", entity, key) for key in ("goes", "stays")]
        await ledger.settle(wave, entity, ends, references=ties)
        await ledger.tied(entity, await ledger.open_references(wave, entity, "parent", ("", ""), 10))
        assert await ledger.loose_references() == {}
        await ledger.undo.outcome(wave, "goes", {entity: ["goes"]}, {}, emptied={})
        assert await ledger.loose_references() == {wave: 1}
        await ledger.settle(wave, entity, [Entry("goes", Bucket.SYNCED, "at another place", "v1", "f")])
        (again,) = await ledger.open_references(wave, entity, "parent", ("", ""), 10)
        assert (again.to_key, again.to_target) == ("goes", "at another place")

    with_ledger(tmp_path, work)


def test_a_run_that_was_cut_off_is_told_as_interrupted(tmp_path: Path) -> None:
    async def work(ledger: Ledger) -> None:
        await ledger.start_run(["pilot"], "ana", "abc")
        number = await ledger.start_run(["pilot"], "ben", "abc")
        await ledger.end_run(number, "done")
        last = await ledger.last_run()
        assert last is not None
        assert (last[1], last[5]) == ("ben", "done")

    with_ledger(tmp_path, work)


def test_a_ledger_of_another_version_is_refused_untouched(tmp_path: Path) -> None:
    import sqlite3

    with sqlite3.connect(tmp_path / "ledger.db") as other:
        other.execute("PRAGMA user_version = 99")
    other.close()

    async def main() -> None:
        with pytest.raises(LedgerError, match=r"another version.*99"):
            await Ledger(tmp_path / "ledger.db", Clock()).open()

    asyncio.run(main())


def test_a_ledger_of_an_earlier_version_is_taken_up_with_what_is_still_to_be_compared(tmp_path: Path) -> None:
    import sqlite3

    text = resources.files("engine").joinpath("schema.sql").read_text()
    with sqlite3.connect(tmp_path / "ledger.db") as other:
        other.executescript(text.partition("-- Version 6 adds")[0])
        other.execute("INSERT INTO entity (name) VALUES ('incident')")
        other.execute("INSERT INTO wave (name, state) VALUES ('pilot', 'copying')")
        rows = [("a", 1, ""), ("b", 1, "v7"), ("c", 2, "")]
        other.executemany("INSERT INTO entry VALUES (1, ?, 1, ?, 't', 'v1', 'f1', ?)", rows)
        other.execute("PRAGMA user_version = 5")
    other.close()

    async def work(ledger: Ledger) -> None:
        assert [entry.key for entry in await ledger.drifts.dirty(1, 1, "", 10)] == ["a"]
        assert await ledger.tally() == {(1, 1): {Bucket.SYNCED: 2, Bucket.IN_FLIGHT: 1}}
        await ledger.settle(1, 1, [Entry("c", Bucket.SYNCED, "t", "v1", "f1")])
        await ledger.drifts.found(1, 1, ["a", "c"], [], until=ledger.drifts.durable)
        assert await ledger.drifts.dirty_count(1, 1) == 0

    with_ledger(tmp_path, work)


def test_wave_states_carry_their_cause_into_the_audit_trail(tmp_path: Path) -> None:
    async def work(ledger: Ledger) -> None:
        await wave_and_entity(ledger)
        await ledger.wave_state("pilot", WaveState.FAILED, "jira refuses the token")
        row = (await ledger.waves())["pilot"]
        assert (row.state, row.cause) == (WaveState.FAILED, "jira refuses the token")
        assert (await ledger.events())[-1][3:] == ("wave failed", "pilot", "jira refuses the token")

    with_ledger(tmp_path, work)

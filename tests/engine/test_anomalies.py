"""Batches that are unlike those before are told, and clean ones are not."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import orjson
import pytest

from connectors import memory
from connectors.kit.contract import Record
from engine.anomalies import LEAST, judge
from engine.batches import SIZE, Batches, Told, anomalies
from engine.features import hanging, measure
from tests.engine.injected import SECRET, Found, Row, measured, tickets, trial
from tests.engine.memory_migration import Night, go, night, write

_KINDS = {
    "null_spike": {"empty"},
    "collapse": {"one value", "duplicates", "shift"},
    "novelty": {"new values"},
    "shift": {"shift"},
    "broken_references": {"broken references"},
    "truncation": {"truncation"},
    "zone_shift": {"time shift"},
    "duplicates": {"duplicates"},
    "scale": {"scale"},
}


@pytest.fixture(scope="module")
def found() -> Found:
    return trial(seed=1)


def test_every_injected_anomaly_is_found_and_no_clean_batch_is_called_one(found: Found) -> None:
    injected, clean = sum(map(len, found.injected.values())), len(found.clean)
    precision, recall = found.caught / max(1, found.caught + found.alarms), found.caught / injected
    print(f"\n{found.caught} of {injected} found, {found.alarms} false alarms in {clean} clean batches of {SIZE}:")
    print(f"precision {precision:.1%}, recall {recall:.1%}")
    assert (injected, clean) == (60, 60)
    assert (found.caught, found.alarms) == (60, 0)


@pytest.mark.parametrize("seed", [2])
def test_another_seed_says_the_same(seed: int) -> None:
    other = trial(seed)
    assert (other.caught, other.alarms) == (60, 0)


def test_what_is_wrong_is_called_by_its_name(found: Found) -> None:
    for wrong, batches in found.injected.items():
        named = sum(bool({one.kind for one in batch} & _KINDS[wrong]) for batch in batches)
        assert named == len(batches), wrong


def test_a_sentence_holds_no_value(found: Found) -> None:
    said = " ".join(one.words for batches in found.injected.values() for batch in batches for one in batch)
    assert not [word for word in ("never seen", "category 1", "account-", "printer", "Lowest") if word in said]


def test_nothing_is_said_before_enough_was_seen() -> None:
    chance = random.Random(7)
    history = [measured(tickets(chance)) for _ in range(LEAST - 1)]
    assert judge(measured([{**row, "priority": "Low"} for row in tickets(chance)]), history) == []


def test_a_field_by_which_waves_are_cut_may_differ_in_each() -> None:
    def of(region: str, chance: random.Random, **also: object) -> list[Row]:
        return [{**row, "region": region, **also} for row in tickets(chance)]

    chance = random.Random(8)
    history = [measured(of(region, chance), region) for region in ("emea", "amer", "apac") for _ in range(6)]
    assert judge(measured(of("latam", chance), "latam"), history) == []
    emptied = judge(measured(of("latam", chance, assignee=None), "latam"), history)
    assert [(one.field, one.kind) for one in emptied] == [("assignee", "empty")]


def test_fewer_texts_of_the_greatest_length_are_no_truncation() -> None:
    same = [{"title": f"incident number {at}"} for at in range(100, 400)]
    history = [measure(same, SECRET) for _ in range(LEAST)]
    mixed = [{"title": f"incident number {at}"} for at in range(850, 1150)]
    assert judge(measure(mixed, SECRET), history) == []


def test_what_came_three_times_before_is_not_unlike_before() -> None:
    chance = random.Random(10)
    odd = [{**row, "assignee": None} for row in tickets(chance)]
    history = [measured(tickets(chance)) for _ in range(20)]
    assert [one.field for one in judge(measured(odd), history)] == ["assignee"]
    assert [one.field for one in judge(measured(odd), [*history, measured(odd), measured(odd)])] == ["assignee"]
    assert judge(measured(odd), [*history, *[measured(odd)] * 3]) == []


def test_records_of_the_generator_are_quiet() -> None:
    """Thirty thousand in the order of their keys: texts of a few lengths, numbers that only grow."""
    name = "test-anomalies"
    store = memory.store(name)
    store.generate(30_000)
    rows = [record.fields for record in store.records("incident")]
    memory.forget(name)
    batches = [measure(rows[at : at + SIZE], SECRET) for at in range(0, len(rows), SIZE)]
    told = [found for at, batch in enumerate(batches) if (found := judge(batch, batches[max(0, at - 48) : at]))]
    assert told == []


def test_one_wave_alone_does_not_tell_how_far_waves_differ() -> None:
    chance = random.Random(9)
    history = [measured(tickets(chance), "first") for _ in range(20)]
    assert judge(measured([{**row, "priority": "Low"} for row in tickets(chance)], "second"), history) == []


def comments(chance: random.Random, n: int = SIZE, mean: float = 1.8) -> list[int]:
    """How many hang on each of so many records: most have few, some many; from week to week more or fewer."""
    mean *= chance.uniform(0.9, 1.1)
    return [round(chance.expovariate(1 / mean)) for _ in range(n)]


@pytest.mark.parametrize(
    ("wrong", "kinds"),
    [
        (lambda counts: [0] * len(counts), {"fewer on a record", "bare records"}),
        (lambda counts: [n if at % 2 else 0 for at, n in enumerate(counts)], {"fewer on a record", "bare records"}),
        (lambda counts: [3 * n for n in counts], {"more on a record"}),
    ],
    ids=["none", "half of the records", "each three times"],
)
def test_more_or_fewer_on_a_record_are_told(wrong: Callable[[list[int]], list[int]], kinds: set[str]) -> None:
    chance = random.Random(5)
    history = [hanging(comments(chance), 0) for _ in range(20)]
    for _ in range(20):
        found = judge(hanging(wrong(comments(chance)), 0), history)
        assert [one.kind in kinds for one in found] == [True], found


def test_what_hangs_on_records_wanders_from_batch_to_batch_and_nothing_is_said() -> None:
    for seed in range(20):
        chance = random.Random(seed)
        mean = chance.choice((0.05, 0.3, 1.8, 6.0))
        batches = [hanging(comments(chance, mean=mean), 0) for _ in range(60)]
        told = [found for at, batch in enumerate(batches) if (found := judge(batch, batches[max(0, at - 48) : at]))]
        assert told == [], mean


def test_what_hangs_on_records_that_nobody_asked_about_is_told() -> None:
    chance = random.Random(6)
    history = [hanging(comments(chance), 0) for _ in range(20)]
    assert [one.kind for one in judge(hanging(comments(chance), 60), history)] == ["astray"]


@pytest.mark.parametrize("value", [None, "", [], {}, "x", "\ud800", 10**30, [{"id": 1}], {"value": "1"}, True, 1.5])
def test_any_value_can_be_measured(value: object) -> None:
    batch = measure([{"field": value}] * 3, SECRET)
    assert batch.n == 3


# ---------------------------------------------------------------- in a run

_BOOK = """
playbook: incidents
entities:
  - entity: incident
    source: { system: left, entity: incident }
    target: { system: right, entity: issue }
    fields: { title: short_description, team: team }
    references:
      - { from: parent, to: incident, link: Relates }
waves:
  - { wave: pilot, filters: { incident: "" }, chunk: 100, workers: 2 }
"""
_COMMENTS = "    children: [{ entity: comment, target: comment, body: { from: text }, fields: { ticket: ticket } }]\n"
_LEARNED = LEAST * SIZE
_SECRET_TEAM = "the team of nobody"


def _fill(store: memory.Store, *, wrong_from: int = 1 << 30) -> None:
    chance = random.Random(3)
    for at in range(_LEARNED + SIZE):
        team = f"team {chance.randrange(5)}" if at < wrong_from else _SECRET_TEAM
        parent = f"I{chance.randrange(at):05}" if at % 4 == 1 else ""
        words = " ".join(chance.choice(("mail", "disk", "slow", "vpn")) for _ in range(chance.randint(3, 9)))
        store.put("incident", f"I{at:05}", {"short_description": words, "team": team, "parent": parent})


async def _told(it: Night) -> list[Told]:
    return await anomalies(it.ledger, "pilot")


def test_a_run_tells_of_a_batch_that_is_unlike_before_and_keeps_no_value(tmp_path: Path) -> None:
    write(tmp_path, playbook=_BOOK)

    async def work() -> None:
        async with night(tmp_path) as it:
            _fill(it.left, wrong_from=_LEARNED)
            await it.run()
            told = {(one.entity, one.field): one for one in await _told(it)}
            assert told["incident", "team"].kind == "new values"
            assert told["incident", "team"].batches == 1
            events = [(what, wave, detail) for _, _, _, what, wave, detail in await it.ledger.events(0, 1000)]
            assert [detail for what, wave, detail in events if what == "anomaly" and wave == "pilot"]

    go(work)
    kept = b"".join(path.read_bytes() for path in tmp_path.glob("ledger.db*"))
    assert _SECRET_TEAM.encode() not in kept
    assert b"team 1" not in kept


def test_a_clean_run_tells_nothing(tmp_path: Path) -> None:
    write(tmp_path, playbook=_BOOK)

    async def work() -> None:
        async with night(tmp_path) as it:
            _fill(it.left)
            await it.run()
            assert await _told(it) == []

    go(work)


def test_a_run_tells_of_comments_that_stay_away_and_of_texts_that_are_empty(tmp_path: Path) -> None:
    write(tmp_path, playbook=_BOOK.replace("    references:", _COMMENTS + "    references:"))

    async def work() -> None:
        async with night(tmp_path) as it:
            _fill(it.left)
            chance = random.Random(5)
            for at in range(_LEARNED):
                words = " ".join(chance.choice(("mail", "disk", "slow")) for _ in range(chance.randint(3, 9)))
                for number in range(chance.choice((1, 1, 2))):
                    text = {"text": words if at < _LEARNED - SIZE else "", "ticket": f"I{at:05}"}
                    it.left.put("comment", f"C{at:05}-{number}", text, parent=f"I{at:05}")
            await it.run()
            told = {one.kind: one for one in await _told(it)}
            fewer = told.get("fewer on a record") or told["bare records"]
            assert fewer.sentence.startswith("incident/comment: are ")
            assert told["empty"].sentence.startswith("incident/comment: text is empty in ")
            assert {one.entity for one in told.values()} == {"incident/comment"}
            assert (await it.run("pilot")).run_outcome == "done"
            assert {one.kind for one in await _told(it)} == set(told), "listed again: not looked at"

    go(work)


def test_what_was_learned_survives_the_engine(tmp_path: Path) -> None:
    write(tmp_path, playbook=_BOOK.replace('{ incident: "" }', '{ incident: "part = 1" }'))

    async def first() -> None:
        async with night(tmp_path) as it:
            chance = random.Random(4)
            for at in range(_LEARNED):
                it.left.put("incident", f"I{at:05}", {"team": f"team {chance.randrange(5)}", "part": "1"})
            await it.run()
            for at in range(_LEARNED, _LEARNED + SIZE):
                it.left.put("incident", f"I{at:05}", {"team": "another", "part": "1"})

    async def then() -> None:
        async with night(tmp_path) as it:
            await it.run("pilot")
            assert [(one.field, one.kind) for one in await _told(it)] == [("team", "new values")]

    go(first)
    go(then)


def test_a_large_wave_does_not_push_the_waves_before_it_out(tmp_path: Path) -> None:
    write(tmp_path, playbook=_BOOK)
    records = [Record(f"I{at}", "1", {"team": f"team {at % 5}"}) for at in range(SIZE)]

    async def work() -> None:
        async with night(tmp_path) as it:
            flow = it.conductor.assembly.flows["incident"]
            mapped = flow.mapper.map(records, {})
            batches = Batches(it.ledger, SECRET)
            for wave, many in (("first", 3), ("second", 55 * 20)):  # one in twenty is looked at
                for _ in range(many):
                    await batches.saw(wave, flow, records, mapped)
            kept = [await it.ledger.get_meta(f"batch:incident:{slot}") for slot in range(60)]
            waves = [orjson.loads(each)[2] for each in kept if each]
            assert (waves.count("first"), waves.count("second")) == (3, 45)

    go(work)

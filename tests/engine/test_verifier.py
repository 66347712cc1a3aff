"""The independent verifier: what is wrong at the target it finds, what is right it leaves in peace."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from random import Random

import pytest

from connectors import memory
from connectors.memory.store import ME
from engine.clock import Clock
from engine.errors import Refused
from engine.rollback import Rollbacks
from engine.verification import Verifications
from engine.verifier import Hearing, Verifier
from engine.wire import Rollback, Run, Verify, VerifyReport, VerifyWave
from tests.engine import corruptions
from tests.engine.memory_migration import Night, fill, go, night, write

full = pytest.mark.skipif(not os.environ.get("CUTOVER_FULL"), reason="the like of it, for longer")


def prepared(folder: Path, n: int = 57, bad: int = 3, **options: str) -> None:
    write(folder, **options)
    fill(memory.store(f"{folder.name}-left"), n, bad=bad)


async def verified(it: Night, wave: str = "", sample: int | None = None) -> VerifyReport:
    verifications = Verifications(it.conductor, it.ledger, Clock())
    await verifications.verify(Verify(wave=wave, sample=sample, by="ana"))
    while verifications.busy:
        await asyncio.sleep(0.005)
    report = await verifications.report()
    assert not report.problem, report.problem
    return report


async def word(it: Night, wave: str, sample: int | None = None) -> VerifyWave:
    report = await verified(it, wave, sample)
    return next(each for each in report.waves if each.wave == wave)


def said(word: VerifyWave) -> set[tuple[str, str, str, str]]:
    return {(f.entity, f.key, f.kind, f.field) for f in word.findings}


async def target_of(it: Night, key: str, entity: str = "incident") -> str:
    return (await it.ledger.known(await it.ledger.entity(entity), [key]))[key].target


# ---------------------------------------------------------------- nothing is wrong


def test_a_clean_migration_has_no_difference(tmp_path: Path) -> None:
    prepared(tmp_path)

    async def work() -> None:
        async with night(tmp_path) as it:
            await it.run()
            report = await verified(it)
            assert [(each.wave, each.ok, said(each)) for each in report.waves] == [
                ("pilot", True, set()),
                ("rest", True, set()),
            ]
            pilot, rest = (each.entities[0] for each in report.waves)
            assert (pilot.read, pilot.compared, pilot.aside, pilot.at_target) == (15, 14, 1, 54)
            assert (rest.read, rest.compared, rest.aside, rest.elsewhere) == (57, 40, 2, 15)
            assert pilot.whole and not pilot.not_compared and not pilot.notes

    go(work)


@pytest.mark.parametrize("seed", range(6))
def test_people_who_go_on_working_at_the_source_are_no_difference(seed: int, tmp_path: Path) -> None:
    prepared(tmp_path, bad=0, source="{ settle: 0.05 }")
    random = Random(seed)

    async def users(it: Night) -> None:
        while True:
            key = f"I{random.randrange(70):04}"
            it.left.put(
                "incident",
                key,
                {"short_description": f"now {random.random()}", "priority": "1", "state": "2", "region": "EMEA"},
            )
            await asyncio.sleep(0.02)

    async def work() -> None:
        async with night(tmp_path) as it:
            working = asyncio.create_task(users(it))
            await it.run()
            for _ in range(3):
                report = await verified(it)
                assert [(each.wave, said(each)) for each in report.waves if said(each)] == []
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)

    go(work)


def test_what_was_rolled_back_with_another_wave_is_not_missing(tmp_path: Path) -> None:
    prepared(tmp_path, bad=0)

    async def work() -> None:
        async with night(tmp_path) as it:
            await it.run()
            await Rollbacks(it.conductor, it.ledger).roll_back(Rollback(wave="pilot", by="ana"))
            await it.settled()
            (rest,) = [each for each in (await verified(it)).waves if each.wave == "rest"]
            assert (rest.ok, said(rest)) == (True, set())
            counted = rest.entities[0]
            assert (counted.read, counted.compared, counted.undone) == (57, 42, 15)
            it.right.remove("issue", await target_of(it, "I0001"), by=ME)
            assert said(await word(it, "rest")) == {("incident", "I0001", "missing", "")}

    go(work)


def test_it_may_run_while_a_wave_runs_and_calls_nothing_missing_that_is_still_to_come(tmp_path: Path) -> None:
    prepared(tmp_path, bad=0, target="{ latency: 0.004, bulk: 1 }")

    async def work() -> None:
        async with night(tmp_path) as it:
            await it.conductor.run(Run(waves=[], by="ana"))
            while not it.right.count("issue"):
                await asyncio.sleep(0.005)
            while it.conductor.busy:
                report = await verified(it)
                assert [said(each) for each in report.waves if said(each)] == []
            assert (await it.settled()).run_outcome == "done"

    go(work)


def test_what_people_add_at_the_target_is_theirs(tmp_path: Path) -> None:
    prepared(tmp_path, bad=0)

    async def work() -> None:
        async with night(tmp_path) as it:
            await it.run()
            it.right.put("issue", "theirs", {"title": "was never at the source"})
            it.right.put("comment", "seen", {"body": "seen"}, parent=await target_of(it, "I0004"), by="rosa")
            assert (await word(it, "pilot")).ok

    go(work)


# ---------------------------------------------------------------- something is wrong


@pytest.mark.parametrize("way", corruptions.WAYS, ids=lambda way: way.__name__)
def test_each_way_to_be_wrong_is_found(way: object, tmp_path: Path) -> None:
    assert asyncio.run(hit_rate(tmp_path, 30, [way], 1)) == (1, 0)  # type: ignore[list-item]


@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=full), pytest.param(3, marks=full)])
def test_of_two_hundred_seeded_corruptions_at_least_995_in_a_thousand_are_found(seed: int, tmp_path: Path) -> None:
    ways = corruptions.WAYS * 8
    found, false_alarms = asyncio.run(hit_rate(tmp_path, 900, ways[:200], seed))
    assert found / 200 >= 0.995
    assert false_alarms == 0


async def hit_rate(folder: Path, n: int, ways: list, seed: int) -> tuple[int, int]:  # type: ignore[type-arg]
    """Corrupt a record in each of these ways: (how many were found, how many sound records were called wrong)."""
    corruptions.write_playbook(folder)
    left, right = (memory.store(f"{folder.name}-{side}") for side in ("left", "right"))
    corruptions.fill(left, n)
    corruptions.people(right)
    async with night(folder) as it:
        status = await it.run()
        assert status.run_outcome == "done"
        assert said(await word(it, "all")) == set(), "a clean wave"
        random = Random(seed)
        number = await it.ledger.entity("incident")
        known = {key: e.target for key, e in (await it.ledger.known(number, [f"I{i:04}" for i in range(n)])).items()}
        keys = {target: key for key, target in known.items()}
        places = random.sample(sorted(known)[1 : n - 5 : 4], len(ways))
        struck: list[set[str]] = []
        for way, key in zip(ways, places, strict=True):
            place = corruptions.Place(right, random, known[key], known[f"I{int(key[1:]) + 1:04}"])
            before = identities(right)
            way(place)
            after = identities(right)
            touched = {t for t in before.keys() | after.keys() if before.get(t) != after.get(t)}
            struck.append({key} | {keys.get(target, target) for target in touched})
        whole = await all_roots(it)
        found = sum(1 for some in struck if some & whole)
        lost = {keys[target] for target in known.values() if right.get("issue", target) is None}
        related = {key for some in struck for key in some} | {f"I{int(key[1:]) + 1:04}" for key in places}
        bearers = {key for key in known if f"I{int(key[1:]) // 2:04}" in lost}  # their parent is not there any more
        return found, len(whole - related - bearers)


def identities(store: memory.Store) -> dict[str, tuple[str, str]]:
    """Version and external id of every record."""
    table = store.tables["issue"]
    return {key: (record.version, table.xids.get(key, "")) for key, record in table.rows.items()}


async def all_roots(it: Night) -> set[str]:
    """Roots of all findings, past the two hundred that a report shows."""
    verifications = Verifications(it.conductor, it.ledger, Clock())
    rows = await it.ledger.waves()
    wave = verifications._under_test(it.conductor.assembly, rows, "all")
    found = await Verifier(Hearing(Clock()), it.ledger, lambda n: None).verify(wave)
    return {finding.root for each in found for finding in each.findings}


def test_a_record_that_the_loader_never_read_is_missing(tmp_path: Path) -> None:
    """It is not in the ledger, so nothing that asks the ledger first can know."""
    prepared(tmp_path, bad=0)

    async def work() -> None:
        async with night(tmp_path) as it:
            it.left.tables["incident"].removed.add("I0008")
            hidden = it.left.tables["incident"].rows.pop("I0008")
            it.left.tables["incident"].keys.remove("I0008")
            await it.run()
            it.left.fill("incident", [hidden])  # without a change in the feed: it was there all the time
            assert said(await word(it, "pilot")) == {("incident", "I0008", "missing", "")}

    go(work)


def test_who_changed_a_record_since_is_named(tmp_path: Path) -> None:
    prepared(tmp_path, bad=0)

    async def work() -> None:
        async with night(tmp_path) as it:
            await it.run("pilot")
            it.right.edit("issue", await target_of(it, "I0004"), {"title": "better"}, by="rosa")
            (finding,) = (await word(it, "pilot")).findings
            assert (finding.key, finding.kind, finding.field, finding.by) == ("I0004", "changed", "title", "rosa")

    go(work)


def test_no_value_of_a_record_is_in_a_report(tmp_path: Path) -> None:
    prepared(tmp_path, bad=0)

    async def work() -> None:
        async with night(tmp_path) as it:
            await it.run("pilot")
            it.right.edit("issue", await target_of(it, "I0004"), {"title": "a secret thing"}, by=ME)
            report = (await verified(it)).model_dump_json()
            assert "secret" not in report and "printer" not in report

    go(work)


def test_a_sample_reads_no_more_than_it_was_told_and_finds_what_is_wrong_throughout(tmp_path: Path) -> None:
    prepared(tmp_path, bad=0, n=400)

    async def work() -> None:
        async with night(tmp_path) as it:
            await it.run("pilot")
            for record in it.right.records("issue"):
                it.right.edit("issue", record.key, {"priority": "odd"}, by=ME)
            answer = await word(it, "pilot", sample=25)
            assert answer.entities[0].read == 25
            assert answer.entities[0].kinds == {"changed": 25}
            assert not answer.entities[0].whole and answer.entities[0].at_target is None

    go(work)


# ---------------------------------------------------------------- two opinions


def test_when_the_engines_own_comparison_says_something_else_that_is_an_alarm(tmp_path: Path) -> None:
    prepared(tmp_path, bad=0)

    async def work() -> None:
        async with night(tmp_path) as it:
            await it.run("pilot")
            assert (await word(it, "pilot")).disagrees_with_reconcile == []
            it.right.remove("issue", await target_of(it, "I0004"), by=ME)
            (sentence,) = (await word(it, "pilot")).disagrees_with_reconcile
            assert "1 records differ" in sentence and "incident I0004" in sentence

    go(work)


# ---------------------------------------------------------------- refusals


def test_a_wave_that_has_not_begun_is_refused_with_what_to_type(tmp_path: Path) -> None:
    prepared(tmp_path)

    async def work() -> None:
        async with night(tmp_path) as it:
            verifications = Verifications(it.conductor, it.ledger, Clock())
            with pytest.raises(Refused, match="cutover run --wave rest"):
                await verifications.verify(Verify(wave="rest", by="ana"))
            with pytest.raises(Refused, match="cutover run"):
                await verifications.verify(Verify(by="ana"))

    go(work)


def test_a_system_that_stays_away_is_the_reports_problem_and_not_the_engines_end(tmp_path: Path) -> None:
    prepared(tmp_path, bad=0)

    async def work() -> None:
        async with night(tmp_path) as it:
            await it.run("pilot")
            it.right.denied.add("read issue")
            verifications = Verifications(it.conductor, it.ledger, Clock())
            await verifications.verify(Verify(wave="pilot", by="ana"))
            while verifications.busy:
                await asyncio.sleep(0.005)
            report = await verifications.report()
            assert "was not verified to its end" in report.problem

    go(work)

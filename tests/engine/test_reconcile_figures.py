"""The figures of the comparison: of two hundred corruptions at least 99.5 % are found, and of clean waves none is."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path
from random import Random

import pytest

from connectors import memory
from tests.engine import corruptions
from tests.engine.comparing_night import compared, comparing, drift, soil
from tests.engine.memory_migration import Night, fill, go, night, write
from tests.engine.test_verifier import identities, said, verified

full = pytest.mark.skipif(not os.environ.get("CUTOVER_FULL"), reason="takes minutes: make drift")

_SLICE = len(corruptions.WAYS)  # each way once


@pytest.mark.parametrize(("seed", "n"), [(1, _SLICE), *(pytest.param(seed, 200, marks=full) for seed in (1, 2, 3))])
def test_of_seeded_corruptions_at_least_995_in_a_thousand_are_found_and_nothing_else(
    seed: int, n: int, tmp_path: Path
) -> None:
    ways = (corruptions.WAYS * (n // _SLICE + 1))[:n]
    hit, false_alarms = asyncio.run(hit_rate(tmp_path, ways, seed))
    print(f"seed {seed}: {hit} of {n} corruptions found, {false_alarms} false alarms")
    assert hit / n >= 0.995
    assert false_alarms == 0


async def hit_rate(folder: Path, ways: list, seed: int) -> tuple[int, int]:  # type: ignore[type-arg]
    """Corrupt a record in each of these ways: (how many were found, how many sound records were called wrong)."""
    n = 4 * len(ways) + 30
    corruptions.write_playbook(folder)
    left, right = (memory.store(f"{folder.name}-{side}") for side in ("left", "right"))
    corruptions.fill(left, n)
    corruptions.people(right)
    async with night(folder) as it:
        assert (await it.run()).run_outcome == "done"
        assert await drift(it) == [], "a clean wave"
        random = Random(seed)
        number = await it.ledger.entity("incident")
        known = {key: e.target for key, e in (await it.ledger.known(number, [f"I{i:04}" for i in range(n)])).items()}
        keys = {target: key for key, target in known.items()}
        places = random.sample(sorted(known)[1 : n - 5 : 4], len(ways))
        struck: list[set[str]] = []
        for way, key in zip(ways, places, strict=True):
            before = identities(right)
            way(corruptions.Place(right, random, known[key], known[f"I{int(key[1:]) + 1:04}"]))
            after = identities(right)
            touched = {t for t in before.keys() | after.keys() if before.get(t) != after.get(t)}
            struck.append({key} | {keys.get(target, target) for target in touched})
        await compared(it, comparing(it), full=True, wave="all")
        told = {kept.difference.root for kept in await it.ledger.drifts.list(limit=100_000)}
        lost = {keys[target] for target in known.values() if right.get("issue", target) is None}
        related = {key for some in struck for key in some} | {f"I{int(key[1:]) + 1:04}" for key in places}
        bearers = {key for key in known if f"I{int(key[1:]) // 2:04}" in lost}  # their parent is not there any more
        return sum(1 for some in struck if some & told), len(told - related - bearers)


@pytest.mark.parametrize(("seed", "waves"), [(11, 4), *(pytest.param(seed, 250, marks=full) for seed in (1, 2, 3, 4))])
@pytest.mark.timeout(3600)
def test_clean_waves_with_users_writing_fifty_times_a_second_have_no_drift(
    seed: int, waves: int, tmp_path: Path
) -> None:
    """Neither at their end, nor when all of it is compared, nor by the word of the verifier."""

    async def work() -> None:
        write(tmp_path, source="{ granularity: 0.002, settle: 0.01 }")
        random = Random(seed)
        async with night(tmp_path) as it:
            fill(it.left, 120, bad=0)
            written = [0]
            users = asyncio.create_task(writing(it, random, written))
            began, compared_, verified_ = time.monotonic(), 0, 0
            try:
                for done in range(0, waves, 2):  # pilot and rest, each time all of it
                    status = await it.run("pilot", "rest")
                    assert status.run_outcome == "done"
                    assert await drift(it) == []
                    compared_ += (await compared(it, comparing(it), full=True)).compared
                    assert await drift(it) == []
                    report = await verified(it)
                    assert [said(each) for each in report.waves if said(each)] == []
                    verified_ += sum(entity.compared for each in report.waves for entity in each.entities)
                    await soil(it)
                    if (done + 2) % 50 == 0 or done + 2 == waves:
                        rate = written[0] / (time.monotonic() - began)
                        print(
                            f"seed {seed}: {done + 2} of {waves} waves, {written[0]:,} writes by users ({rate:.0f}/s), "
                            f"{compared_:,} records compared and {verified_:,} verified, no drift",
                            flush=True,
                        )
            finally:
                users.cancel()
                await asyncio.gather(users, return_exceptions=True)

    go(work)


async def writing(it: Night, random: Random, written: list[int]) -> None:
    """People who go on working at the source, fifty times a second however long one of them takes."""
    began = time.monotonic()
    while True:
        key = f"I{random.randrange(120):04}"
        what = random.random()
        if what < 0.6:
            it.left.edit("incident", key, {"short_description": f"words {random.random()}"})
        elif what < 0.8:
            it.left.edit("incident", key, {"state": random.choice(("1", "2", "6"))})
        else:
            it.left.put("comment", f"N{random.random()}", {"text": "more"}, parent=key)
            it.left.edit("incident", key, {"touched": random.random()})  # as a comment does at real systems
        written[0] += 1
        await asyncio.sleep(max(0, began + written[0] * 0.02 - time.monotonic()))

"""Comparing: two sides of a million in memory against a polars join of the same, and what the end of a wave costs by
its size when a thousand of its records are dirty."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from random import Random
from statistics import median
from typing import NamedTuple

import orjson

from engine.clock import Clock
from engine.garbage import collected_seldom
from engine.model import Bucket, Entry
from engine.patience import Patience
from engine.reconcile import at_the_end
from engine.rulings import last_drift
from tests.bench import folder
from tests.bench.doubles import served
from tests.bench.process import ROOT, BenchError
from tests.bench.table import megabytes, spread, table, whole
from tests.engine.memory_migration import night

DIRTY = 1_000
TOTALS = (10_000, 100_000, 1_000_000)
UNLIKE = 1_000  # of each kind: only here, only there, differing
TURNS = 5  # of the ends, for each run of the rest: they are short
_AT_A_TIME = 20_000  # entries

# A process of its own each, so that the peak is its own: VmHWM, since a child begins with its parent's `ru_maxrss`.
_MEASURED = """
import pathlib, sys, time
import numpy as np
n, unlike = int(sys.argv[2]), int(sys.argv[3])
chance = np.random.default_rng(7)
keys = chance.permutation(np.unique(chance.integers(0, 2**64, n + unlike + 10, dtype=np.uint64)))[: n + unlike]
digests = chance.integers(0, 2**64, n + unlike, dtype=np.uint64)
left, mine = keys[:n].copy(), digests[:n].copy()
right, theirs = keys[unlike:].copy(), digests[unlike:].copy()
theirs[:unlike] ^= np.uint64(1)
order = chance.permutation(n)
right, theirs = right[order], theirs[order]
del keys, digests, order
if sys.argv[1] == "ours":
    from engine.keysets import Set, compare
    began, spent = time.perf_counter(), time.process_time()
    found = compare(Set(left, mine), Set(right, theirs))
    counts = [len(found.only_left), len(found.only_right), len(found.differing)]
else:
    import polars as pl
    one = pl.DataFrame({"key": left, "mine": mine})
    other = pl.DataFrame({"key": right, "theirs": theirs})
    began, spent = time.perf_counter(), time.process_time()
    joined = one.join(other, on="key", how="full", coalesce=True)
    unequal = joined.filter(pl.col("mine").ne_missing(pl.col("theirs")))
    counts = [
        unequal["theirs"].null_count(),
        unequal["mine"].null_count(),
        len(unequal.drop_nulls()),
    ]
seconds, cpu = time.perf_counter() - began, time.process_time() - spent
peak = int(pathlib.Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0]) * 1024
import json
print(json.dumps({"seconds": seconds, "cpu": cpu, "peak": peak, "counts": counts}))
"""


class Look(NamedTuple):
    """One comparison of two sets: seconds, CPU seconds, peak of its process in bytes."""

    seconds: float
    cpu: float
    peak: float


def measure(who: str, records: int, unlike: int) -> Look:
    """`who`: "ours" or "polars". Raises BenchError when it does not find exactly what differs."""
    done = subprocess.run(
        [sys.executable, "-c", _MEASURED, who, str(records), str(unlike)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise BenchError(f"{who} failed: {done.stderr[-1000:]}")
    said = orjson.loads(done.stdout)
    if said["counts"] != [unlike] * 3:
        raise BenchError(f"{who} found {said['counts']}, and there are {unlike} of each")
    return Look(said["seconds"], said["cpu"], said["peak"])


def show(sizes: Sequence[int], runs: int, totals: Sequence[int] = TOTALS) -> None:
    for records in sizes:
        _show_sets(records, runs)
    _show_ends(totals, TURNS * runs)


def _show_sets(records: int, runs: int) -> None:
    unlike = min(UNLIKE, records // 10)
    made: dict[str, list[Look]] = {"ours": [], "polars": []}
    for _ in range(runs):
        for who, looks in made.items():
            looks.append(measure(who, records, unlike))
    theirs = median(one.seconds for one in made["polars"])
    rows = [
        [
            "buckets, numpy" if who == "ours" else "polars, full join",
            spread([one.seconds * 1000 for one in looks], whole),
            spread([one.cpu * 1000 for one in looks], whole),
            f"{median(one.seconds for one in looks) / theirs:.2f}",
            megabytes(max(one.peak for one in looks)),
        ]
        for who, looks in made.items()
    ]
    title = f"{records:,} keys and digests against {records:,}, {unlike:,} of each kind unlike (medians of {runs})"
    table(title, ["", "ms", "CPU ms", "of polars", "peak of the process"], rows)
    print("aims: at most 2.00 of polars, peak at most 300 MB")


def _show_ends(totals: Sequence[int], turns: int) -> None:
    ends = asyncio.run(_ends(totals, turns))
    first = ends[totals[0]]
    rows = [
        [
            whole(total),
            spread([seconds * 1000 for seconds in cpu], whole),
            f"{median(mine / theirs for mine, theirs in zip(cpu, first, strict=True)):.2f}",
        ]
        for total, cpu in ends.items()
    ]
    table(
        f"The end of a wave with {min(DIRTY, totals[0]):,} dirty records, over HTTP (medians of {turns}, in turns)",
        ["records in all", "CPU ms", "of the first's"],
        rows,
    )
    print("aim: within 1.10 of the first, whatever there is in all")


async def _ends(totals: Sequence[int], turns: int) -> dict[int, list[float]]:
    """CPU seconds of each comparison of the dirty records, by the size of the wave; one of each size in each turn."""
    os.environ |= folder.ENVIRONMENT
    async with AsyncExitStack() as stack:
        stack.enter_context(collected_seldom(Clock()))  # as the engine's process does
        waves = {total: await stack.enter_async_context(_wave(total)) for total in totals}
        for end in waves.values():
            await end()  # warms up
        spent: dict[int, list[float]] = {total: [] for total in totals}
        for turn in range(turns):
            for at in range(len(totals)):  # each is the first as often as the others
                total = totals[(turn + at) % len(totals)]
                spent[total].append(await waves[total]())
    return spent


@asynccontextmanager
async def _wave(total: int) -> AsyncIterator[Callable[[], Awaitable[float]]]:
    """A wave of so many whose end can be had again and again; that tells its CPU seconds.

    Only the dirty ones are at the systems; the ledger has as many others as it takes, found equal long ago.
    """
    async with AsyncExitStack() as stack:
        place = stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-"))
        source = stack.enter_context(served("servicenow", min(DIRTY, total)))
        target = stack.enter_context(served("jira"))
        migration = folder.over_http(Path(place) / "migration", source.url, target.url)
        it = await stack.enter_async_context(night(migration))
        await it.run()
        flow, wave = it.conductor.assembly.flows["incident"], (await it.ledger.waves())[folder.WAVE].id
        entries = await it.ledger.drifts.synced(wave, flow.entity, "", DIRTY)
        chance = Random(7)
        for first in range(len(entries), total, _AT_A_TIME):
            keys = [f"{chance.getrandbits(128):032x}" for _ in range(first, min(total, first + _AT_A_TIME))]
            others = [Entry(key, Bucket.SYNCED, str(chance.getrandbits(20)), "1" * 30, key) for key in keys]
            await it.ledger.settle(wave, flow.entity, others)
            await it.ledger.drifts.found(wave, flow.entity, keys, [], until=it.ledger.drifts.durable)
        context = it.conductor.context((await it.ledger.waves())[folder.WAVE])
        ask, compare = Patience(context, it.conductor.brake).ask, at_the_end(context, [flow], "all", {})

        async def end() -> float:
            await it.ledger.settle(wave, flow.entity, entries)
            began = time.process_time()
            said = await compare(ask)
            spent = time.process_time() - began
            left = await it.ledger.drifts.dirty_count(wave, flow.entity)
            drift = await last_drift(it.ledger, folder.WAVE)
            if drift is None or said != ("", "") or (drift.sampled, left) != (len(entries), 0):
                raise BenchError(f"{said}, {left} are still to be compared")
            return spent

        yield end

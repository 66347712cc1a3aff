"""While a wave runs, some of what is settled is compared: an estimate of its drift, and drift that is found early."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from connectors.memory.store import ME
from engine.clock import Clock
from engine.model import WaveState
from engine.sampling import Sampler
from engine.telemetry import Telemetry
from engine.wire import Drift, Run
from tests.engine.comparing_night import SECRET
from tests.engine.memory_migration import PLAYBOOK, Night, fill, go, night, write

_SLOW = "{ latency: 0.01 }"


@asynccontextmanager
async def sampled(it: Night, telemetry: Telemetry) -> AsyncIterator[Sampler]:
    sampler = Sampler(it.conductor, it.ledger, it.pacing, telemetry, Clock(), SECRET, every=0.01)
    async with sampler.kept():
        yield sampler


async def halfway(it: Night) -> None:
    """Run the wave until some of it is settled, and let it read no further."""
    await it.conductor.run(Run(waves=["pilot"], by="ana"))
    while (await it.buckets()).get("synced", 0) < 20:
        await asyncio.sleep(0.005)
    it.left.faults.add("throttle", "read", seconds=0.1)
    assert (await it.ledger.waves())["pilot"].state is WaveState.COPYING


async def said(it: Night, sampler: Sampler, enough: int) -> Drift:
    """What it says when so many were sampled."""
    while True:
        drift = await sampler.drift()
        if drift is not None and drift.sampled >= enough:
            return drift
        await asyncio.sleep(0.01)


def test_a_wave_that_runs_is_sampled_and_an_estimate_is_shown_before_it_ends(tmp_path: Path) -> None:
    async def work() -> None:
        write(tmp_path, source=_SLOW)
        async with night(tmp_path) as it:
            fill(it.left, 400, bad=0)
            telemetry = Telemetry(Clock())
            async with sampled(it, telemetry) as sampler:
                assert await sampler.drift() is None
                await halfway(it)
                drift = await said(it, sampler, 60)
                assert (drift.confirmed, drift.estimate) == (0, 0.0)
                assert drift.upper is not None and 0 < drift.upper < 0.05
                assert telemetry.totals["sampled"] >= 60 and not telemetry.totals["differing"]
                assert [wave.drift for wave in (await it.snapshots.take()).waves] == [0, None]
                it.left.faults.clear()
                assert (await it.settled()).waves[0].state == "awaiting_sign_off"
                last = await sampler.drift()
                assert last is not None and last.sampled == 100, "at its end all of it was compared"

    go(work)


def test_what_goes_wrong_while_a_wave_runs_is_found_while_it_runs(tmp_path: Path) -> None:
    async def work() -> None:
        write(tmp_path, source=_SLOW)
        async with night(tmp_path) as it:
            fill(it.left, 400, bad=0)
            async with sampled(it, Telemetry(Clock())) as sampler:
                await halfway(it)
                for record in it.right.records("issue"):
                    it.right.edit("issue", record.key, {"title": "cut"}, by=ME)
                while not (drift := await said(it, sampler, 1)).estimate:
                    await asyncio.sleep(0.01)
                assert drift.confirmed and drift.upper and drift.upper > drift.estimate
                assert (await it.snapshots.take()).waves[0].drift
                it.left.faults.clear()
                assert (await it.settled()).waves[0].state == "needs_human"

    go(work)


def test_what_is_put_right_before_the_second_look_is_no_drift(tmp_path: Path) -> None:
    async def work() -> None:
        write(tmp_path, source="{ latency: 0.01, settle: 0.5 }")
        async with night(tmp_path) as it:
            fill(it.left, 400, bad=0)
            async with sampled(it, Telemetry(Clock())) as sampler:
                await halfway(it)
                titles = {record.key: record.fields["title"] for record in it.right.records("issue")}
                seen = it.right.calls["others"]  # asked only of what differs
                for key in titles:
                    it.right.edit("issue", key, {"title": "cut"}, by=ME)
                while it.right.calls["others"] == seen:
                    await asyncio.sleep(0.01)
                for key, title in titles.items():
                    it.right.edit("issue", key, {"title": title}, by=ME)
                drift = await said(it, sampler, 60)
                assert (drift.confirmed, drift.estimate) == (0, 0.0)
                it.left.faults.clear()
                assert (await it.settled()).waves[0].state == "awaiting_sign_off"

    go(work)


def test_a_wave_that_is_not_to_be_compared_is_not_sampled(tmp_path: Path) -> None:
    async def work() -> None:
        write(tmp_path, source=_SLOW, playbook=PLAYBOOK.replace("workers: 3", "workers: 3, prove: none"))
        async with night(tmp_path) as it:
            fill(it.left, 100, bad=0)
            async with sampled(it, Telemetry(Clock())) as sampler:
                await it.run("pilot")
                assert await sampler.drift() is None

    go(work)

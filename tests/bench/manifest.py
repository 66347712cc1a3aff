"""Signing a wave off, and re-checking its manifest: seconds and memory, by the number of records."""

from __future__ import annotations

import asyncio
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from engine.clock import Clock
from engine.manifest import Seal
from engine.model import Bucket, Entry
from engine.signoff import SignOffs
from engine.wire import Sign
from tests.bench.process import ROOT, BenchError
from tests.bench.table import megabytes, spread, table, whole
from tests.engine.memory_migration import night, write

_AT_A_TIME = 20_000  # entries
# Not `ru_maxrss`: a child begins with that of its parent.
_MEASURED = """
import pathlib, runpy, sys
sys.argv = ["cutover", "manifest", "verify", sys.argv[1]]
try:
    runpy.run_module("cockpit", run_name="__main__")
except SystemExit:
    said = pathlib.Path("/proc/self/status").read_text()
    print("rss", int(said.partition("VmHWM:")[2].split()[0]) * 1024)
    raise
"""


class Measured(NamedTuple):
    records: int
    signing: float  # seconds
    grown: float  # bytes that the signing process grew by
    checking: list[float]  # seconds of `cutover manifest verify`, from its start to its end
    checker: float  # bytes, at most
    size: int  # bytes of the records


def measure(records: int, runs: int) -> Measured:
    """Sign a wave of that many records, and re-check it `runs` times by the command."""
    with tempfile.TemporaryDirectory(prefix="cutover-bench-") as name:
        folder = Path(name)
        signing, grown = asyncio.run(_sign(folder, records))
        manifest = folder / "manifests" / "pilot-1.json"
        looks = [_verify(manifest) for _ in range(runs)]
        size = manifest.with_suffix(".records").stat().st_size
    return Measured(records, signing, grown, [seconds for seconds, _ in looks], max(rss for _, rss in looks), size)


def show(sizes: Sequence[int], runs: int) -> None:
    rows = []
    for records in sizes:
        m = measure(records, runs)
        rows.append(
            (
                whole(records),
                f"{m.signing:.2f}",
                megabytes(m.grown),
                spread(m.checking, lambda seconds: f"{seconds:.2f}"),
                megabytes(m.checker),
                megabytes(m.size),
            )
        )
    table("Sign-off", ("records", "sign, s", "grows by", "verify, s", "verify, at most", "records file"), rows)


async def _sign(folder: Path, records: int) -> tuple[float, float]:
    write(folder)
    async with night(folder) as it:
        entity = it.conductor.assembly.flows["incident"].entity
        wave = (await it.ledger.waves())["pilot"].id
        for first in range(0, records, _AT_A_TIME):
            numbers = range(first, min(records, first + _AT_A_TIME))
            entries = [Entry(f"{n:032x}", Bucket.SYNCED, str(10_000 + n), "2026-01-01", f"{n:032x}") for n in numbers]
            await it.ledger.settle(wave, entity, entries)
        await it.ledger.plan(wave, {entity: records})
        await it.ledger.loaded("pilot", "")
        signoffs = SignOffs(it.conductor, it.ledger, lambda: Seal(b"k" * 32), Clock())
        before, began = _rss(), time.monotonic()
        await signoffs.sign(Sign(wave="pilot", by="bench"))
        return time.monotonic() - began, _rss() - before


def _rss() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _verify(manifest: Path) -> tuple[float, float]:
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", _MEASURED, str(manifest)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    seconds = time.monotonic() - began
    if done.returncode:
        raise BenchError(f"the manifest does not hold: {done.stdout}{done.stderr}")
    return seconds, float(done.stdout.rpartition("rss ")[2])

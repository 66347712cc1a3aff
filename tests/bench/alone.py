"""The engine alone: from a generated store to one that counts and throws away, with its ledger on disk."""

from __future__ import annotations

import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path
from statistics import median
from typing import NamedTuple

from tests.bench import folder, ledger
from tests.bench.engine_process import Ran, engine
from tests.bench.ledger import Watch
from tests.bench.process import BenchError
from tests.bench.runner import command
from tests.bench.table import megabytes, spread, table, tenths, whole

CREATES = ("strong", "native")
"""How the target resolves a create without an answer: `strong` as Jira, with intents on disk; `native` without."""


class Alone(NamedTuple):
    ran: Ran
    ledger: int  # bytes


def measure(records: int, creates: str, profile: Path | None = None) -> Alone:
    """One run. With `profile`, a profile of the event loop's thread goes there (and costs time)."""
    with tempfile.TemporaryDirectory(prefix="bench-") as place:
        migration = folder.in_memory(Path(place) / "migration", creates)
        with engine(migration, command(records, profile)) as running:
            ran = running.run(records)
            running.stop()
        return Alone(ran, ledger.size(migration))


def show_speed(sizes: list[int], runs: int) -> None:
    rows = []
    for creates in CREATES:
        for records in sizes:
            _say(f"engine alone, {records:,} records, {creates}, {runs} runs")
            made = [measure(records, creates).ran for _ in range(runs)]
            rows.append(
                [
                    f"{records:,} {creates}",
                    spread([records / one.copied for one in made], whole),
                    spread([records / one.proven for one in made], whole),
                    spread([one.cpu.total / records * 1e6 for one in made], tenths),
                    f"{median(one.cpu.main / one.cpu.total for one in made):.0%}",
                ]
            )
    head = ["records, target's creates", "records/s", "records/s to the proof", "CPU µs/record", "of it the event loop"]
    table(f"Engine alone: memory to memory, ledger on disk, synchronous=FULL (medians of {runs})", head, rows)
    print("aim: at least 40,000 records/s")


def show_memory(sizes: list[int]) -> None:
    rows, peaks = [], []
    for records in sizes:
        _say(f"memory and ledger, {records:,} records")
        one = measure(records, CREATES[0])
        peaks.append(one.ran.peak)
        rows.append([f"{records:,}", megabytes(one.ran.peak), megabytes(one.ledger), tenths(one.ledger / records)])
    table("Peak memory of the engine, and its ledger", ["records", "peak", "ledger", "bytes/record"], rows)
    print(f"the largest peak is {max(peaks) / peaks[0]:.2f} of the first one")
    print("aims: peak within 1.10 of the smallest run and under 200 MB; ledger at most 300 bytes a record")


def show_resume(records: int, runs: int) -> None:
    _say(f"kill -9 at half of {records:,} records, {runs} runs")
    made = [resume(records) for _ in range(runs)]
    rows = [[f"{records:,}", spread([one.first for one in made], _hundredths), f"{median(o.kept for o in made):,.0f}"]]
    head = ["records", "s from process start to the first new write", "records kept"]
    table(f"Resume after kill -9 (medians of {runs}); each run then went on to its proven end", head, rows)
    print("aim: at most 2 s")


class Resumed(NamedTuple):
    first: float  # seconds from the start of the process until a new record was durable
    kept: int  # records that were durable when it was killed


def resume(records: int) -> Resumed:
    """Kill an engine half way, start another one, and see it through to the end."""
    with tempfile.TemporaryDirectory(prefix="bench-") as place:
        migration = folder.in_memory(Path(place) / "migration", CREATES[0])
        with engine(migration, command(records)) as first:
            first.command()
            with closing(Watch(migration)) as watch:
                first.wait(lambda: watch.settled() >= records // 2, "half of the records", every=0.005)
                first.kill()
        kept = ledger.settled_by_the_dead(migration)
        if kept >= records:
            raise BenchError(f"{records:,} records were done before the kill; ask for more")
        began = time.perf_counter()
        with engine(migration, command(records)) as second:
            second.command()
            with closing(Watch(migration)) as watch:
                second.wait(lambda: watch.settled() > kept, "a new write", every=0.005)
                seconds = time.perf_counter() - began
            second.wait_until_done(records)
            second.stop()
    return Resumed(seconds, kept)


def _hundredths(value: float) -> str:
    return f"{value:.2f}"


def _say(what: str) -> None:
    print(f"  {what}", file=sys.stderr, flush=True)

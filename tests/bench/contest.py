"""The same records over the same sockets: two plain scripts and the engine, run in turns."""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import NamedTuple

from tests.bench import folder, ledger
from tests.bench.doubles import Served, prove_each_once, served
from tests.bench.engine_process import engine
from tests.bench.process import BenchError, cpu, end, start
from tests.bench.runner import command
from tests.bench.table import megabytes, spread, table, tenths, whole

SCRIPT = "httpx script"
OURS = "cutover"


class Figures(NamedTuple):
    """One run. Seconds until all was copied, of the clock and of CPU. `proven` is when the engine had proven that
    nothing is missing, which scripts never do, and `proof_cpu` its CPU until then."""

    seconds: float
    cpu: float
    target_busy: float = 0.0  # the share of the time that the rehearsal Jira worked: near 1, it is the brake
    proven: float = 0.0
    proof_cpu: float = 0.0
    peak: int = 0  # bytes of memory, of the engine
    ledger: int = 0  # bytes


Contender = Callable[[str, str, int], Figures]


def _script(module: str) -> Contender:
    def run(servicenow: str, jira: str, records: int) -> Figures:
        process = start(["-m", module, servicenow, jira])
        try:
            out, _ = process.communicate(timeout=1800)
        finally:
            end(process)
        if process.returncode:
            raise BenchError(f"{module} failed (see its message above)")
        said = json.loads(out)
        return Figures(said["seconds"], said["cpu_seconds"])

    return run


def _ours(servicenow: str, jira: str, records: int, profile: Path | None = None) -> Figures:
    with tempfile.TemporaryDirectory(prefix="bench-") as place:
        migration = folder.over_http(Path(place) / "migration", servicenow, jira)
        with engine(migration, command(profile=profile) if profile else (), folder.ENVIRONMENT) as running:
            ran = running.run(records)
            running.stop()
        return Figures(
            ran.copied,
            ran.cpu.total,
            proven=ran.proven,
            proof_cpu=ran.proof_cpu.total,
            peak=ran.peak,
            ledger=ledger.size(migration),
        )


CONTENDERS: dict[str, Contender] = {
    SCRIPT: _script("tests.bench.baseline_httpx"),
    "aiohttp script": _script("tests.bench.baseline_aiohttp"),
    OURS: _ours,
}


def profiled(records: int, profile: Path) -> None:
    """Run the engine once, and write a profile of its event loop's thread there."""
    with served("servicenow", records) as source, served("jira") as target:
        _ours(source.url, target.url, records, profile)


def measure(name: str, servicenow: str, jira: Served, records: int) -> Figures:
    """One run of a contender into an empty Jira. Raises BenchError when a record is lost or doubled."""
    before, began = cpu(jira.pid).total, time.monotonic()
    figures = CONTENDERS[name](servicenow, jira.url, records)
    worked, took = cpu(jira.pid).total - before, min(figures.seconds, time.monotonic() - began)
    prove_each_once(jira.url, records)
    return figures._replace(target_busy=worked / took)


def contest(records: int, latency_ms: float, runs: int) -> dict[str, list[Figures]]:
    """Figures of each contender, `runs` each, in turns. With more than one run, a round before them warms up."""
    figures: dict[str, list[Figures]] = {name: [] for name in CONTENDERS}
    names = list(CONTENDERS)
    with served("servicenow", records, latency_ms) as source:
        for turn in range(runs if runs == 1 else runs + 1):
            for place in range(len(names)):
                name = names[(turn + place) % len(names)]
                with served("jira", latency_ms=latency_ms) as target:
                    one = measure(name, source.url, target, records)
                warming = runs > 1 and turn == 0
                if not warming:
                    figures[name].append(one)
                word = "warm-up" if warming else f"run {len(figures[name])}/{runs}"
                rate, spent = records / one.seconds, one.cpu / records * 1e6
                print(f"  {word} {name}: {rate:,.0f} records/s, {spent:.0f} µs", file=sys.stderr, flush=True)
    return figures


def show(records: int, latency_ms: float, figures: dict[str, list[Figures]]) -> None:
    rates = {name: [records / one.seconds for one in ours] for name, ours in figures.items()}
    spent = {name: [one.cpu / records * 1e6 for one in ours] for name, ours in figures.items()}
    rows = []
    for name, ours in figures.items():
        rows.append(
            [
                name,
                spread(rates[name], whole),
                f"{median(rates[name]) / median(rates[SCRIPT]):.2f}",
                spread(spent[name], tenths),
                f"{median(spent[name]) / median(spent[SCRIPT]):.2f}",
                f"{median(one.target_busy for one in ours):.0%}",
                tenths(median(one.proven for one in ours)) if ours[0].proven else "never",
                tenths(median(one.proof_cpu / records * 1e6 for one in ours)) if ours[0].proven else "",
            ]
        )
    table(
        f"{records:,} incidents to issues, {latency_ms:g} ms added to each call (medians of {len(figures[SCRIPT])})",
        ["", "records/s", "of httpx", "CPU µs/record", "of httpx", "Jira busy", "proven after s", "CPU µs to that"],
        rows,
    )
    peak, kept = (median(getattr(one, what) for one in figures[OURS]) for what in ("peak", "ledger"))
    print(f"{OURS}: peak memory {megabytes(peak)}, ledger {kept / records:.0f} bytes a record")
    print(f"aims for {OURS}: records/s at least 1.30 of the {SCRIPT}, CPU at most 0.70 of it")

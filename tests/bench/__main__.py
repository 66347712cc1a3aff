"""`python -m tests.bench [PART] [--records N ...] [--latency MS ...] [--runs K] [--quick]`; `--help` says which."""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence

from tests.bench import alone, anomalies, attached, contest, manifest, profile, reconcile, screen
from tests.bench.process import BenchError

HTTP_RECORDS, LATENCIES = (20_000, 200_000), (0.0, 20.0)
ALONE_RECORDS = (100_000, 1_000_000)
RUNS = 5
QUICK = 2_000
QUICK_RESUME = 30_000  # fewer are done before anyone can kill it

# For the estimate only: records a second of the slowest contender, and seconds a run needs around that.
_SLOW, _AROUND = 7_000, 6
_ALONE = 25_000
_LISTED = 40_000
_COMPARED = 200_000
_SCREEN, _QUICK_SCREEN = 120, 15  # seconds
_WATCH = 4  # seconds a run


def main() -> int:
    asked = _arguments()
    parts: dict[str, tuple[Callable[[], float], Callable[[], None]]] = {
        "http": (lambda: _http_seconds(asked), lambda: _http(asked)),
        "engine": (lambda: _engine_seconds(asked), lambda: _engine(asked)),
        "memory": (lambda: sum(_alone(asked)) / _ALONE, lambda: alone.show_memory(_alone(asked))),
        "resume": (
            lambda: asked.runs * (_resume(asked) / _ALONE + 3),
            lambda: alone.show_resume(_resume(asked), asked.runs),
        ),
        "attached": (
            lambda: (asked.runs + 1) * (max(_alone(asked)) / _ALONE + 3),
            lambda: attached.show(max(_alone(asked)), asked.runs, asked.quick),
        ),
        "manifest": (
            lambda: sum(_alone(asked)) / _LISTED + asked.runs * 6,
            lambda: manifest.show(_alone(asked), asked.runs),
        ),
        "anomalies": (lambda: asked.runs * _WATCH, lambda: anomalies.show(asked.runs)),
        "reconcile": (
            lambda: sum(_alone(asked)) / _COMPARED * asked.runs + sum(_totals(asked)) / _LISTED + 30,
            lambda: reconcile.show(_alone(asked), asked.runs, _totals(asked)),
        ),
        "screen": (lambda: _QUICK_SCREEN if asked.quick else _SCREEN, lambda: screen.show(asked.quick)),
    }
    chosen = parts if asked.part == "all" else {asked.part: parts[asked.part]}
    minutes = sum(estimate() for estimate, _ in chosen.values()) / 60
    print(f"This takes about {max(1, round(minutes))} minutes; everything else on this machine shows in the figures.")
    print(f"Ledgers lie in {tempfile.gettempdir()} ({_file_system()}; TMPDIR chooses another place).")
    try:
        for _, run in chosen.values():
            run()
    except BenchError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench", description="The figures, measured side by side.")
    parser.add_argument(
        "part",
        nargs="?",
        default="all",
        choices=[
            "all",
            "http",
            "engine",
            "memory",
            "resume",
            "attached",
            "manifest",
            "anomalies",
            "reconcile",
            "screen",
        ],
    )
    parser.add_argument("--records", type=int, nargs="+", help="sizes (resume and attached take the largest)")
    parser.add_argument(
        "--latency", type=float, nargs="+", default=list(LATENCIES), help="ms added to each call (http)"
    )
    parser.add_argument("--runs", type=int, default=RUNS, help="of each, in turns (default: %(default)s)")
    parser.add_argument("--quick", action="store_true", help="a few records, one run each: does it work at all")
    asked = parser.parse_args()
    if asked.runs < 1 or any(n < 1 for n in asked.records or ()) or any(ms < 0 for ms in asked.latency):
        parser.error("records and runs are 1 or more, latency is 0 or more")
    if asked.quick:
        asked.runs, asked.latency = 1, asked.latency[:1]
        asked.records = asked.records or [QUICK]
    return asked


def _http(asked: argparse.Namespace) -> None:
    for latency in asked.latency:
        for records in asked.records or HTTP_RECORDS:
            contest.show(records, latency, contest.contest(records, latency, asked.runs))
    profile.show_over_http(min(asked.records or HTTP_RECORDS))


def _http_seconds(asked: argparse.Namespace) -> float:
    rounds: int = asked.runs + (asked.runs > 1)
    latencies: Sequence[float] = asked.latency
    sizes: Sequence[int] = asked.records or HTTP_RECORDS
    one = sum(records / _SLOW + _AROUND for records in sizes) * len(contest.CONTENDERS)
    return one * rounds * len(latencies)


def _engine(asked: argparse.Namespace) -> None:
    sizes = _alone(asked)
    alone.show_speed(sizes, asked.runs)
    profile.show_alone(min(sizes))


def _engine_seconds(asked: argparse.Namespace) -> float:
    runs: int = asked.runs
    return runs * len(alone.CREATES) * sum(records / _ALONE + 2 for records in _alone(asked)) + 30


def _alone(asked: argparse.Namespace) -> list[int]:
    return list(asked.records or ALONE_RECORDS)


def _totals(asked: argparse.Namespace) -> list[int]:
    return list(asked.records or reconcile.TOTALS)


def _resume(asked: argparse.Namespace) -> int:
    return max([*_alone(asked), QUICK_RESUME]) if asked.quick else max(_alone(asked))


def _file_system() -> str:
    asked = ["stat", "--file-system", "--format=%T", tempfile.gettempdir()]
    return subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip() or "unknown"


if __name__ == "__main__":
    sys.exit(main())

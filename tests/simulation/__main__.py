"""`python -m tests.simulation`: plays nights by their seeds, tells one as a story, shrinks one that failed."""

from __future__ import annotations

import argparse
import logging
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor

from tests.simulation.night import Verdict, play
from tests.simulation.plan import draw

_AT_ONCE = 20  # seeds that a process plays before it tells


def main() -> int:
    asked = _asked()
    logging.disable(logging.CRITICAL)
    if asked.seed is not None:
        return _one(asked.seed, minimise=asked.minimise)
    return _many(asked.first, asked.seeds, asked.jobs, asked.seconds)


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seed", type=int, help="play this night and tell it")
    parser.add_argument("--minimise", action="store_true", help="leave out the faults without which it fails as well")
    parser.add_argument("--seeds", type=int, default=2000, help="play so many nights")
    parser.add_argument("--first", type=int, default=None, help="the first of them (default: by the time of day)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes")
    parser.add_argument("--seconds", type=float, default=None, help="begin no night after so many seconds")
    asked = parser.parse_args()
    if asked.first is None:
        asked.first = time.time_ns() // 1000 % 1_000_000_000
    return asked


def _one(seed: int, *, minimise: bool) -> int:
    verdict = play(draw(seed))
    if minimise and not verdict.held:
        verdict = shrunk(verdict)
    print(f"seed {seed}: {verdict.plan}".replace(", faults=", "\nfaults=").replace(", acts=", "\nacts="))
    print("\n".join(verdict.story))
    print(f"\nseed {seed}  trace {verdict.digest}  {verdict.seconds:,.0f} s of night, {verdict.lives} lives")
    for fault in verdict.plan.faults:
        print(f"  {fault}")
    for what in verdict.violations:
        print(f"  VIOLATED: {what}")
    return 0 if verdict.held else 1


def shrunk(verdict: Verdict) -> Verdict:
    """The same night with as few faults, and then as few deeds of the operator, as still break it."""
    going = True
    while going:
        going = False
        for fault in verdict.plan.faults:
            tried = play(verdict.plan.without([fault.number]))
            if not tried.held:
                verdict, going = tried, True
                break
    at = len(verdict.plan.acts) - 1
    while at >= 0:
        tried = play(verdict.plan.without_act(at))
        if not tried.held:
            verdict = tried
        at -= 1
    return verdict


def _batch(seeds: range) -> list[tuple[int, str, list[str], dict[str, int], dict[str, int], int, float]]:
    logging.disable(logging.CRITICAL)
    told = []
    for seed in seeds:
        verdict = play(draw(seed))
        told.append(
            (seed, verdict.digest, verdict.violations, verdict.struck, verdict.writes, verdict.lives, verdict.seconds)
        )
    return told


def _batches(first: int, seeds: int) -> Iterator[range]:
    for at in range(first, first + seeds, _AT_ONCE):
        yield range(at, min(at + _AT_ONCE, first + seeds))


def _many(first: int, seeds: int, jobs: int, seconds: float | None) -> int:
    began = time.monotonic()
    failed: list[tuple[int, list[str]]] = []
    struck: Counter[str] = Counter()
    nights: Counter[str] = Counter()
    writes: Counter[str] = Counter()
    played = lives = 0
    slept = 0.0
    print(f"nights from seed {first}, at most {seeds:,}, {jobs} at a time", flush=True)
    with ProcessPoolExecutor(jobs) as pool:
        waiting = iter(_batches(first, seeds))
        going = [pool.submit(_batch, batch) for _, batch in zip(range(jobs * 2), waiting, strict=False)]
        while going:
            for seed, _, violations, faults, wrote, lived, night in going.pop(0).result():
                played, lives, slept = played + 1, lives + lived, slept + night
                struck.update(faults)
                nights.update(faults.keys())
                writes.update(wrote)
                if violations:
                    failed.append((seed, violations))
                    print(f"seed {seed}: {violations[0]}", flush=True)
            late = seconds is not None and time.monotonic() - began > seconds
            if not late and (batch := next(waiting, None)) is not None:
                going.append(pool.submit(_batch, batch))
            if sys.stderr.isatty():
                print(f"\r{played:,} of {seeds:,}", end="", file=sys.stderr, flush=True)
    took = time.monotonic() - began
    print(f"\n{played:,} nights ({slept / 3600:,.0f} hours of theirs) in {took:,.0f} s: {played / took:.1f} a second")
    print(f"{lives:,} lives of engines; calls applied: {', '.join(f'{k} {n:,}' for k, n in sorted(writes.items()))}")
    print(f"\n{'fault':<18}{'nights':>9}{'strikes':>10}")
    for name, n in sorted(struck.items()):
        print(f"{name:<18}{nights[name]:>9,}{n:>10,}")
    print(f"\n{len(failed):,} nights broke a promise" + (":" if failed else ""))
    for what, n in Counter(violations[0].split(":")[0] for _, violations in failed).most_common():
        print(f"  {what}: {n:,}, as in {[seed for seed, v in failed if v[0].split(':')[0] == what][:5]}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

"""`python -m tests.simulation`: plays nights by their seeds, tells one as a story, shrinks one that failed."""

from __future__ import annotations

import argparse
import gc
import logging
import os
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from hashlib import blake2b
from itertools import islice

from tests.simulation.night import Verdict, play
from tests.simulation.plan import SIZED, draw
from tests.simulation.report import Told, Total, drawn, publish, story

_AT_ONCE = 10  # seeds that a process plays before it tells
_SAY = 20.0  # seconds between two words of how far it is


def main() -> int:
    asked = _asked()
    logging.disable(logging.CRITICAL)
    if asked.seed is not None:
        return _one(asked.seed, minimise=asked.minimise)
    return _many(asked)


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seed", type=int, help="play this night and tell it")
    parser.add_argument("--minimise", action="store_true", help="leave out the faults without which it fails as well")
    parser.add_argument("--seeds", type=int, default=2000, help="play so many nights")
    parser.add_argument("--first", type=int, default=None, help="the first of them (default: fresh ones)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes")
    parser.add_argument("--seconds", type=float, default=None, help="begin no night after so many seconds")
    parser.add_argument("--after", default="", help="a word, such as a commit, that says which nights are played")
    parser.add_argument("--publish", action="store_true", help="write the tables into README.md and docs/simulation.md")
    asked = parser.parse_args()
    if asked.first is None:
        word = asked.after or str(time.time_ns())
        asked.first = SIZED + int.from_bytes(blake2b(word.encode(), digest_size=4).digest())
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


def _batch(seeds: range) -> list[Told]:
    told = []
    for seed in seeds:
        before = time.process_time()
        verdict = play(draw(seed))
        cost = time.process_time() - before
        faults = drawn(verdict.plan)
        told.append(Told(seed, verdict.violations, faults, verdict.met, verdict.lives, verdict.seconds, cost))
    return told


def _batches(first: int, seeds: int) -> Iterator[range]:
    for at in range(first, first + seeds, _AT_ONCE):
        yield range(at, min(at + _AT_ONCE, first + seeds))


def _many(asked: argparse.Namespace) -> int:
    began = time.monotonic()
    total, said = Total(asked.first), began
    print(f"nights from seed {asked.first}, at most {asked.seeds:,}, {asked.jobs} at a time", flush=True)
    gc.freeze()  # what is loaded by now is not looked through after each night
    with ProcessPoolExecutor(asked.jobs) as pool:
        waiting = _batches(asked.first, asked.seeds)
        going = [pool.submit(_batch, batch) for batch in islice(waiting, asked.jobs * 2)]
        while going:
            for told in going.pop(0).result():
                total.add(told)
                if told.violations:
                    print(f"seed {told.seed}: {told.violations[0]}", flush=True)
            now = time.monotonic()
            late = asked.seconds is not None and now - began > asked.seconds
            if not late and (batch := next(waiting, None)) is not None:
                going.append(pool.submit(_batch, batch))
            if now - said > _SAY:
                said, rate = now, total.nights / (now - began)
                left = (asked.seeds - total.nights) / rate / 60
                print(f"{total.nights:,} of {asked.seeds:,}, {rate:.1f} a second, {left:,.0f} min to go", flush=True)
    took = time.monotonic() - began
    print("", *story(total, took), sep="\n")
    if asked.publish:
        publish(total, took, asked.jobs)
    for seed, _ in total.failed[:5]:
        print(f"tell one: make night SEED={seed} MINIMISE=1")
    return 1 if total.failed else 0


if __name__ == "__main__":
    sys.exit(main())

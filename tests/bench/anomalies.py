"""What the watch on batches costs, and what it finds."""

from __future__ import annotations

import random
import time
from typing import NamedTuple

from engine.anomalies import judge
from engine.batches import SIZE, looked_at
from tests.bench.table import spread, table, tenths, whole
from tests.engine.injected import measured, tickets, trial

_BATCHES = 40
_HISTORY = 30
_WAVES = (20_000, 100_000, 1_000_000)
_US = 1e6


class Cost(NamedTuple):
    """Microseconds of CPU for each record that is looked at."""

    measuring: float
    judging: float


def cost() -> Cost:
    chance = random.Random(1)
    rows = [tickets(chance) for _ in range(_BATCHES)]
    history = [measured(tickets(chance)) for _ in range(_HISTORY)]
    began = time.process_time()
    batches = [measured(each) for each in rows]
    then = time.process_time()
    for batch in batches:
        judge(batch, history)
    records = _BATCHES * SIZE / _US
    return Cost((then - began) / records, (time.process_time() - then) / records)


def show(runs: int) -> None:
    costs = [cost() for _ in range(runs)]
    whole_cost = [one.measuring + one.judging for one in costs]
    table(
        f"The watch on batches: µs of CPU a record that is looked at, 12 fields, batches of {SIZE}",
        ("measure", "judge", "both"),
        [
            (
                spread([one.measuring for one in costs], tenths),
                spread([one.judging for one in costs], tenths),
                spread(whole_cost, tenths),
            )
        ],
    )
    middle = sorted(whole_cost)[len(whole_cost) // 2]
    table(
        "and a record of a wave",
        ("wave", "looked at", "µs a record"),
        [(whole(n), whole(looked_at(n)), f"{middle * looked_at(n) / n:.2f}") for n in _WAVES],
    )
    rows = []
    for seed in range(1, runs + 1):
        found = trial(seed)
        injected, clean = sum(map(len, found.injected.values())), len(found.clean)
        precision = found.caught / max(1, found.caught + found.alarms)
        rows.append(
            (
                str(seed),
                f"{found.caught} of {injected}",
                f"{found.alarms} of {clean}",
                f"{precision:.1%}",
                f"{found.caught / injected:.1%}",
            )
        )
    table(
        "Batches with one thing wrong, and clean ones", ("seed", "found", "false alarms", "precision", "recall"), rows
    )

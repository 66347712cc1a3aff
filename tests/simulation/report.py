"""What many nights came to: tables for a terminal, and the same for the documents that show them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from tests.proof.points import durable_points
from tests.simulation.plan import ACTS, FAULTS, Plan
from tests.simulation.world import Met

ROOT = Path(__file__).parent.parent.parent
POINTS = sorted(durable_points())

PROMISES = {
    "I1": "nothing is lost: a record, what hangs on it, a reference, each with its fields",
    "I2": "nothing is there twice: at each create, and at dawn",
    "I3": "no field goes back to an older version: at each update",
    "I4": "the ledger sums, and no intent is open: at dawn",
    "foreseen": "what leaves is on disk before: an intent, an undo, or that a change is on its way",
    "I5": "after a death, at most a chunk for each worker is done again",
    "I7": "holds and signatures stand after a death; nothing leaves while all is held",
    "I8": "it ends: every wave can be loaded, or rolled back",
    "door": "commands that came to the engine's door; it answers none with an error of its own",
    "one": "a second engine is turned away, and leaves all as it was",
    "theirs": "what is not ours is as it was: at dawn",
    "model": "what a night showed of a record is a run of the model, in nights that it knows",
}


class Told(NamedTuple):
    """One night, as its process tells of it."""

    seed: int
    violations: list[str]
    drawn: Counter[str]
    met: Met
    lives: int
    seconds: float  # of the night
    cpu: float  # seconds that it cost


@dataclass
class Total:
    first: int
    nights: int = 0
    drawn: Counter[str] = field(default_factory=Counter)
    bit: Counter[str] = field(default_factory=Counter)  # nights in which it struck at least once
    met: Met = field(default_factory=Met)
    lives: int = 0
    seconds: float = 0.0
    cpu: float = 0.0
    failed: list[tuple[int, list[str]]] = field(default_factory=list)

    def add(self, told: Told) -> None:
        self.nights += 1
        self.drawn.update(told.drawn)
        self.bit.update(set(told.met.struck))
        self.met.add(told.met)
        self.lives += told.lives
        self.seconds += told.seconds
        self.cpu += told.cpu
        if told.violations:
            self.failed.append((told.seed, told.violations))


def drawn(plan: Plan) -> Counter[str]:
    return Counter(fault.name for fault in plan.faults)


Row = tuple[str, ...]


class Table(NamedTuple):
    head: Row
    rows: list[Row]


def tables(total: Total) -> Iterator[Table]:
    """Faults, promises, commands, places of death."""
    met = total.met
    yield Table(
        ("fault", "drawn", "nights it struck in", "strikes"),
        [(name, _n(total.drawn[name]), _n(total.bit[name]), _n(met.struck[name])) for name in FAULTS],
    )
    yield Table(("promise", "checked"), [(what, _n(met.checked[name])) for name, what in PROMISES.items()])
    answers = ("taken", "refused", "no answer")
    yield Table(
        ("command", *answers),
        [(what, *(_n(met.commands[f"{what}: {answer}"]) for answer in answers)) for what, _ in ACTS],
    )
    before, after = (Counter({p: met.deaths[f"{w} {p}"] for p in POINTS}) for w in ("before", "after"))
    yield Table(
        ("killed at the durable write", "before it", "after it"), [(p, _n(before[p]), _n(after[p])) for p in POINTS]
    )


def story(total: Total, took: float) -> Iterator[str]:
    """All of it, for a terminal."""
    met, nights = total.met, max(total.nights, 1)
    yield f"{nights:,} nights from seed {total.first} in {took:,.0f} s: {nights / max(took, 0.01):.1f} a second"
    yield f"{1000 * total.cpu / nights:.0f} ms of CPU each; {total.seconds / 3600:,.0f} hours of theirs"
    yield f"{total.lives:,} lives of engines, {met.deaths.total():,} of them ended by a kill"
    yield "records that the target wrote: " + ", ".join(f"{k} {_n(n)}" for k, n in sorted(met.writes.items()))
    for table in tables(total):
        lines = [table.head, *table.rows]
        widths = [max(len(cell) for cell in column) for column in zip(*lines, strict=True)]
        yield ""
        for first, *rest in lines:
            cells = [cell.rjust(width) for cell, width in zip(rest, widths[1:], strict=True)]
            yield "  ".join((first.ljust(widths[0]), *cells))
    yield ""
    yield f"{len(total.failed):,} nights broke a promise" + (":" if total.failed else "")
    kinds = Counter(violations[0].split(":")[0] for _, violations in total.failed)
    for what, n in kinds.most_common():
        yield f"  {what}: {n:,}, as in {[seed for seed, told in total.failed if told[0].split(':')[0] == what][:5]}"


def publish(total: Total, took: float, jobs: int) -> None:
    """Into README.md and docs/simulation.md, between their markers."""
    command = f"make simulate SEEDS={total.nights} FIRST={total.first}"
    _between(ROOT / "README.md", _markdown([_short(total, took, jobs, command)]))
    _between(ROOT / "docs" / "simulation.md", f"`{command}`\n\n" + _markdown(list(tables(total))))


def _short(total: Total, took: float, jobs: int, command: str) -> Table:
    met, nights = total.met, max(total.nights, 1)
    points = sum(any(met.deaths[f"{when} {point}"] for when in ("before", "after")) for point in POINTS)
    kinds = sum(n > 0 for n in met.struck.values())
    given: Counter[str] = Counter()
    for what, n in met.commands.items():
        given[what.partition(": ")[2]] += n
    rows: list[Row] = [
        ("seeds", f"{nights:,} nights, {_n(total.seconds / 3600)} hours of theirs"),
        (
            "faults met",
            f"{kinds} of {len(FAULTS)} kinds ([each](docs/simulation.md#figures)), {_n(met.struck.total())} times",
        ),
        (
            "engines killed",
            f"{_n(met.deaths.total())} times, also at {points} of the {len(POINTS)} kinds of durable write",
        ),
        (
            "commands",
            f"{_n(given['taken'])} taken, {_n(given['refused'])} refused, {_n(given['no answer'])} cut off by a death",
        ),
        ("promises checked", f"{_n(met.checked.total())} times"),
        ("nights that broke one", _n(len(total.failed))),
        ("took", f"{took / 60:,.0f} minutes, {jobs} processes, {1000 * total.cpu / nights:.0f} ms of CPU a night"),
    ]
    return Table(("simulated nights", f"`{command}`"), rows)


def _markdown(shown: Sequence[Table]) -> str:
    parts = []
    for table in shown:
        lines = [
            table.head,
            ("---", *("---:" for _ in table.head[1:])) if len(shown) > 1 else ("---", "---"),
            *table.rows,
        ]
        parts.append("\n".join(f"| {' | '.join(line)} |" for line in lines))
    return "\n\n".join(parts)


def _between(path: Path, text: str) -> None:
    old = path.read_text()
    new, n = re.subn(
        r"(<!-- nights -->\n).*?(<!-- /nights -->)", lambda m: f"{m[1]}{text}\n{m[2]}", old, flags=re.DOTALL
    )
    if n != 1:
        raise SystemExit(f"{path.name}: expected one place between <!-- nights --> and <!-- /nights -->; found {n}")
    path.write_text(new)


def _n(n: float) -> str:
    return f"{n:,.0f}"

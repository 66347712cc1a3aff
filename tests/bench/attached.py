"""What attached cockpits cost the engine: within one run, slices of it with and without readers of `GET /live`.

Whole runs differ by more than what is measured; slices beside each other do not.
`python -m tests.bench.attached FOLDER N` is the readers: N of them in one process, told over its standard input.
"""

from __future__ import annotations

import os
import selectors
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from math import exp, log, sqrt
from pathlib import Path
from statistics import fmean, median, stdev
from typing import NamedTuple, TextIO

from engine.wire import SOCKET, STATE_FOLDER
from tests.bench import folder
from tests.bench.alone import CREATES
from tests.bench.engine_process import Engine, engine
from tests.bench.ledger import Watch
from tests.bench.process import ROOT, BenchError, cpu, end
from tests.bench.runner import command
from tests.bench.table import spread, table, tenths, whole

COCKPITS = 20
SLICE = 1.5  # seconds
_QUICK_SLICE = 0.2
_SETTLE = 0.1  # seconds after readers came or went, before a slice begins
_LOOK = 0.002
_ENOUGH = 20  # pairs, from which on the normal distribution will do
# Without and with, in an order in which neither gains from a run that becomes slower with time.
_ORDER = (False, True, True, False)


class Slice(NamedTuple):
    attached: bool
    records: int
    seconds: float
    cpu: float  # seconds, of the whole engine
    pictures: int  # that each reader got, at least

    @property
    def rate(self) -> float:
        return self.records / self.seconds

    @property
    def cost(self) -> float:
        return self.cpu / self.records


def measure(records: int, cockpits: int, seconds: float) -> list[Slice]:
    """The slices of one run from memory to memory; as many with readers as without."""
    with tempfile.TemporaryDirectory(prefix="bench-") as place:
        migration = folder.in_memory(Path(place) / "migration", CREATES[0])
        with engine(migration, command(records)) as running:
            running.command()
            with _readers(migration, cockpits) as readers, closing(Watch(migration)) as watch:
                slices: list[Slice] = []
                while (one := _slice(running, watch, readers, _ORDER[len(slices) % 4], seconds)) is not None:
                    slices.append(one)
            running.wait_until_done(records)
            running.stop()
            return slices[: len(slices) // 2 * 2]


def show(records: int, runs: int, quick: bool) -> None:
    slices: list[Slice] = []
    for run in range(runs):
        print(f"  run {run + 1} of {runs}", file=sys.stderr, flush=True)
        slices += measure(records, COCKPITS, _QUICK_SLICE if quick else SLICE)
    of = {attached: [one for one in slices if one.attached is attached] for attached in (False, True)}
    pairs = len(of[True])
    if pairs < 2:
        raise BenchError("the runs ended before two pairs of slices were measured; give more --records")
    rows = [
        [
            str(COCKPITS if attached else 0),
            spread([one.rate for one in which], whole),
            spread([one.cost * 1e6 for one in which], tenths),
            tenths(median(one.pictures for one in which)),
        ]
        for attached, which in of.items()
    ]
    head = ["cockpits", "records/s", "CPU us a record", "pictures each"]
    table(f"Attached cockpits: {pairs} pairs of slices of {runs} runs of {records:,} records, in memory", head, rows)
    print(f"throughput with {COCKPITS}: {_change([one.rate for one in of[False]], [one.rate for one in of[True]])}")
    print(f"CPU a record with them: {_change([one.cost for one in of[False]], [one.cost for one in of[True]])}")
    share = serving(records, COCKPITS)
    print(f"of the event loop's CPU, pictures and their sending to {COCKPITS} took {share:.2%}")
    print("aim: less than 1 % of the throughput lost")


def serving(records: int, cockpits: int) -> float:
    """The share of the event loop's CPU that goes into pictures and their sending, in a run that is watched from its
    beginning to its end."""
    with tempfile.TemporaryDirectory(prefix="bench-") as place:
        migration, file = folder.in_memory(Path(place) / "migration", CREATES[0]), Path(place) / "serving"
        with engine(migration, command(records, serving=file)) as running:
            running.command()
            with _readers(migration, cockpits) as readers, closing(Watch(migration)) as watch:
                readers.attach(True)
                running.wait(watch.copied, "the end of the copying")
                readers.detach()
            running.wait_until_done(records)
            running.stop()
        spent, total = map(float, file.read_text().split())
    return spent / total


def _change(without: list[float], with_them: list[float]) -> str:
    """By how much, from pairs that lay beside each other in time, and how far the true value may lie from that."""
    ratios = [log(b / a) for a, b in zip(without, with_them, strict=True)]
    change = f"{exp(fmean(ratios)) - 1:+.2%}"
    if len(ratios) < _ENOUGH:
        return f"{change}, from too few pairs to say how far from the true value"
    return f"{change}, within {1.96 * stdev(ratios) / sqrt(len(ratios)):.2%} (95 %)"


# ---------------------------------------------------------------- one slice


def _slice(running: Engine, watch: Watch, readers: _Readers, attached: bool, seconds: float) -> Slice | None:
    """None when the copying ended within it."""
    readers.attach(attached)
    time.sleep(_SETTLE)
    if (first := _edge(watch)) is None:
        return None
    began, before = time.monotonic(), cpu(running.process.pid).total
    time.sleep(seconds)
    if (last := _edge(watch)) is None:
        return None
    took, spent = time.monotonic() - began, cpu(running.process.pid).total - before
    return Slice(attached, last - first, took, spent, readers.detach())


def _edge(watch: Watch) -> int | None:
    """How many are settled at the moment a chunk is: else a part of a chunk would count as speed. None: all are."""
    before = watch.settled()
    while (settled := watch.settled()) == before:
        if watch.copied():
            return None
        time.sleep(_LOOK)
    return settled


# ---------------------------------------------------------------- the readers


class _Readers:
    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._attached = False

    def attach(self, wanted: bool) -> None:
        if wanted:
            self._tell("attach")
        self._attached = wanted

    def detach(self) -> int:
        """How many pictures each got."""
        return self._tell("detach") if self._attached else 0

    def _tell(self, what: str) -> int:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(what, file=self._process.stdin, flush=True)
        answer = self._process.stdout.readline()
        if not answer.strip().isdecimal():
            raise BenchError(f"the readers could not {what}")
        return int(answer)


@contextmanager
def _readers(migration: Path, cockpits: int) -> Iterator[_Readers]:
    arguments = [sys.executable, "-m", "tests.bench.attached", str(migration), str(cockpits)]
    process = subprocess.Popen(arguments, cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        yield _Readers(process)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        end(process)


def read(migration: Path, cockpits: int, told: TextIO) -> None:
    """Attach and detach as told; answers with the number of pictures that each reader has got, the least of them."""
    state = os.open(migration / STATE_FOLDER, os.O_RDONLY | os.O_DIRECTORY)
    with selectors.DefaultSelector() as ready:
        ready.register(told, selectors.EVENT_READ)
        counts: dict[socket.socket, int] = {}
        attaching = False
        while True:
            for key, _ in ready.select():
                if isinstance(line := key.fileobj, socket.socket):
                    counts[line] += line.recv(1 << 16).count(b"}\n")
                elif (word := told.readline().strip()) == "attach":
                    counts = {_attach(f"/proc/self/fd/{state}/{SOCKET}"): 0 for _ in range(cockpits)}
                    for line in counts:
                        ready.register(line, selectors.EVENT_READ)
                    attaching = True
                elif word == "detach":
                    print(min(counts.values()), flush=True)
                    for line in counts:
                        ready.unregister(line)
                        line.close()
                else:
                    return
            if attaching and all(counts.values()):
                attaching = False
                print(min(counts.values()), flush=True)


def _attach(path: str) -> socket.socket:
    line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    line.connect(path)
    line.sendall(b"GET /live HTTP/1.1\r\nHost: engine\r\n\r\n")
    return line


if __name__ == "__main__":
    read(Path(sys.argv[1]), int(sys.argv[2]), sys.stdin)

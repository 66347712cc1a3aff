"""What attached cockpits cost the engine: the same run with and without readers of `GET /live`, in turns.

`python -m tests.bench.attached FOLDER N` is the readers: N of them in one process, until the engine ends.
"""

from __future__ import annotations

import os
import selectors
import socket
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import NamedTuple

from engine.wire import SOCKET, STATE_FOLDER
from tests.bench import folder
from tests.bench.alone import CREATES
from tests.bench.engine_process import Ran, engine
from tests.bench.process import BenchError, end, start
from tests.bench.runner import command
from tests.bench.table import spread, table, tenths, whole

COCKPITS = 20


class Attached(NamedTuple):
    ran: Ran
    lines: int  # pictures that each reader got


def measure(records: int, cockpits: int) -> Attached:
    """One run from memory to memory with so many readers."""
    with tempfile.TemporaryDirectory(prefix="bench-") as place:
        migration = folder.in_memory(Path(place) / "migration", CREATES[0])
        with engine(migration, command(records)) as running:
            running.wait_until_up()
            with _readers(migration, cockpits) as lines:
                ran = running.run(records)
                running.stop()
            return Attached(ran, lines[0] if lines else 0)


@contextmanager
def _readers(migration: Path, cockpits: int) -> Iterator[list[int]]:
    """Readers in a process of their own, all of them attached; how many lines each got stands there after the block."""
    lines: list[int] = []
    if not cockpits:
        yield lines
        return
    process = start(["-m", "tests.bench.attached", str(migration), str(cockpits)])
    assert process.stdout is not None
    try:
        if process.stdout.readline().strip() != "attached":
            raise BenchError("the readers could not attach to the engine")
        yield lines
        lines.append(int(process.stdout.readline()))
    finally:
        end(process)


def show(records: int, runs: int) -> None:
    made: dict[int, list[Attached]] = {0: [], COCKPITS: []}
    for run in range(runs):
        # In turns, and each first in half of them: what the machine does meanwhile falls on both.
        for cockpits in (0, COCKPITS) if run % 2 else (COCKPITS, 0):
            print(f"  {cockpits} cockpits, run {run + 1} of {runs}", file=sys.stderr, flush=True)
            made[cockpits].append(measure(records, cockpits))
    rows = [
        [
            str(cockpits),
            spread([records / one.ran.copied for one in of], whole),
            spread([one.ran.cpu.total for one in of], _hundredths),
            spread([one.ran.cpu.main for one in of], _hundredths),
            tenths(median(one.lines for one in of)),
        ]
        for cockpits, of in made.items()
    ]
    head = ["cockpits", "records/s", "CPU s of the engine", "of it the event loop", "pictures each"]
    table(f"Attached cockpits: {records:,} records, memory to memory (medians of {runs}, in turns)", head, rows)
    alone, attached = (median(records / one.ran.copied for one in made[n]) for n in (0, COCKPITS))
    spent = [median(one.ran.cpu.total for one in made[n]) for n in (0, COCKPITS)]
    print(f"serving {COCKPITS} cockpits took {spent[1] - spent[0]:+.2f} CPU s a run ({spent[1] / spent[0] - 1:+.2%})")
    print(f"throughput with them: {attached / alone - 1:+.2%}; aim: less than 1 % lost")


def _hundredths(value: float) -> str:
    return f"{value:.2f}"


# ---------------------------------------------------------------- the readers


def read(migration: Path, cockpits: int) -> int:
    """Attach so many times, read to the end, and tell how many lines each got (the fewest)."""
    state = os.open(migration / STATE_FOLDER, os.O_RDONLY | os.O_DIRECTORY)
    lines = [_attach(f"/proc/self/fd/{state}/{SOCKET}") for _ in range(cockpits)]
    os.close(state)
    counts = dict.fromkeys(lines, 0)
    begun = False
    with selectors.DefaultSelector() as ready:
        for line in lines:
            ready.register(line, selectors.EVENT_READ)
        while ready.get_map():
            for key, _ in ready.select():
                line = key.fileobj
                assert isinstance(line, socket.socket)
                data = line.recv(1 << 16)
                counts[line] += data.count(b"}\n")
                if not data:
                    ready.unregister(line)
                    line.close()
            if not begun and all(counts.values()):
                begun = True
                print("attached", flush=True)
    return min(counts.values())


def _attach(path: str) -> socket.socket:
    line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    line.connect(path)
    line.sendall(b"GET /live HTTP/1.1\r\nHost: engine\r\n\r\n")
    return line


if __name__ == "__main__":
    print(read(Path(sys.argv[1]), int(sys.argv[2])), flush=True)

"""The cockpit on a terminal of 120x40: what it costs the line, the machine, and the patience of whoever sits there."""

from __future__ import annotations

import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from statistics import median, quantiles
from typing import NamedTuple

from tests.bench import folder
from tests.bench.engine_process import Engine, engine
from tests.bench.process import ROOT, BenchError, cpu, peak_memory
from tests.bench.runner import command
from tests.bench.table import megabytes, table, tenths, whole
from tests.bench.terminal import Terminal, terminal

COLUMNS, LINES = 120, 40
RECORDS = 6_000_000  # more than an engine moves while it is looked at
WAVE = "emea"
HELP = "Keys of"  # how the help begins
_SETTLES = 2.0  # seconds after the first picture in which everything has been shown once


class Cost(NamedTuple):
    """While somebody looks on: bytes a second to the terminal, shares of a core, bytes of memory at most."""

    line: float
    screen: float
    engine: float
    peak: int


def show(quick: bool) -> None:
    starts, keys, seconds = (1, 6, 2.0) if quick else (5, 200, 20.0)
    with tempfile.TemporaryDirectory(prefix="bench-") as place:
        _say("a screen on an engine at work")
        with _engine(Path(place) / "busy") as running:
            running.command()
            firsts = [first_paint(running) for _ in range(starts)]
            with _cockpit(running) as screen:
                _settled(screen)
                busy = watch(running, screen, seconds)
                selecting, switching = selections(screen, keys), screens(screen, keys)
        _say("a screen on an engine with nothing to do")
        with _engine(Path(place) / "idle") as running:
            running.wait_until_up()
            with _cockpit(running) as screen:
                _settled(screen)
                idle = watch(running, screen, seconds)
    rows = [
        ["bytes/s to the terminal, a wave runs", whole(busy.line), "3,000"],
        ["bytes/s to the terminal, nothing changes", whole(idle.line), "100"],
        ["CPU of the screen, a wave runs", f"{busy.screen:.1%}", "15 %"],
        ["CPU of the screen, nothing changes", f"{idle.screen:.1%}", ""],
        ["CPU of the engine beside it", f"{busy.engine:.0%}", ""],
        ["peak memory of the screen", megabytes(max(busy.peak, idle.peak)), "80 MB"],
        [f"s from `cutover` to a useful picture (median of {starts})", f"{median(firsts):.2f}", "0.80"],
    ]
    for name, took in (("another line selected", selecting), ("another screen", switching)):
        rows.append([f"ms from key to picture, {name}, p50", tenths(median(took) * 1000), "30"])
        rows.append([f"ms from key to picture, {name}, p99", tenths(quantiles(took, n=100)[98] * 1000), "100"])
    title = f"The cockpit at {COLUMNS}x{LINES}, its engine a process of its own; {keys} keys of each kind"
    table(title, ["", "measured", "aim"], rows)


def first_paint(running: Engine) -> float:
    """Seconds from the command to a picture with the wave's name."""
    began = time.perf_counter()
    with _cockpit(running) as screen:
        return _until(screen, lambda: screen.shows(WAVE), "a picture of its wave") - began


def watch(running: Engine, screen: Terminal, seconds: float) -> Cost:
    """Look on, touching nothing."""
    theirs, mine = cpu(running.process.pid), cpu(screen.process.pid)
    written = screen.watch(seconds)
    if screen.process.poll() is not None:
        raise BenchError("the cockpit ended; it shows:\n" + "\n".join(screen.lines))
    return Cost(
        written / seconds,
        cpu(screen.process.pid).since(mine).total / seconds,
        cpu(running.process.pid).since(theirs).total / seconds,
        peak_memory(screen.process.pid),
    )


def selections(screen: Terminal, keys: int) -> list[float]:
    """Seconds from each key to the picture that shows the next line selected, or the one before."""
    took = []
    for key in _in_turns("j", "k", keys):
        before = _selected(screen)
        took.append(_press(screen, key, lambda was=before: _selected(screen) not in (was, 0), "another selection"))
    return took


def screens(screen: Terminal, keys: int) -> list[float]:
    """Seconds from each key to the picture of another screen."""
    return [
        _press(screen, key, lambda on=key == "?": screen.shows(HELP) is on, "another screen")
        for key in _in_turns("?", "q", keys)
    ]


# ---------------------------------------------------------------- inside


@contextmanager
def _engine(place: Path) -> Iterator[Engine]:
    """An engine that, once told to, moves more than anybody has the time to look at."""
    migration = folder.in_memory(place, "strong")
    playbook = migration / "bench.yaml"
    playbook.write_text(playbook.read_text().replace(f"wave: {folder.WAVE}", f"wave: {WAVE}"))
    with engine(migration, command(RECORDS)) as running:
        yield running
        if running.process.poll() is not None:
            raise BenchError("the engine ended while its screen was measured")


def _cockpit(running: Engine) -> AbstractContextManager[Terminal]:
    return terminal([sys.executable, "-m", "cockpit", str(running.folder)], COLUMNS, LINES, cwd=ROOT)


def _settled(screen: Terminal) -> None:
    _until(screen, lambda: screen.shows(WAVE), "a picture of its wave")
    screen.watch(_SETTLES)


def _in_turns(one: str, other: str, keys: int) -> Iterator[str]:
    return ((one, other)[at % 2] for at in range(keys))


def _press(screen: Terminal, key: str, shown: Callable[[], bool], what: str) -> float:
    """Seconds from a key, at any moment of the engine's pictures, to the bytes that show what it did."""
    screen.watch(random.uniform(0.03, 0.15))
    began = screen.press(key)
    return _until(screen, shown, what) - began


def _until(screen: Terminal, shown: Callable[[], bool], what: str) -> float:
    try:
        return screen.until(shown, what)
    except TimeoutError as error:
        raise BenchError(f"the cockpit {error}") from error


def _selected(screen: Terminal) -> int:
    """The row that is shown in reverse, below the first; 0 when there is none."""
    return next((y for y in range(1, LINES) if screen.screen.buffer[y][2].reverse), 0)


def _say(what: str) -> None:
    print(f"  {what}", file=sys.stderr, flush=True)

"""Fewer bytes, the same picture. What Textual would have written itself is the measure throughout."""

from __future__ import annotations

import random
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pyte
import pytest
import textual
from rich.color import ColorSystem
from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from textual._compositor import ChopsUpdate, LayoutUpdate
from textual.app import App
from textual.geometry import Region
from textual.strip import Strip

from cockpit import paint
from cockpit.paint import PLAIN, Pen, Picture, pieces, turn
from tests.bench.terminal import Terminal, seen, terminal

ROOT = Path(__file__).parents[2]
DEPTH = ColorSystem.TRUECOLOR
GLYPHS = [
    "a",
    "B",
    " ",
    " ",
    " ",
    "0",
    "漢",
    "字",
    "é",
    "e\u0301",
    "a\u0308\u0323",
    "│",
    "─",
    "⣿",
    "▁",
    "✔",
    "▶",
    "ß",
    "界",
]
STYLES = [
    Style.null(),
    *map(Style.parse, ("bold", "red", "bold red", "green on black", "reverse", "underline", "dim", "italic cyan")),
    *map(Style.parse, ("#102030 on #a0b0c0", "#102030", "strike", "color(200) on color(17)", "default on default")),
]


def strip(chance: random.Random, width: int) -> Strip:
    segments, left = [], width
    while left > 0:
        length = min(left, chance.randint(1, 9))
        text = "".join(chance.choice(GLYPHS) for _ in range(length))
        segment = Segment(text, chance.choice(STYLES)).split_cells(min(left, length))[0]
        segments.append(segment)
        left -= segment.cell_length
    return Strip(segments, width)


class Wall:
    """A frame of chops that changes at random, and two terminals: one written as ever, one sparingly."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.resize()

    def resize(self) -> None:
        self.width, self.height = self.chance.randint(10, 60), self.chance.randint(2, 12)
        self.cuts = [
            sorted({0, *self.chance.sample(range(1, self.width), self.chance.randint(0, 3))})
            for _ in range(self.height)
        ]
        self.chops = [
            {x: strip(self.chance, end - x) for x, end in zip(cuts, self.ends(y), strict=True)}
            for y, cuts in enumerate(self.cuts)
        ]
        self.picture = Picture(self.width, self.height)
        self.theirs, self.ours = (self.scribbled() for _ in range(2))

    def scribbled(self) -> pyte.Screen:
        screen = pyte.Screen(self.width, self.height)
        screen.reset_mode(pyte.modes.DECAWM >> 5, private=True)  # as Textual does: no wrapping
        pyte.Stream(screen).feed(f"\x1b[31m{'scribble' * 99}\x1b[m")
        return screen

    def ends(self, y: int) -> list[int]:
        return [*self.cuts[y][1:], self.width]

    def change(self) -> LayoutUpdate | ChopsUpdate:
        """Change some chops; an update that says so, or all."""
        spans = []
        for y in sorted(self.chance.sample(range(self.height), self.chance.randint(1, self.height))):
            at = self.chance.randrange(len(self.cuts[y]))
            x, end = self.cuts[y][at], self.ends(y)[at]
            self.chops[y][x] = self.nearly(self.chops[y][x], end - x)
            spans.append((y, x, end))
        if self.chance.random() < 0.5:
            return self.whole()
        return ChopsUpdate(self.chops, spans, [self.ends(y) for y in range(self.height)])

    def nearly(self, old: Strip, width: int) -> Strip:
        """The same with a stretch of it replaced, or another one."""
        if self.chance.random() < 0.2 or width < 2:
            return strip(self.chance, width)
        start, stop = sorted(self.chance.sample(range(width + 1), 2))
        return Strip.join([old.crop(0, start), strip(self.chance, stop - start), old.crop(stop, width)])

    def whole(self) -> LayoutUpdate:
        return LayoutUpdate([row.values() for row in self.chops], Region(0, 0, self.width, self.height))

    def show(self, update: LayoutUpdate | ChopsUpdate) -> str:
        """Both terminals take it; what was written sparingly."""
        console = Console(color_system="truecolor", force_terminal=True)
        pyte.Stream(self.theirs).feed(self.whole().render_segments(console).replace("\n", "\r\n"))
        text = self.picture.paint(pieces(update, DEPTH))
        pyte.Stream(self.ours).feed(text)
        return text

    def differences(self) -> list[tuple[int, int]]:
        return [
            (x, y)
            for y in range(self.height)
            for x in range(self.width)
            if seen(self.theirs.buffer[y][x]) != seen(self.ours.buffer[y][x])
        ]


@pytest.mark.parametrize("seed", range(25))
def test_the_terminal_shows_every_frame_as_it_is_meant(seed: int) -> None:
    chance = random.Random(seed)
    wall = Wall(chance)
    wall.show(wall.whole())
    for frame in range(40):
        if chance.random() < 0.08:
            wall.resize()
            wall.show(wall.whole())
        wall.show(wall.change())
        assert wall.differences() == [], f"seed {seed}, frame {frame}"


def test_the_same_frame_again_costs_nothing() -> None:
    wall = Wall(random.Random(1))
    assert wall.show(wall.whole())
    assert wall.show(wall.whole()) == ""


def line(text: str, style: str = "") -> LayoutUpdate:
    return LayoutUpdate([[Strip([Segment(text, Style.parse(style))])]], Region(0, 0, len(text), 1))


def second(first: LayoutUpdate, then: LayoutUpdate) -> str:
    picture = Picture(*first.region.size)
    picture.paint(pieces(first, DEPTH))
    return picture.paint(pieces(then, DEPTH))


def test_one_changed_cell_is_one_jump_and_one_glyph() -> None:
    assert second(line("copied 1,234"), line("copied 1,235")) == "\x1b[1;12H5"


def test_a_short_gap_is_written_again_and_a_long_one_jumped_over() -> None:
    assert second(line("1....1"), line("2....2")) == "\x1b[1H2....2"
    assert second(line("1.....1"), line("2.....2")) == "\x1b[1H2\x1b[7G2"
    assert second(line("1" + "." * 40 + "1"), line("2" + "." * 40 + "2")) == "\x1b[1H2\x1b[42G2"


def test_the_colour_of_a_blank_is_nobodys_business() -> None:
    assert second(line("   ", "red"), line("   ", "bold green")) == ""
    assert second(line("   ", "red"), line("   ", "on green")) != ""


def test_a_symbol_that_some_terminals_draw_wide_shifts_nothing_behind_it() -> None:
    assert second(line("....."), line("⏸ab..")) == "\x1b[1H⏸\x1b[2Gab"


def test_what_a_terminal_would_obey_is_left_out() -> None:
    assert "\x07" not in second(line("....."), line("a\x07\x9bc.."))


def test_a_turn_of_the_pen_says_only_what_changes() -> None:
    assert turn(Pen(0, "31", "44", ""), Pen(0, "32", "44", "")) == "\x1b[32m"
    assert turn(Pen(1, "31", "", ""), PLAIN) == "\x1b[m"
    assert turn(Pen(1, "31", "44", ""), Pen(0, "31", "44", "")) == "\x1b[22m"
    assert turn(Pen(3, "31", "44", ""), Pen(1, "31", "44", "")) == "\x1b[22;1m"  # 22 ends bold, too
    assert turn(PLAIN, Pen(0, "", "", "https://example.org")) == "\x1b]8;;https://example.org\x1b\\"


def test_an_unknown_textual_paints_as_ever() -> None:
    app: App[None] = App()
    display, post = app._display, app._post_message
    assert paint.install(app, "9.0.0") is None
    assert (app._display, app._post_message) == (display, post)


def test_the_installed_textual_is_known() -> None:
    """Where this fails, look through what paint.py uses of the new version, then raise KNOWN."""
    assert textual.__version__.startswith(paint.KNOWN)


# ---------------------------------------------------------------- in a terminal


@contextmanager
def board(how: str, seed: int = 7, env: dict[str, str] | None = None) -> Iterator[Terminal]:
    command = [sys.executable, "-m", "tests.cockpit.board", how, str(seed)]
    with terminal(command, 60, 18, cwd=ROOT, env=env) as it:
        it.until(lambda: it.shows("step 0."), "its first picture")
        it.until_quiet()
        yield it


@pytest.mark.parametrize("env", [{}, {"NO_COLOR": "1"}, {"TERM": "linux"}, {"COLORTERM": "truecolor"}], ids=str)
def test_an_app_looks_the_same_however_it_is_painted(env: dict[str, str]) -> None:
    with ExitStack() as stack:
        sparing, stock = (stack.enter_context(board(how, env=env)) for how in ("sparing", "stock"))
        for step, keys in enumerate(("n", "n", "nm", "mn", "sn", "sn", "n", "n", "n"), 1):
            for it in (sparing, stock):
                for key in keys:
                    it.press(key)
                    it.until_quiet(0.1)
            assert sparing.cells() == stock.cells(), f"after step {step}"
        assert sparing.written < stock.written


def test_repainting_what_is_there_writes_nothing() -> None:
    with board("sparing") as it:
        it.press("r")
        assert it.watch(0.4) == 0
        it.press("n")
        it.until(lambda: it.shows("step 1."), "the next step")


def test_a_terminal_that_shrank_and_grew_again_is_painted_whole() -> None:
    with board("sparing") as it:
        before = it.cells()
        it.resize(40, 9)
        it.resize(60, 18)
        it.until(lambda: it.cells() == before, "the picture it had")


def test_a_smaller_terminal_shows_what_fits_and_a_larger_one_all() -> None:
    with board("sparing") as it:
        before = it.cells()
        it.resize(30, 6)
        it.until(lambda: it.shows("step 0."), "a small picture")
        it.until_quiet()
        it.resize(60, 18)
        it.until(lambda: it.cells() == before, "the picture it had")


@pytest.mark.parametrize("stop", [signal.SIGTSTP, signal.SIGSTOP])
def test_whoever_comes_back_from_the_shell_sees_everything(stop: signal.Signals) -> None:
    with board("sparing") as it:
        before = it.cells()
        it.process.send_signal(stop)
        deadline = time.monotonic() + 10
        while Path(f"/proc/{it.process.pid}/stat").read_text().rpartition(")")[2].split()[0] != "T":
            assert time.monotonic() < deadline, "it never stopped"
            it.take(0.05)
        it.forget()
        it.process.send_signal(signal.SIGCONT)
        it.until(lambda: it.cells() == before, "the picture it had")


def test_a_terminal_that_hangs_gets_the_newest_picture_and_not_all_of_them() -> None:
    with board("sparing") as it:
        it.press("f")
        time.sleep(2)  # nobody reads; hundreds of changes
        held = it.watch(0.2)
        assert held < 100_000
        it.until(lambda: any(int(words[1][:-1]) > 150 for words in steps(it)), "a late step")


def steps(it: Terminal) -> list[list[str]]:
    return [line.split() for line in it.lines if line.startswith("step ") and "." in line]

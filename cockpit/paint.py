"""Writes only the cells that changed: an SSH line at night gets a fortieth of the bytes.

Textual writes whole regions again, whatever changed in them. Here the terminal's cells are remembered, and an update
becomes the shortest way from what it shows to what it should show. This is the one file that touches Textual's
private classes; with a Textual that it does not know, Textual paints as ever.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import islice
from typing import Any, Final, NamedTuple, cast

import textual
from rich.cells import cell_len
from rich.color import Color, ColorSystem
from rich.console import Console, RenderableType
from rich.segment import Segment
from rich.style import Style
from textual._compositor import ChopsUpdate, CompositorUpdate, LayoutUpdate
from textual.app import App
from textual.driver import Driver
from textual.events import Resize
from textual.geometry import Offset
from textual.message import Message
from textual.screen import Screen
from textual.strip import SGR_STYLES

KNOWN: Final = "8.2."
"""The versions of Textual whose inside is as this file expects it."""

_FAR = 6  # cells: over a longer gap the cursor jumps, a shorter one may be cheaper to write again
_BEHIND = 12  # writes that wait for the terminal: from here on it gets no more until it has caught up
_LOOK_AGAIN = 0.1  # seconds


def install(app: App[Any], version: str = "") -> Painter | None:
    """Let this app write only what changes; before or after it runs. None, and all as ever: Textual is not known.

    `version`: of Textual; the installed one unless told.
    """
    if not (version or textual.__version__).startswith(KNOWN):
        return None
    return Painter(app)


# ---------------------------------------------------------------- cells


class Pen(NamedTuple):
    """How a cell is written: bits of attributes (as rich numbers them), SGR codes of colours, a link's address."""

    attributes: int
    ink: str
    paper: str
    link: str


Cell = tuple[str, Pen]
"""A glyph with all of its marks, and its pen."""

PLAIN: Final = Pen(0, "", "", "")
STUB: Final[Cell] = ("", PLAIN)
"""The right half of a wide glyph."""
UNKNOWN: Final[Cell] = ("\0", PLAIN)
"""Whatever the terminal shows there: it equals nothing."""

_OFF = ("22", "22", "23", "24", "25", "25", "27", "28", "29", "24", "54", "54", "55")  # beside SGR_STYLES
_SEEN_ON_BLANKS = sum(
    1 << bit for bit, code in enumerate(SGR_STYLES) if code in ("4", "7", "9", "21", "51", "52", "53")
)
_JOINER, _EMOJI = "\u200d", "\ufe0f"


def cells(segments: Iterable[Segment], depth: ColorSystem) -> list[Cell]:
    """A line as cells. What a terminal would obey instead of showing is left out."""
    line: list[Cell] = []
    last = PLAIN  # the pen of the last glyph
    for text, style, control in segments:
        if control:
            continue
        pen = pen_of(style, depth) if style else PLAIN
        blank = (" ", _on_blank(pen))
        if text.isascii() and text.isprintable():
            line += [blank if glyph == " " else (glyph, pen) for glyph in text]
            last = pen
            continue
        for glyph, width in _glyphs(text):
            if width:
                line.append(blank if glyph == " " else (glyph, pen))
                line += [STUB] * (width - 1)
                last = pen
            elif line:  # a mark: it belongs to the glyph before it
                at = -2 if line[-1] is STUB else -1
                line[at] = (line[at][0] + glyph, last)
    return line


@lru_cache(4096)
def pen_of(style: Style, depth: ColorSystem) -> Pen:
    """What of this style can be seen."""
    attributes = style._attributes & style._set_attributes
    return Pen(attributes, _codes(style.color, depth, True), _codes(style.bgcolor, depth, False), style.link or "")


def _codes(color: Color | None, depth: ColorSystem, foreground: bool) -> str:
    if color is None or color.is_default:
        return ""
    return ";".join(color.downgrade(depth).get_ansi_codes(foreground))


@lru_cache(4096)
def _on_blank(pen: Pen) -> Pen:
    """A blank has no ink: pens that differ in it alone are one there."""
    if pen.attributes & _SEEN_ON_BLANKS:
        return pen
    return Pen(0, "", pen.paper, pen.link)


@lru_cache(4096)
def _glyphs(text: str) -> tuple[tuple[str, int], ...]:
    """Glyphs with their widths, counted as the layout counted them."""
    groups: list[str] = []
    for char in text:
        if char < " " or "\x7f" <= char < "\xa0":
            continue
        if groups and (char in (_JOINER, _EMOJI) or groups[-1].endswith(_JOINER) or not cell_len(char)):
            groups[-1] += char
        else:
            groups.append(char)
    return tuple((group, cell_len(group)) for group in groups)


_SURE = frozenset(chr(n) for n in range(0x20, 0x7F))
"""Glyphs of one cell on every terminal, with nothing that belongs to them in the next."""


@lru_cache(4096)
def _advances_surely(glyph: str) -> bool:
    """Whether every terminal moves its cursor as far as the layout believes. Of symbols some are drawn wide."""
    return len(glyph) == 1 and (
        glyph < "\u0300" or "\u2500" <= glyph < "\u25a0" or "\u2800" <= glyph < "\u2900" or glyph.isalpha()
    )


@lru_cache(4096)
def turn(old: Pen, new: Pen) -> str:
    """The shortest sequence from one pen to another."""
    if old == new:
        return ""
    link = f"\x1b]8;;{new.link}\x1b\\" if old.link != new.link else ""
    if old[:3] == new[:3]:
        return link
    bits = [1 << bit for bit in range(len(SGR_STYLES))]
    gone = {_OFF[n] for n, bit in enumerate(bits) if old.attributes & ~new.attributes & bit}
    lit = [n for n, bit in enumerate(bits) if new.attributes & bit]
    step = [*sorted(gone), *(SGR_STYLES[n] for n in lit if not old.attributes & bits[n] or _OFF[n] in gone)]
    step += [new.ink or "39"] if old.ink != new.ink else []
    step += [new.paper or "49"] if old.paper != new.paper else []
    whole = ["0", *(SGR_STYLES[n] for n in lit), *filter(None, (new.ink, new.paper))]
    sgr = min(";".join(whole), ";".join(step), key=len)
    return link + (f"\x1b[{sgr}m" if sgr != "0" else "\x1b[m")


# ---------------------------------------------------------------- the terminal


class Picture:
    """What the terminal shows."""

    def __init__(self, width: int, height: int) -> None:
        self.size = (width, height)
        self._rows: list[list[Cell]] = [[UNKNOWN] * width for _ in range(height)]

    def paint(self, pieces: Iterable[tuple[int, int, list[Cell]]]) -> str:
        """Show each piece (column, row, cells); return what the terminal must be sent for it."""
        hand = _Hand()
        for x, y, piece in pieces:
            if 0 <= y < len(self._rows):
                for start, stop in self._put(x, self._rows[y], piece):
                    hand.write(start, stop, y, self._rows[y])
        return hand.done()

    def _put(self, x: int, row: list[Cell], piece: list[Cell]) -> Iterator[tuple[int, int]]:
        """Take over one piece; from where to where it differs."""
        del piece[max(0, len(row) - x) :]
        end = x + len(piece)
        old = row[x:end]
        if old == piece:
            return
        row[x:end] = piece
        # Half of a wide glyph cannot stay.
        if x and old[0] is STUB:
            row[x - 1] = UNKNOWN
        if end < len(row) and row[end] is STUB:
            row[end] = UNKNOWN
        at, length = 0, len(piece)
        while at < length:
            if old[at] == piece[at]:
                at += 1
                continue
            start = at - 1 if at and piece[at] is STUB else at  # it is written by writing its glyph
            while at < length and (old[at] != piece[at] or piece[at] is STUB):
                at += 1
            yield x + start, x + at


class _Hand:
    """Writes cells with as few bytes as it can."""

    def __init__(self) -> None:
        self._out: list[str] = []
        self._x = self._y = -1  # -1: not known
        self._pen = PLAIN

    def write(self, start: int, stop: int, y: int, row: list[Cell]) -> None:
        """Write these cells of a row."""
        if not self._bridge(start, y, row):
            self._jump(start, y)
        add, at = self._out.append, start
        while at < stop:
            cell = row[at]
            if cell is STUB:
                at += 1
                continue
            self._jump(at, y)  # nothing, unless the last glyph's width is uncertain
            glyph, pen = self._suited(cell)
            if pen != self._pen:
                add(turn(self._pen, pen))
                self._pen = pen
            add(glyph)
            at += 1
            # Most cells are like the one before: as long as that is so there is nothing to think about.
            if glyph in _SURE:
                blank = _on_blank(self._pen)
                for nearby, pen in islice(row, at, stop):
                    if nearby not in _SURE or (pen is not self._pen and not (nearby == " " and pen is blank)):
                        break
                    add(nearby)
                    at += 1
                    glyph = nearby
            self._x = at if at == len(row) or row[at] is not STUB else at + 1
            if self._x >= len(row) or not _advances_surely(glyph):
                self._x = -1

    def done(self) -> str:
        """All of it. The pen is laid down: others write to the terminal, too."""
        self._out.append(turn(self._pen, PLAIN))
        self._pen = PLAIN
        return "".join(self._out)

    def _suited(self, cell: Cell) -> Cell:
        """A blank is written with the pen in hand where nobody sees the difference."""
        glyph, pen = cell
        return (glyph, self._pen) if glyph == " " and pen == _on_blank(self._pen) else cell

    def _bridge(self, start: int, y: int, row: list[Cell]) -> bool:
        """Go over a short gap by writing again what is there, where that is no longer than a jump."""
        if self._y != y or not 0 <= self._x < start or start - self._x >= _FAR:
            return False
        text = ""
        for cell in row[self._x : start]:
            glyph, pen = self._suited(cell)
            if pen != self._pen or not glyph.isascii() or cell in (STUB, UNKNOWN):
                return False
            text += glyph
        if len(text) > len(self._way(start, y)):
            return False
        self._out.append(text)
        self._x = start
        return True

    def _jump(self, x: int, y: int) -> None:
        if (x, y) != (self._x, self._y):
            self._out.append(self._way(x, y))
            self._x, self._y = x, y

    def _way(self, x: int, y: int) -> str:
        """The shortest way of the cursor."""
        ways = [f"\x1b[{y + 1};{x + 1}H" if x else f"\x1b[{y + 1}H"]
        if y == self._y:
            ways.append(f"\x1b[{x + 1}G" if x else "\r")
            if 0 <= self._x < x:
                ways.append(f"\x1b[{x - self._x}C" if x - self._x > 1 else "\x1b[C")
        elif x == self._x and 0 <= self._y < y:
            ways.append(f"\x1b[{y - self._y}B" if y - self._y > 1 else "\x1b[B")
        return min(ways, key=len)


# ---------------------------------------------------------------- Textual


class _Ready(CompositorUpdate):
    """An update that is text already."""

    def __init__(self, text: str) -> None:
        self._text = text

    def render_segments(self, console: Console) -> str:
        return self._text


class Painter:
    """Stands between an app and its terminal."""

    def __init__(self, app: App[Any]) -> None:
        self._app = app
        self._picture: Picture | None = None  # None: nobody knows what the terminal shows
        self._owed = False  # updates were left out: only the whole screen is the truth
        self._cursor = Offset(-1, -1)
        self._display, self._post = app._display, app._post_message
        app._display = self._sparingly  # type: ignore[method-assign]
        app._post_message = self._noticing  # type: ignore[method-assign]

    def repaint(self) -> None:
        """Write the whole screen again: somebody else has written on it."""
        self._picture = None
        self._app.refresh()

    async def _noticing(self, message: Message) -> bool:
        """Whatever changes the terminal's size, or comes back from a suspension, says so with this event.

        A terminal that shrank and grew again has lost cells, although its size is the old one.
        """
        if isinstance(message, Resize):
            self.repaint()
        return await self._post(message)

    def _sparingly(self, screen: Screen[Any], renderable: RenderableType | None) -> None:
        """In the place of `App._display`: the same, with less to write."""
        app, driver = self._app, self._app._driver
        if driver is None or not app._running or app._closed or app._batch_count or app.is_headless or app.is_inline:
            self._display(screen, renderable)
        elif not isinstance(renderable, LayoutUpdate | ChopsUpdate):
            if renderable is not None:
                self._picture = None
            self._display(screen, renderable)
        elif _waits_for_the_terminal(driver):
            # The newest picture counts, not all of them; and keys must work while the line hangs.
            if not self._owed:
                self._owed = True
                app.set_timer(_LOOK_AGAIN, self._catch_up)
            self._display(screen, None)
        else:
            text = self._changes(screen, renderable)
            moved, self._cursor = app.cursor_position != self._cursor, app.cursor_position
            self._display(screen, cast(RenderableType, _Ready(text)) if text or moved else None)

    def _changes(self, screen: Screen[Any], update: LayoutUpdate | ChopsUpdate) -> str:
        app, size = self._app, screen._compositor.size
        if self._picture is None or self._picture.size != size:
            self._picture, self._owed = Picture(*size), True
        if self._owed and not isinstance(update, LayoutUpdate):
            full = screen._compositor.render_update(full=True, screen_stack=app._background_screens)
            assert isinstance(full, LayoutUpdate)
            update = full
        self._owed = False
        return self._picture.paint(pieces(update, app.console._color_system or ColorSystem.TRUECOLOR))

    def _catch_up(self) -> None:
        if not self._owed:
            return
        if self._app._driver is not None and _waits_for_the_terminal(self._app._driver):
            self._app.set_timer(_LOOK_AGAIN, self._catch_up)
        else:
            self._app.refresh()


def pieces(update: LayoutUpdate | ChopsUpdate, depth: ColorSystem) -> Iterator[tuple[int, int, list[Cell]]]:
    """What an update wants to show: column, row, cells."""
    if isinstance(update, LayoutUpdate):
        for y, strips in enumerate(update.strips, update.region.y):
            yield update.region.x, y, cells((segment for strip in strips for segment in strip), depth)
        return
    for y, left, right in update.spans:
        for end, (x, strip) in zip(update.chop_ends[y], update.chops[y].items(), strict=False):
            # Only chops that the span touches: others on the line may not be what is in front there.
            if strip is not None and x < right and end > left:
                yield x, y, cells(strip, depth)


def _waits_for_the_terminal(driver: Driver) -> bool:
    thread = getattr(driver, "_writer_thread", None)
    return thread is not None and thread._queue.qsize() >= _BEHIND

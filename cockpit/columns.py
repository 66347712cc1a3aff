"""Cells in columns: cut and padded to what a terminal shows, dropped where there is no room. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from rich.cells import cell_len
from rich.text import Text

from cockpit.format import shortened
from cockpit.tones import DIM, HEAD, PLAIN, STYLES, toned

_GAP = 2
_ENOUGH = 12  # columns that a growing column asks for before others have to go


class Cell(NamedTuple):
    text: str
    tone: str = PLAIN


class Column(NamedTuple):
    """`keep`: where there is no room, columns of a low rank go first; `most`: no wider than this; `grows`: takes what
    is left of the line."""

    title: str
    right: bool = False
    keep: int = 9
    least: int = 0
    most: int = 60
    grows: bool = False


Row = Sequence[str | Cell]


def fit(text: str, width: int, *, right: bool = False) -> str:
    """Exactly `width` columns of a terminal: cut with an ellipsis, or padded."""
    if width <= 0:
        return ""
    cut = shortened(text, width)
    pad = " " * (width - cell_len(cut))
    return pad + cut if right else cut + pad


def table(columns: Sequence[Column], rows: Sequence[Row], room: int, *, indent: int = 1) -> tuple[Text, list[Text]]:
    """The heading and the rows, each at most `room` columns wide, with cells below each other."""
    widths = _widths(columns, rows, room - indent)
    titles = [Cell(column.title, DIM) for column in columns]
    return _line(columns, titles, widths, indent), [_line(columns, row, widths, indent) for row in rows]


def rule(title: str, room: int, right: Text | None = None, sign: str = "─") -> Text:
    """The line above a panel: its name, and at its end what matters most in it."""
    line = toned((f"{sign} ", DIM), (shortened(title, max(1, room - 4)), HEAD), " ")
    tail = right.copy() if right is not None else toned("")
    tail.truncate(max(0, room - line.cell_len - 2), overflow="ellipsis")
    if tail.cell_len:
        tail = toned(" ") + tail + toned(" ")
    line.append(sign * max(0, room - line.cell_len - tail.cell_len), STYLES[DIM])
    line.append_text(tail)
    return line


def beside(left: Sequence[Text], right: Sequence[Text], width: int, gap: str = "  ") -> list[Text]:
    """Two blocks of lines in one; the left one takes `width` columns."""
    lines = []
    for at in range(max(len(left), len(right))):
        line = left[at].copy() if at < len(left) else toned("")
        line.truncate(width)
        line.pad_right(width - line.cell_len)
        line.append(gap)
        if at < len(right):
            line.append_text(right[at])
        lines.append(line)
    return lines


def _widths(columns: Sequence[Column], rows: Sequence[Row], room: int) -> list[int]:
    """A width for each column; 0 for those that are left out."""
    wanted = []
    for at, column in enumerate(columns):
        filled = max((cell_len(shortened(_text(row[at]), column.most)) for row in rows), default=0)
        if column.grows:
            filled = min(filled, max(column.least, _ENOUGH))
        empty = not filled and not column.least
        wanted.append(0 if empty else min(column.most, max(filled, cell_len(column.title), column.least)))
    # First the columns of a low rank go, then the widest of the others shrink; what is left makes one of them grow.
    for at in sorted(range(len(columns)), key=lambda at: columns[at].keep):
        if _taken(wanted) <= room or columns[at].keep >= 9:
            break
        wanted[at] = 0
    while _taken(wanted) > room and max(wanted) > 4:
        wanted[wanted.index(max(wanted))] -= 1
    spare = next((at for at, column in enumerate(columns) if column.grows and wanted[at]), None)
    if spare is not None:
        wanted[spare] += max(0, room - _taken(wanted))
    return wanted


def _taken(widths: Sequence[int]) -> int:
    return sum(widths) + _GAP * (sum(1 for width in widths if width) - 1)


def _text(cell: str | Cell) -> str:
    return cell if isinstance(cell, str) else cell.text


def _line(columns: Sequence[Column], row: Row, widths: Sequence[int], indent: int) -> Text:
    line = toned(" " * indent)
    for column, cell, width in zip(columns, row, widths, strict=True):
        if width:
            if line.cell_len > indent:
                line.append(" " * _GAP)
            tone = cell.tone if isinstance(cell, Cell) else PLAIN
            line.append(fit(_text(cell), width, right=column.right), STYLES[tone])
    return line

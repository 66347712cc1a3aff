"""A curve as characters: two by four dots of a braille cell, or columns of ASCII. Pure."""

from __future__ import annotations

from collections.abc import Sequence

_BLANK = 0x2800
_DOTS_LEFT = (0x40, 0x04, 0x02, 0x01)
_DOTS_RIGHT = (0x80, 0x20, 0x10, 0x08)
_COLUMNS = " .:-=+*#"


def braille(values: Sequence[float | None], width: int, height: int, top: float | None = None) -> list[str]:
    """`height` lines of `width` cells, filled from the bottom; newest value at the right. `top`: the scale's end."""
    points = _last(values, width * 2)
    high = top or max((value for value in points if value is not None), default=0.0)
    lines = []
    for row in range(height - 1, -1, -1):
        cells = []
        for x in range(width):
            dots = 0
            for value, bits in ((points[2 * x], _DOTS_LEFT), (points[2 * x + 1], _DOTS_RIGHT)):
                if value is None or value <= 0 or high <= 0:
                    continue
                filled = max(1, round(min(1.0, value / high) * height * 4)) - row * 4
                for bit in bits[: max(0, filled)]:
                    dots |= bit
            cells.append(chr(_BLANK + dots) if dots else " ")
        lines.append("".join(cells))
    return lines


def columns(values: Sequence[float | None], width: int, height: int, top: float | None = None) -> list[str]:
    """The same in ASCII, one value a cell."""
    points = _last(values, width)
    high = top or max((value for value in points if value is not None), default=0.0)
    steps = len(_COLUMNS) - 1
    lines = []
    for row in range(height - 1, -1, -1):
        cells = []
        for value in points:
            if value is None or value <= 0 or high <= 0:
                cells.append(" ")
                continue
            filled = max(1, round(min(1.0, value / high) * height * steps)) - row * steps
            cells.append(_COLUMNS[max(0, min(steps, filled))])
        lines.append("".join(cells))
    return lines


def _last(values: Sequence[float | None], n: int) -> list[float | None]:
    """The last `n`, with nothing before them where there are fewer."""
    newest = list(values[-n:])
    return [None] * (n - len(newest)) + newest

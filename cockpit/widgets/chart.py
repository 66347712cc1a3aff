"""A curve as characters: two by four dots of a braille cell, or columns of ASCII. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from math import floor, log10

_BLANK = 0x2800
_DOTS_LEFT = (0x40, 0x04, 0x02, 0x01)
_DOTS_RIGHT = (0x80, 0x20, 0x10, 0x08)
_COLUMNS = " .:-=+*#"

Values = Sequence[float | None]
"""Oldest first; None where nothing was measured."""


def braille(values: Values, width: int, height: int, top: float) -> list[str]:
    """`height` lines of `width` cells, two values a cell, filled from the bottom. `top`: the scale's end."""
    points = _last(values, width * 2)
    lines = []
    for row in range(height - 1, -1, -1):
        cells = []
        for x in range(width):
            dots = 0
            for value, bits in ((points[2 * x], _DOTS_LEFT), (points[2 * x + 1], _DOTS_RIGHT)):
                for bit in bits[: max(0, _filled(value, top, height * 4) - row * 4)]:
                    dots |= bit
            cells.append(chr(_BLANK + dots) if dots else " ")
        lines.append("".join(cells))
    return lines


def columns(values: Values, width: int, height: int, top: float) -> list[str]:
    """The same in ASCII, one value a cell."""
    points = _last(values, width)
    steps = len(_COLUMNS) - 1
    return [
        "".join(_COLUMNS[max(0, min(steps, _filled(value, top, height * steps) - row * steps))] for value in points)
        for row in range(height - 1, -1, -1)
    ]


def smooth(values: Values, over: int) -> list[float | None]:
    """Each value as the mean of the last `over`: chunks arrive whole, and a curve of them would be a comb."""
    means: list[float | None] = []
    for at, value in enumerate(values):
        known = [each for each in values[max(0, at - over + 1) : at + 1] if each is not None]
        means.append(sum(known) / len(known) if value is not None and known else None)
    return means


def squeezed(values: Values, points: int) -> list[float | None]:
    """All of it in exactly so many points: means where there are more values, repeated where there are fewer."""
    if not values or points <= 0:
        return []
    out: list[float | None] = []
    for at in range(points):
        begin = at * len(values) // points
        end = max(begin + 1, (at + 1) * len(values) // points)
        known = [each for each in values[begin:end] if each is not None]
        out.append(sum(known) / len(known) if known else None)
    return out


def nice(high: float) -> float:
    """The end of a scale: a round number at or above, so that it does not tremble with every value."""
    if high <= 1:
        return 1.0
    power = 10.0 ** floor(log10(high))
    return next(step * power for step in (1, 1.5, 2, 3, 4, 5, 6, 8, 10) if step * power >= high)


def _filled(value: float | None, top: float, dots: int) -> int:
    if value is None or value <= 0 or top <= 0:
        return 0
    return max(1, round(min(1.0, value / top) * dots))


def _last(values: Values, n: int) -> list[float | None]:
    """The last `n`, with nothing before them where there are fewer."""
    newest = list(values[-n:])
    return [None] * (n - len(newest)) + newest

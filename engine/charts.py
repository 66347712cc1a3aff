"""Lines over time in bounded memory: the last ten minutes by the second, and the whole run in at most 240 points."""

from __future__ import annotations

from collections import Counter, deque
from typing import NamedTuple

RECENT = 600  # seconds that are remembered one by one
_SHOWN, _STEP = 120, 2  # points of a recent line, and seconds that each stands for
_MOST = 240  # points of a whole line
_FIRST_STEP = 1.0  # seconds


class Line(NamedTuple):
    """Values a second, oldest first, one a `step` seconds; None where the engine did not live yet."""

    step: float
    values: list[float | None]


class Recent:
    """Counts by the second. Seconds without any count take no memory."""

    def __init__(self) -> None:
        self._seconds: deque[tuple[int, Counter[str]]] = deque(maxlen=RECENT)
        self._first: int | None = None  # the first second that anything was counted in

    def add(self, now: float, what: str, n: int) -> None:
        second = int(now)
        if not self._seconds or self._seconds[-1][0] != second:
            self._seconds.append((second, Counter()))
            if self._first is None:
                self._first = second
        self._seconds[-1][1][what] += n

    def sum(self, what: str, now: float, window: int) -> int:
        total = 0
        for second, counts in reversed(self._seconds):  # newest first: a short window looks at little
            if second <= now - window:
                break
            total += counts[what]
        return total

    def seconds(self, what: str, now: float, window: int) -> list[float]:
        """Of each whole second of the window, oldest first; the one that is not over is left out."""
        last = int(now)
        first = last - window if self._first is None else max(last - window, self._first)
        values = [0.0] * max(0, last - first)
        for second, counts in reversed(self._seconds):
            if second < first:
                break
            if second < last:
                values[second - first] = float(counts[what])
        return values

    def line(self, what: str, now: float) -> Line:
        # A point covers the same seconds at every look (they are even numbers): it does not tremble on a screen.
        end = int(now) // _STEP * _STEP
        begin = end - _SHOWN * _STEP
        values: list[float | None] = [None] * _SHOWN
        if self._first is not None:
            for at in range(max(0, (self._first - begin) // _STEP), _SHOWN):
                values[at] = 0.0
        for second, counts in reversed(self._seconds):
            if second < begin:
                break
            at = (second - begin) // _STEP
            if at < _SHOWN:
                values[at] = (values[at] or 0.0) + counts[what] / _STEP
        return Line(float(_STEP), values)


class Whole:
    """Counts over a run of any length: when the points are full, each two become one of twice the step."""

    def __init__(self, began: float) -> None:
        self._began = began
        self._step = _FIRST_STEP
        self._points: list[Counter[str]] = []

    def add(self, now: float, what: str, n: int) -> None:
        at = int((now - self._began) / self._step)
        if at >= len(self._points):
            at = self._grow(at)
        self._points[at][what] += n

    def line(self, what: str, until: float) -> Line:
        """Up to the last point that is over."""
        over = max(0, int((until - self._began) / self._step))
        while over > _MOST:
            self._merge()
            over //= 2
        values: list[float | None] = [counts[what] / self._step for counts in self._points[:over]]
        return Line(self._step, values + [0.0] * (over - len(values)))

    def _grow(self, at: int) -> int:
        while at >= _MOST:
            self._merge()
            at //= 2
        self._points += [Counter() for _ in range(at + 1 - len(self._points))]
        return at

    def _merge(self) -> None:
        points = self._points
        if len(points) % 2:
            points.append(Counter())
        self._points = [points[at] + points[at + 1] for at in range(0, len(points), 2)]
        self._step *= 2

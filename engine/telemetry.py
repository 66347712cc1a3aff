"""Counts of what happens, and rates over the last minute. Bounded memory, no field values, no I/O."""

from __future__ import annotations

from collections import Counter, deque

from engine.clock import Clock

_WINDOW = 60  # seconds


class Telemetry:
    """Counters since the engine began, and one bucket a second for rates."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._began = clock.monotonic()
        self.totals: Counter[str] = Counter()
        self._seconds: deque[tuple[int, Counter[str]]] = deque(maxlen=_WINDOW)

    def count(self, what: str, n: int = 1) -> None:
        if not n:
            return
        self.totals[what] += n
        second = int(self._clock.monotonic())
        if not self._seconds or self._seconds[-1][0] != second:
            self._seconds.append((second, Counter()))
        self._seconds[-1][1][what] += n

    def rate(self, what: str, window: int = 10) -> float:
        """A second, over the last `window` seconds (or since the engine began, if that is less)."""
        now = self._clock.monotonic()
        span = max(1.0, min(float(window), now - self._began))
        return sum(counts[what] for second, counts in self._seconds if second > now - window) / span

    def rates(self, what: str) -> list[float]:
        """Every second of the last minute, oldest first; for the spread of an estimate."""
        now = int(self._clock.monotonic())
        by_second = {second: counts[what] for second, counts in self._seconds}
        first = max(now - _WINDOW, int(self._began))
        return [float(by_second.get(second, 0)) for second in range(first, now)]

"""How long calls take, by wave, system and operation, over the last minutes: percentiles to about 5 %.

A histogram's buckets grow by 10 % each, so a value is known to half of that; what came in a minute goes with it.
"""

from __future__ import annotations

import math
from collections import deque
from typing import NamedTuple

_SLICE = 60.0  # seconds that go together
_SLICES = 5  # that are looked at
_GROWTH = math.log(1.1)
_LEAST = 1e-4  # seconds: shorter ones are taken for this
_BUCKETS = 190  # up to about two hours
_KEYS = 256  # (wave, system, operation) that are told apart in a slice

Key = tuple[str, str, str]
"""(wave, system, operation)."""


class Percentiles(NamedTuple):
    """Of the calls of one key. Milliseconds."""

    calls: int
    failed: int
    p50: float
    p99: float


class Histogram:
    __slots__ = ("calls", "counts", "failed")

    def __init__(self) -> None:
        self.calls = self.failed = 0
        self.counts: dict[int, int] = {}

    def add(self, seconds: float, failed: bool) -> None:
        self.calls += 1
        self.failed += failed
        at = 0 if seconds <= _LEAST else min(_BUCKETS, int(math.log(seconds / _LEAST) / _GROWTH) + 1)
        self.counts[at] = self.counts.get(at, 0) + 1

    def merge(self, other: Histogram) -> None:
        self.calls += other.calls
        self.failed += other.failed
        for at, n in other.counts.items():
            self.counts[at] = self.counts.get(at, 0) + n

    def quantile(self, share: float) -> float:
        """Seconds that this share of the calls did not exceed, to 5 %."""
        wanted, seen = share * self.calls, 0
        for at in sorted(self.counts):
            seen += self.counts[at]
            if seen >= wanted:
                return _LEAST if at == 0 else _LEAST * math.exp((at - 0.5) * _GROWTH)
        return 0.0


class Latencies:
    """Histograms of the last minutes."""

    def __init__(self) -> None:
        self._slices: deque[tuple[int, dict[Key, Histogram]]] = deque(maxlen=_SLICES)

    def add(self, now: float, key: Key, seconds: float, failed: bool) -> None:
        number = int(now / _SLICE)
        if not self._slices or self._slices[-1][0] != number:
            self._slices.append((number, {}))
        current = self._slices[-1][1]
        histogram = current.get(key)
        if histogram is None:
            if len(current) >= _KEYS:
                key = (*key[:2], "others")
            histogram = current.setdefault(key, Histogram())
        histogram.add(seconds, failed)

    def of(self, now: float, wave: str | None = None) -> dict[tuple[str, str], Percentiles]:
        """By (system, operation): of one wave, or (None) of all calls."""
        merged: dict[tuple[str, str], Histogram] = {}
        oldest = int(now / _SLICE) - _SLICES
        for number, histograms in self._slices:
            if number <= oldest:
                continue
            for (whose, system, operation), histogram in histograms.items():
                if wave is None or whose == wave:
                    merged.setdefault((system, operation), Histogram()).merge(histogram)
        return {
            key: Percentiles(
                histogram.calls,
                histogram.failed,
                round(histogram.quantile(0.5) * 1000, 2),
                round(histogram.quantile(0.99) * 1000, 2),
            )
            for key, histogram in sorted(merged.items())
        }

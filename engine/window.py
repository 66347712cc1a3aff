"""The hours in which calls may start."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from engine.clock import Clock
from runbooks.migration import Window


class Windows:
    """`wait` gives the seconds until a window is open: 0 inside one, and where none is declared."""

    def __init__(self, windows: Callable[[], Sequence[Window]], clock: Clock) -> None:
        self._windows = windows
        self._clock = clock

    def wait(self) -> float:
        windows = self._windows()
        if not windows:
            return 0.0
        now = self._clock.now()
        if any(window.opens <= now < window.closes for window in windows):
            return 0.0
        coming = [(window.opens - now).total_seconds() for window in windows if window.opens > now]
        return min(coming, default=3600.0)

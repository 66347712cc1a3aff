"""The hours in which calls may start."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from engine.clock import Clock
from runbooks.migration import Window


class Windows:
    """`wait` gives the seconds until a window is open: 0 inside one, and where none is declared."""

    def __init__(self, windows: Callable[[], Sequence[Window]], clock: Clock) -> None:
        self._windows = windows
        self._clock = clock

    def current(self) -> Window | None:
        """The window that is open, or the one that opens next."""
        now = self._clock.now()
        coming = [window for window in self._windows() if window.closes > now]
        return min(coming, key=lambda window: window.opens, default=None)

    def ends(self) -> str:
        """When that window closes, in UTC; empty without one."""
        window = self.current()
        return window.closes.isoformat(timespec="seconds") if window else ""

    def margin(self, seconds: float | None) -> float | None:
        """Seconds between the end of `seconds` of work, begun as soon as it may, and the end of the window."""
        window = self.current()
        if window is None or seconds is None:
            return None
        begins: datetime = max(self._clock.now(), window.opens)
        return round((window.closes - begins - timedelta(seconds=seconds)).total_seconds(), 1)

    def wait(self) -> float:
        windows = self._windows()
        if not windows:
            return 0.0
        now = self._clock.now()
        if any(window.opens <= now < window.closes for window in windows):
            return 0.0
        coming = [(window.opens - now).total_seconds() for window in windows if window.opens > now]
        return min(coming, default=3600.0)

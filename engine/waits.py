"""The account of waiting: why work waits now, and the time lost to each reason, by wave."""

from __future__ import annotations

from engine.clock import Clock

_REASONS = 50  # of a wave, whose lost time is told apart: reasons name calls, and a bad night knows no end of those
_OTHERS = "other reasons"


class _Now:
    """Those who wait for one reason at this moment."""

    __slots__ = ("lost", "marked", "waiting")

    def __init__(self, now: float) -> None:
        self.waiting = 0
        self.marked = now
        self.lost = 0.0  # seconds, up to the mark

    def mark(self, now: float) -> None:
        self.lost += self.waiting * (now - self.marked)
        self.marked = now


class Waits:
    """Seconds are those of all who waited: two tasks that wait three seconds lose six."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._now: dict[tuple[str, str], _Now] = {}  # (wave, reason)
        self._lost: dict[str, dict[str, float]] = {}  # wave -> reason -> seconds; what goes on is not in it yet

    def begin(self, wave: str, reason: str) -> None:
        now = self._clock.monotonic()
        waiting = self._now.get((wave, reason)) or self._now.setdefault((wave, reason), _Now(now))
        waiting.mark(now)
        waiting.waiting += 1

    def end(self, wave: str, reason: str) -> None:
        waiting = self._now[wave, reason]
        waiting.mark(self._clock.monotonic())
        waiting.waiting -= 1
        if not waiting.waiting:
            del self._now[wave, reason]
            _add(self._lost.setdefault(wave, {}), reason, waiting.lost)

    def reasons(self, wave: str | None = None) -> dict[str, int]:
        """Why work waits at this moment (of one wave, or of all): reason -> how many wait."""
        sums: dict[str, int] = {}
        for (whose, reason), waiting in self._now.items():
            if wave in (None, whose):
                sums[reason] = sums.get(reason, 0) + waiting.waiting
        return sums

    def lost(self, wave: str | None = None) -> dict[str, float]:
        """Seconds lost to each reason since the engine began, with what still goes on; of one wave, or of all."""
        sums: dict[str, float] = {}
        for whose, reasons in self._lost.items():
            if wave in (None, whose):
                for reason, seconds in reasons.items():
                    sums[reason] = sums.get(reason, 0.0) + seconds
        now = self._clock.monotonic()
        for (whose, reason), waiting in self._now.items():
            if wave in (None, whose):
                _add(sums, reason, waiting.lost + waiting.waiting * (now - waiting.marked))
        return sums


def _add(sums: dict[str, float], reason: str, seconds: float) -> None:
    kept = reason if reason in sums or len(sums) < _REASONS else _OTHERS
    sums[kept] = sums.get(kept, 0.0) + seconds

"""The one place that computes rates, percentiles, retries and the time left. Bounded memory, no values, no I/O.

Counting is cheap: it happens once a batch or call, never once a record.
"""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from connectors.kit.contract import Answer
from engine.charts import Line, Recent, Whole
from engine.clock import Clock
from engine.latencies import Latencies

_MINUTE = 60  # seconds
_REASONS = 200  # why calls were made again that are told apart, over all waves
_BATCH = 6  # seconds that are taken together for the spread of a rate
_LEAST_BATCHES = 3
_AT_LEAST = 0.1  # of the mean rate: however wild it was, it is not taken to fall below
# Student's t for a two-sided 95 %, by degrees of freedom; beyond the last, the normal distribution is close.
_T95 = (12.7, 4.30, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26, 2.23, 2.20, 2.18, 2.16, 2.14, 2.13)


class Left(NamedTuple):
    """Seconds until the work is done: sooner is unlikely, and so is later."""

    low: float
    high: float


class Again(NamedTuple):
    """Calls that failed or were turned away for one reason, and when the last one did."""

    calls: int
    last: str


class Telemetry:
    """Counters since the engine began, lines over the last minutes and over the run, latencies, retries."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._began = clock.monotonic()
        self._ended: float | None = self._began  # of the run; None while one goes on
        self._at_begin: Counter[str] = Counter()
        self.totals: Counter[str] = Counter()
        self._recent = Recent()
        self._whole = Whole(self._began)
        self.latencies = Latencies()
        self.spent: dict[str, tuple[int, float]] = {}  # system -> (calls, seconds) in all
        self._again: dict[str, dict[str, Again]] = {}  # wave -> reason

    # ------------------------------------------------------------ telling

    def count(self, what: str, n: int = 1) -> None:
        if not n:
            return
        self.totals[what] += n
        now = self._clock.monotonic()
        self._recent.add(now, what, n)
        if self._ended is None:
            self._whole.add(now, what, n)

    def called(self, wave: str, system: str, answer: Answer) -> None:
        """A call came to its end, for this wave ("": for a person who asked)."""
        failed = did_fail(answer)
        self.latencies.add(self._clock.monotonic(), (wave, system, answer.scope), answer.latency, failed)
        calls, seconds = self.spent.get(system, (0, 0.0))
        self.spent[system] = (calls + 1, seconds + answer.latency)
        self.count("calls")
        if failed:
            self.count("failed")
        if failed or _is_limit(answer):
            self.count("again")
            self._note_again(wave, f"{system}: {_reason(answer)}")

    def begin_run(self) -> None:
        """A run begins: lines over the run and its average start anew."""
        self._began, self._ended = self._clock.monotonic(), None
        self._at_begin = self.totals.copy()
        self._whole = Whole(self._began)

    def end_run(self) -> None:
        self._ended = self._clock.monotonic()

    # ------------------------------------------------------------ asking

    def rate(self, what: str, window: int = 10) -> float:
        """A second, over the last `window` seconds (or since the run began, if that is less)."""
        now = self._clock.monotonic()
        span = max(1.0, min(float(window), now - self._began))
        return self._recent.sum(what, now, window) / span

    def average(self, what: str) -> float:
        """A second, since the run began; after its end, over all of it."""
        until = self._ended if self._ended is not None else self._clock.monotonic()
        return (self.totals[what] - self._at_begin[what]) / max(1.0, until - self._began)

    def error_share(self) -> float:
        """Failed calls of the last minute, as a share of all of them."""
        now = self._clock.monotonic()
        calls = self._recent.sum("calls", now, _MINUTE)
        return self._recent.sum("failed", now, _MINUTE) / calls if calls else 0.0

    def seconds(self, what: str, window: int) -> list[float]:
        """Counts of each of the last `window` whole seconds, oldest first; fewer when the engine is younger."""
        return self._recent.seconds(what, self._clock.monotonic(), window)

    def recent(self, what: str) -> Line:
        """A second, over the last minutes."""
        return self._recent.line(what, self._clock.monotonic())

    def whole(self, what: str) -> Line:
        """A second, over the whole run."""
        return self._whole.line(what, self._ended if self._ended is not None else self._clock.monotonic())

    def again(self, wave: str) -> dict[str, Again]:
        """Calls of this wave that failed or were turned away, by reason, most first: each is made again once that is
        safe."""
        return dict(sorted(self._again.get(wave, {}).items(), key=lambda item: -item[1].calls))

    def left(self, records: int) -> Left | None:
        """How long so many records will take; None while nothing moves, or too little is known.

        Two honest views of the rate, each with its 95 % interval over batch means (counts of single seconds hang
        together: chunks arrive whole, so a deviation over seconds would promise too much). The last minute knows how
        fast it goes now; the whole run knows what else happens in a night. Where they agree the interval is narrow;
        where they differ nobody can say which will hold, and it spans both.
        """
        recent = self.seconds("settled", min(_MINUTE, int(self._clock.monotonic() - self._began)))
        if not records or not any(recent):
            return None
        whole = self.whole("settled")
        views = (
            _spread(_batches(recent, _BATCH)),
            _spread(_batches([value or 0.0 for value in whole.values], math.ceil(_BATCH / whole.step))),
        )
        known = [view for view in views if view is not None]
        if not known:
            return None
        return Left(records / max(fast for _, fast in known), records / min(slow for slow, _ in known))

    # ------------------------------------------------------------ inside

    def _note_again(self, wave: str, reason: str) -> None:
        reasons = self._again.setdefault(wave, {})
        if reason not in reasons and sum(len(each) for each in self._again.values()) >= _REASONS:
            reason = "other reasons"
        calls = reasons[reason].calls if reason in reasons else 0
        reasons[reason] = Again(calls + 1, self._clock.now().isoformat(timespec="milliseconds"))


def did_fail(answer: Answer) -> bool:
    """No answer, or one that says that the system is in trouble. A limit is no failure, nor is a refused record."""
    return answer.status in (0, 408) or (answer.status >= 500 and answer.retry_after is None)


def _is_limit(answer: Answer) -> bool:
    return answer.status == 429 or (answer.retry_after is not None and answer.status >= 500)


def _reason(answer: Answer) -> str:
    if _is_limit(answer):
        return answer.reason or "rate limit"
    return f"answered {answer.status}" if answer.status else "no answer"


def _batches(rates: Sequence[float], size: int) -> list[float]:
    """Means of whole batches, newest last; what is too little for a batch at the beginning is left out."""
    return [statistics.fmean(rates[at : at + size]) for at in range(len(rates) % size, len(rates), size)]


def _spread(rates: Sequence[float]) -> tuple[float, float] | None:
    """(slow, fast): where the mean of these lies at 95 %. None when they are too few, or nothing moved."""
    if len(rates) < _LEAST_BATCHES or not any(rates):
        return None
    mean = statistics.fmean(rates)
    freedom = len(rates) - 1
    t = _T95[freedom - 1] if freedom <= len(_T95) else 1.96
    error = t * statistics.stdev(rates) / math.sqrt(len(rates))
    return max(mean - error, mean * _AT_LEAST), mean + error

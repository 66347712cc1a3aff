"""Alerts on what is changing: throughput that fell, latency that climbs, errors that burn, retries that rise."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator, Sequence

from engine.alerts import ALARM, NOTE, WARNING, Finding, Rule, Sample, before, chief_reason

_BATCH = 15.0  # seconds that a rate is taken over
_SETTLED_IN = 16  # batches that a usual rate is known from, at least
_LATEST = 8  # batches that are held against it
_SLACK, _DECISION = 0.5, 8.0  # of the CUSUM, in standard deviations
_FELL, _FELL_STILL = 0.65, 0.85  # of the usual rate

_CLIMB_BATCH = 30.0
_CLIMB_POINTS = 10
_CLIMB_TAU, _CLIMB_TAU_STILL = 0.7, 0.3  # Kendall's, of latency over time
_CLIMB, _CLIMB_STILL = 1.5, 1.25  # times what it was
_LEAST_CALLS = 20
_LEAST_FAILED = 5

_BUDGET = 0.01  # share of calls that may fail without anybody being called
_FAST = (300.0, 60.0, 5.0)  # long window, short window (seconds), times the budget
_SLOW = (600.0, 120.0, 2.0)

_SURE = 4.0  # standard deviations
_USUAL = 120.0  # seconds that the usual number of retries is counted over, at least


def slower(history: Sequence[Sample]) -> Iterator[Finding]:
    """A change point in the rate of a wave, by CUSUM: it adds up what is missing from the usual rate, so a small loss
    that lasts shows as surely as a large one, and a bad moment does not. The usual rate and its spread are a median
    and a median deviation: what came before must not be coloured by its own outliers."""
    same = _same_wave(history)
    now = history[-1]
    if not now.copying or now.to_do == 0 or any(sample.holds for sample in same[-2:]):
        return
    rates = _rates(same)
    if len(rates) < _SETTLED_IN + _LATEST:
        return
    usual, latest = rates[:-_LATEST], rates[-_LATEST:]
    middle = statistics.median(usual)
    spread = max(1.4826 * statistics.median(abs(rate - middle) for rate in usual), 0.1 * middle)
    if not middle:
        return
    missing = 0.0
    for rate in latest:
        missing = max(0.0, missing + (middle - rate) / spread - _SLACK)
    level = statistics.fmean(latest[-4:])
    firm = missing > _DECISION and level < _FELL * middle
    if not firm and level >= _FELL_STILL * middle:
        return
    reason = chief_reason(now)
    why = f"; most of it waits for '{reason}'" if reason else ""
    words = f"Wave {now.copying} slowed down: {level:,.0f} records/s, it was {middle:,.0f}{why}"
    yield Finding("slower", WARNING, now.copying, words, "log", firm=firm, in_a_row=5)


def _same_wave(history: Sequence[Sample]) -> list[Sample]:
    """The newest samples of one wave's copying: another wave, another rate."""
    at = len(history)
    while at and history[at - 1].copying == history[-1].copying:
        at -= 1
    return list(history[at:])


def _rates(samples: Sequence[Sample]) -> list[float]:
    """Records settled a second, by batch, oldest first; the newest batch ends with the newest sample."""
    return _batched([(sample.at, float(sample.settled)) for sample in samples], _BATCH)


def _batched(points: Sequence[tuple[float, float]], size: float) -> list[float]:
    """Slopes of a counter over batches of this many seconds, oldest first."""
    slopes = []
    at_end, value_end = points[-1]
    for at, value in reversed(points[:-1]):
        if at_end - at >= size:
            slopes.append((value_end - value) / (at_end - at))
            at_end, value_end = at, value
    return slopes[::-1]


def climbing(history: Sequence[Sample]) -> Iterator[Finding]:
    """A system that answers ever later, by Kendall's tau over means of half minutes: it asks for order only, so one
    slow call does not count for more than its place."""
    for system in history[-1].latency:
        means = _latencies(history, system)
        if len(means) < _CLIMB_POINTS:
            continue
        means = means[-_CLIMB_POINTS:]
        tau, third = _tau(means), len(means) // 3
        was, now = statistics.fmean(means[:third]), statistics.fmean(means[-third:])
        times = now / was if was > 0 else 0.0
        if tau >= _CLIMB_TAU_STILL and times >= _CLIMB_STILL:
            words = (
                f"{system} answers ever later: {now * 1000:,.0f} ms a call, five minutes ago {was * 1000:,.0f} ms. "
                "It may be overloaded: a pause lets it recover"
            )
            firm = tau >= _CLIMB_TAU and times >= _CLIMB
            yield Finding(f"latency:{system}", WARNING, "", words, "pause", firm=firm, in_a_row=5)


def _latencies(history: Sequence[Sample], system: str) -> list[float]:
    """Mean seconds a call, by half minute; those with few calls are left out."""
    means = []
    end = history[-1]
    for sample in reversed(history):
        if end.at - sample.at >= _CLIMB_BATCH:
            n, seconds = end.latency.get(system, (0, 0.0))
            earlier, spent = sample.latency.get(system, (0, 0.0))
            if n - earlier >= _LEAST_CALLS:
                means.append((seconds - spent) / (n - earlier))
            end = sample
    return means[::-1]


def _tau(values: Sequence[float]) -> float:
    """Kendall's tau of values against their order: 1 when each is larger than the one before."""
    pairs = [(one, other) for at, one in enumerate(values) for other in values[at + 1 :]]
    return sum((other > one) - (other < one) for one, other in pairs) / len(pairs)


def burning(history: Sequence[Sample]) -> Iterator[Finding]:
    """Failed calls against a budget, over two windows each: the long one says that it matters, the short one that it
    still goes on, so the alert ends soon after the failures do."""
    for (long, short, times), level in ((_FAST, ALARM), (_SLOW, WARNING)):
        over_long, over_short = _failed(history, long), _failed(history, short)
        if min(over_long, over_short) >= times * _BUDGET:
            words = f"{over_short:.0%} of the calls of the last {short / 60:.0f} min failed: see which under the wave"
            yield Finding("errors", level, "", words, "log")
            return
    if _failed(history, _FAST[1]) >= _BUDGET:
        yield Finding("errors", WARNING, "", "", "log", firm=False)


def _failed(history: Sequence[Sample], window: float) -> float:
    now, then = history[-1], before(history, window)
    calls = now.calls - then.calls
    failed = now.failed - then.failed
    return failed / calls if calls >= _LEAST_CALLS and failed >= _LEAST_FAILED else 0.0


def retrying(history: Sequence[Sample]) -> Iterator[Finding]:
    """More calls have to be made again than before, by more than chance explains (counts of rare events: Poisson)."""
    now, minute, earlier = history[-1], before(history, 60.0), before(history, 360.0)
    calls, calls_before = now.calls - minute.calls, minute.calls - earlier.calls
    if calls < _LEAST_CALLS or minute.at - earlier.at < _USUAL or calls_before < _LEAST_CALLS:
        return
    again, share_before = now.again - minute.again, (minute.again - earlier.again) / calls_before
    expected = share_before * calls
    # What is expected is itself known by counting only, the better the longer it was counted.
    surprise = (again - expected) / math.sqrt(expected * (1 + calls / calls_before) + 1)
    if again >= 10 and again >= 1.5 * expected and surprise > _SURE / 2:
        words = f"{again} of {calls} calls of the last minute have to be made again; before it was {share_before:.1%}"
        yield Finding("retries", NOTE, "", words, "log", firm=surprise > _SURE and again >= 2 * expected, in_a_row=2)


TRENDS: tuple[Rule, ...] = (slower, climbing, burning, retrying)

"""What is unlike the batches before: robust z-scores of a batch's numbers, population stability of its histograms.

Both are measured against the batch's own history: how far batches stray that nobody complained about. A field must have
been seen in `LEAST` batches before anything is said about it. Pure: no I/O, no clock, no chance.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from engine.features import SPLIT, Batch

Numbers = np.ndarray[Any, Any]

LEAST = 8  # batches
_STRAY = 7.0  # robust standard deviations
_SHIFT = 0.25  # population stability index: by custom, a shift that matters
_NEW = 0.02  # share of values that no batch before had
_NEVER = 0.5  # records: what a share of nothing counts for in logarithms


class Anomaly(NamedTuple):
    """One thing that is unlike before. `score` is how many times over its limit."""

    field: str
    kind: str
    words: str  # a sentence's end, without values
    score: float


class _Measure(NamedTuple):
    """How a number strays by chance alone, at least, and which difference matters at all."""

    matters: float
    says: Callable[[float, float], tuple[str, str]]  # (now, before) -> (kind, words)
    share: bool = False
    grain: float = 0.02


def judge(batch: Batch, history: Sequence[Batch]) -> list[Anomaly]:
    """What of this batch is unlike its history, worst first: of each field what is worst."""
    found: dict[str, Anomaly] = {}
    for anomaly in (*_numbers(batch, history), *_histograms(batch, history)):
        if anomaly.field not in found or anomaly.score > found[anomaly.field].score:
            found[anomaly.field] = anomaly
    return sorted(found.values(), key=lambda each: -each.score)


def _numbers(batch: Batch, history: Sequence[Batch]) -> Iterator[Anomaly]:
    keys = [key for key in batch.numbers if _measure_of(key) is not None]
    if len(history) < LEAST or not keys:
        return
    before = np.array([[one.numbers.get(key, np.nan) for key in keys] for one in history])
    known = np.count_nonzero(~np.isnan(before), axis=0)
    before[:, known == 0] = 0.0
    middles = np.nanmedian(before, axis=0)
    strays = 1.4826 * np.nanmedian(np.abs(before - middles), axis=0)
    for key, seen, middle, stray in zip(keys, known.tolist(), middles.tolist(), strays.tolist(), strict=True):
        measure, now = _measure_of(key), batch.numbers[key]
        if measure is None or seen < LEAST:
            continue
        by_chance = _noise(middle, batch.n) if measure.share else measure.grain
        score = abs(now - middle) / max(stray, by_chance) / _STRAY
        if score >= 1 and abs(now - middle) >= measure.matters:
            kind, words = measure.says(now, middle)
            yield Anomaly(key.partition(SPLIT)[0], kind, words, round(score, 2))
    # A field that was in every batch and is in none of the records now has no numbers at all.
    for key in _always(history) - set(batch.numbers):
        yield Anomaly(key.partition(SPLIT)[0], "empty", "is in no record; it was in every batch before", 99.0)


def _measure_of(key: str) -> _Measure | None:
    return _MEASURES.get(key.partition(SPLIT)[2].rstrip("0123456789 "))


def _always(history: Sequence[Batch]) -> set[str]:
    if len(history) < LEAST:
        return set()
    sets = [{key for key in one.numbers if key.endswith(f"{SPLIT}empty")} for one in history]
    return set.intersection(*sets)


def _noise(share: float, n: int) -> float:
    """One standard deviation of a share of `n`, never less than that of one record."""
    bounded = min(max(share, 1 / n), 1 - 1 / n)
    return math.sqrt(bounded * (1 - bounded) / n)


def _histograms(batch: Batch, history: Sequence[Batch]) -> Iterator[Anomaly]:
    for key, now in batch.shares.items():
        before = [one.shares[key] for one in history if key in one.shares]
        if len(before) < LEAST:
            continue
        name, _, what = key.partition(SPLIT)
        values = list(dict.fromkeys(value for one in (now, *before) for value in one))
        matrix = np.array([[one.get(value, 0.0) for value in values] for one in (now, *before)])
        usual = np.median(matrix[1:], axis=0)
        if not usual.any():  # every batch has its own values: nothing is usual here
            continue
        shifts = _stability(matrix, usual / usual.sum(), batch.n)
        shift, strays = float(shifts[0]), shifts[1:]
        middle = float(np.median(strays))
        limit = max(_SHIFT, middle + _STRAY * 1.4826 * float(np.median(np.abs(strays - middle))))
        seen = set().union(*before)
        new = sum(share for value, share in now.items() if value not in seen)
        often_new = max(_new_shares(before), default=0.0)
        if what == "choices" and new >= max(_NEW, 3 * often_new, 4 / batch.n):
            words = f"has values in {_percent(new)} of the records that no batch before had"
            yield Anomaly(name, "new values", words, round(max(shift / limit, new / _NEW), 2))
        elif shift >= limit:
            top, topmost = max(now.values()), float(usual.max() / usual.sum())
            if what == "hours":
                kind, words = _HOURS
            elif top > 0.9 and topmost < 0.8:
                kind, words = (
                    "one value",
                    f"has one value in {_percent(top)} of the records, {_percent(topmost)} before",
                )
            else:
                kind, words = "shift", "has its values in other proportions than before"
            yield Anomaly(name, kind, words, round(shift / limit, 2))


def _every(histograms: Sequence[Mapping[str, float]]) -> Iterator[str]:
    for one in histograms:
        yield from one


def _new_shares(before: Sequence[Mapping[str, float]]) -> list[float]:
    """How much of each batch of the later half no batch before it had: some fields always have something new."""
    half = len(before) // 2
    seen = set(_every(before[:half]))
    shares = []
    for one in before[half:]:
        shares.append(sum(share for value, share in one.items() if value not in seen))
        seen.update(one)
    return shares


def _stability(rows: Numbers, usual: Numbers, n: int) -> Numbers:
    """Population stability index of each row against what is usual; 0 when they are equal. `n`: records in a row."""
    p, q = np.maximum(rows, _NEVER / n), np.maximum(usual, _NEVER / n)
    index: Numbers = ((p - q) * np.log(p / q)).sum(axis=1)
    return index


# ---------------------------------------------------------------- words


def _percent(share: float) -> str:
    return f"{share:.1%}".replace(".0%", "%").replace("%", " %")


def _ratio(now: float, before: float) -> str:
    """How many times as large: both are logarithms of sizes."""
    times = math.exp(min(60.0, abs(abs(now) - abs(before))))
    return f"{times:,.1f} times {'larger' if abs(now) > abs(before) else 'smaller'} than before"


def _said(kind: str, words: str) -> Callable[[float, float], tuple[str, str]]:
    return lambda now, before: (kind, words.format(now=_percent(now), before=_percent(before)))


def _lengths(now: float, before: float) -> tuple[str, str]:
    return ("truncation" if now < before else "length"), f"is {_ratio(now, before)}"


_HOURS = ("time shift", "has its hours of the day elsewhere than before: another time zone, perhaps")

_MEASURES: dict[str, _Measure] = {
    "empty": _Measure(0.05, _said("empty", "is empty in {now} of the records, {before} before"), share=True),
    "distinct": _Measure(
        0.05, _said("duplicates", "has different values in {now} of the records, {before} before"), share=True
    ),
    "twins": _Measure(
        0.02, _said("duplicates", "{now} of the records are equal to another, {before} before"), share=True
    ),
    "broken": _Measure(
        0.05, _said("broken references", "refers to nothing known in {now} of the cases, {before} before"), share=True
    ),
    "cut": _Measure(
        0.05, _said("truncation", "ends at the same length in {now} of the records, {before} before"), share=True
    ),
    "length": _Measure(0.15, _lengths, grain=0.03),
    "size": _Measure(0.3, lambda now, before: ("scale", f"is {_ratio(now, before)}"), grain=0.05),
    "items": _Measure(0.3, lambda now, before: ("items", f"has {now:.1f} items each, {before:.1f} before"), grain=0.05),
    "hour x": _Measure(0.15, lambda now, before: _HOURS, grain=0.04),
    "hour y": _Measure(0.15, lambda now, before: _HOURS, grain=0.04),
}


# ---------------------------------------------------------------- keeping


def dump(history: Sequence[Batch]) -> list[Any]:
    """As JSON may hold it: numbers and keyed hashes."""
    return [
        [one.n, one.wave, dict(one.numbers), {key: dict(each) for key, each in one.shares.items()}] for one in history
    ]


def restore(kept: Sequence[Any]) -> list[Batch]:
    return [Batch(*one) for one in kept]

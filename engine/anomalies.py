"""What is unlike the batches before: robust z-scores of a batch's numbers, population stability of its histograms.

Both are measured against the batch's own history: how far batches stray that nobody complained about. A field must have
been seen in `LEAST` batches before anything is said about it. A wave's batches are held against its own where there are
enough, else against the waves before: those differ by what they were cut by, so how far they differed widens the
limits. Pure: no I/O, no clock, no chance.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from engine.features import SPLIT, Batch

Numbers = np.ndarray[Any, Any]
Shares = Mapping[str, float]

LEAST = 8  # batches
_WAVES = 2  # that must have been before: by one alone nobody can tell how far waves differ
_STRAY = 7.0  # robust standard deviations
_SHIFT = 0.25  # population stability index: by custom, a shift that matters
_ODD = 2  # batches of the history that may be anomalies
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
    rises: bool = False  # only more of it is a matter
    below: float = math.inf  # what it usually is, at most: texts that mostly have one length are not cut there


def judge(batch: Batch, history: Sequence[Batch]) -> list[Anomaly]:
    """What of this batch is unlike its history, worst first: of each field what is worst."""
    own = [one for one in history if one.wave == batch.wave]
    if len(own) >= LEAST:
        waves, history = [own], own
    else:
        waves = [[one for one in history if one.wave == wave] for wave in dict.fromkeys(one.wave for one in history)]
        if len(waves) < _WAVES or len(history) < LEAST:
            return []
    found: dict[str, Anomaly] = {}
    for anomaly in (*_numbers(batch, history, waves), *_histograms(batch, history, waves)):
        if anomaly.field not in found or anomaly.score > found[anomaly.field].score:
            found[anomaly.field] = anomaly
    return sorted(found.values(), key=lambda each: -each.score)


def _numbers(batch: Batch, history: Sequence[Batch], waves: Sequence[Sequence[Batch]]) -> Iterator[Anomaly]:
    keys = [key for key in batch.numbers if _measure_of(key) is not None]
    if not keys:
        return
    before, known = _table(history, keys)
    middles = np.nanmedian(before, axis=0)
    apart = np.abs(before - middles)
    strays = 1.4826 * np.nanmedian(apart, axis=0)
    seldom = _seldom(apart)
    if len(waves) > 1:
        of_waves = np.array([np.nanmedian(_table(wave, keys)[0], axis=0) for wave in waves])
        strays = np.maximum(strays, np.abs(of_waves - middles).max(axis=0))
    columns = zip(keys, known.tolist(), middles.tolist(), strays.tolist(), seldom.tolist(), strict=True)
    for key, seen, middle, stray, usual in columns:
        measure, now = _measure_of(key), batch.numbers[key]
        if measure is None or seen < LEAST or middle > measure.below or abs(now - middle) <= usual:
            continue
        if measure.rises and now < middle:
            continue
        by_chance = _noise(middle, batch.n) if measure.share else measure.grain
        score = abs(now - middle) / max(stray, by_chance) / _STRAY
        if score >= 1 and abs(now - middle) >= measure.matters:
            kind, words = measure.says(now, middle)
            yield Anomaly(key.partition(SPLIT)[0], kind, words, round(score, 2))
    # A field that was in every batch and is in none of the records now has no numbers at all.
    for key in sorted(_always(history) - set(batch.numbers)):
        yield Anomaly(key.partition(SPLIT)[0], "empty", "is in no record; it was in every batch before", 99.0)


def _seldom(apart: Numbers) -> Numbers:
    """How far from the middle batches were at times: what only the `_ODD` farthest went beyond, which may be anomalies
    themselves. What came more often comes again."""
    farthest: Numbers = np.sort(np.nan_to_num(apart, nan=0.0), axis=0)[-_ODD - 1]
    return farthest


def _table(batches: Sequence[Batch], keys: Sequence[str]) -> tuple[Numbers, Numbers]:
    """One row a batch, and in how many each was measured; what never was is 0."""
    table = np.array([[one.numbers.get(key, np.nan) for key in keys] for one in batches])
    known: Numbers = np.count_nonzero(~np.isnan(table), axis=0)
    table[:, known == 0] = 0.0
    return table, known


def _measure_of(key: str) -> _Measure | None:
    return _MEASURES.get(key.partition(SPLIT)[2].rstrip("0123456789 "))


def _always(history: Sequence[Batch]) -> set[str]:
    sets = [{key for key in one.numbers if key.endswith(f"{SPLIT}empty")} for one in history]
    return set.intersection(*sets)


def _noise(share: float, n: int) -> float:
    """One standard deviation of a share of `n`, never less than that of one record."""
    bounded = min(max(share, 1 / n), 1 - 1 / n)
    return math.sqrt(bounded * (1 - bounded) / n)


def _histograms(batch: Batch, history: Sequence[Batch], waves: Sequence[Sequence[Batch]]) -> Iterator[Anomaly]:
    for key, now in batch.shares.items():
        by_wave = [[one.shares[key] for one in wave if key in one.shares] for wave in waves]
        by_wave = [wave for wave in by_wave if wave]
        before = [one for wave in by_wave for one in wave]
        if len(before) < LEAST or len(by_wave) < min(len(waves), _WAVES):
            continue
        values = list(dict.fromkeys(value for one in (now, *before) for value in one))
        matrix = np.array([[one.get(value, 0.0) for value in values] for one in (now, *before)])
        usual = np.median(matrix[1:], axis=0)
        if not usual.any():  # every batch has its own values: nothing is usual here
            continue
        usual = usual / usual.sum()
        shifts = _stability(matrix, usual, batch.n)
        shift, strays = float(shifts[0]), shifts[1:]
        middle = float(np.median(strays))
        limit = max(
            _SHIFT, middle + _STRAY * 1.4826 * float(np.median(np.abs(strays - middle))), float(_seldom(strays))
        )
        if len(by_wave) > 1:
            at = np.cumsum([0, *map(len, by_wave)])[:-1]
            of_waves = np.add.reduceat(matrix[1:], at) / np.array([[len(wave)] for wave in by_wave])
            limit = max(limit, 2 * float(_stability(of_waves, usual, batch.n).max()))
        if (anomaly := _new_values(batch, key, before, by_wave, shift / limit)) is not None:
            yield anomaly
        elif shift >= limit:
            yield _shifted(key, now, float(usual.max()), shift / limit)


def _new_values(
    batch: Batch, key: str, before: Sequence[Shares], by_wave: Sequence[Sequence[Shares]], shift: float
) -> Anomaly | None:
    name, _, what = key.partition(SPLIT)
    seen = set().union(*before)
    new = sum(share for value, share in batch.shares[key].items() if value not in seen)
    often_new = max((*_new_shares(before, len(before) // 2), *_new_to_waves(by_wave)), default=0.0)
    if what != "choices" or new < max(_NEW, 3 * often_new, 4 / batch.n):
        return None
    words = f"has values in {_percent(new)} of the records that no batch before had"
    return Anomaly(name, "new values", words, round(max(shift, new / _NEW), 2))


def _shifted(key: str, now: Shares, usual_top: float, shift: float) -> Anomaly:
    name, _, what = key.partition(SPLIT)
    top = max(now.values())
    if what == "hours":
        kind, words = _HOURS
    elif top > 0.9 and usual_top < 0.8:
        kind, words = "one value", f"has one value in {_percent(top)} of the records, {_percent(usual_top)} before"
    else:
        kind, words = "shift", "has its values in other proportions than before"
    return Anomaly(name, kind, words, round(shift, 2))


def _new_to_waves(by_wave: Sequence[Sequence[Shares]]) -> list[float]:
    """How much of the first batch of each wave no wave before it had: what waves are cut by is new in each."""
    firsts = [wave[0] for wave in by_wave[1:]]
    seen: set[str] = set()
    shares = []
    for wave, first in zip(by_wave, firsts, strict=False):
        seen.update(*wave)
        shares.append(sum(share for value, share in first.items() if value not in seen))
    return shares


def _new_shares(before: Sequence[Shares], half: int) -> list[float]:
    """How much of each batch after the first `half` no batch before it had: some fields always have something new."""
    seen = set().union(*before[:half])
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


def _hanging(now: float, before: float) -> tuple[str, str]:
    kind = "fewer on a record" if now < before else "more on a record"
    return kind, f"are {math.expm1(now):.1f} on a record, {math.expm1(before):.1f} before"


def _distinct(now: float, before: float) -> tuple[str, str]:
    words = f"has different values in {_percent(now)} of the records, {_percent(before)} before"
    return ("duplicates" if now < before else "variety"), words


_HOURS = ("time shift", "has its hours of the day elsewhere than before: another time zone, perhaps")

_MEASURES: dict[str, _Measure] = {
    "empty": _Measure(0.05, _said("empty", "is empty in {now} of the records, {before} before"), share=True),
    "distinct": _Measure(0.05, _distinct, share=True),
    "twins": _Measure(
        0.02, _said("duplicates", "{now} of the records are equal to another, {before} before"), share=True, rises=True
    ),
    "broken": _Measure(
        0.05,
        _said("broken references", "refers to nothing known in {now} of the cases, {before} before"),
        share=True,
        rises=True,
    ),
    "hanging": _Measure(0.15, _hanging, grain=0.05),
    "bare": _Measure(0.05, _said("bare records", "are on none of {now} of the records, {before} before"), share=True),
    "astray": _Measure(
        0.02,
        _said("astray", "hang on records that were not asked about in {now} of the cases, {before} before"),
        share=True,
        rises=True,
    ),
    "cut": _Measure(
        0.05,
        _said("truncation", "ends at the same length in {now} of the records, {before} before"),
        share=True,
        rises=True,
        below=0.5,
    ),
    "length": _Measure(0.15, _lengths, grain=0.03),
    "size": _Measure(0.3, lambda now, before: ("scale", f"is {_ratio(now, before)}"), grain=0.05),
    "items": _Measure(0.3, lambda now, before: ("items", f"has {now:.1f} items each, {before:.1f} before"), grain=0.05),
    "hour x": _Measure(0.15, lambda now, before: _HOURS, grain=0.04),
    "hour y": _Measure(0.15, lambda now, before: _HOURS, grain=0.04),
}

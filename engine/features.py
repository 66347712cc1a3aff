"""A batch of records as numbers: shares, lengths, sizes, hours and histograms of each field. Pure; keeps no value.

Categories are told apart by a keyed hash, so what is kept of a batch says nothing to whoever reads it.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

import numpy as np

from connectors.kit.document import Document

SPLIT = "\x1f"  # between a field and what was measured of it

_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[T ]([01]\d|2[0-3]):[0-5]\d")
_NUMBER = re.compile(r"-?\d{1,15}(?:\.\d{1,9})?\Z", re.ASCII)
_LOOKED_AT = 40  # values by which a field's kind is told
_CATEGORIES = 24  # a field with more values is no choice
_REPEATED = 0.25  # nor is one whose values seldom come twice
_LONG = 16  # characters: shorter text is not taken to be cut
_QUANTILES = (10, 50, 90)
_ANGLES = 2 * math.pi * np.arange(24) / 24


@dataclass(frozen=True, slots=True)
class Batch:
    """What was measured of `n` records. Keys are FIELD SPLIT MEASURE; `shares` are histograms that sum to one."""

    n: int
    wave: str = ""
    numbers: Mapping[str, float] = field(default_factory=dict)
    shares: Mapping[str, Mapping[str, float]] = field(default_factory=dict)


def measure(
    rows: Sequence[Mapping[str, Any]],
    secret: bytes,
    *,
    wave: str = "",
    prints: Sequence[bytes] = (),
    broken: Mapping[str, float] | None = None,
    but: Container[str] = (),
) -> Batch:
    """The features of these records' fields, `but` some.

    `prints`: equal for records that are equal. `broken`: {name of a tie: share of its ends that nobody knows}.
    """
    numbers: dict[str, float] = {}
    shares: dict[str, dict[str, float]] = {}
    names = dict.fromkeys(name for row in rows for name in row if name not in but)
    for name in names:
        _column(name, [row.get(name) for row in rows], secret, numbers, shares)
    if prints:
        numbers[f"{SPLIT}twins"] = 1 - len(set(prints)) / len(prints)
    for tie, share in (broken or {}).items():
        numbers[f"{tie}{SPLIT}broken"] = share
    return Batch(len(rows), wave, {key: _short(value) for key, value in numbers.items()}, shares)


def hanging(counts: Sequence[int], astray: int, *, wave: str = "") -> Batch:
    """How many of a kind hang on each of these records. `astray`: others, on records that were not asked about."""
    all_of_them = sum(counts)
    numbers = {
        f"{SPLIT}hanging": math.log1p(all_of_them / len(counts)),
        f"{SPLIT}bare": sum(not n for n in counts) / len(counts),
        f"{SPLIT}astray": astray / max(1, all_of_them + astray),
    }
    return Batch(len(counts), wave, {key: _short(value) for key, value in numbers.items()})


def _column(
    name: str, column: list[Any], secret: bytes, numbers: dict[str, float], shares: dict[str, dict[str, float]]
) -> None:
    values = [value for value in column if value or value == 0]  # what is empty is not compared: documents are large
    numbers[f"{name}{SPLIT}empty"] = 1 - len(values) / len(column)
    if not values:
        return
    first = values[0]
    if isinstance(first, Document):
        sizes = [len(value.json.contents) for value in values if isinstance(value, Document)]
        _spread(f"{name}{SPLIT}length", np.log1p(np.array(sizes, float)), numbers)
    elif isinstance(first, list | tuple | dict):
        _items(name, values, secret, numbers, shares)
    else:
        texts = values if all(type(value) is str for value in values) else [str(value) for value in values]
        if not _choices(name, texts, secret, numbers, shares):  # the sizes of a few values say nothing more
            _text(name, texts, numbers, shares)


def _items(
    name: str, values: list[Any], secret: bytes, numbers: dict[str, float], shares: dict[str, dict[str, float]]
) -> None:
    """Lists and objects: how many there are, and which where they are choices."""
    lists = [list(value) if isinstance(value, list | tuple) else [value] for value in values]
    numbers[f"{name}{SPLIT}items"] = sum(map(len, lists)) / len(lists)
    _choices(name, [_word(item) for items in lists for item in items], secret, numbers, shares)


def _word(item: Any) -> str:
    if isinstance(item, dict):
        item = next((item[key] for key in ("id", "key", "name", "value", "accountId") if key in item), sorted(item))
    return str(item)


def _text(name: str, texts: list[str], numbers: dict[str, float], shares: dict[str, dict[str, float]]) -> None:
    looked_at = texts[:_LOOKED_AT]
    if all(map(_MOMENT.match, looked_at)):
        hours = [int(found[1]) for text in texts if (found := _MOMENT.match(text))]
        counts = np.bincount(hours, minlength=24) / max(1, len(hours))
        # The mean of hours on a circle moves with a zone; the histogram alone would need many more records.
        numbers[f"{name}{SPLIT}hour x"] = float(counts @ np.cos(_ANGLES))
        numbers[f"{name}{SPLIT}hour y"] = float(counts @ np.sin(_ANGLES))
        shares[f"{name}{SPLIT}hours"] = {str(at): _short(float(n)) for at, n in enumerate(counts) if n}
        return
    if all(map(_NUMBER.match, looked_at)):
        told = np.array([float(text) for text in texts if _NUMBER.match(text)])
        _spread(f"{name}{SPLIT}size", _scaled(told), numbers)
        return
    lengths = np.fromiter(map(len, texts), float, len(texts))
    _spread(f"{name}{SPLIT}length", np.log1p(lengths), numbers)
    longest = lengths.max()
    numbers[f"{name}{SPLIT}cut"] = float((lengths == longest).mean()) if longest >= _LONG else 0.0


def _choices(
    name: str, texts: list[str], secret: bytes, numbers: dict[str, float], shares: dict[str, dict[str, float]]
) -> bool:
    """Whether the field is a choice, by this batch."""
    counts = Counter(texts)
    numbers[f"{name}{SPLIT}distinct"] = len(counts) / len(texts)
    a_choice = len(counts) <= _CATEGORIES and len(counts) <= max(1, len(texts) * _REPEATED)
    if a_choice:
        hashed = _hasher(secret)
        shares[f"{name}{SPLIT}choices"] = {hashed(text): _short(n / len(texts)) for text, n in counts.items()}
    return a_choice


def _hasher(secret: bytes) -> Callable[[str], str]:
    key = secret[:64]
    return lambda text: blake2b(text.encode(errors="surrogatepass"), digest_size=5, key=key).hexdigest()


def _spread(key: str, values: np.ndarray[Any, Any], numbers: dict[str, float]) -> None:
    if values.size:
        for percent, value in zip(_QUANTILES, np.percentile(values, _QUANTILES), strict=True):
            numbers[f"{key} {percent}"] = float(value)


def _scaled(sizes: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Sizes by their order of magnitude, signs kept: a scale error is a step there."""
    scaled: np.ndarray[Any, Any] = np.sign(sizes) * np.log1p(np.abs(sizes))
    return scaled


def _short(value: float) -> float:
    return round(value, 4)

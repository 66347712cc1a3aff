"""Counting much in little memory: different values, lengths, keys. Hashes only, no value is kept. Pure."""

from __future__ import annotations

from array import array
from collections import Counter
from hashlib import blake2b
from typing import Any

import numpy as np

Numbers = np.ndarray[Any, Any]

_LEAST = 4_096  # hashes: an estimate from them is off by 1.6 %
_WAITING = 4_096
_DIGITS = 2  # of a length that are kept


def hashed(text: str) -> int:
    """64 bits, the same in every process."""
    return int.from_bytes(blake2b(text.encode(errors="surrogatepass"), digest_size=8).digest(), "big")


class Distinct:
    """How many different values: from the least of their hashes (k minimum values). Exact below 4,096."""

    def __init__(self) -> None:
        self._least: Numbers = np.empty(0, np.uint64)
        self._waiting: set[int] = set()

    def add(self, text: str) -> None:
        self._waiting.add(hashed(text))
        if len(self._waiting) >= _WAITING:
            self._merge()

    def count(self) -> tuple[int, bool]:
        """And whether that is exact."""
        self._merge()
        n = len(self._least)
        if n < _LEAST:
            return n, True
        return round((_LEAST - 1) / (float(self._least[-1]) / 2**64)), False

    def _merge(self) -> None:
        new = np.fromiter(self._waiting, np.uint64, len(self._waiting))
        self._least = np.unique(np.concatenate((self._least, new)))[:_LEAST]
        self._waiting.clear()


class Lengths:
    """Lengths of texts, each to two digits: the median within 5 %, the longest exact."""

    def __init__(self) -> None:
        self.longest = 0
        self._counts: Counter[int] = Counter()

    def add(self, length: int) -> None:
        self.longest = max(self.longest, length)
        grain = 10 ** max(0, len(str(length)) - _DIGITS)
        self._counts[length // grain * grain] += 1

    def __len__(self) -> int:
        return self._counts.total()

    def median(self) -> int:
        half, passed = self._counts.total() / 2, 0
        for length in sorted(self._counts):
            passed += self._counts[length]
            if passed >= half:
                return length
        return 0


class Keys:
    """Which keys there are: eight bytes each."""

    def __init__(self) -> None:
        self._hashes = array("Q")

    def add(self, key: str) -> None:
        self._hashes.append(hashed(key))

    def __len__(self) -> int:
        return len(self._hashes)

    def again(self) -> int:
        """How many had come before."""
        return len(self) - len(np.unique(self._seen()))

    def not_in(self, others: Keys) -> int:
        """How many of these are not among the others."""
        return int(np.count_nonzero(~np.isin(self._seen(), others._seen())))

    def _seen(self) -> Numbers:
        return np.frombuffer(self._hashes, np.uint64) if self._hashes else np.empty(0, np.uint64)

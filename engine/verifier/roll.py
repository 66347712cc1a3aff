"""Every external id that a target shows, as digests: nine bytes a record, whatever the ids look like."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from hashlib import blake2b
from itertools import pairwise

_PARTS = 256  # sorted one at a time, so that the sorting itself needs little


class Roll:
    """Add all, `close`, then ask."""

    def __init__(self) -> None:
        self._parts = [array("Q") for _ in range(_PARTS)]
        self._met: list[bytearray] = []
        self.twice: set[int] = set()  # digests of ids that several records carry

    def __len__(self) -> int:
        return sum(map(len, self._parts))

    def add(self, xid: str) -> None:
        number = digest(xid)
        self._parts[number % _PARTS].append(number)

    def close(self) -> None:
        """Nothing is added any more."""
        for at, part in enumerate(self._parts):
            ordered = array("Q", sorted(part))
            self.twice.update(one for one, other in pairwise(ordered) if one == other)
            self._parts[at] = ordered
        self._met = [bytearray(len(part)) for part in self._parts]

    def has(self, xid: str) -> bool:
        return self._place(digest(xid)) is not None

    def meet(self, xid: str) -> None:
        """Somebody knows this id; those that nobody knows are strangers."""
        if (place := self._place(digest(xid))) is not None:
            part, at = place
            self._met[part][at] = 1

    def strangers(self) -> set[int]:
        """Digests of ids that were never met."""
        found: set[int] = set()
        for part, met in zip(self._parts, self._met, strict=True):
            at = met.find(0)
            while at >= 0:
                if at == 0 or part[at - 1] != part[at]:  # of equal ones, the first was met
                    found.add(part[at])
                at = met.find(0, at + 1)
        return found

    def _place(self, number: int) -> tuple[int, int] | None:
        part = number % _PARTS
        ordered = self._parts[part]
        at = bisect_left(ordered, number)
        return (part, at) if at < len(ordered) and ordered[at] == number else None


def digest(xid: str) -> int:
    """64 bits: among ten million ids, two share a digest with a chance of three in a million."""
    return int.from_bytes(blake2b(xid.encode(), digest_size=8).digest(), "little")

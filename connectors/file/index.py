"""Where each record lies in a file: keys in order, with offset and length, in few bytes."""

from __future__ import annotations

from array import array
from bisect import bisect_right, insort
from collections.abc import Iterator
from typing import NamedTuple

_FOLD = 65_536  # fresh entries that are kept beside the packed ones


class Place(NamedTuple):
    """One record in the file. Bytes."""

    key: str
    offset: int
    length: int


class Index:
    """Packed entries (sorted, about 30 bytes each and the key) and fresh ones over them.

    Building from a file in key order needs no more than that; an unordered one is sorted once, with all keys in memory.
    """

    def __init__(self) -> None:
        self._blob = bytearray()
        self._ends = array("Q")
        self._offsets = array("Q")
        self._lengths = array("I")
        self._fresh: dict[str, Place | None] = {}  # None: removed
        self._fresh_keys: list[str] = []
        self._loading = True
        self._count = 0
        self.superseded = 0  # lines that a later line of the same key replaced or removed
        self._first: dict[str, int] = {}  # offset of the first line of a key that has several

    def __len__(self) -> int:
        return self._count

    def load(self, key: str, offset: int, length: int) -> None:
        """Add a line while the file is first read; length 0 removes the key. End with `loaded`."""
        self._blob += key.encode()
        self._ends.append(len(self._blob))
        self._offsets.append(offset)
        self._lengths.append(length)

    def loaded(self) -> list[int]:
        """Sort and drop what was superseded. Returns the offsets of lines that repeat a key."""
        self._loading = False
        count = len(self._ends)
        keys = (self._key(at) for at in range(count))
        before = next(keys, b"")
        ascending = all(before < (before := key) for key in keys)
        if ascending and 0 not in self._lengths:
            self._count = count
            return []
        return self._sort()

    def _sort(self) -> list[int]:
        names = [self._key(at) for at in range(len(self._ends))]
        order = sorted(range(len(names)), key=names.__getitem__)
        kept: list[int] = []
        repeats: list[int] = []
        for at in order:
            if kept and names[kept[-1]] == names[at]:
                self._supersede(names[at].decode(), self._offsets[kept[-1]], self._lengths[kept[-1]])
                repeats.append(self._offsets[at])
                kept[-1] = at
            else:
                kept.append(at)
        self._pack((names[at], self._offsets[at], self._lengths[at]) for at in kept if self._lengths[at])
        return sorted(repeats)

    def _supersede(self, key: str, offset: int, length: int) -> None:
        self.superseded += 1
        if length:
            self._first.setdefault(key, offset)
        else:
            self._first.pop(key, None)  # it was removed, and is made anew

    def _pack(self, entries: Iterator[tuple[bytes, int, int]]) -> None:
        blob, ends, offsets, lengths = bytearray(), array("Q"), array("Q"), array("I")
        for key, offset, length in entries:
            blob += key
            ends.append(len(blob))
            offsets.append(offset)
            lengths.append(length)
        self._blob, self._ends, self._offsets, self._lengths = blob, ends, offsets, lengths
        self._count = len(ends)

    def set(self, key: str, offset: int, length: int) -> None:
        """A line was appended for this key; length 0 removes it."""
        there = self.get(key)
        if there is not None:
            self._supersede(key, there.offset, there.length)
        self._count += (length > 0) - (there is not None)
        if length == 0:
            self._first.pop(key, None)
        if key not in self._fresh:
            insort(self._fresh_keys, key)
        self._fresh[key] = Place(key, offset, length) if length else None
        if len(self._fresh) > _FOLD + len(self._ends) // 8:
            self._fold()

    def get(self, key: str) -> Place | None:
        if key in self._fresh:
            return self._fresh[key]
        name = key.encode()
        at = self._after(name) - 1
        if at < 0 or self._key(at) != name:
            return None
        return Place(key, self._offsets[at], self._lengths[at])

    def first(self, place: Place) -> int:
        """The offset of the first line of this record: what is older lies before it."""
        return self._first.get(place.key, place.offset)

    def walk(self, after: str, upto: str) -> Iterator[Place]:
        """Records with after < key <= upto ("": no end), in key order."""
        fresh = bisect_right(self._fresh_keys, after)
        fresh_end = bisect_right(self._fresh_keys, upto) if upto else len(self._fresh_keys)
        end = self._after(upto.encode()) if upto else len(self._ends)
        for at in range(self._after(after.encode()), end):
            key = self._key(at).decode()
            while fresh < fresh_end and self._fresh_keys[fresh] < key:
                yield from self._fresh_one(fresh)
                fresh += 1
            if key not in self._fresh:
                yield Place(key, self._offsets[at], self._lengths[at])
        for rest in range(fresh, fresh_end):
            yield from self._fresh_one(rest)

    def borders(self, parts: int) -> list[str]:
        """At most parts - 1 keys that cut the records into pieces of about equal size."""
        if self._fresh:
            self._fold()
        cuts = sorted({self._count * part // parts for part in range(1, parts)} - {0})
        return [self._key(cut - 1).decode() for cut in cuts]

    def _fresh_one(self, at: int) -> Iterator[Place]:
        place = self._fresh[self._fresh_keys[at]]
        if place is not None:
            yield place

    def _fold(self) -> None:
        merged = ((place.key.encode(), place.offset, place.length) for place in list(self.walk("", "")))
        self._pack(merged)
        self._fresh.clear()
        self._fresh_keys.clear()

    def _key(self, at: int) -> bytes:
        return bytes(self._blob[self._ends[at - 1] if at else 0 : self._ends[at]])

    def _after(self, name: bytes) -> int:
        """How many packed keys are <= name."""
        low, high = 0, len(self._ends)
        while low < high:
            middle = (low + high) // 2
            if self._key(middle) <= name:
                low = middle + 1
            else:
                high = middle
        return low

"""One file as a table: indexed once, followed as it grows, read by key. Everything here blocks: call it in a thread."""

from __future__ import annotations

import gzip
import os
import shutil
import tempfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import BinaryIO, NamedTuple

import orjson

from connectors.file.formats import Csv, Format, Jsonl, Line, Unreadable
from connectors.file.index import Index, Place
from connectors.file.options import Layout
from connectors.kit.contract import Change, Changes, Fields, Record
from connectors.kit.errors import Misconfigured

DELETED = "_deleted"
SUFFIXES = (".jsonl", ".csv", ".jsonl.gz", ".csv.gz")
_TAIL = 64  # bytes before a position by which a file is known again
_TOLD = 5  # bad lines that an error names
_CHANGES = 1000  # lines of the feed a call


class _Seen(NamedTuple):
    """By what a file is known to be unchanged."""

    inode: int
    size: int
    modified: int


class Table:
    """The records of one file. `refresh` before each use; not for two threads at a time."""

    def __init__(self, path: Path, layout: Layout, delimiter: str) -> None:
        self.path = path
        self.layout = layout
        self.packed = path.suffix == ".gz"
        self.format: Format = Csv(delimiter) if ".csv" in path.suffixes else Jsonl()
        self.index = Index()
        self.names: set[str] = set()
        self.end = 0  # bytes: whole lines reach so far
        self.last = 0  # bytes: where the last of them starts
        self.number = 1  # of the line that starts at `end`
        self.foreign = 0.0  # when it last held what this process has not written, in seconds since 1970; 0: never
        self._delimiter = delimiter
        self._seen = _Seen(0, 0, 0)
        self._tail_seen = 0
        self._file: BinaryIO | None = None
        self._open = ExitStack()
        self._parents: Index | None = None

    @property
    def feeds(self) -> bool:
        return self.format.appended and not self.packed

    def close(self) -> None:
        self._open.close()
        self._file = None

    # ------------------------------------------------------------ following the file

    def refresh(self, *, repairing: bool = False) -> None:
        """Take in what changed on disk. Misconfigured when lines cannot be read; FileNotFoundError when it is gone.

        `repairing`: an end that breaks off inside quotes is torn (a writer will cut it off), not an error.
        """
        there = self.path.stat()
        seen = _Seen(there.st_ino, there.st_size, there.st_mtime_ns)
        if self._file is not None and seen == self._seen:
            return
        grown = seen.inode == self._seen.inode and seen.size > self._seen.size and self.end > 0 and not self.packed
        if self._file is None or not grown or self._tail() != self._tail_seen:
            self._begin()
        self._take(repairing)
        if len(self.index):
            self.foreign = there.st_mtime
        self._saw(seen)

    def appended(self, places: Iterable[Place], end: int, names: Iterable[str]) -> None:
        """This process has just written these lines (length 0: a removal), which end at `end`."""
        for key, offset, length in places:
            self.index.set(key, offset, length)
            self.number += 1
        self.end = end
        self.names.update(names)
        there = os.fstat(self._fd)
        self._saw(_Seen(there.st_ino, there.st_size, there.st_mtime_ns))

    def _saw(self, seen: _Seen) -> None:
        self._seen = seen
        self._tail_seen = self._tail()
        self._parents = None

    def _begin(self) -> None:
        self.close()
        self.index, self.names, self.end, self.number = Index(), set(), 0, 1
        if isinstance(self.format, Csv):
            self.format = Csv(self._delimiter)
        if not self.packed:
            self._file = self._open.enter_context(self.path.open("rb"))
            return
        # offsets need a file that can be read from anywhere: unpack it, into a file without a name
        plain = self._open.enter_context(tempfile.TemporaryFile())  # noqa: SIM115
        with gzip.open(self.path) as packed:
            try:
                shutil.copyfileobj(packed, plain, 1024 * 1024)
            except (EOFError, zlib.error, gzip.BadGzipFile):
                raise Misconfigured(f"{self.path} is no whole gzip file", hint="Copy or export it again") from None
        plain.flush()
        self._file = plain

    def _take(self, repairing: bool) -> None:
        fresh = self.end == 0
        size = os.fstat(self._fd).st_size
        bad: list[str] = []
        for line in self._lines():
            over = line.offset + len(line.raw)
            try:
                fields = self.format.parse(line.raw)
                key = self.key_of(fields)
            except Unreadable as reason:
                swallowed = b"\n" in line.raw and not repairing  # a quote that was never closed, more likely
                if not line.whole and over == size and not self.packed and not swallowed:
                    break  # torn: it is still being written, or its writer died
                bad.append(f"line {line.number} ({reason})")
                continue
            if not fields.keys() <= self.names:
                self.names.update(fields)
            removed = self.format.appended and fields.get(DELETED) is True
            put = self.index.load if fresh else self.index.set
            put(key, line.offset, 0 if removed else len(line.raw))
            self.last, self.end, self.number = line.offset, over, line.number + line.raw.count(b"\n")
        repeats = self.index.loaded() if fresh else []
        if repeats and not self.format.appended:
            bad += [f"line {number} (its key came before)" for number in self._numbers(repeats)]
        self.names.discard(DELETED)
        if bad:
            self.close()
            more = f" and {len(bad) - _TOLD} more" if len(bad) > _TOLD else ""
            hint = f"Correct it, or export it again; the key is the field {self.layout.key} (option key)"
            raise Misconfigured(f"{self.path} cannot be read: {', '.join(bad[:_TOLD])}{more}", hint=hint)

    def _lines(self) -> Iterator[Line]:
        if self._file is None:
            raise ValueError("the table is closed")
        try:
            yield from self.format.lines(self._file, self.end, self.number)
        except Unreadable as reason:
            self.close()
            raise Misconfigured(f"{self.path} cannot be read: {reason}", hint="Correct its header") from None

    def _numbers(self, offsets: list[int]) -> list[int]:
        wanted = frozenset(offsets)
        end, number, self.end, self.number = self.end, self.number, 0, 1
        if isinstance(self.format, Csv):
            self.format.header = []
        numbers = [line.number for line in self._lines() if line.offset in wanted]
        self.end, self.number = end, number
        return numbers

    def key_of(self, fields: Fields) -> str:
        key = fields.get(self.layout.key)
        if isinstance(key, int) and not isinstance(key, bool):
            return str(key)
        if not isinstance(key, str) or not key:
            raise Unreadable(f"no key in {self.layout.key}")
        return key

    # ------------------------------------------------------------ reading

    def records(self, places: Iterable[Place]) -> list[Record]:
        return [self._record(place, raw) for place, raw in self._raw(list(places))]

    def slice(self, after: str, upto: str, limit: int) -> tuple[list[Record], str]:
        """Up to `limit` records with after < key <= upto ("": no end), and the key to go on from ("": the end)."""
        places = list(islice(self.index.walk(after, upto), limit + 1))
        return self.records(places[:limit]), places[limit - 1].key if len(places) > limit else ""

    def get(self, key: str) -> Record | None:
        place = self.index.get(key)
        return None if place is None else self.records([place])[0]

    def hanging(self, parent: str) -> list[Record]:
        """The records that name this parent, oldest first."""
        if self._parents is None:
            self._parents = self._by_parent()
        return self.records(
            Place(place.key, place.offset, place.length) for place in self._parents.walk(f"{parent}\0", f"{parent}\0~")
        )

    def _by_parent(self) -> Index:
        found = Index()
        walk = self.index.walk("", "")
        while places := list(islice(walk, 1000)):
            for place, record in zip(places, self.records(places), strict=True):
                if record.parent:
                    found.load(f"{record.parent}\0{self.index.first(place):020d}", place.offset, place.length)
        found.loaded()
        return found

    def changes(self, position: str) -> Changes:
        """The lines after `position`; from the start when the file is another one than it was then."""
        offset, number = self._resume(position)
        found: list[Change] = []
        if self._file is not None:
            for line in islice(self.format.lines(self._file, offset, number), _CHANGES):
                if line.offset >= self.end:
                    break
                fields = self.format.parse(line.raw)
                version = self._version(fields, line.offset)
                found.append(Change(self.key_of(fields), version, fields.get(DELETED) is True))
                offset, number = line.offset + len(line.raw), line.number + line.raw.count(b"\n")
        return Changes(found, self.position(offset, number), offset >= self.end or not found)

    def position(self, offset: int, number: int) -> str:
        return orjson.dumps((self._seen.inode, offset, number, self._tail(offset))).decode()

    def _resume(self, position: str) -> tuple[int, int]:
        inode, offset, number, tail = orjson.loads(position)
        same = inode == self._seen.inode and offset <= self.end and tail == self._tail(offset)
        return (offset, number) if same else (0, 1)

    def _record(self, place: Place, raw: bytes) -> Record:
        try:
            fields = self.format.parse(raw)
            key = self.key_of(fields)
        except Unreadable:
            hint = "Run it again; replace files by renaming, never by writing over them"
            raise Misconfigured(f"{self.path} was overwritten while it was read", hint=hint) from None
        parent = fields.get(self.layout.parent)
        return Record(key, self._version(fields, place.offset), fields, "" if parent is None else str(parent))

    def _version(self, fields: Fields, offset: int) -> str:
        if not self.layout.version:
            return f"{self._seen.modified:020d}.{offset:015d}"
        value = fields.get(self.layout.version)
        text = "" if value is None else str(value)
        return text.zfill(20) if text.isdecimal() else text  # 10 comes after 9

    def _raw(self, places: list[Place]) -> Iterator[tuple[Place, bytes]]:
        """The bytes of each place; neighbours are read at once."""
        start = 0
        while start < len(places):
            stop, end = start + 1, places[start].offset + places[start].length
            while stop < len(places) and places[stop].offset == end:
                end += places[stop].length
                stop += 1
            base = places[start].offset
            data = os.pread(self._fd, end - base, base)
            for place in places[start:stop]:
                yield place, data[place.offset - base : place.offset - base + place.length]
            start = stop

    def _tail(self, end: int | None = None) -> int:
        """A checksum of the bytes before `end` (where whole lines end, when not said)."""
        stop = self.end if end is None else end
        start = max(0, stop - _TAIL)
        return zlib.crc32(os.pread(self._fd, stop - start, start))

    @property
    def _fd(self) -> int:
        if self._file is None:
            raise ValueError("the table is closed")
        return self._file.fileno()

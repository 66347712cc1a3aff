"""How what hangs on records is spread over them; of files, how large and of what kind. Pure, in little memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from connectors.kit.contract import Record
from engine.mapping import Mapped
from engine.mapping.values import is_empty
from engine.sketches import Lengths
from engine.wire import ProfiledFiles, ProfiledHanging

# What a file's size and type are called by the systems whose attachments come unmapped.
_SIZE = ("size_bytes", "size")
_TYPE = ("content_type", "mimeType")
_KINDS = frozenset({"application", "audio", "font", "image", "message", "model", "multipart", "text", "video"})


class Spread:
    """Takes records with what hangs on them; tells how many each has. `files`: it has bytes; `texts`: it has a body."""

    def __init__(self, *, files: bool = False, texts: bool = False) -> None:
        self._texts = texts
        self._counts = Lengths()
        self._bare = self._astray = self._empty = 0
        self._files = _Files() if files else None

    def add(self, parents: Sequence[str], records: Sequence[Record]) -> None:
        """All that hangs on these parents."""
        counts = Counter(record.parent for record in records)
        for parent in parents:
            n = counts.pop(parent, 0)
            self._counts.add(n)
            self._bare += not n
        self._astray += counts.total()
        if self._files is not None:
            for record in records:
                self._files.add(record.fields)

    def look(self, mapped: Mapped) -> None:
        """What becomes of one of them: a text may be empty."""
        self._empty += self._texts and is_empty(mapped.fields.get("body"))

    def told(self) -> ProfiledHanging:
        files = self._files
        return ProfiledHanging(
            of=len(self._counts),
            bare=self._bare,
            median=self._counts.median(),
            most=self._counts.longest,
            astray=self._astray,
            empty=self._empty if files is None else files.empty,
            files=None if files is None else files.told(),
        )


class _Files:
    def __init__(self) -> None:
        self.empty = 0
        self._size = self._largest = self._unsized = 0
        self._kinds: Counter[str] = Counter()

    def add(self, fields: Mapping[str, Any]) -> None:
        size = _first(fields, _SIZE)
        if size.isdecimal():
            self.empty += int(size) == 0
            self._size += int(size)
            self._largest = max(self._largest, int(size))
        else:
            self._unsized += 1
        kind = _first(fields, _TYPE).partition("/")[0].strip().lower()
        self._kinds[kind if kind in _KINDS else "other" if kind else "unknown"] += 1

    def told(self) -> ProfiledFiles:
        kinds = dict(self._kinds.most_common())
        return ProfiledFiles(size=self._size, largest=self._largest, unsized=self._unsized, kinds=kinds)


def _first(fields: Mapping[str, Any], names: Sequence[str]) -> str:
    return next((str(fields[name]) for name in names if not is_empty(fields.get(name))), "")

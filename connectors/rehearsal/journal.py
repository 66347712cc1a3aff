"""The journal of a double: every committed write, one JSON line each, so that a double survives kill -9."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import orjson


class Journal:
    """An append-only file. Written through to the system at each write; not synced to the disk."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: BinaryIO | None = None

    def open(self, identity: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield what was written before, then stand ready to append.

        `identity` says which double with which data wrote it. Raises ValueError when another one did, or when a line
        other than the last is damaged. A torn last line was never answered for: it is cut off.
        """
        self._path.parent.mkdir(parents=True, exist_ok=True)
        whole = 0
        if self._path.exists():
            with self._path.open("rb") as lines:
                for number, line in enumerate(lines, start=1):
                    if not line.endswith(b"\n"):
                        break
                    whole += len(line)
                    kind, doc = self._read(line, number)
                    if number > 1:
                        yield kind, doc
                    elif doc != identity:
                        raise ValueError(
                            f"{self._path} was written by {doc}, not by {identity}: "
                            "start with the same seed and size, or with another state folder"
                        )
        file = self._path.open("ab", buffering=0)
        file.truncate(whole)
        self._file = file  # a raw file: each write goes straight to the system
        if not whole:
            self.append("journal", identity)

    def _read(self, line: bytes, number: int) -> tuple[str, dict[str, Any]]:
        try:
            kind, doc = orjson.loads(line)
        except ValueError:
            raise ValueError(f"{self._path} line {number} is damaged: remove the file to start anew") from None
        return kind, doc

    def append(self, kind: str, doc: dict[str, Any]) -> None:
        if self._file is None:
            raise RuntimeError("the journal is not open: recover the double before it writes")
        self._file.write(orjson.dumps((kind, doc), option=orjson.OPT_APPEND_NEWLINE))

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

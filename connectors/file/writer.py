"""Appends whole lines to one file, on disk before it returns. Everything here blocks: call it in a thread."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from connectors.file.formats import Csv
from connectors.file.index import Place
from connectors.file.table import Table
from connectors.kit.errors import InDoubt, Misconfigured, Unavailable


class Entry(NamedTuple):
    """One line to append; `removes` when it is a tombstone."""

    key: str
    raw: bytes
    removes: bool = False


class Writer:
    """The only process that writes this file, while it is open."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self._fd = -1

    def open(self) -> None:
        """Make the file when there is none, keep others off, repair a torn end, and bring the table up to date."""
        if self._fd < 0:
            self._open()
        self.table.refresh()

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)  # gives the lock back, too
            self._fd = -1

    def append(self, entries: Sequence[Entry], names: Iterable[str]) -> None:
        """All of these lines or none. InDoubt only when a failed write could not be taken back."""
        if not entries:
            return
        start = os.fstat(self._fd).st_size
        head = self._head() if start == 0 else b""
        data = b"".join([head, *(entry.raw for entry in entries)])
        try:
            written = 0
            while written < len(data):
                written += os.write(self._fd, data[written:])
            os.fsync(self._fd)
        except OSError as error:
            self._take_back(start, error)
            raise Unavailable(f"{self.table.path} could not be written: {error.strerror}; nothing was added") from None
        if os.fstat(self._fd).st_size != start + len(data):
            self.table.close()  # somebody who ignores locks wrote, too: to be read anew
            return
        places, offset = [], start + len(head)
        for entry in entries:
            places.append(Place(entry.key, offset, 0 if entry.removes else len(entry.raw)))
            offset += len(entry.raw)
        self.table.appended(places, offset, names)

    def _head(self) -> bytes:
        form = self.table.format
        return form.row(form.header) if isinstance(form, Csv) else b""

    def _take_back(self, size: int, cause: OSError) -> None:
        try:
            os.ftruncate(self._fd, size)
        except OSError:
            raise InDoubt(f"{self.table.path}: a write failed ({cause.strerror}) and could not be taken back") from None

    def _open(self) -> None:
        path = self.table.path
        if self.table.packed:
            raise Misconfigured(f"{path} is packed and cannot be written", hint="Unpack it, or move it away")
        path.parent.mkdir(exist_ok=True)
        made = not path.exists()
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if made:
                sync_folder(path.parent)
            self.table.refresh(repairing=True)
            self._repair(fd)
        except BlockingIOError:
            os.close(fd)
            hint = "Stop the other one, or give each its own folder"
            raise Misconfigured(f"{path} is being written by another process or system", hint=hint) from None
        except BaseException:
            os.close(fd)
            raise
        self._fd = fd

    def _repair(self, fd: int) -> None:
        """After this the file ends with a line end. What is cut off was never acknowledged; it is kept beside."""
        size = os.fstat(fd).st_size
        if size == 0 or os.pread(fd, 1, size - 1) == b"\n":
            return
        if self.table.format.appended and self.table.end == size:
            os.write(fd, b"\n")  # a whole record without a line end
        else:
            good = self.table.last if self.table.end == size else self.table.end
            torn = Path(f"{self.table.path}.torn")
            with torn.open("ab") as file:
                file.write(os.pread(fd, size - good, good) + b"\n")
                os.fsync(file.fileno())
            os.ftruncate(fd, good)
        os.fsync(fd)
        self.table.close()  # to be read anew


def sync_folder(folder: Path) -> None:
    """Make a new name in a folder survive a loss of power."""
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)

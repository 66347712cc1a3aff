"""Watches a live engine over its socket, by hand: nothing of our own between."""

from __future__ import annotations

import http.client
import os
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from engine.wire import SOCKET, STATE_FOLDER, Live
from tests.bench.engine_process import engine
from tests.cockpit.desk import Desk, desk


class Watcher:
    """One reader of `GET /live`."""

    def __init__(self, folder: Path) -> None:
        self.line = knock(folder)
        self.line.sendall(b"GET /live HTTP/1.1\r\nHost: engine\r\n\r\n")
        self.answer = http.client.HTTPResponse(self.line)
        self.answer.begin()

    def picture(self) -> Live | None:
        """The next one; None when the engine has ended the stream."""
        line = self.answer.readline()
        return Live.model_validate_json(line) if line else None

    def close(self) -> None:
        self.answer.close()
        self.line.close()


@contextmanager
def watching(folder: Path) -> Iterator[Watcher]:
    watcher = Watcher(folder)
    try:
        yield watcher
    finally:
        watcher.close()


@contextmanager
def running(folder: Path, records: int | Sequence[Mapping[str, Any]] = 40, *, target: str = "{}") -> Iterator[Desk]:
    """A desk with an engine that listens."""
    with desk(folder, records, target=target) as it, engine(folder) as process:
        process.wait_until_up()
        yield it


def knock(folder: Path) -> socket.socket:
    """A line to the engine of this folder, however deep that lies."""
    state = os.open(folder / STATE_FOLDER, os.O_RDONLY | os.O_DIRECTORY)
    line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    line.settimeout(20)
    try:
        line.connect(f"/proc/self/fd/{state}/{SOCKET}")
    except OSError:
        line.close()
        raise
    finally:
        os.close(state)
    return line

"""The demonstration's rehearsal systems: one process for both, which outlives this one and keeps every write."""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx

_LATENCY = 20  # milliseconds added to every call
_READY_WITHIN, _ENDS_WITHIN = 60.0, 15.0  # seconds


class NotReady(Exception):
    """The rehearsal systems did not start or end; the message says what to look at."""


class Rehearsal:
    """Rehearsal systems that live in a folder of their own. Their process holds a lock there as long as it lives."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = folder / "log"

    @property
    def pid(self) -> int | None:
        """Their process; None when none is alive. A number in a file may be anybody's: only the lock proves it."""
        with self._lock() as lock:
            if lock is not None:
                return None
            with contextlib.suppress(OSError, ValueError):
                return int((self.folder / "pid").read_text())
            return None

    def urls(self, ports: dict[str, int]) -> dict[str, str]:
        return {name: f"http://127.0.0.1:{port}" for name, port in ports.items()}

    def healthy(self, ports: dict[str, int]) -> bool:
        """Whether they answer, and are ours."""
        if self.pid is None:
            return False
        try:
            return all(
                httpx.get(f"{url}/_rehearsal/health", timeout=5.0, trust_env=False).is_success
                for url in self.urls(ports).values()
            )
        except httpx.HTTPError:
            return False

    def start(self, ports: dict[str, int], records: int) -> None:
        """Start them on these ports: this many incidents, and all that was ever written to them. Raises NotReady."""
        self.folder.mkdir(exist_ok=True)
        process = None
        with self._lock() as lock:
            if lock is not None:  # else somebody starts them at this moment: wait with them
                process = self._spawn(ports, records, lock)
        deadline = time.monotonic() + _READY_WITHIN
        while not self.healthy(ports):
            if (process is not None and process.poll() is not None) or time.monotonic() > deadline:
                raise NotReady(f"The rehearsal systems did not start. Their log: {self.log}")
            time.sleep(0.1)

    def end(self) -> None:
        """End them, and wait until they have ended. Raises NotReady when they do not."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            deadline = time.monotonic() + _ENDS_WITHIN
            if (pid := self.pid) is not None:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, number)
            while self.pid is not None:
                if time.monotonic() > deadline:
                    break
                time.sleep(0.05)
            else:
                return
        raise NotReady(f"The rehearsal systems (process {self.pid}) do not end. Their log: {self.log}")

    def _spawn(self, ports: dict[str, int], records: int, lock: int) -> subprocess.Popen[bytes]:
        arguments = [f"--{name}={port}" for name, port in ports.items()]
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "connectors.rehearsal.serve", *arguments, "--state", os.fspath(self.folder),
                 "--records", str(records), "--latency-ms", str(_LATENCY)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                pass_fds=[lock],  # an inherited lock: the kernel lifts it when the process dies, however it dies
            )  # fmt: skip
        (self.folder / "pid").write_text(str(process.pid))
        return process

    @contextlib.contextmanager
    def _lock(self) -> Iterator[int | None]:
        """The lock, taken; None when their process has it."""
        if not self.folder.is_dir():
            yield -1
            return
        lock = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield None
            else:
                yield lock
        finally:
            os.close(lock)


def free_port(wanted: int) -> int:
    """This port, or another where somebody listens there already."""
    with socket.socket() as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind(("127.0.0.1", wanted))
        except OSError:
            trial.bind(("127.0.0.1", 0))
        port: int = trial.getsockname()[1]
        return port

"""A desk with a terminal: a migration from a file to memory, and `cutover` typed there as a process of its own."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pty
import signal
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from cockpit.client import Client, NoEngine
from engine.wire import Receipt, Status, Stop

MIGRATION = """
migration: paper
systems:
  left: {{ connector: file, url: {data}, options: {{ key: id, version: changed }} }}
  right: {{ connector: memory, url: "memory:right", options: {target} }}
playbooks: [book.yaml]
"""

PLAYBOOK = """
playbook: papers
entities:
  - entity: paper
    source: { system: left, entity: paper }
    target: { system: right, entity: issue }
    label: ref
    fields:
      title: title
      priority: { from: priority, map: { "1": high, "2": low } }
      owner: { from: owner, map: { ana: Ana }, else: drop }
waves:
  - { wave: pilot, about: the first, filters: { paper: "number < 20" }, chunk: 5, workers: 1 }
  - { wave: rest, after: [pilot], filters: { paper: "" }, chunk: 5, workers: 1 }
"""

HOSTILE = "red \x1b[31malert\x1b]0;owned\x07 \x9b2J \u202etxt.exe"
"""A value that would paint, rename and clear a terminal, and turn the direction of its text."""

OBEYED = ("\x1b[31m", "\x1b]0", "\x07", "\x9b", "\u202e")
"""What of it a terminal would obey."""

SLOW = "{ latency: 0.3 }"
IN_DOUBT = "{ creates: none, faults: [{ kind: drop_after, call: create, times: 1 }] }"


class Typed(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class Desk:
    """One migration folder, and everything that was started there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.client = Client(folder)
        self._started: list[subprocess.Popen[bytes]] = []

    def type(self, *words: str, env: Mapping[str, str] | None = None, cwd: Path | None = None) -> Typed:
        """Type a command and wait for its end."""
        done = subprocess.run(
            command(words), capture_output=True, cwd=cwd or self.folder, env=environment(env), timeout=60, check=False
        )
        return Typed(done.returncode, done.stdout.decode(), done.stderr.decode())

    def begin(self, *words: str, **options: Any) -> subprocess.Popen[bytes]:
        """Type a command and go on while it runs; its stdout and stderr come as one stream."""
        given = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "cwd": self.folder, "env": environment()}
        process = subprocess.Popen(command(words), stdin=subprocess.DEVNULL, **{**given, **options})
        self._started.append(process)
        return process

    @contextmanager
    def screen(self, *words: str, columns: int = 80, lines: int = 24, **env: str) -> Iterator[Screen]:
        """Type a command at a terminal of this size."""
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        process = self.begin(*words, stdout=slave, stderr=slave, env=environment({"TERM": "xterm-256color", **env}))
        os.close(slave)
        shown = Screen(process, master)
        try:
            yield shown
        finally:
            shown.close()

    def status(self) -> Status | None:
        """The engine's word; None without one."""
        with contextlib.suppress(NoEngine):
            return self.client.get("/status", Status)
        return None

    def engine(self) -> int | None:
        """The engine's process; None without one."""
        status = self.status()
        return status.pid if status else None

    def wait_until_it_runs(self) -> None:
        def runs() -> bool:
            status = self.status()
            return status is not None and bool(status.run)

        until(runs, "it runs")

    def kill_engine(self) -> None:
        pid = self.engine()
        assert pid is not None, "no engine to kill"
        os.kill(pid, signal.SIGKILL)
        until(lambda: not self.client.answers(), "the engine is dead")

    def close(self) -> None:
        for process in self._started:
            if process.poll() is None:
                process.kill()
            process.wait(10)
            if process.stdout is not None:
                process.stdout.close()
        pid = self.engine()
        if pid is not None:
            with contextlib.suppress(NoEngine):
                self.client.post("/stop", Receipt, Stop(by="test"))
            until(lambda: not Path(f"/proc/{pid}").exists() or not self.client.answers(), "the engine ends", 40)


class Screen:
    """What a terminal gets to see; never an end of file before its process has ended."""

    def __init__(self, process: subprocess.Popen[bytes], master: int) -> None:
        self.process = process
        self._master = master
        self._seen = bytearray()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    @property
    def text(self) -> str:
        return self._seen.decode(errors="replace")

    def _read(self) -> None:
        with contextlib.suppress(OSError):  # EIO: the other side is closed
            while data := os.read(self._master, 65536):
                self._seen += data

    def read_to_the_end(self) -> None:
        """See everything that was written before the process ended."""
        self._reader.join(10)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(10)
        self._reader.join(10)
        os.close(self._master)


@contextmanager
def desk(folder: Path, records: int | Sequence[Mapping[str, Any]] = 40, *, target: str = "{}") -> Iterator[Desk]:
    """A migration of these records; a number of plain ones."""
    data = folder / "data"
    data.mkdir(parents=True)
    rows = plain(records) if isinstance(records, int) else records
    (data / "paper.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "migration.yaml").write_text(MIGRATION.format(data=data, target=target))
    (folder / "book.yaml").write_text(PLAYBOOK)
    it = Desk(folder)
    try:
        yield it
    finally:
        it.close()


def plain(n: int) -> list[dict[str, Any]]:
    return [
        {"id": f"K{i:03}", "ref": f"P{i:03}", "number": i, "title": f"paper {i}", "priority": str(1 + i % 2)}
        | {"owner": "ana" if i % 2 else "bob", "changed": 1}
        for i in range(n)
    ]


def command(words: Sequence[str]) -> list[str]:
    return [sys.executable, "-m", "cockpit", *words]


def environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """A plain one: no terminal, UTF-8, our packages on the path."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("LC_", "LANG", "NO_COLOR"))}
    root = os.fspath(Path(__file__).parents[2])
    return {**kept, "PYTHONPATH": root, "LANG": "C.UTF-8", "TERM": "dumb", **(more or {})}


def until(what: Callable[[], bool], words: str, patience: float = 30) -> None:
    deadline = time.monotonic() + patience
    while not what():
        assert time.monotonic() < deadline, f"not in {patience} s: {words}"
        time.sleep(0.03)

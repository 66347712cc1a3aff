"""An engine as a process of its own, driven over its socket as an operator's command would."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from cockpit.client import Client, NoEngine
from engine.model import WaveState
from engine.wire import SOCKET, STATE_FOLDER, CheckReport, Events, Receipt, Run, Stop
from tests.bench.ledger import Watch
from tests.bench.process import BenchError, Cpu, cpu, end, peak_memory, start

_STARTS_WITHIN = 30.0
_LOOK = 0.02  # seconds between looks at the ledger
_LONGEST = 1800.0  # seconds a run


class Ran(NamedTuple):
    """One run: seconds and CPU from the command until every record was at the target, and until that was proven; the
    process's peak memory in bytes."""

    copied: float
    proven: float
    cpu: Cpu  # until all was copied: what a script does, too
    proof_cpu: Cpu  # until it was proven
    peak: int


class Engine:
    def __init__(self, folder: Path, process: subprocess.Popen[str], log: Path) -> None:
        self.folder = folder
        self.process = process
        self.log = log
        self._client = Client(folder)

    def wait_until_up(self) -> None:
        deadline = time.monotonic() + _STARTS_WITHIN
        while not self._listens():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise BenchError(f"the engine did not start{self._words()}")
            time.sleep(_LOOK)

    def command(self) -> None:
        """Ask for a run as soon as anybody listens."""
        self.wait_until_up()
        self._client.post("/run", Receipt, Run(by="bench"))

    def run(self, records: int) -> Ran:
        """Run everything, and see that the ledger has every record as synced."""
        self.wait_until_up()
        # As operators do: checked beforehand, not in the window.
        self._client.post("/check", CheckReport, canaries=0)
        before, began = cpu(self.process.pid), time.time()
        self.command()
        with closing(Watch(self.folder)) as watch:
            self.wait(watch.copied, "the end of the copying")
        copying = cpu(self.process.pid).since(before)
        self.wait_until_done(records)
        proof, peak = cpu(self.process.pid).since(before), peak_memory(self.process.pid)
        copied, proven = self._at(WaveState.CATCHING_UP) - began, self._at(WaveState.AWAITING_SIGN_OFF) - began
        return Ran(copied, proven, copying, proof, peak)

    def wait_until_done(self, records: int) -> None:
        with closing(Watch(self.folder)) as watch:
            self.wait(lambda: bool(watch.outcome()), "the end of the run")
            if (outcome := watch.outcome()) != "done" or watch.synced() != records:
                raise BenchError(
                    f"the run ended as '{outcome}' with {watch.synced()} of {records} synced{self._words()}"
                )

    def wait(self, arrived: Callable[[], bool], what: str, every: float = _LOOK) -> None:
        """Until `arrived()`. Raises BenchError when the engine ends first, or it takes far too long."""
        deadline = time.monotonic() + _LONGEST
        while not arrived():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise BenchError(f"the engine never came to {what}{self._words()}")
            time.sleep(every)

    def stop(self) -> None:
        with contextlib.suppress(NoEngine):
            self._client.post("/stop", Receipt, Stop(by="bench"))
        self.process.wait(30)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def _listens(self) -> bool:
        try:
            state = os.open(self.folder / STATE_FOLDER, os.O_RDONLY | os.O_DIRECTORY)
        except FileNotFoundError:
            return False
        try:
            with socket.socket(socket.AF_UNIX) as probe:
                probe.connect(f"/proc/self/fd/{state}/{SOCKET}")  # short, however deep the folder lies
        except OSError:
            return False
        finally:
            os.close(state)
        return True

    def _at(self, state: WaveState) -> float:
        """When the wave came to this state, in seconds since 1970."""
        events = self._client.get("/events", Events).events
        return max(datetime.fromisoformat(event.at).timestamp() for event in events if event.what == f"wave {state}")

    def _words(self) -> str:
        return f". Its last words:\n{self.log.read_text()[-2000:] or '(none)'}"


@contextlib.contextmanager
def engine(folder: Path, command: Sequence[str] = (), env: dict[str, str] | None = None) -> Iterator[Engine]:
    """An engine on this folder until the block ends. `command`: another way to start one than `python -m engine`."""
    log = folder / "engine.out"
    process = start([*(command or ("-m", "engine")), str(folder)], log=log, env=env)
    try:
        yield Engine(folder, process, log)
    finally:
        if process.poll() is None:
            end(process)

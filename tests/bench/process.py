"""Child processes of the benchmark: started here, read from /proc, ended here."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]

_TICK = os.sysconf("SC_CLK_TCK")


class BenchError(Exception):
    """A figure could not be taken, and why."""


class Cpu(NamedTuple):
    """Seconds of CPU: of the whole process, and of its main thread (where the event loop runs)."""

    total: float
    main: float

    def since(self, before: Cpu) -> Cpu:
        return Cpu(self.total - before.total, self.main - before.main)


def start(
    arguments: Sequence[str], *, log: Path | None = None, env: dict[str, str] | None = None
) -> subprocess.Popen[str]:
    """`python ARGUMENTS` at the root of the repository. Its output goes to `log`, or to a pipe."""
    command = [sys.executable, *arguments]
    environment = {**os.environ, **(env or {})}
    if log is None:
        return subprocess.Popen(command, cwd=ROOT, env=environment, text=True, stdout=subprocess.PIPE)
    with log.open("ab") as out:
        return subprocess.Popen(command, cwd=ROOT, env=environment, text=True, stdout=out, stderr=out)


def end(process: subprocess.Popen[str], patience: float = 20.0) -> None:
    """Ask it to end, wait, and insist after `patience` seconds."""
    process.terminate()
    try:
        process.wait(patience)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout:
        process.stdout.close()


def cpu(pid: int) -> Cpu:
    return Cpu(_cpu(Path(f"/proc/{pid}/stat")), _cpu(Path(f"/proc/{pid}/task/{pid}/stat")))


def _cpu(stat: Path) -> float:
    fields = stat.read_text().rpartition(")")[2].split()  # the name in brackets may hold blanks
    return (int(fields[11]) + int(fields[12])) / _TICK


def peak_memory(pid: int) -> int:
    """Bytes: the most it ever held (VmHWM)."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise BenchError(f"process {pid} has ended; its peak memory is gone")

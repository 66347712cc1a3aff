"""Writes docs/demo.txt: a real `make demo` and a real rollback, each killed with -9 on its way and typed again.

python docs/record_demo.py
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from cockpit.client import Client, NoEngine
from engine.wire import Status

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "demo.txt"
KILLED_IN = "rest"  # the wave
DEMO = ("make", "demo")
BACK = (".venv/bin/cutover", "rollback", "-C", "demo", "--wave", "pilot", "--yes", "pilot")
WHY = ("--despite-sign-off", "the desk wants it back")
VERIFY = (".venv/bin/cutover", "verify", "-C", "demo", "--wave", "emea")
_LONGEST = 300.0  # seconds
_INTO_IT = 0.7  # seconds after which a rollback is in the middle of its calls


def main() -> int:
    if (ROOT / "demo").exists():
        print("There is a demo already. Type: make clean-demo", file=sys.stderr)
        return 2
    subprocess.run(["make", "--silent", ".venv/.ready"], cwd=ROOT, check=True)
    try:
        page = [_killed(DEMO, _copies), _typed(DEMO), _typed(VERIFY), _killed((*BACK, *WHY), _undoes), _typed(BACK)]
    finally:
        subprocess.run(["make", "clean-demo"], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    PAGE.write_text("\n".join(page))
    return 0


def _typed(command: tuple[str, ...]) -> str:
    """The command and all that it printed, to its end."""
    return _said(command, _begin(command))


def _killed(command: tuple[str, ...], where: Callable[[Status], bool]) -> str:
    """The same, with the engine killed once it is there."""
    process = _begin(command)
    pid = _pid_once(where)
    os.kill(pid, signal.SIGKILL)
    words = _said(command, process)
    if process.returncode == 0:
        raise SystemExit(f"{' '.join(command)} was over before it could be killed; type this again")
    return f"{words}$ kill -9 {pid}   # in another terminal, a moment ago\n"


def _begin(command: tuple[str, ...]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def _copies(status: Status) -> bool:
    at = next(each for each in status.waves if each.wave == KILLED_IN)
    return at.state == "copying" and at.buckets.synced > 0


def _undoes(status: Status) -> bool:
    if all(each.state != "rolling_back" for each in status.waves):
        return False
    time.sleep(_INTO_IT)
    return True


def _pid_once(where: Callable[[Status], bool]) -> int:
    """The engine's process, as soon as it is there."""
    client, deadline = Client(ROOT / "demo"), time.monotonic() + _LONGEST
    while time.monotonic() < deadline:
        try:
            status = client.get("/status", Status)
        except NoEngine:
            time.sleep(0.2)
            continue
        if where(status):
            return status.pid
        time.sleep(0.05)
    raise SystemExit(f"not there within {_LONGEST:.0f} s")


def _said(command: tuple[str, ...], process: subprocess.Popen[str]) -> str:
    """What was typed and printed, without lines of `make` about set-up and with paths as a reader would type them."""
    words, _ = process.communicate(timeout=_LONGEST)
    words = words.replace(f"{ROOT}{os.sep}", "")
    typed = " ".join(f'"{word}"' if " " in word else word for word in command)
    return f"$ {typed}\n" + re.sub(r"^make(\[\d+\])?: (Entering|Leaving).*\n", "", words, flags=re.MULTILINE)


if __name__ == "__main__":
    sys.exit(main())

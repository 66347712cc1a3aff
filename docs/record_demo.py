"""Writes docs/demo.txt: a real `make demo`, killed with -9 on its way, and typed again: python docs/record_demo.py"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

from cockpit.client import Client, NoEngine
from engine.wire import Status

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "demo.txt"
KILLED_IN = "rest"  # the wave
_LONGEST = 300.0  # seconds


def main() -> int:
    if (ROOT / "demo").exists():
        print("There is a demo already. Type: make clean-demo", file=sys.stderr)
        return 2
    subprocess.run(["make", "--silent", ".venv/.ready"], cwd=ROOT, check=True)
    try:
        first = _make_demo()
        pid = _pid_once_in(KILLED_IN)
        os.kill(pid, signal.SIGKILL)
        words = _said(first)
        second = _said(_make_demo())
    finally:
        subprocess.run(["make", "clean-demo"], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    PAGE.write_text(f"$ make demo\n{words}$ kill -9 {pid}   # in another terminal, a moment ago\n$ make demo\n{second}")
    return 0


def _make_demo() -> subprocess.Popen[str]:
    return subprocess.Popen(["make", "demo"], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def _pid_once_in(wave: str) -> int:
    """The engine's process, as soon as this wave has records on the target."""
    client, deadline = Client(ROOT / "demo"), time.monotonic() + _LONGEST
    while time.monotonic() < deadline:
        try:
            status = client.get("/status", Status)
        except NoEngine:
            time.sleep(0.2)
            continue
        at = next(each for each in status.waves if each.wave == wave)
        if at.state == "copying" and at.buckets.synced:
            return status.pid
        time.sleep(0.1)
    raise SystemExit(f"wave {wave} was not copied within {_LONGEST:.0f} s")


def _said(process: subprocess.Popen[str]) -> str:
    """All that it printed, without lines of `make` about set-up and with paths as a reader would type them."""
    words, _ = process.communicate(timeout=_LONGEST)
    words = words.replace(f"{ROOT}{os.sep}", "")
    return re.sub(r"^make(\[\d+\])?: (Entering|Leaving).*\n", "", words, flags=re.MULTILINE)


if __name__ == "__main__":
    sys.exit(main())

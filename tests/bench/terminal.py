"""A process on a terminal of its own (a pty), and the picture that its bytes make there."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pyte

_ASKED = {
    b"\x1b[?2026$p": b"\x1b[?2026;2$y",  # synchronized output: this terminal has it
    b"\x1b[?2048$p": b"\x1b[?2048;0$y",  # sizes within the stream: it has not
}
_PATIENCE = 20.0


class Terminal:
    """`lines` are what a person would see. `written` counts the bytes that came."""

    def __init__(
        self, command: Sequence[str], columns: int, rows: int, *, cwd: Path, env: dict[str, str] | None = None
    ) -> None:
        self.screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self.screen)
        self.written = 0
        self.last = 0.0  # when bytes came last (time.perf_counter)
        self._line, theirs = pty.openpty()
        self._set_size(columns, rows)
        self.process = subprocess.Popen(
            command,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            cwd=cwd,
            env=_environment(env or {}),
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0) and None,  # its keyboard, its resizes, its hang-up
        )
        os.close(theirs)

    @property
    def lines(self) -> list[str]:
        return list(self.screen.display)

    def shows(self, text: str) -> bool:
        return any(text in line for line in self.lines)

    def cells(self) -> list[list[tuple[object, ...]]]:
        """What can be seen of every cell: nobody sees the colour of a blank's ink."""
        return [[seen(row[x]) for x in range(self.screen.columns)] for row in self._rows()]

    def press(self, keys: str) -> float:
        """Type; return when (time.perf_counter)."""
        at = time.perf_counter()
        os.write(self._line, keys.encode())
        return at

    def resize(self, columns: int, rows: int) -> None:
        """As a window does. What this terminal showed is gone then."""
        self.forget(columns, rows)
        self._set_size(columns, rows)

    def forget(self, columns: int = 0, rows: int = 0) -> None:
        """Nothing is shown any more."""
        self.screen.resize(rows or None, columns or None)
        self.screen.reset()

    def take(self, seconds: float) -> bytes:
        """Wait this long for bytes, and show them; empty when none came."""
        with contextlib.suppress(OSError):  # EIO: the process is gone
            if select.select([self._line], [], [], max(0.0, seconds))[0]:
                data = os.read(self._line, 1 << 16)
                self.last = time.perf_counter()
                self.written += len(data)
                for question, answer in _ASKED.items():
                    if question in data:
                        os.write(self._line, answer)
                self._stream.feed(data)
                return data
        return b""

    def watch(self, seconds: float) -> int:
        """Look on for this long; how many bytes came."""
        before, deadline = self.written, time.perf_counter() + seconds
        while (left := deadline - time.perf_counter()) > 0:
            self.take(left)
        return self.written - before

    def until(self, arrived: Callable[[], bool], what: str, seconds: float = _PATIENCE) -> float:
        """Look on until `arrived()`; return when its last bytes came. TimeoutError says what never came."""
        deadline = time.perf_counter() + seconds
        while not arrived():
            if (left := deadline - time.perf_counter()) <= 0:
                raise TimeoutError(f"never came to {what}; it shows:\n" + "\n".join(self.lines))
            if not self.take(left) and self.process.poll() is not None:
                raise TimeoutError(f"ended with {self.process.returncode} before {what}:\n" + "\n".join(self.lines))
        return self.last

    def until_quiet(self, seconds: float = 0.3) -> None:
        """Look on until nothing comes for this long."""
        while self.take(seconds):
            pass

    def close(self) -> None:
        """Hang up, as a dropped line does, and see the process off."""
        os.close(self._line)
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()

    def _rows(self) -> Iterator[dict[int, pyte.screens.Char]]:
        return (self.screen.buffer[y] for y in range(self.screen.lines))

    def _set_size(self, columns: int, rows: int) -> None:
        fcntl.ioctl(self._line, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


def seen(cell: pyte.screens.Char) -> tuple[object, ...]:
    """What a person can tell of a cell."""
    if cell.data == " " and not (cell.underscore or cell.strikethrough or cell.reverse):
        return (cell.data, cell.bg)
    return tuple(cell)


@contextlib.contextmanager
def terminal(
    command: Sequence[str], columns: int, rows: int, *, cwd: Path, env: dict[str, str] | None = None
) -> Iterator[Terminal]:
    it = Terminal(command, columns, rows, cwd=cwd, env=env)
    try:
        yield it
    finally:
        it.close()


def _environment(more: dict[str, str]) -> dict[str, str]:
    """Ours, without what says things about our own terminal."""
    about_ours = ("COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR", "COLORTERM", "TERM_PROGRAM", "TMUX")
    kept = {name: value for name, value in os.environ.items() if name not in about_ours}
    return {**kept, "TERM": "xterm-256color", **more}

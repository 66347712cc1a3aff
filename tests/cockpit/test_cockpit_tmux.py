"""The cockpit in a real terminal: run, pause, kill, come back; hang up, and the engine runs on."""

import contextlib
import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cockpit.desk import SLOW, Desk, desk, environment, until

pytestmark = pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")


class Terminal:
    """One tmux server of its own, with one window."""

    def __init__(self, name: str, folder: Path) -> None:
        self._name = name
        self._folder = folder

    def tmux(self, *words: str) -> str:
        done = subprocess.run(
            ["tmux", "-L", self._name, *words], capture_output=True, text=True, timeout=20, check=False,
            env=environment({"TERM": "xterm-256color"}),
        )  # fmt: skip
        return done.stdout

    def open(self, columns: int = 80, lines: int = 24, **env: str) -> None:
        """Type `cutover` at a terminal of this size."""
        root = os.fspath(Path(__file__).parents[2])
        words = [f"{name}={value}" for name, value in {"PYTHONPATH": root, "LANG": "C.UTF-8", **env}.items()]
        command = shlex.join(["env", *words, sys.executable, "-m", "cockpit"])
        self.tmux("-f", "/dev/null", "new-session", "-d", "-x", str(columns), "-y", str(lines), "-c",
                  os.fspath(self._folder), f"{command}; echo left with $?; sleep 60")  # fmt: skip

    @property
    def text(self) -> str:
        return self.tmux("capture-pane", "-p")

    def press(self, *presses: str) -> None:
        self.tmux("send-keys", *presses)

    def sees(self, *words: str) -> None:
        shown = ""

        def there() -> bool:
            nonlocal shown
            shown = self.text
            return all(word in shown for word in words)

        try:
            until(there, f"seen: {words}", 25)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{shown}") from None


@contextlib.contextmanager
def terminal(folder: Path) -> Iterator[Terminal]:
    shown = Terminal(f"cutover-{os.getpid()}-{folder.name}", folder)
    try:
        yield shown
    finally:
        shown.tmux("kill-server")


def begin(it: Desk) -> None:
    done = it.type("run", "--detach")
    assert done.code == 0, done.err


def test_a_night_in_a_terminal(tmp_path: Path) -> None:
    """It starts an engine, runs, pauses, resumes, survives a kill, and is left while the engine runs on."""
    with desk(tmp_path, 400, target=SLOW) as it, terminal(tmp_path) as shown:
        shown.open()
        shown.sees("CUTOVER paper", "STOPPED", "Press S.")
        shown.press("S")
        shown.sees("Type all and Enter")
        shown.press("all", "Enter")
        shown.sees("RUNNING")
        shown.press("p")
        shown.sees("accepted ✔", "durable ✔", "effective ✔", "HELD")
        it.kill_engine()
        shown.sees("NO ENGINE", "Last words of the engine", "Press e to start it again")
        shown.press("e")
        until(lambda: "NO ENGINE" not in shown.text, "a new engine")
        shown.sees("HELD", "all waves held by")
        shown.press("r")
        shown.sees("resume all", "effective ✔")
        shown.press("2")
        shown.sees("chunks", "latency")
        shown.press("q", "q")
        shown.sees("The engine runs on.", "left with 0")
        assert it.engine() is not None


def test_a_terminal_that_goes_away_takes_its_cockpit_and_not_the_engine(tmp_path: Path) -> None:
    with desk(tmp_path, 400, target=SLOW) as it, terminal(tmp_path) as shown:
        begin(it)
        shown.open(120, 40)
        shown.sees("RUNNING", "throughput")
        pids = {int(pid) for pid in shown.tmux("list-panes", "-F", "#{pane_pid}").split()}
        shown.tmux("kill-server")
        until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids), "the terminal's processes are gone")
        status = it.status()
        assert status is not None and status.run
        shown.open()
        shown.sees("RUNNING")


def test_it_goes_aside_and_comes_back_and_fits_any_size(tmp_path: Path) -> None:
    with desk(tmp_path, 60) as it, terminal(tmp_path) as shown:
        it.client.start()
        shown.open()
        shown.sees("CUTOVER paper")
        pid = int(shown.tmux("list-panes", "-F", "#{pane_pid}"))
        cockpit = next(child for child in _below(pid) if b"-m\0cockpit" in Path(f"/proc/{child}/cmdline").read_bytes())
        shown.press("C-z")
        until(lambda: _state(cockpit) == "T" and "CUTOVER" not in shown.text, "it is stopped, and its screen gone")
        os.kill(cockpit, signal.SIGCONT)
        shown.sees("CUTOVER paper", "q quit")
        shown.tmux("resize-window", "-x", "40", "-y", "10")
        shown.sees("Needs 60 columns and 14 lines.")
        shown.tmux("resize-window", "-x", "100", "-y", "30")
        shown.sees("throughput", "records")
        os.kill(cockpit, signal.SIGTERM)
        shown.sees("left with 0")


def test_eyes_that_see_ascii_only_get_ascii_only(tmp_path: Path) -> None:
    with desk(tmp_path, 60) as it, terminal(tmp_path) as shown:
        it.client.start()
        shown.open(LC_ALL="C")
        shown.sees("CUTOVER paper", "# STOPPED")
        assert shown.text.isascii()


@pytest.mark.parametrize("how", [{"TERM": "dumb"}, {}], ids=["a dumb terminal", "no terminal"])
def test_without_a_screen_the_status_is_printed_with_one_sentence(tmp_path: Path, how: dict[str, str]) -> None:
    with desk(tmp_path, 20) as it:
        typed = it.type(env=how)
        assert typed.code == 0
        assert typed.err == "This is no terminal that a screen can be painted on: here is the status instead.\n"
        assert "paper  engine idle" in typed.out


def test_a_folder_that_is_wrong_is_told_before_any_screen(tmp_path: Path) -> None:
    with desk(tmp_path, 20) as it:
        migration = tmp_path / "migration.yaml"
        migration.write_text(migration.read_text().replace("playbooks", "playbock"))
        typed = it.type()
        assert typed.code == 2 and "migration.yaml:" in typed.err and "did you mean" in typed.err
        elsewhere = it.type("./data")
        assert elsewhere.code == 2 and "There is no migration.yaml in" in elsewhere.err


def _below(pid: int) -> list[int]:
    """The process and all that it started."""
    found = [pid]
    for each in found:
        children = Path(f"/proc/{each}/task/{each}/children")
        found += [int(child) for child in children.read_text().split()] if children.exists() else []
    return found


def _state(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]

"""The engine and the terminals it is worked from: one goes, the other stays."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from connectors.rehearsal.faults import Rule
from engine.wire import OCCUPIED, SOCKET, Status
from tests.proof.night import ALL_AT_ONCE, SECRETS, Night, night, until
from tests.proof.truth import proven


def test_a_run_outlives_its_terminal_and_a_pause_its_engine(tmp_path: Path) -> None:
    with slow_night(tmp_path) as it:
        a_terminal_that_hangs_up(it)
        status = engine_of(it)
        assert status.run == ["all"], "the engine went with its terminal"
        assert it.created() < 40, "it was over before the terminal went"
        only_for_its_user(it.state)
        answers_to_curl(it)
        a_second_engine_is_refused(it, status.pid)

        assert "held" in typed(it, "pause", "--reason", "vendor call")
        os.kill(status.pid, signal.SIGKILL)
        until(lambda: it.status() is None, "the engine is dead")
        left = it.created()
        typed(it, "run", "--detach")
        assert [hold.reason for hold in engine_of(it).holds] == ["vendor call"]
        until(lambda: any("vendor call" in one.reason and one.now for one in engine_of(it).waiting), "it waits")
        assert it.created() == left < 40, "records moved while the wave was held"
        typed(it, "resume")
        proven(it, it.ended())
        typed(it, "stop")
        assert it.status() is None


def test_sigterm_ends_the_engine_cleanly_with_calls_on_the_way(tmp_path: Path) -> None:
    with slow_night(tmp_path) as it:
        engine = it.start()
        it.run()
        it.jira.faults.add(Rule("POST .*/issue/bulk$", "slow", times=1, args={"seconds": 1.0}))
        until(lambda: it.jira.faults.fired["slow"] == 1, "a create is on the way", 30, it.story)
        engine.send_signal(signal.SIGTERM)
        assert engine.wait(8) == 0, it.log[-2000:]
        assert not (it.state / SOCKET).exists()
        assert it.created() > 0, "the call on the way was not waited for"
        assert it.created() < 40


# ---------------------------------------------------------------- helpers


def a_terminal_that_hangs_up(it: Night) -> None:
    """`cutover run` at a terminal of its own, until the line drops."""
    terminal, line = os.openpty()
    # A line that drops ends what has not asked otherwise; under nohup the tests themselves have.
    command = ["setsid", "--ctty", "env", "--default-signal=HUP", *cutover(it, "run")]
    with subprocess.Popen(command, stdin=line, stdout=line, stderr=line, env=surroundings()) as shell:
        os.close(line)
        until(lambda: it.created() > 0, "the first issue", 40, it.story)
        os.close(terminal)
        assert shell.wait(10) != 0


@contextmanager
def slow_night(folder: Path) -> Iterator[Night]:
    """Long enough to do something meanwhile; whatever engine is there at its end is ended."""
    with night(folder, 40, waves=ALL_AT_ONCE) as it:
        it.jira.latency = 0.1
        try:
            yield it
        finally:
            status = it.status()
            if status is not None and (it.engine is None or it.engine.pid != status.pid):
                with suppress(ProcessLookupError):
                    os.kill(status.pid, signal.SIGKILL)


def cutover(it: Night, *words: str) -> list[str]:
    return [sys.executable, "-m", "cockpit", *words, "--dir", os.fspath(it.folder)]


def surroundings() -> dict[str, str]:
    return {**os.environ, **SECRETS}


def typed(it: Night, *words: str) -> str:
    """What a command prints; it must end well."""
    done = subprocess.run(cutover(it, *words), capture_output=True, text=True, env=surroundings(), timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def engine_of(it: Night) -> Status:
    status = it.status()
    assert status is not None, it.log[-2000:]
    return status


def only_for_its_user(state: Path) -> None:
    assert state.stat().st_mode & 0o777 == 0o700
    modes = {path.name: oct(path.stat().st_mode & 0o777) for path in state.iterdir()}
    assert set(modes.values()) == {"0o600"}, modes


def answers_to_curl(it: Night) -> None:
    curl = shutil.which("curl")
    if curl is None:
        return  # the door was knocked at by hand before
    asked = [curl, "--silent", "--show-error", "--unix-socket", os.fspath(it.state / SOCKET), "http://engine/status"]
    done = subprocess.run(asked, capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["run"] == ["all"]


def a_second_engine_is_refused(it: Night, first: int) -> None:
    command = [sys.executable, "-m", "engine", os.fspath(it.folder)]
    done = subprocess.run(command, capture_output=True, text=True, env=surroundings(), timeout=30)
    assert done.returncode == OCCUPIED
    assert f"Another engine (process {first}) works on this migration" in done.stderr
    assert "cutover status" in done.stderr

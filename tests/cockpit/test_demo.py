"""The demonstration, killed at every turn: typing it again goes on, and the target has every record once."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from cockpit import codes
from cockpit.demo import Demo
from tests.cockpit.desk import Desk, Typed, until

FEW = ("--records", "60", "--servicenow", "0", "--jira", "0")


class Stage(Desk):
    """A desk whose folder the demonstration writes itself."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.at = folder.parent
        self.demo = Demo(folder)

    def type_demo(self, *words: str) -> Typed:
        return self.type("demo", self.folder.name, *FEW, *words, cwd=self.at)

    def hurry(self) -> None:
        """The source's settle horizon, ten seconds as shipped: a test need not wait so long."""
        path = self.folder / "migration.yaml"
        text = path.read_text()
        path.write_text(text.replace("connector: servicenow", "connector: servicenow\n    options: { settle: 1 }", 1))


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    it = Stage(tmp_path / "demo")
    try:
        yield it
    finally:
        it.close()
        it.demo.rehearsal.end()


def test_it_survives_being_killed_anywhere_and_leaves_nothing_behind(stage: Stage) -> None:
    # Killed while it is being written: what is half there is written anew.
    part = stage.at / ".demo.part"
    (part / "playbooks").mkdir(parents=True)
    (part / "migration.yaml").write_text("migration: half")

    first = stage.begin("demo", "demo", *FEW, cwd=stage.at)
    until(lambda: stage.demo.rehearsal.pid is not None, "the systems start")
    first.kill()
    first.wait(10)
    stage.hurry()

    # The engine is killed on the way: the command says so, and what goes on.
    second = stage.begin("demo", "demo", *FEW, cwd=stage.at)
    assert second.stdout is not None
    words = ""
    while "kill -9" not in words and (line := second.stdout.readline()):
        words += line.decode()
    stage.wait_until_it_runs()
    stage.kill_engine()
    assert second.wait(30) == codes.NO_ENGINE
    words += second.stdout.read().decode()
    assert "run as they were left" in words or "Rehearsal systems:" in words
    assert "kill -9" in words, "what one may try is said"
    assert "The engine died." in words

    # Both systems are killed too, with every write they took.
    pid = stage.demo.rehearsal.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    third = stage.type_demo()
    assert (third.code, third.err) == (codes.DONE, "")
    assert "none twice" in third.out
    assert "✔ Asked at the target:" in third.out

    # All is done: the same again proves the same, and looking around works.
    again = stage.type_demo()
    assert again.code == codes.DONE
    assert "nothing to run" in again.out
    check = stage.type("check", "-C", "demo", "--canaries", "0", cwd=stage.at)
    assert (check.code, "Everything is in place." in check.out) == (codes.DONE, True)
    tried = stage.type("map", "try", "-C", "demo", "--record", "INC0010001", cwd=stage.at)
    assert tried.code == codes.DONE
    assert "demo/playbooks/incidents.yaml:" in tried.out

    engine, systems = stage.engine(), stage.demo.rehearsal.pid
    gone = stage.type_demo("--reset")
    assert gone.code == codes.DONE
    assert not stage.folder.exists()
    for pid in (engine, systems):
        assert pid is not None
        until(lambda pid=pid: not alive(pid), f"process {pid} is gone", 10)


def test_a_taken_port_is_left_to_its_owner(stage: Stage) -> None:
    with socket.socket() as owner:
        owner.bind(("127.0.0.1", 0))
        owner.listen()
        port = owner.getsockname()[1]
        typed = stage.begin("demo", "demo", "--records", "20", "--servicenow", str(port), "--jira", "0", cwd=stage.at)
        stage.wait_until_it_runs()
        typed.kill()
        text = (stage.folder / "migration.yaml").read_text()
        assert str(port) not in text
        assert "127.0.0.1:8801" not in text


def test_a_folder_of_your_own_is_neither_used_nor_removed(stage: Stage) -> None:
    stage.type("init", "servicenow-to-jira", "demo", cwd=stage.at)
    for words in ([], ["--reset"]):
        refused = stage.type_demo(*words)
        assert refused.code == codes.USAGE
        assert "is no demonstration" in refused.err
    assert (stage.folder / "migration.yaml").exists()


def test_rehearse_has_its_own_help_and_serves_both(stage: Stage) -> None:
    said = stage.type("rehearse", "--help", cwd=stage.at)
    assert said.code == codes.DONE
    assert "usage: cutover rehearse" in said.out
    typed = stage.begin("rehearse", "--servicenow", "0", "--jira", "0", "--records", "5", cwd=stage.at)
    assert typed.stdout is not None
    assert typed.stdout.readline().startswith(b"servicenow: http://127.0.0.1:")
    assert typed.stdout.readline().startswith(b"jira: http://127.0.0.1:")
    typed.send_signal(signal.SIGINT)
    assert typed.wait(10) == codes.DONE


def alive(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    return False

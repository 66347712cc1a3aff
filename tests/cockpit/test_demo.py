"""The demonstration, killed at every turn: typing it again goes on, and the target has every record once."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from cockpit import codes
from cockpit.demo import Demo
from tests.cockpit.desk import Desk, Typed, until

FEW = ("--records", "120", "--servicenow", "0", "--jira", "0")


class Stage(Desk):
    """A desk whose folder the demonstration writes itself."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.at = folder.parent
        self.demo = Demo(folder)

    def type_demo(self, *words: str) -> Typed:
        return self.type("demo", self.folder.name, *FEW, *words, cwd=self.at)

    @property
    def jira(self) -> str:
        settings = json.loads((self.folder / "rehearsal" / "settings.json").read_bytes())
        return f"http://127.0.0.1:{settings['ports']['jira']}/_rehearsal"

    def export(self) -> dict[str, Any]:
        """Everything at the target by id, minus the vendor's own stamps."""
        lines = httpx.get(f"{self.jira}/issues", trust_env=False).text.splitlines()
        issues = [json.loads(line) for line in lines]
        return {issue["id"]: {name: held for name, held in issue.items() if name != "updated"} for issue in issues}

    def start_with_no_patience(self, *words: str) -> None:
        """Write the folder and start the systems; the settle horizon is short from then on."""
        typed = self.begin("demo", self.folder.name, *words, cwd=self.at)
        until(lambda: self.demo.rehearsal.pid is not None, "the systems start")
        typed.kill()
        typed.wait(10)
        self.hurry()

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

    stage.start_with_no_patience(*FEW)

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
    assert "✔ Signed off: pilot, emea, rest, by " in third.out
    assert "rest-1.json is as it was signed." in third.out

    # All is done: the same again proves the same, and looking around works.
    again = stage.type_demo()
    assert again.code == codes.DONE
    assert "nothing to run" in again.out
    check = stage.type("check", "-C", "demo", "--canaries", "0", cwd=stage.at)
    assert (check.code, "Everything is in place." in check.out) == (codes.DONE, True)
    tried = stage.type("map", "try", "-C", "demo", "--record", "INC0010001", cwd=stage.at)
    assert tried.code == codes.DONE
    assert "demo/playbooks/incidents.yaml:" in tried.out

    goes_back_through_a_kill(stage)
    then = stage.type_demo()
    assert (then.code, "Wave pilot is rolled back." in then.out) == (codes.DONE, True)

    engine, systems = stage.engine(), stage.demo.rehearsal.pid
    gone = stage.type_demo("--reset")
    assert gone.code == codes.DONE
    assert not stage.folder.exists()
    for pid in (engine, systems):
        assert pid is not None
        until(lambda pid=pid: not alive(pid), f"process {pid} is gone", 10)


def goes_back_through_a_kill(stage: Stage) -> None:
    """Rolls the pilot back; the engine is killed when some of its records are gone, and some are not."""
    loaded = stage.export()
    back = ("rollback", "--wave", "pilot", "--yes", "pilot")
    refused = stage.type(*back)
    assert (refused.code, "it is signed off" in refused.err) == (codes.FAILED, True)
    assert 'Say why all the same: --despite-sign-off "WHY"' in refused.out
    slow = {"match": r"DELETE .*/issue/\d*[02468]$", "kind": "slow", "times": None, "args": {"seconds": 5.0}}
    httpx.post(f"{stage.jira}/faults", json=[slow], trust_env=False).raise_for_status()
    typed = stage.begin(*back, "--despite-sign-off", "the desk wants it back")
    until(lambda: len(stage.export()) < len(loaded), "records go")
    stage.kill_engine()
    assert typed.wait(30) == codes.NO_ENGINE
    assert typed.stdout is not None
    said = typed.stdout.read().decode()
    assert "all the same: the desk wants it back" in said
    assert "Say why" not in said
    assert "Go on: cutover rollback --wave pilot" in said
    half = stage.export()
    httpx.delete(f"{stage.jira}/faults", trust_env=False).raise_for_status()
    assert stage.type("run", "--wave", "pilot").code == codes.FAILED, "it is half rolled back"
    assert stage.type(*back).code == codes.DONE

    # What is gone is the wave, all of it, and its ends of links; of the rest nothing has changed.
    before = stage.export()
    gone = loaded.keys() - before.keys()
    assert 0 < len(loaded.keys() - half.keys()) < len(gone)
    assert before == {key: without(issue, gone) for key, issue in loaded.items() if key not in gone}


@pytest.mark.skipif(not os.environ.get("CUTOVER_FULL"), reason="takes long")
def test_the_pilot_runs_again_and_goes_back_again_and_the_target_is_as_before(stage: Stage) -> None:
    stage.start_with_no_patience(*FEW)
    assert stage.type_demo().code == codes.DONE
    goes_back_through_a_kill(stage)
    before = stage.export()
    assert stage.type("run", "--wave", "pilot").code == codes.DONE
    assert len(stage.export()) > len(before)
    assert stage.type("rollback", "--wave", "pilot", "--yes", "pilot").code == codes.DONE
    assert stage.export() == before


def without(issue: dict[str, Any], gone: set[str]) -> dict[str, Any]:
    links = [link for link in issue["links"] if not {link["inward"], link["outward"]} & gone]
    return {**issue, "links": links}


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

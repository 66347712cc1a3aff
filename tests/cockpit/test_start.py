"""What is loaded before anything is shown: whoever types `cutover` at night waits for it."""

from __future__ import annotations

import os
import time
from contextlib import closing
from pathlib import Path

import pytest

from cockpit import codes
from cockpit.client import NoEngine
from engine.wire import Pause, Receipt, Stop
from tests.bench.ledger import Watch
from tests.cockpit.desk import SLOW, desk, until
from tests.proof.test_full_disk import fill, small_disk
from tests.test_house import modules_after

HEAVY = {"runbooks.base", "runbooks.loader", "runbooks.schema", "runbooks.playbook", "runbooks.rules"}


def test_a_cockpit_joins_a_running_engine_without_verbs_or_the_models_of_a_folder() -> None:
    loaded = modules_after("import cockpit.__main__")
    assert not loaded & {*HEAVY, "cockpit.cli", "typer", "textual", "ruamel.yaml"}


def test_the_screen_itself_needs_neither() -> None:
    loaded = modules_after("import cockpit.__main__, cockpit.app")
    assert "textual.app" in loaded
    assert not loaded & {*HEAVY, "cockpit.cli", "typer", "ruamel.yaml"}


def test_a_verb_waits_neither_for_the_screen_nor_for_the_models_of_a_folder() -> None:
    loaded = modules_after("import cockpit.cli")
    assert not loaded & {*HEAVY, "textual", "ruamel.yaml"}


def test_an_engine_whose_socket_is_gone_is_named_and_ended_by_stop_and_then_a_command_finds_one(tmp_path: Path) -> None:
    with desk(tmp_path / "m", 30, target=SLOW) as it:
        assert it.type("run", "--detach").code == codes.DONE
        it.wait_until_it_runs()
        pid = it.engine()
        assert it.client.unreachable() is None
        (it.folder / ".cutover" / "engine.sock").unlink()
        assert it.client.unreachable() == pid
        stopped = it.type("stop")
        assert stopped.code == codes.DONE
        assert f"process {pid}" in stopped.out
        assert stopped.out.endswith("It has ended.\n")
        assert it.client.unreachable() is None
        assert "pilot" in it.type("status").out
        assert it.engine() not in (None, pid)


def test_an_engine_that_cannot_start_because_the_disk_is_full_says_so(tmp_path: Path) -> None:
    with desk(tmp_path / "m", 1) as it, small_disk(it.folder / ".cutover"):
        fill(it.folder / ".cutover" / "ballast")
        refused = it.type("status")
        assert refused.code == codes.NO_ENGINE
        assert "the disk is full. Make room" in refused.err


@pytest.mark.skipif(not os.environ.get("CUTOVER_FULL"), reason="takes half a minute of waiting")
def test_an_engine_whose_long_run_nobody_watched_does_not_end_with_it(tmp_path: Path) -> None:
    with desk(tmp_path / "m", 2, target="{ latency: 12 }") as it:
        assert it.type("run", "--detach").code == codes.DONE
        pid, began = it.engine(), time.monotonic()
        with closing(Watch(it.folder)) as watch:  # asks the ledger, not the engine
            until(lambda: bool(watch.outcome()), "the run is over", 90)
        assert time.monotonic() - began > 16, "shorter than an engine waits for the next command: it shows nothing"
        time.sleep(3)  # it looks whether to end each second
        assert it.client.answers() and it.engine() == pid


def test_an_engine_that_ended_while_a_person_thought_is_there_again_for_the_command(tmp_path: Path) -> None:
    with desk(tmp_path / "m", 1) as it:
        hold = Pause(wave="", reason="lunch", by="ana")
        with pytest.raises(NoEngine, match="No engine has worked"):
            it.client.post("/pause", Receipt, hold)
        it.client.start()
        it.client.post("/stop", Receipt, Stop(by="ana"))
        until(lambda: not it.client.answers(), "the engine ends", 40)
        assert it.client.post("/pause", Receipt, hold).effective

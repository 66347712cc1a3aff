"""What a script learns from the exit code, each over real processes. The words for them: docs/exit-codes.md."""

import os
import signal
from pathlib import Path

import pytest

from cockpit import codes
from cockpit.client import BadFolder, Client
from engine.wire import STATE_FOLDER
from tests.cockpit.desk import IN_DOUBT, SLOW, desk, until


def test_a_run_that_loads_every_wave_ends_with_0_and_so_does_one_that_finds_nothing_to_do(tmp_path: Path) -> None:
    with desk(tmp_path / "m", 12) as it:
        first = it.type("run")
        assert (first.code, first.err) == (codes.DONE, "")
        assert "Σ 12 = 12 synced" in first.out
        again = it.type("run")
        assert again.code == codes.DONE
        assert "nothing to run" in again.out


def test_quarantined_records_do_not_fail_a_run_and_it_says_where_they_are(tmp_path: Path) -> None:
    with desk(tmp_path / "m", [{"id": "K1", "number": 1, "priority": "9"}]) as it:
        done = it.type("run")
        assert done.code == codes.DONE
        assert "cutover quarantine list" in done.out


def test_what_the_engine_refuses_ends_with_1_and_says_what_to_type(tmp_path: Path) -> None:
    with desk(tmp_path / "m") as it:
        refused = it.type("run", "--wave", "pilt")
        assert (refused.code, refused.err) == (codes.FAILED, "There is no wave pilt. Did you mean pilot?\n")
        assert it.type("run", "--wave", "rest").code == codes.FAILED  # out of order
        assert it.type("map", "try", "--record", "nobody").code == codes.FAILED
        assert it.type("quarantine", "show", "nobody").code == codes.FAILED


def test_a_check_that_finds_something_wrong_ends_with_1(tmp_path: Path) -> None:
    with desk(tmp_path / "m", target='{ denied: ["create issue"] }') as it:
        done = it.type("check", "--canaries", "0")
        assert done.code == codes.FAILED
        assert "✘ right: permission: create issue" in done.out


def test_a_wave_that_cannot_go_on_ends_with_1(tmp_path: Path) -> None:
    with desk(tmp_path / "m", 40, target=SLOW) as it:
        run = it.begin("run")
        it.wait_until_it_runs()
        (it.folder / "data" / "paper.jsonl").write_text("no record\n")  # the source breaks on the way
        assert run.wait(30) == codes.FAILED
        assert run.stdout is not None
        words = run.stdout.read().decode()
        assert "✘ failed" in words
        assert "go on: cutover run" in words


def test_usage_and_folders_that_cannot_be_used_end_with_2(tmp_path: Path) -> None:
    with desk(tmp_path / "m") as it:
        assert it.type("run", "--bogus").code == codes.USAGE
        assert it.type("nonsense").code == codes.USAGE
        assert it.type("pause", "--reason", " ").code == codes.USAGE
        assert it.type("resolve", "K1").code == codes.USAGE
        nowhere = it.type("status", "-C", "nowhere")
        assert nowhere.code == codes.USAGE
        assert "There is no migration.yaml in" in nowhere.err
        assert "cutover init servicenow-to-jira DIR" in nowhere.err
        book = it.folder / "book.yaml"
        book.write_text(book.read_text().replace("workers: 1", "wrokers: 1", 1))
        broken = it.type("run")
        assert broken.code == codes.USAGE
        assert broken.err.startswith("book.yaml:"), "a path as it is typed here"
        assert "did you mean 'workers'?" in broken.err


def test_what_only_the_engine_finds_wrong_with_the_folder_ends_with_2_and_says_only_that(tmp_path: Path) -> None:
    with desk(tmp_path / "m") as it:
        book = it.folder / "book.yaml"
        book.write_text(book.read_text().replace("title: title", "title: { cel: '1 +' }"))
        broken = it.type("status")
        assert broken.code == codes.USAGE
        assert broken.err.startswith("book.yaml:9:")
        assert "ERROR" not in broken.err


def test_a_folder_that_cannot_be_written_ends_with_2(tmp_path: Path) -> None:
    with desk(tmp_path / "m") as it:
        (it.folder / ".cutover").write_text("in the way")
        done = it.type("status")
        assert done.code == codes.USAGE
        assert ".cutover" in done.err
        (it.folder / ".cutover").unlink()


def test_an_engine_that_dies_under_a_run_ends_it_with_3_its_last_words_and_the_way_on(tmp_path: Path) -> None:
    with desk(tmp_path / "m", 200, target=SLOW) as it:
        run = it.begin("run")
        it.wait_until_it_runs()
        it.kill_engine()
        assert run.wait(20) == codes.NO_ENGINE
        assert run.stdout is not None
        words = run.stdout.read().decode()
        assert "The engine died. The last lines of its log:" in words
        assert "serves paper" in words
        assert "Go on: cutover run" in words
        status = it.type("status")
        assert "The last run was interrupted; nothing is lost. Go on: cutover run" in status.out
        again = it.type("run", "--detach")
        assert (again.code, "Running" in again.out) == (codes.DONE, True)


def test_an_engine_that_is_stopped_under_a_run_ends_it_with_3(tmp_path: Path) -> None:
    with desk(tmp_path / "m", 200, target=SLOW) as it:
        run = it.begin("run")
        it.wait_until_it_runs()
        stopped = it.type("stop")
        assert (stopped.code, stopped.out.splitlines()[-1]) == (codes.DONE, "It has ended.")
        assert run.wait(20) == codes.NO_ENGINE
        assert run.stdout is not None
        assert "nothing is lost. Go on: cutover run" in run.stdout.read().decode()
        assert it.type("stop").out == "No engine runs here.\n"


def test_a_record_in_doubt_that_nobody_can_look_up_ends_with_4_until_a_person_says(tmp_path: Path) -> None:
    with desk(tmp_path / "m", [{"id": "K1", "number": 1, "priority": "1"}], target=IN_DOUBT) as it:
        done = it.type("run")
        assert done.code == codes.NEEDS_HUMAN
        assert "▲ needs human" in done.out
        assert "In doubt, and a person must look: cutover quarantine list" in done.out
        told = it.type("resolve", "K1", "--absent")
        assert (told.code, "quarantine retry" in told.out) == (codes.DONE, True)


def test_ctrl_c_leaves_the_run_with_130_and_the_engine_goes_on(tmp_path: Path) -> None:
    with desk(tmp_path / "m", 12, target=SLOW) as it:
        run = it.begin("run", "--wave", "pilot")
        it.wait_until_it_runs()
        until(lambda: any(b"copying" in line for line in run.stdout or ()), "it follows")
        run.send_signal(signal.SIGINT)
        assert run.wait(10) == codes.INTERRUPTED
        assert run.stdout is not None
        words = run.stdout.read().decode()
        assert "The engine runs on without this terminal." in words
        assert "cutover status --watch" in words
        until(lambda: bool((now := it.status()) and now.run_outcome == "done"), "the run ends by itself")


def test_detached_it_returns_at_once_with_0_and_says_how_to_watch(tmp_path: Path) -> None:
    with desk(tmp_path / "m", 200, target=SLOW) as it:
        done = it.type("run", "--detach")
        assert (done.code, "cutover status --watch" in done.out) == (codes.DONE, True)
        busy = it.type("run")
        assert (busy.code, "is running. Watch: cutover status --watch" in busy.err) == (codes.FAILED, True)


def test_every_exit_code_is_explained_in_the_docs() -> None:
    text = (Path(__file__).parents[2] / "docs" / "exit-codes.md").read_text()
    for code in (value for name, value in vars(codes).items() if name.isupper() and isinstance(value, int)):
        assert f"| {code} |" in text


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else for a moment")
def test_a_migration_of_another_user_says_whose_it_is_and_not_that_no_engine_runs(tmp_path: Path) -> None:
    state = tmp_path / STATE_FOLDER
    state.mkdir(0o700)
    os.seteuid(65534)
    try:
        with pytest.raises(BadFolder, match="belongs to another user"):
            Client(tmp_path).answers()
    finally:
        os.seteuid(0)

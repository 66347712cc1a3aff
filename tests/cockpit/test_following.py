"""A run, watched: painted in place on a terminal, lines that say something new elsewhere."""

from __future__ import annotations

import re
import signal
from pathlib import Path

from cockpit import codes
from engine.wire import Receipt, Run
from tests.cockpit.desk import SLOW, desk, until


def test_on_a_terminal_a_run_is_one_block_with_a_bar_for_each_wave(tmp_path: Path) -> None:
    with desk(tmp_path / "m", 30, target=SLOW) as it, it.screen("run") as screen:
        until(lambda: re.search(r"pilot  .*█.*░", screen.text) is not None, "the bar moves")
        assert "Ctrl-C leaves this view" in screen.text
        until(lambda: "\x1b[1A" in screen.text, "it is painted over, not printed below")
        assert screen.process.wait(40) == codes.DONE
        screen.read_to_the_end()
        assert "Σ 30 = 30 synced + 0 in doubt + 0 quarantined" in screen.text


def test_without_a_terminal_a_run_prints_lines_that_differ(tmp_path: Path) -> None:
    with desk(tmp_path / "m", 30, target=SLOW) as it:
        done = it.type("run")
        assert done.code == codes.DONE
        said = [line[10:].rsplit("  ", 1)[0] for line in done.out.splitlines() if re.match(r"\d\d:\d\d:\d\d  ", line)]
        assert said
        assert len(said) == len(set(said))
        assert "\x1b" not in done.out


def test_a_run_that_is_held_says_so_and_what_resumes_it(tmp_path: Path) -> None:
    with desk(tmp_path / "m", 30, target=SLOW) as it:
        assert it.type("pause", "--reason", "the vendor calls").code == codes.DONE
        with it.screen("run") as screen:
            until(lambda: "the vendor calls → cutover resume" in " ".join(screen.text.split()), "the hold is shown")
        lines = it.begin("quarantine", "retry", "--detach")  # refused: a run goes on
        assert lines.wait(20) == codes.FAILED
        assert it.type("resume").code == codes.DONE


def test_a_terminal_too_small_for_all_waves_shows_those_that_are_not_over(tmp_path: Path) -> None:
    with desk(tmp_path / "m", 30, target=SLOW) as it, it.screen("run", columns=40, lines=8) as screen:
        until(lambda: "pilot" in screen.text, "the pilot is shown")
        assert screen.process.wait(40) == codes.DONE


def test_a_watched_status_is_painted_in_place_and_ctrl_c_ends_it_well(tmp_path: Path) -> None:
    with desk(tmp_path / "m", 3) as it, it.screen("status", "--watch") as screen:
        until(lambda: screen.text.count("engine idle") >= 2, "it is painted again")
        assert "\x1b[1A" in screen.text
        screen.process.send_signal(signal.SIGINT)
        assert screen.process.wait(10) == codes.DONE
        screen.read_to_the_end()
        assert "Traceback" not in screen.text


def test_a_watched_status_in_a_pipe_prints_only_what_is_new(tmp_path: Path) -> None:
    with desk(tmp_path / "m", 3) as it:
        watch = it.begin("status", "--watch")
        assert watch.stdout is not None
        assert b"engine idle" in watch.stdout.readline()
        it.client.post("/run", Receipt, Run(by="ana"))
        until(lambda: any(b"synced" in line for line in watch.stdout or ()), "the news")
        watch.send_signal(signal.SIGINT)
        assert watch.wait(10) == codes.DONE


def test_a_reader_that_goes_away_ends_it_without_a_word(tmp_path: Path) -> None:
    with desk(tmp_path / "m", 3) as it:
        for words in (["status", "--watch", "--json"], ["status"]):
            typed = it.begin(*words)
            assert typed.stdout is not None
            typed.stdout.close()
            assert typed.wait(20) == codes.READER_GONE


def test_two_commands_at_once_start_one_engine(tmp_path: Path) -> None:
    with desk(tmp_path / "m", 3) as it:
        both = [it.begin("status"), it.begin("status")]
        assert [one.wait(30) for one in both] == [codes.DONE, codes.DONE]


def test_a_folder_however_deep_is_reached(tmp_path: Path) -> None:
    with desk(tmp_path.joinpath(*["a-rather-long-name"] * 9), 3) as it:
        assert it.type("run", cwd=tmp_path).code == codes.USAGE
        assert it.type("run", "-C", str(it.folder), cwd=tmp_path).code == codes.DONE

"""Signing off at a terminal, and re-checking what was signed, over real processes."""

import json
import os
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

from cockpit import codes
from tests.cockpit.desk import Desk, Typed, command, desk, environment


def signed(it: Desk, *words: str) -> Typed:
    return it.type("sign", "--wave", "pilot", "--yes", "pilot", *words)


def test_a_wave_is_signed_and_its_manifest_holds(tmp_path: Path) -> None:
    with desk(tmp_path / "m", 12) as it:
        assert it.type("run").code == codes.DONE
        done = signed(it, "--note", "seen by the desk")
        assert (done.code, done.err) == (codes.DONE, "")
        assert "paper: 12 = 12 synced" in done.out
        assert "cutover manifest verify manifests/pilot-1.json" in done.out
        checked = it.type("manifest", "verify", "manifests/pilot-1.json")
        assert (checked.code, checked.err) == (codes.DONE, "")
        assert "✔ sum: 12 paper: each in one bucket" in checked.out
        assert "pilot-1.json is as it was signed." in checked.out
        assert "signed off" in it.type("status").out
        assert "wave signed_off pilot" in it.type("log").out
        assert stat.S_IMODE((it.folder / ".cutover" / "signing.key").stat().st_mode) == 0o600


def test_re_checking_needs_no_engine_and_no_migration_folder(tmp_path: Path) -> None:
    with desk(tmp_path / "m", 12) as it:
        it.type("run")
        signed(it)
        shutil.copytree(it.folder / "manifests", tmp_path / "elsewhere")
        done = it.type("manifest", "verify", "pilot-1.json", "--json", cwd=tmp_path / "elsewhere")
        assert done.code == codes.DONE
        assert done.json["ok"] is True
        assert [line["subject"] for line in done.json["lines"]] == [
            "signature",
            "page",
            "records",
            "counts",
            "sum",
            "chain",
        ]
        assert not (tmp_path / "elsewhere" / ".cutover").exists()


def test_a_manifest_that_does_not_hold_ends_with_1_and_says_what_does_not(tmp_path: Path) -> None:
    with desk(tmp_path / "m", 12) as it:
        it.type("run")
        signed(it)
        records = it.folder / "manifests" / "pilot-1.records"
        records.write_bytes(records.read_bytes().replace(b"synced", b"sinced", 1))
        done = it.type("manifest", "verify", "manifests/pilot-1.json")
        assert done.code == codes.FAILED
        assert "✘ records: pilot-1.records was changed: 1 of 256 leaves differ" in done.out
        assert it.type("manifest", "verify", "manifests/pilot-1.json", "--key", "00").code == codes.FAILED
        assert it.type("manifest", "verify", "manifests/pilot-7.json").code == codes.USAGE


def test_without_a_terminal_the_name_has_to_be_said_and_it_has_to_be_the_right_one(tmp_path: Path) -> None:
    with desk(tmp_path / "m", 12) as it:
        it.type("run")
        assert it.type("sign", "--wave", "pilot").code == codes.USAGE
        wrong = it.type("sign", "--wave", "pilot", "--yes", "rest")
        assert (wrong.code, wrong.err) == (codes.FAILED, "That is not pilot. Nothing was signed.\n")
        assert not (it.folder / "manifests").exists()


def test_a_wave_that_is_not_loaded_is_not_signed_and_it_says_what_to_type(tmp_path: Path) -> None:
    with desk(tmp_path / "m", 12) as it:
        done = signed(it, "--despite", "we are late")
        assert done.code == codes.FAILED
        assert "first: cutover run --wave pilot" in done.err


def test_at_a_terminal_the_name_is_asked_for_after_what_is_signed_was_shown(tmp_path: Path) -> None:
    with desk(tmp_path / "m", 12) as it:
        it.type("run")
        master, slave = os.openpty()
        try:
            os.write(master, b"pilot\n")
            done = subprocess.run(
                command(["sign", "--wave", "pilot"]),
                stdin=slave,
                capture_output=True,
                cwd=it.folder,
                env=environment(),
                timeout=60,
                check=False,
            )
        finally:
            os.close(master)
            os.close(slave)
        assert done.returncode == codes.DONE
        shown = done.stdout.decode()
        assert shown.index("12 synced") < shown.index("Type the wave's name") < shown.index("is signed off")
        assert json.loads((it.folder / "manifests" / "pilot-1.json").read_bytes())["number"] == 1


RULES = """
rules:
  - { rule: urgent, about: urgent ones are high, each: paper, when: 'source.priority == "1"',
      then: 'target.priority == "high"', gate: true, owner: desk }
  - { rule: owned, about: all have an owner, each: paper, then: 'target.owner != ""' }
"""


def test_rules_are_asked_by_a_verb_and_a_rule_that_fails_shows_in_the_exit_code(tmp_path: Path) -> None:
    with desk(tmp_path / "m", 12) as it:
        book = it.folder / "book.yaml"
        book.write_text(book.read_text() + RULES)
        assert "No rule was asked" in it.type("validate").out
        assert it.type("run").code == codes.DONE
        done = it.type("validate", "--wave", "pilot")
        assert done.code == codes.FAILED
        assert "✔ urgent: urgent ones are high (6 checked)" in done.out
        assert "▲ owned: all have an owner (12 checked, 6 fail)" in done.out
        assert "K000, K002" in done.out
        found = it.type("validate", "--json").json["results"]
        assert [(each["rule"], each["wave"], each["holds"]) for each in found][:2] == [
            ("urgent", "pilot", True),
            ("owned", "pilot", False),
        ]
        signed(it)
        assert (
            "| owned | all have an owner | warning |  | FAILS: 6 of 12 checked |"
            in (it.folder / "manifests" / "pilot-1.md").read_text()
        )


def test_a_gate_that_fails_ends_a_run_with_4(tmp_path: Path) -> None:
    with desk(tmp_path / "m", 12) as it:
        book = it.folder / "book.yaml"
        book.write_text(book.read_text() + RULES.replace("owned,", "owned, gate: true,"))
        run = it.type("run")
        assert run.code == codes.NEEDS_HUMAN
        assert "gate: owned (all have an owner): 6 of 12 fail" in run.out
        assert it.type("validate").code == codes.NEEDS_HUMAN
        refused = signed(it)
        assert refused.code == codes.FAILED
        assert "--despite" in refused.err
        assert signed(it, "--despite", "owners come later").code == codes.DONE


@pytest.mark.parametrize("when", ["before", "after"])
def test_an_engine_killed_while_it_signs_has_signed_or_has_not_and_the_next_knows(tmp_path: Path, when: str) -> None:
    with desk(tmp_path / "m", 12) as it:
        assert it.type("run").code == codes.DONE
        it.type("stop")
        killed = it.type("sign", "--wave", "pilot", "--yes", "pilot", env={"CUTOVER_CRASH_AT": f"{when}:sign:1"})
        assert killed.code == codes.NO_ENGINE
        again = signed(it)
        if when == "after":
            assert again.code == codes.FAILED
            assert "signed off already" in again.err
        else:
            assert again.code == codes.DONE
        assert sorted(path.name for path in (it.folder / "manifests").glob("*.json")) == ["pilot-1.json"]
        assert it.type("manifest", "verify", "manifests/pilot-1.json").code == codes.DONE

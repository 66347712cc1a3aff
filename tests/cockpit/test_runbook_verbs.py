"""The runbook from a command line: the same commands as from a screen, over the same socket."""

from __future__ import annotations

from pathlib import Path

from tests.cockpit.desk import Desk, desk, until

RUNBOOK = """
runbook: short
phases:
  - phase: ready
    title: Ready
    steps:
      - { step: notice, title: Tell everybody, owner: lead, minutes: 30, evidence: the link }
      - { step: quiet, title: No brake, gate: holds == 0, after: [notice] }
  - phase: moving
    title: Moving
    steps:
      - { step: run_pilot, title: Move the pilot, do: { run: pilot } }
      - { step: clean, title: Clean, gate: waves.pilot.quarantined <= 5, after: [run_pilot] }
      - { step: cab, title: Go?, owner: cab, approval: true, after: [clean] }
"""


def follow_a_runbook(it: Desk, text: str = RUNBOOK, people: str = "people: { lead: Ada, cab: Fay }") -> None:
    (it.folder / "runbook.yaml").write_text(text)
    with (it.folder / "migration.yaml").open("a") as file:
        file.write(f"{people}\nrunbook: runbook.yaml\n")


def test_a_runbook_is_followed_to_its_end_without_a_screen(tmp_path: Path) -> None:
    with desk(tmp_path / "m") as it:
        follow_a_runbook(it)
        done = it.type("runbook", "show")
        assert done.code == 0 and "▶ Ready (open, 0 of 2 steps)" in done.out and "· Moving (waiting" in done.out
        assert "☐ ready    notice  Tell everybody" in done.out and "its note must hold the link" in done.out
        assert "runbook tick notice --note TEXT" in done.out and "about 30 min" in done.out
        assert "Tell everybody" not in done.out.partition("Moving")[2]
        refused = it.type("runbook", "tick", "notice")
        assert refused.code == 1 and "wants a note that holds: the link" in refused.err
        assert "Next: run_pilot" in it.type("runbook", "tick", "notice", "--note", "https://x").out
        done = it.type("runbook", "start", "run_pilot")
        assert done.code == 0 and "Step run_pilot is running: run --wave pilot." in done.out
        until(lambda: "ready    cab" in it.type("runbook", "show").out, "the pilot is moved, and the gate passed")
        assert it.type("runbook", "tick", "cab", "--no-go", "--note", "the vendor is down").code == 0
        done = it.type("runbook", "show", "--all")
        assert "no-go by" in done.out and "the vendor is down" in done.out and "Blocked by cab" in done.out
        assert "notice" in done.out and "https://x" in done.out
        assert "The runbook is done." in it.type("runbook", "tick", "cab").out
        shown = it.type("runbook", "show", "--json").json
        assert shown["phase"] == "" and shown["phases"][1]["steps"][1]["facts"][0]["value"] == "0"
        log = it.type("log").out
        for words in ("step done", "gate passed", "step running", "approval no-go", "approval granted"):
            assert words in log


def test_what_was_said_outlives_the_engine(tmp_path: Path) -> None:
    with desk(tmp_path / "m") as it:
        follow_a_runbook(it)
        it.type("runbook", "tick", "notice", "--note", "sent")
        it.kill_engine()
        assert "✔ done     notice" in it.type("runbook", "show", "--all").out
        done = it.type("runbook", "tick", "notice", "--note", "again")
        assert done.code == 1 and "done already" in done.err


def test_a_skip_needs_a_reason_and_is_in_the_audit_trail(tmp_path: Path) -> None:
    with desk(tmp_path / "m") as it:
        follow_a_runbook(it)
        assert it.type("runbook", "skip", "notice").code == 2
        assert it.type("runbook", "skip", "notice", "--reason", " ").code == 2
        assert it.type("runbook", "skip", "notice", "--reason", "they know").code == 0
        assert "notice: they know" in it.type("log").out


def test_lint_tells_what_stands_in_a_runbook_and_what_is_wrong_with_it(tmp_path: Path) -> None:
    with desk(tmp_path / "m") as it:
        none = it.type("runbook", "lint")
        assert none.code == 2 and "runbook: runbook.yaml" in none.err
        none = it.type("runbook", "show")
        assert none.code == 1 and "has no runbook" in none.err
        follow_a_runbook(it, people="people: { lead: Ada }")
        done = it.type("runbook", "lint")
        assert done.code == 0 and "2 phases, 5 steps (1 by people, 1 automatic, 2 gates, 1 approval)" in done.out
        assert "warning:" in done.err and "nobody has the role 'cab'" in done.err
        (it.folder / "runbook.yaml").write_text(RUNBOOK.replace("quarantined <=", "quarantine <="))
        wrong = it.type("runbook", "lint")
        assert wrong.code == 2 and "runbook.yaml:13:" in wrong.err
        assert "did you mean 'waves.pilot.quarantined'?" in wrong.err

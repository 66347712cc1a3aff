"""Loading a runbook: what is wrong is told with its place, before the night."""

from __future__ import annotations

from pathlib import Path

import pytest

from runbooks.loader import load
from tests.runbooks.folder import MIGRATION, PLAYBOOK, RUNBOOK, change, fresh, line_of, problems

GATE = "        gate: holds == 0"


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (GATE, "        gate: hold == 0", "unknown fact 'hold'; did you mean 'holds'?"),
        (GATE, "        gate: waves.pilt.to_do == 0", "did you mean 'waves.pilot.to_do'?"),
        (GATE, "        gate: approvals.go_pilots == granted", "did you mean 'approvals.go_pilot'?"),
        (
            GATE,
            '        gate: approvals.go_pilot == "grantd"',
            "'grantd' is never said there; expected one of granted,",
        ),
        (GATE, '        gate: waves.pilot.state == "done"', "'done' is never said there; expected one of draft,"),
        (GATE, "        gate: holds = 0", "'=' is no sign of a gate; write =="),
        (GATE, "        gate: holds == 0 and in_doubt == 0", "'and' is no sign of a gate; write &&"),
        (GATE, '        gate: holds == "0"', "'==' between a whole number and text can never hold"),
        (GATE, "        gate: quarantined", "expected a comparison, such as quarantined <= 5, found a whole number"),
        (GATE, "        gate: quarantined * 0.5 < 3", "write a share so: quarantined * 100 <= records"),
        (GATE, "        gate: size(holds) == 0", "a gate compares facts and calls nothing"),
        (GATE, "        gate: (holds == 0", "expected ')', found the end of the sentence"),
        (GATE, "        gate: holds ==", "expected a fact or a value, found the end of the sentence"),
        (GATE, "        gate: holds == 0 }", "'}' cannot stand in a gate"),
        (GATE, "        gate: [holds == 0]", "expected text, found a list"),
        (GATE, f"{GATE}\n        do: {{ check: 0 }}", "a step is of one kind, here are do and gate"),
        (GATE, f"{GATE}\n        evidence: x", "'evidence' goes with steps that a person ticks, not with 'gate'"),
        (GATE, "        minutes: 0", "expected a number greater than 0"),
        (GATE, "", "missing key 'owner': the role that does this step, or decides"),
        (
            "do: { check: 3 }",
            "do: { check: 3, run: all }",
            "expected one verb of run, retry, pause, resume, check, found 2",
        ),
        ("do: { check: 3 }", "do: {}", "found none"),
        ("do: { check: 3 }", "do: { chek: 3 }", "did you mean 'check'?"),
        ("do: { check: 3 }", "run: pilot", "verbs go under 'do'"),
        (
            "do: { run: pilot }",
            "do: { run: pilt }",
            "unknown wave 'pilt'; expected one of pilot, emea, rest, all; did you",
        ),
        ("do: { run: pilot }", "do: { run: [pilot, al] }", "unknown wave 'al'"),
        ("do: { run: pilot }", "do: { run: [pilot, all] }", "'all' stands alone"),
        ("do: { retry: pilot }", "do: { retry: pilt }", "unknown wave 'pilt'"),
        ("after: [run_pilot]", "after: [run_pilt]", "unknown step 'run_pilt'"),
        ("after: [run_pilot]", "after: [cab]", "'cab' stands in a later phase, which would never open"),
        ("after: [run_pilot]", "after: [sign_pilot]", "the steps wait for each other: pilot_complete → sign_pilot → "),
        ("- step: run_emea", "- step: run_pilot", "the step 'run_pilot' is named already at"),
        ("- step: run_emea", "- step: Run-EMEA", "'Run-EMEA' is no id; expected small letters, digits and _"),
        ("- phase: waves", "- phase: pilot", "the phase 'pilot' is named already at"),
        ("runbook: standard", "runbok: standard", "did you mean 'runbook'?"),
    ],
)
def test_a_mistake_in_a_runbook_is_told_with_what_was_expected(tmp_path: Path, old: str, new: str, told: str) -> None:
    folder = fresh(tmp_path)
    text = (folder / RUNBOOK).read_text()
    (folder / RUNBOOK).write_text(text.replace(old, new, 1))
    found = problems(folder)
    assert any(told in each for each in found), found
    assert all(each.startswith(f"{RUNBOOK}:") for each in found)


def test_a_problem_of_a_gate_knows_its_line(tmp_path: Path) -> None:
    folder = fresh(tmp_path)
    change(folder, RUNBOOK, GATE, GATE.replace("holds", "hold"))
    assert problems(folder)[0].startswith(f"{RUNBOOK}:{line_of(folder, RUNBOOK, 'hold == 0')}:15: ")


def test_a_runbook_that_is_not_there_is_told_where_it_is_named(tmp_path: Path) -> None:
    folder = fresh(tmp_path)
    change(folder, MIGRATION, "runbook: runbook.yaml", "runbook: runbok.yaml")
    assert problems(folder)[0].startswith(f"{MIGRATION}:{line_of(folder, MIGRATION, 'runbook: runbok')}:")
    assert "there is no such file" in problems(folder)[0]


def test_a_wave_that_only_a_broken_playbook_knows_is_no_mistake_of_the_runbook(tmp_path: Path) -> None:
    folder = fresh(tmp_path)
    change(folder, PLAYBOOK, "  - wave: emea", "  - wav: emea")
    assert not [each for each in problems(folder) if each.startswith(RUNBOOK)]


def test_a_role_that_nobody_has_is_a_warning_once(tmp_path: Path) -> None:
    folder = fresh(tmp_path)
    change(folder, MIGRATION, "  cab: Fay\n", "")
    texts = [warning.text for warning in load(folder).warnings]
    assert texts == ["nobody has the role 'cab'; name somebody under 'people' in migration.yaml"]


def test_a_gate_on_the_end_of_a_window_that_nobody_declared_is_a_warning(tmp_path: Path) -> None:
    folder = fresh(tmp_path)
    change(folder, RUNBOOK, GATE, "        gate: window.minutes_left > 60")
    assert "migration.yaml declares no window" in load(folder).warnings[0].text
    change(
        folder, MIGRATION, "migration: s", "window: { from: 2026-11-21 20:00, until: 2026-11-22 06:00 }\nmigration: s"
    )
    assert load(folder).warnings == ()


def test_the_version_is_of_what_a_runbook_means(tmp_path: Path) -> None:
    folder = fresh(tmp_path)
    first = load(folder).runbook
    change(folder, RUNBOOK, "runbook: standard", "# a remark\nrunbook: standard")
    second = load(folder).runbook
    change(folder, RUNBOOK, GATE, "        gate: holds <= 1")
    third = load(folder).runbook
    assert first and second and third
    assert first.version == second.version != third.version


def test_a_folder_without_a_runbook_loads(tmp_path: Path) -> None:
    folder = fresh(tmp_path)
    change(folder, MIGRATION, "runbook: runbook.yaml", "")
    migration = load(folder)
    assert migration.runbook is None and migration.warnings == ()

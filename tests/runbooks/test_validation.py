"""Rules in a playbook: what is wrong is told with its place, before anything runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from runbooks.loader import load
from runbooks.validation import ValidationRule, seconds
from tests.runbooks.folder import PLAYBOOK, fresh, line_of, problems

RULES = """
rules:
  - rule: first
    about: what must be true
    severity: critical
    owner: desk
    gate: true
    each: incident
    when: 'source.priority == "1"'
    then: 'target.status != ""'
  - { rule: second, about: nothing is lost, counts: incident }
"""


def with_rules(tmp_path: Path, old: str = "", new: str = "") -> Path:
    folder = fresh(tmp_path)
    text = (folder / PLAYBOOK).read_text(encoding="utf-8").rstrip()
    assert not old or RULES.count(old) == 1
    (folder / PLAYBOOK).write_text(f"{text}\n{RULES.replace(old, new) if old else RULES}", encoding="utf-8")
    return folder


def test_rules_are_read_as_they_stand(tmp_path: Path) -> None:
    first, second = load(with_rules(tmp_path)).playbooks[0].rules
    assert (first.rule, first.gate, first.severity, first.entity) == ("first", True, "critical", "incident")
    assert (second.counts, second.severity, second.gate, second.sample, second.at_most) == (
        "incident",
        "warning",
        False,
        2_000,
        "2 min",
    )


def test_a_playbook_without_rules_keeps_its_version_and_a_rule_gives_it_another(tmp_path: Path) -> None:
    without = load(fresh(tmp_path / "a")).playbooks[0]
    assert without.rules == ()
    assert load(with_rules(tmp_path / "b")).playbooks[0].version != without.version


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("each: incident", "each: incidnt", "unknown entity 'incidnt'; expected one of incident"),
        ("counts: incident", "counts: problem", "unknown entity 'problem'"),
        ("target.status", "target.statu", "no rule makes the target field 'statu'; did you mean 'status'?"),
        ("source.priority ==", "target.priority ==", "'when' asks the source only; ask the target in 'then'"),
        ("severity: critical", "severity: critcal", "did you mean 'critical'?"),
        ("    gate: true", "    gated: true", "unknown key 'gated'"),
        ("rule: second", "rule: first", "the rule 'first' is named already at"),
        ("counts: incident", "holds: quarantind == 0", "unknown fact 'quarantind'; did you mean 'quarantined'?"),
        ("counts: incident", "holds: quarantined = 0", "'=' is no sign of a gate; write =="),
        ("counts: incident", "holds: waves_left == 0", "unknown fact 'waves_left'"),
        ("counts: incident", "owner: x", "a rule is one of counts, references, children, holds, each, and none of"),
        ("counts: incident", "counts: incident, children: incident", "counts and children is given; give one"),
        ("counts: incident", "counts: incident, then: 'true'", "'then' goes with 'each'; take it out"),
        ("counts: incident", "each: incident", "'each' has a 'then' or a 'within', and neither is given"),
        ("counts: incident", "each: incident, within: 5 minutes, created: opened_at", "'5 minutes' is no duration"),
        ("counts: incident", "each: incident, within: 5 min", "'within' goes with 'created'"),
        ("counts: incident", "each: incident, then: 'true', created: opened_at", "'created' goes with 'within'"),
        ("counts: incident", "counts: incident, sample: 0", "expected a number greater than or equal to 1"),
        ("    about: what must be true\n", "", "missing key 'about': the sentence people read"),
        ("    when:", "    if:", "write 'when' for the records it is about"),
    ],
)
def test_what_is_wrong_with_a_rule_is_told_with_its_line(tmp_path: Path, old: str, new: str, told: str) -> None:
    folder = with_rules(tmp_path, old, new)
    found = problems(folder)
    assert any(told in each for each in found), found
    first = line_of(folder, PLAYBOOK, "rules:")
    assert all(int(each.split(":")[1]) > first for each in found), found


def test_a_target_field_that_no_rule_makes_may_be_asked_for(tmp_path: Path) -> None:
    assert load(with_rules(tmp_path, "target.status", "target.customfield_99999")).playbooks[0].rules


def test_a_side_inside_a_text_is_text(tmp_path: Path) -> None:
    assert load(with_rules(tmp_path, '"1"\'', '"target.x"\'')).playbooks[0].rules


@pytest.mark.parametrize(("text", "value"), [("30 s", 30), ("5 min", 300), ("1.5 h", 5400), ("2d", 172_800)])
def test_a_duration_is_a_number_and_a_unit(text: str, value: float) -> None:
    assert seconds(text) == value


def test_a_rule_is_about_the_entity_it_names_and_one_over_facts_about_none() -> None:
    assert ValidationRule(rule="r", about="a", references="x").entity == "x"
    assert ValidationRule(rule="r", about="a", holds="quarantined == 0").entity is None

"""Known defects in a playbook: read as they stand, wrong ones told with their place, remedied before the rules."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from connectors.kit.contract import Record
from engine.mapping import Mapped, Mapper, MappingError, Refused, compile_entity
from runbooks.loader import load
from runbooks.playbook import EntityPair
from tests.runbooks.folder import PLAYBOOK, change, fresh, line_of, problems

DEFECTS = """
    defects:
      - defect: p5
        about: priority 5 counts as low
        severity: info
        when: { priority: ["5", "P5"] }
        set: { priority: "4" }
      - defect: nameless
        about: the description stands in
        when: 'short_description == "" && has(description)'
        set: { short_description: { cel: 'description.upper()' } }
"""


def with_defects(tmp_path: Path, old: str = "", new: str = "") -> Path:
    folder = fresh(tmp_path)
    text = DEFECTS.replace(old, new) if old else DEFECTS
    assert text != DEFECTS or not old
    change(folder, PLAYBOOK, "    label: number #", f"{text.strip(chr(10))}\n    label: number #")
    return folder


def pair(defects: list[dict[str, Any]], **more: Any) -> EntityPair:
    return EntityPair.model_validate(
        {
            "entity": "ticket",
            "source": {"system": "left", "entity": "incident"},
            "target": {"system": "right", "entity": "issue"},
            "fields": {"title": "name", "priority": {"from": "priority", "map": {"1": "High", "4": "Low"}}},
            "defects": defects,
            **more,
        }
    )


def mapper(defects: list[dict[str, Any]], **more: Any) -> Mapper:
    return compile_entity(pair(defects, **more), where=str, secret=b"secret")


def mapped(defects: list[dict[str, Any]], fields: dict[str, Any]) -> Mapped | Refused:
    return mapper(defects).map([Record("k", "1", fields)], {})[0]


P5 = {"defect": "p5", "about": "counts as low", "when": {"priority": ["5", "P5"]}, "set": {"priority": "4"}}


# ---------------------------------------------------------------- the file


def test_defects_are_read_as_they_stand(tmp_path: Path) -> None:
    first, second = load(with_defects(tmp_path)).playbooks[0].entities[0].defects
    assert (first.defect, first.severity, first.when) == ("p5", "info", {"priority": ("5", "P5")})
    assert (second.severity, isinstance(second.when, str)) == ("warning", True)


def test_a_playbook_without_defects_keeps_its_version_and_a_defect_gives_it_another(tmp_path: Path) -> None:
    assert load(with_defects(tmp_path / "a")).playbooks[0].version != load(fresh(tmp_path / "b")).playbooks[0].version


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('set: { priority: "4" }', 'set: { priorty: "4" }', "no rule of this entity reads 'priorty'"),
        ('set: { priority: "4" }', 'set: { priorty: "4" }', "did you mean 'priority'?"),
        ("severity: info", "severity: inf", "did you mean 'info'?"),
        (
            "when: { priority:",
            "wen: { priority:",
            "unknown key 'wen'; expected one of defect, about, severity, when, set; did you mean 'when'?",
        ),
        ('set: { priority: "4" }', 'remedy: { priority: "4" }', "write 'set' for what is put in its place"),
        ('["5", "P5"]', "[5]", "'priority' is matched as text; write its values in quotes"),
        ("defect: nameless", "defect: p5", "the defect 'p5' is named already at"),
        ('set: { priority: "4" }', "set: {}", "expected at least one entry"),
        (
            'set: { priority: "4" }',
            "set: { priority: { from: priority, person: true } }",
            "'person' asks the target, which 'fields' do",
        ),
    ],
)
def test_what_is_wrong_with_a_defect_is_told_with_its_line(tmp_path: Path, old: str, new: str, told: str) -> None:
    folder = with_defects(tmp_path, old, new)
    found = [line for line in problems(folder) if told in line]
    assert found, problems(folder)
    first = line_of(folder, PLAYBOOK, "defects:")
    assert first < int(found[0].split(":")[1]) < first + 12


def test_an_expression_that_cannot_be_used_is_told_with_its_place() -> None:
    wrong = {**P5, "when": "priority === '5'"}
    with pytest.raises(MappingError, match=r"\('defects', 0, 'when'\)"):
        mapper([wrong])


# ---------------------------------------------------------------- a record


def test_a_value_that_fits_is_replaced_before_the_rules_and_the_defect_is_named() -> None:
    done = mapped([P5], {"priority": "P5", "name": "x"})
    assert isinstance(done, Mapped)
    assert (done.fields["priority"], done.defects) == ("Low", ("p5",))


def test_the_record_that_was_read_stays_as_it_is() -> None:
    fields = {"priority": "5", "name": "x"}
    mapped([P5], fields)
    assert fields == {"priority": "5", "name": "x"}


def test_a_record_without_the_defect_is_not_touched() -> None:
    done = mapped([P5], {"priority": "1", "name": "x"})
    assert isinstance(done, Mapped) and done.fields["priority"] == "High" and done.defects == ()


def test_each_defect_sees_what_those_before_it_have_set() -> None:
    then = {"defect": "low", "about": "a", "when": 'priority == "4"', "set": {"name": {"template": "low {name}"}}}
    done = mapped([P5, then], {"priority": "5", "name": "x"})
    assert isinstance(done, Mapped)
    assert (done.fields["title"], done.defects) == ("low x", ("p5", "low"))


def test_all_fields_that_are_matched_must_fit_and_an_empty_one_is_no_text() -> None:
    both = {**P5, "when": {"priority": "5", "name": ""}}
    one, other = mapped([both], {"priority": "5", "name": None}), mapped([both], {"priority": "5", "name": "x"})
    assert one.defects == ("p5",) and other.defects == ()


def test_a_record_that_is_refused_still_tells_its_defects() -> None:
    named = {"defect": "named", "about": "a", "when": 'name == "x"', "set": {"name": "y"}}
    done = mapped([named], {"priority": "9", "name": "x"})
    assert isinstance(done, Refused) and done.defects == ("named",)


def test_a_defect_that_fails_on_a_record_refuses_it_with_a_cause_without_values() -> None:
    done = mapped([{**P5, "when": "int(name) > 3"}], {"priority": "5", "name": "secret"})
    assert isinstance(done, Refused)
    assert done.cause.startswith("defect p5: ") and "secret" not in done.cause


def test_a_dotted_field_that_is_set_wins_over_the_object_it_walks() -> None:
    defects = [{"defect": "d", "about": "a", "when": {"group.name": "old"}, "set": {"group.name": "new"}}]
    one = mapper(defects, fields={"group": "group.name"})
    (done,) = one.map([Record("k", "1", {"group": {"name": "old"}})], {})
    assert isinstance(done, Mapped) and done.fields == {"group": "new"}


def test_the_fields_that_a_defect_asks_for_are_read_and_its_people_are_looked_up() -> None:
    moved = {"defect": "gone", "about": "a", "when": {"active": "0"}, "set": {"caller": "desk"}}
    one = mapper([moved], fields={"reporter": {"from": "caller", "person": True}})
    assert "active" in one.needs
    assert one.people_in([Record("k", "1", {"active": "0", "caller": "ana"})]) == {"desk"}

"""The schemas editors use, and the folder that `init` writes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from runbooks.document import read
from runbooks.errors import InitError
from runbooks.library import init, runbooks, templates
from runbooks.loader import load
from runbooks.schema import KINDS, schema
from tests.runbooks.folder import MIGRATION, PLAYBOOK, RUNBOOK, change, fresh

FILES = {"migration": MIGRATION, "playbook": PLAYBOOK, "runbook": RUNBOOK}


def complaints(kind: str, value: Any) -> list[str]:
    return [error.message for error in Draft202012Validator(schema(kind)).iter_errors(value)]


@pytest.mark.parametrize("kind", list(KINDS))
def test_a_schema_is_valid_and_the_librarys_file_fits_it(tmp_path: Path, kind: str) -> None:
    Draft202012Validator.check_schema(schema(kind))
    assert complaints(kind, read(fresh(tmp_path) / FILES[kind], "x").root.value) == []


@pytest.mark.parametrize(
    ("kind", "old", "new"),
    [
        ("migration", "    connector: jira", "    conector: jira"),
        ("migration", "      concurrency: 8", "      concurrency: many"),
        ("migration", "playbooks:\n  - playbooks/incidents.yaml", "playbooks: x"),
        ("playbook", "summary: short_description", "summary: { form: a }"),
        ("playbook", "summary: short_description", "summary: { from: a, cel: b }"),
        ("playbook", "summary: short_description", "summary: { when: [{ if: a, then: { b: 1 } }] }"),
        ("playbook", "      from: state", "      form: state"),
        ("playbook", "rich_text: { from: plain,", "rich_text: { from: plane,"),
        ("playbook", "  - wave: emea", "  - wav: emea"),
        ("runbook", "      - step: profile_data", "      - stp: profile_data"),
        ("runbook", "        do: { run: pilot }", "        do: { run: 5 }"),
        ("runbook", "        gate: holds == 0", "        gate: [holds]"),
    ],
)
def test_what_the_loader_refuses_an_editor_underlines(tmp_path: Path, kind: str, old: str, new: str) -> None:
    folder = fresh(tmp_path)
    change(folder, FILES[kind], old, new)
    assert complaints(kind, read(folder / FILES[kind], "x").root.value)


@pytest.mark.parametrize("kind", list(KINDS))
def test_every_key_is_described(kind: str) -> None:
    made = schema(kind)
    for shape in [made, *made["$defs"].values()]:
        for name, entry in shape.get("properties", {}).items():
            assert entry.get("description"), f"{shape.get('title')}.{name}"


def test_another_kind_has_no_schema() -> None:
    with pytest.raises(KeyError):
        schema("integration")


def test_init_writes_a_folder_that_loads_and_keeps_state_out_of_version_control(tmp_path: Path) -> None:
    written = init("servicenow-to-jira", tmp_path / "a/b")
    names = [str(each.relative_to(tmp_path / "a/b")) for each in written]
    schemas = [f".schema/{kind}.json" for kind in KINDS]
    assert names == ["README.md", MIGRATION, PLAYBOOK, *schemas, RUNBOOK, ".gitignore"]
    assert (tmp_path / "a/b/.gitignore").read_text() == ".cutover/\n"
    readme = (tmp_path / "a/b/README.md").read_text()
    assert all(command in readme for command in ("cutover check", "cutover plan", "cutover run"))
    load(tmp_path / "a/b")


@pytest.mark.parametrize("kind", list(KINDS))
def test_a_file_names_the_schema_that_lies_beside_it(tmp_path: Path, kind: str) -> None:
    path = fresh(tmp_path) / FILES[kind]
    named = path.read_text().splitlines()[0].removeprefix("# yaml-language-server: $schema=")
    assert json.loads((path.parent / named).read_text()) == schema(kind)


def test_init_overwrites_nothing(tmp_path: Path) -> None:
    (tmp_path / MIGRATION).write_text("mine")
    with pytest.raises(InitError, match=r"Nothing was written: .*migration\.yaml would be overwritten"):
        init("servicenow-to-jira", tmp_path)
    assert [each.name for each in tmp_path.iterdir()] == [MIGRATION]


def test_init_adds_to_a_gitignore_that_is_there(tmp_path: Path) -> None:
    (tmp_path / ".gitignore").write_text("*.log")
    init("servicenow-to-jira", tmp_path)
    assert (tmp_path / ".gitignore").read_text() == "*.log\n.cutover/\n"


def test_init_of_an_unknown_template_names_the_nearest(tmp_path: Path) -> None:
    assert templates() == ["servicenow-to-jira"]
    with pytest.raises(InitError, match="did you mean 'servicenow-to-jira'"):
        init("service-now-to-jira", tmp_path)


def test_init_writes_the_runbook_that_is_asked_for(tmp_path: Path) -> None:
    assert runbooks() == ["coexistence", "standard", "weekend"]
    for name in runbooks():
        init("servicenow-to-jira", tmp_path / name, name)
        migration = load(tmp_path / name)
        assert migration.runbook is not None and migration.runbook.runbook == name
        assert migration.warnings == ()
    with pytest.raises(InitError, match="did you mean 'weekend'"):
        init("servicenow-to-jira", tmp_path / "x", "weekends")


def test_init_into_a_file_says_where_it_stopped(tmp_path: Path) -> None:
    (tmp_path / "f").write_text("")
    with pytest.raises(InitError, match="cannot be written"):
        init("servicenow-to-jira", tmp_path / "f")

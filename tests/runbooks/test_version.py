"""A playbook's version: the hash of what it says, not of how it is written."""

from __future__ import annotations

from pathlib import Path

import pytest

from runbooks.loader import load
from tests.runbooks.folder import PLAYBOOK, change, fresh


def version(folder: Path) -> str:
    return load(folder).playbooks[0].version


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("playbook: incidents", "# a comment\n\nplaybook:   'incidents'"),
        ("summary: short_description", "summary: { from: short_description }"),
        ("        else: DESK", "        else: { constant: DESK }"),
        ("        else: quarantine # or: keep, drop, or a value", ""),
        ("    after: [pilot]", "    chunk: 500\n    after:\n      - pilot"),
        ('map: { "1": Incident, "2": Incident }', "map:\n          2: Incident\n          1: Incident"),
        ("      summary: short_description\n      customfield_10050: number\n",
         "      customfield_10050: number\n      summary: short_description\n"),
    ],
)  # fmt: skip
def test_writing_the_same_otherwise_is_the_same_version(tmp_path: Path, old: str, new: str) -> None:
    folder = fresh(tmp_path)
    before = version(folder)
    change(folder, PLAYBOOK, old, new)
    assert version(folder) == before


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("        else: Task", "        else: Bug"),
        ("        else: Task", '        else: "3"'),
        ("summary: short_description", "summary: { from: short_description, default: null }"),
        ("summary: short_description", "summary: { constant: short_description }"),
        ("summary: short_description", "summary: { from: short_description, truncate: 255 }"),
        ("        else: DESK", "        default: null\n        else: DESK"),
        ("        else: DESK", ""),
        ("        else: DESK", "        else: null"),
        ("    after: [pilot]", "    after: [pilot]\n    chunk: 499"),
        ("resolution: { from: close_code", "resolution: { from: close_notes"),
        ("          - constant: migrated\n", ""),
        ("        link: Relates", "        field: parent"),
    ],
)
def test_saying_something_else_is_another_version(tmp_path: Path, old: str, new: str) -> None:
    folder = fresh(tmp_path)
    before = version(folder)
    change(folder, PLAYBOOK, old, new)
    assert version(folder) != before


def test_no_else_and_an_else_of_null_differ(tmp_path: Path) -> None:
    folder = fresh(tmp_path)
    change(folder, PLAYBOOK, "        else: DESK", "        else: null")
    null = version(folder)
    change(folder, PLAYBOOK, "        else: null\n", "")
    assert version(folder) != null


def test_a_version_is_the_beginning_of_a_digest(tmp_path: Path) -> None:
    playbook = load(fresh(tmp_path)).playbooks[0]
    assert len(playbook.digest) == 64 and playbook.version == playbook.digest[:12]

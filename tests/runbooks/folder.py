"""A migration folder for tests: the library's own, with one thing changed at a time."""

from __future__ import annotations

from pathlib import Path

import pytest

from runbooks.errors import LoadError
from runbooks.library import init
from runbooks.loader import load

PLAYBOOK = "playbooks/incidents.yaml"
MIGRATION = "migration.yaml"
RUNBOOK = "runbook.yaml"


def fresh(tmp_path: Path) -> Path:
    """A new folder from the library."""
    folder = tmp_path / "m"
    init("servicenow-to-jira", folder)
    return folder


def change(folder: Path, file: str, old: str, new: str) -> None:
    """Replace `old`, which stands in the file once, by `new`."""
    text = (folder / file).read_text(encoding="utf-8")
    assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {file}"
    (folder / file).write_text(text.replace(old, new), encoding="utf-8")


def problems(folder: Path) -> list[str]:
    """What is wrong with the folder: `file:line:column: text`, files relative to it."""
    with pytest.raises(LoadError) as caught:
        load(folder)
    return [str(each).removeprefix(f"{folder}/") for each in caught.value.problems]


def line_of(folder: Path, file: str, text: str) -> int:
    """The line, from 1, in which `text` first stands."""
    lines = (folder / file).read_text(encoding="utf-8").splitlines()
    return next(number for number, line in enumerate(lines, 1) if text in line)

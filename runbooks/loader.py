"""Loads a migration folder: reads, models, checks. Everything that is wrong is told at once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from runbooks import checks, defects, order, secrets, validation
from runbooks.base import Model
from runbooks.document import Document, is_there, read
from runbooks.errors import LoadError, Problem
from runbooks.explain import explain
from runbooks.migration import FILE, Migration, MigrationFile
from runbooks.playbook import Playbook
from runbooks.runbook import Runbook
from runbooks.walk import found

M = TypeVar("M", bound=Model)


def load(folder: Path) -> Migration:
    """The migration in `folder`. Raises LoadError with every problem of every file; no secret is resolved."""
    name = str(folder / FILE)
    if not is_there(folder) or not folder.is_dir():
        what = "is a file" if is_there(folder) else "does not exist"
        text = f"{folder} {what}; expected a folder with {FILE}. `cutover init` makes one"
        raise LoadError([Problem(name, 1, 1, text)])
    problems: list[Problem] = []
    document = _document(folder / FILE, name, problems)
    if document is None:
        raise LoadError(problems)
    file = _model(MigrationFile, document, problems)
    listed = _playbooks(document)
    documents = list(_documents(folder, document, problems))
    playbooks = [_model(Playbook, each, problems) for each in documents]
    systems = _systems(document)
    if systems:  # else that is the problem, and told above
        problems += checks.systems_known(documents, systems)
    problems += checks.names_used_once(documents)
    if len(documents) == len(listed):  # a name may stand in a file that could not be read
        problems += checks.entities_known(documents)
        problems += checks.waves_in_order(documents)
        problems += validation.problems(documents)
        problems += defects.problems(documents)
    sound = not problems
    plan = _runbook_document(folder, document, problems)
    runbook = _model(Runbook, plan, problems) if plan is not None else None
    if plan is not None:
        problems += order.ids_used_once(plan)
        problems += order.steps_in_order(plan)
        if sound:  # else a wave may be unknown only because its playbook is wrong
            waves = [named.name for named in found(documents, "waves", "*", "wave")]
            problems += order.waves_known(plan, waves)
            problems += order.gates_hold_water(plan, waves)
    if file is not None:
        problems += checks.references_in_place(document, file)
    if problems or file is None:
        raise LoadError(problems)
    pairs = [(each, at) for each, at in zip(playbooks, documents, strict=True) if each is not None]
    return _migration(folder, file, document, pairs, runbook, plan)


def _migration(
    folder: Path,
    file: MigrationFile,
    document: Document,
    playbooks: list[tuple[Playbook, Document]],
    runbook: Runbook | None,
    plan: Document | None,
) -> Migration:
    documents = {"": document} | {playbook.playbook: at for playbook, at in playbooks}
    warnings = [each for one in documents.values() for each in one.warnings]
    if plan is not None:
        warnings += plan.warnings
        warnings += order.roles_filled(plan, file.people)
        warnings += order.window_declared(plan, bool(file.window))
    return Migration(
        folder=folder,
        name=file.migration,
        systems=file.systems,
        windows=file.window,
        people=file.people,
        playbooks=tuple(playbook for playbook, _ in playbooks),
        warnings=(*warnings, *_wide(folder, document, file)),
        documents=documents,
        runbook=runbook,
        runbook_file=folder / file.runbook if file.runbook is not None else None,
        metrics=file.metrics,
        vault=file.vault,
    )


def _wide(folder: Path, document: Document, file: MigrationFile) -> Iterator[Problem]:
    yield from secrets.wide_files(("vault",), file.vault or "", document, folder)
    for name, system in file.systems.items():
        yield from secrets.wide_files(("systems", name, "url"), system.url, document, folder)
        for key, value in system.auth.values.items():
            yield from secrets.wide_files(("systems", name, "auth", key), value, document, folder)


def _document(path: Path, name: str, problems: list[Problem]) -> Document | None:
    try:
        return read(path, name)
    except LoadError as error:
        problems += error.problems
        return None


def _model(kind: type[M], document: Document, problems: list[Problem]) -> M | None:
    try:
        return kind.model_validate(document.root.value)
    except ValidationError as error:
        problems += explain(error, document)
        return None


def _documents(folder: Path, document: Document, problems: list[Problem]) -> Iterator[Document]:
    seen: set[Path] = set()
    for index, listed in _playbooks(document):
        path = folder / listed
        if path in seen:
            problems.append(document.problem(("playbooks", index), f"{listed} is listed twice; take one out"))
            continue
        seen.add(path)
        before = len(problems)
        found = _document(path, str(path), problems)
        if found is not None:
            yield found
        elif not is_there(path):  # the mistake is in the list, not in the file
            problems[before:] = [document.problem(("playbooks", index), f"{problems[before].text}: {listed}")]


def _runbook_document(folder: Path, document: Document, problems: list[Problem]) -> Document | None:
    top = document.root.value
    listed = top.get("runbook") if isinstance(top, dict) else None
    if not isinstance(listed, str) or not listed:
        return None
    path = folder / listed
    before = len(problems)
    plan = _document(path, str(path), problems)
    if plan is None and not is_there(path):  # the mistake is in the name, not in the file
        problems[before:] = [document.problem(("runbook",), f"{problems[before].text}: {listed}")]
    return plan


# What migration.yaml names is taken from the file itself, so that one mistake in it does not hide those in playbooks.


def _playbooks(document: Document) -> list[tuple[int, str]]:
    top = document.root.value
    listed = top.get("playbooks") if isinstance(top, dict) else None
    return [(i, each) for i, each in enumerate(listed) if isinstance(each, str)] if isinstance(listed, list) else []


def _systems(document: Document) -> list[str]:
    top = document.root.value
    systems = top.get("systems") if isinstance(top, dict) else None
    return list(systems) if isinstance(systems, dict) else []

"""The workflow: which steps lead from one status to another, and what their screens ask for."""

from __future__ import annotations

from dataclasses import dataclass

from connectors.rehearsal.jira.catalogue import STATUSES, Status, by_name


@dataclass(frozen=True, slots=True)
class Step:
    """One transition. `screen`: it shows a screen that requires a resolution. `reopens`: it clears the resolution."""

    id: str
    name: str
    origin: str
    target: str
    screen: bool = False
    reopens: bool = False

    @property
    def to(self) -> Status:
        status = by_name(STATUSES, self.target)
        assert status
        return status


FIRST = by_name(STATUSES, "To Do") or next(iter(STATUSES.values()))

_STANDARD = (
    Step("11", "Start work", "To Do", "In Progress"),
    Step("21", "Put on hold", "In Progress", "On Hold"),
    Step("31", "Resume work", "On Hold", "In Progress"),
    Step("41", "Resolve", "In Progress", "Done", screen=True),
    Step("51", "Reopen", "Done", "Reopened", reopens=True),
    Step("61", "Start again", "Reopened", "In Progress"),
    Step("71", "Stop work", "In Progress", "To Do"),
)
_SIMPLE = (
    Step("11", "To progress", "To Do", "In Progress"),
    Step("21", "Finish", "In Progress", "Done"),
    Step("31", "Back to do", "Done", "To Do", reopens=True),
)


def workflow_of(type_name: str) -> tuple[Step, ...]:
    return _SIMPLE if type_name == "Sub-task" else _STANDARD


def steps_from(type_name: str, status: Status) -> list[Step]:
    return [step for step in workflow_of(type_name) if step.origin == status.name]


def statuses_of(type_name: str) -> list[Status]:
    names = {FIRST.name} | {step.target for step in workflow_of(type_name)}
    return [status for status in STATUSES.values() if status.name in names]

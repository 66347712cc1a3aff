"""Where each step of a runbook stands: from its file, what was said about its steps, and what holds. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from engine.model import OVER, Mark, StepState
from runbooks.facts import GRANTED, OPEN, REFUSED
from runbooks.runbook import Phase, Runbook, Step


class Standing(NamedTuple):
    """One step, and what keeps it from being done now."""

    phase: Phase
    step: Step
    state: StepState
    is_open: bool  # its phase: every phase before it is over
    waits_for: tuple[str, ...]  # ids of predecessors that are not over
    no_go: str  # the id of another step of its phase, an approval that was refused


def standings(
    runbook: Runbook, marks: Mapping[str, Mark], beginning: frozenset[str], holds: Callable[[str], bool]
) -> dict[str, Standing]:
    """Every step in the order of the file. `beginning`: being started now; `holds`: whether this gate does."""
    found: dict[str, Standing] = {}
    is_open = True
    for phase in runbook.phases:
        refused = next((step.step for step in phase.steps if _refused(step, marks)), "")
        for step in phase.steps:
            waits_for = tuple(name for name in step.after if name not in marks or marks[name].state not in OVER)
            there = Standing(phase, step, StepState.READY, is_open, waits_for, "" if refused == step.step else refused)
            found[step.step] = there._replace(state=_state(there, marks.get(step.step), beginning, holds))
        is_open = is_open and over(phase, marks)
    return found


def over(phase: Phase, marks: Mapping[str, Mark]) -> bool:
    """Whether every step of it is done or skipped."""
    return all(step.step in marks and marks[step.step].state in OVER for step in phase.steps)


def open_phase(runbook: Runbook, marks: Mapping[str, Mark]) -> Phase | None:
    """The first phase that is not over; None when all are."""
    return next((phase for phase in runbook.phases if not over(phase, marks)), None)


def approvals(runbook: Runbook, marks: Mapping[str, Mark]) -> dict[str, str]:
    """What each approval says. One that was skipped was not granted."""
    words = {StepState.DONE: GRANTED, StepState.BLOCKED: REFUSED}
    return {step: words.get(marks[step].state, OPEN) if step in marks else OPEN for step in runbook.approvals()}


def _refused(step: Step, marks: Mapping[str, Mark]) -> bool:
    return step.kind == "approval" and step.step in marks and marks[step.step].state is StepState.BLOCKED


def _counts(mark: Mark, step: Step) -> bool:
    """What was said about a step of another kind, before its file was edited, counts only where it is over."""
    if mark.state is StepState.BLOCKED:
        return step.kind == "approval"
    return mark.state in OVER or step.kind == "automatic"


def _state(there: Standing, mark: Mark | None, beginning: frozenset[str], holds: Callable[[str], bool]) -> StepState:
    step = there.step
    if step.step in beginning:
        return StepState.RUNNING
    if mark is not None and _counts(mark, step):
        return mark.state
    if not there.is_open or there.waits_for:
        return StepState.WAITING
    if there.no_go or (step.kind == "gate" and not holds(step.step)):
        return StepState.BLOCKED
    return StepState.READY

"""Whether a step of the runbook may be ticked or started now; if not, why, and what to type instead. Pure."""

from __future__ import annotations

from engine.errors import Refused
from engine.model import Mark, StepState
from engine.steps import Standing
from engine.wire import Tick
from runbooks.runbook import Do


def refuse_tick(there: Standing, command: Tick, mark: Mark | None) -> None:
    """Raises Refused when this tick makes no sense now."""
    step, note = there.step, command.note.strip()
    if step.kind == "automatic":
        raise Refused(f"Step {step.step} is automatic. Type: cutover runbook start {step.step}")
    if step.kind == "gate":
        raise Refused(
            f"Step {step.step} is a gate: it passes by itself when this holds: {step.gate}. "
            f"To go on without it: cutover runbook skip {step.step} --reason WHY"
        )
    if step.kind == "manual" and not command.go:
        raise Refused(f"Step {step.step} is no approval: only an approval has a no-go. All steps: cutover runbook show")
    if mark is not None and mark.state is StepState.DONE and command.go:
        raise Refused(over_already(there, mark))
    if not command.go and not note:
        raise Refused(f"Say why not: cutover runbook tick {step.step} --no-go --note WHY")
    _refuse_out_of_turn(there)
    if step.evidence and not note:
        raise Refused(
            f"Step {step.step} wants a note that holds: {step.evidence}. "
            f"Type: cutover runbook tick {step.step} --note TEXT"
        )


def refuse_start(there: Standing, mark: Mark | None) -> Do:
    """What this automatic step does. Raises Refused when it may not begin now."""
    step = there.step
    if step.do is None:
        how = (
            "it passes by itself"
            if step.kind == "gate"
            else f"a person does it, then: cutover runbook tick {step.step}"
        )
        raise Refused(f"Step {step.step} is not automatic: {how}")
    if there.state is StepState.RUNNING:
        raise Refused(f"Step {step.step} is running already. Watch: cutover status --watch")
    if mark is not None and mark.state is StepState.DONE:
        again = f"To do it once more by hand: cutover {step.do.verb}"
        raise Refused(f"{over_already(there, mark)} {again}")
    _refuse_out_of_turn(there)
    return step.do


def over_already(there: Standing, mark: Mark) -> str:
    """That there is nothing left to say about this step."""
    word = "skipped" if mark.state is StepState.SKIPPED else "granted" if there.step.kind == "approval" else "done"
    return f"Step {mark.step} is {word} already: by {mark.by}, {mark.at[:16].replace('T', ' ')} UTC."


def _refuse_out_of_turn(there: Standing) -> None:
    """A step may be done when its phase is open, its predecessors are over, and no no-go stops its phase."""
    step = there.step.step
    if not there.is_open:
        raise Refused(
            f"Phase {there.phase.phase} is not open yet: step {step} waits for the phase before it. "
            "What is left there: cutover runbook show"
        )
    if there.waits_for:
        raise Refused(
            f"Step {step} comes after {', '.join(there.waits_for)}, which "
            f"{'is' if len(there.waits_for) == 1 else 'are'} not done. Do that first, or skip it: "
            f"cutover runbook skip {there.waits_for[0]} --reason WHY"
        )
    if there.no_go:
        raise Refused(
            f"{there.no_go} says no-go: nothing more is done in phase {there.phase.phase}. "
            f"When it may go on: cutover runbook tick {there.no_go}"
        )

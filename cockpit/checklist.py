"""A runbook as lines that a person reads: what is done, what is ready, what blocks, what to type next. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from cockpit.format import Typed, counted, moment
from engine.wire import PhaseStatus, RunbookStatus, StepStatus

if TYPE_CHECKING:
    from runbooks.runbook import Runbook

_SIGNS = {
    "waiting": "·",
    "ready": "☐",
    "running": "▶",
    "done": "✔",
    "skipped": "»",
    "failed": "✘",
    "blocked": "▲",
}
_PHASES = {"done": "✔", "open": "▶", "waiting": "·"}
_OVER = ("done", "skipped")


def runbook_lines(status: RunbookStatus, typed: Typed, *, whole: bool = False) -> list[str]:
    """The open phase step by step, the others in a line each; `whole`: all of them step by step."""
    lines = [f"{status.runbook} {status.content}"]
    if status.problem:
        lines.append(f"▲ {status.problem}")
    for phase in status.phases:
        over = sum(1 for step in phase.steps if step.state in _OVER)
        lines.append(
            f"{_PHASES[phase.state]} {phase.title} ({phase.state}, {over} of {counted(len(phase.steps), 'step')})"
        )
        if whole or phase.state == "open":
            lines += _steps(phase)
    return [*lines, *_next(status, typed)]


def _steps(phase: PhaseStatus) -> Iterator[str]:
    width = max(len(step.id) for step in phase.steps)
    for step in phase.steps:
        yield f"    {_SIGNS[step.state]} {step.state:<7}  {step.id:<{width}}  {step.title}"
        for line in _details(step):
            yield f"          {line}"


def _details(step: StepStatus) -> Iterator[str]:
    if step.state in (*_OVER, "running", "failed"):
        yield f"{step.by}, {moment(step.at)}" + (f": {step.note}" if step.note else "")
        return
    parts = [step.owner, f"about {_span(step.minutes)}" if step.minutes else "", _what(step)]
    if any(parts):
        yield "; ".join(part for part in parts if part)
    if step.kind == "gate":
        for fact in step.facts:
            sign = {True: "✔", False: "✘", None: "·"}[fact.holds]
            yield f"{sign} {fact.name} is {fact.value}"
    if step.state == "waiting" and step.after:
        yield f"after {', '.join(step.after)}"
    if step.state == "blocked" and step.kind != "gate" and step.note:
        yield f"no-go by {step.by}, {moment(step.at)}: {step.note}" if step.by else step.note
    if step.evidence and step.state == "ready":
        yield f"its note must hold {step.evidence}"


def _span(minutes: float) -> str:
    """A span in the unit that people plan in: 45 min, 2 h, 14 d."""
    for size, unit in ((1440, "d"), (60, "h")):
        if minutes >= 2 * size:
            return f"{minutes / size:.3g} {unit}"
    return f"{minutes:.3g} min"


def _what(step: StepStatus) -> str:
    if step.kind == "gate":
        return f"gate: {step.gate}"
    return step.verb if step.kind == "automatic" else "go or no-go" if step.kind == "approval" else ""


def _next(status: RunbookStatus, typed: Typed) -> list[str]:
    """What can be typed now."""
    phase = next((phase for phase in status.phases if phase.id == status.phase), None)
    if phase is None:
        return ["The runbook is done."]
    lines = []
    for step in phase.steps:
        if step.state not in ("ready", "failed") or step.kind == "gate":
            continue
        verb = f"runbook {'start' if step.kind == 'automatic' else 'tick'} {step.id}"
        lines.append(f"  {typed(verb + (' --note TEXT' if step.evidence else ''))}")
    blocked = [step.id for step in phase.steps if step.state == "blocked" and (step.kind == "gate" or step.by)]
    if blocked:
        lines.append(f"  Blocked by {', '.join(blocked)}. To go on without: {typed('runbook skip STEP --reason WHY')}")
    return ["Next:", *lines] if lines else []


def plan_of(runbook: Runbook) -> str:
    """What stands in a runbook, in one sentence."""
    steps = list(runbook.steps())
    kinds = Counter(step.kind for step in steps)
    parts = [
        counted(len(runbook.phases), "phase"),
        f"{counted(len(steps), 'step')} ({kinds['manual']} by people, {kinds['automatic']} automatic, "
        f"{counted(kinds['gate'], 'gate')}, {counted(kinds['approval'], 'approval')})",
    ]
    return f"{runbook.runbook} {runbook.version}: fine. {', '.join(parts)}"

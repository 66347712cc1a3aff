"""The open phase of the runbook: what is done, what comes next."""

from __future__ import annotations

from rich.text import Text

from cockpit.columns import Cell, Column, rule, table
from cockpit.tones import ALARM, BUSY, DIM, GOOD, PLAIN, toned
from engine.wire import RunbookStatus, StepStatus

SIGNS = {
    "done": ("✔", GOOD), "skipped": ("→", DIM), "running": ("▶", BUSY), "ready": ("☐", PLAIN),
    "failed": ("✘", ALARM), "blocked": ("■", ALARM), "waiting": ("·", DIM),
}  # fmt: skip
_FIRST = {"failed": 0, "blocked": 1, "running": 2, "ready": 3, "waiting": 4, "done": 5, "skipped": 6}


def lines(book: RunbookStatus, width: int, most: int) -> list[Text]:
    """The heading and the steps of the open phase, those that need somebody first."""
    at = next((i for i, phase in enumerate(book.phases) if phase.id == book.phase), None)
    if at is None:
        return [rule(f"runbook {book.runbook}", width, toned(("✔ every phase is done", GOOD)))]
    phase = book.phases[at]
    over = sum(1 for step in phase.steps if step.state in ("done", "skipped"))
    head = rule(
        f"runbook, phase {at + 1} of {len(book.phases)}: {phase.title}",
        width,
        toned((f"{over} of {len(phase.steps)} steps", DIM)),
    )
    steps = sorted(phase.steps, key=lambda step: _FIRST.get(step.state, 4))
    columns = (
        Column("", keep=9), Column("", keep=9, most=200, grows=True), Column("", keep=5, most=28),
        Column("", right=True, keep=9),
    )  # fmt: skip
    _, body = table(columns, [_step(step) for step in steps[: max(0, most - 1)]], width)
    return [head, *body]


def _step(step: StepStatus) -> list[str | Cell]:
    sign, tone = SIGNS.get(step.state, ("·", DIM))
    title = f"{step.title}: {step.gate}" if step.gate else step.title
    return [
        Cell(sign, tone),
        Cell(title, DIM if step.state in ("done", "skipped", "waiting") else PLAIN),
        Cell(step.owner, DIM),
        Cell(step.state, tone),
    ]

"""The runbook: phases with their steps, gates as sentences with the facts beside them, go and no-go."""

from __future__ import annotations

from collections.abc import Iterator

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Container

from cockpit import keys
from cockpit.columns import Cell, Column, rule, table
from cockpit.format import moment, seconds
from cockpit.panels.phases import SIGNS
from cockpit.prose import labelled, paragraph
from cockpit.runbook_deeds import StepDeeds
from cockpit.tones import ALARM, DIM, GOOD, HEAD, PLAIN, toned
from cockpit.widgets.lines import Lines
from cockpit.widgets.table import Row, Table
from engine.wire import Fact, Live, PhaseStatus, RunbookStatus, StepStatus

_BESIDE = 110  # columns from which the step stands beside the list, not below
_OVER = ("done", "skipped")
_KINDS = {"manual": "a person does it", "automatic": "the engine does it", "gate": "a gate", "approval": "go or no-go"}
_PHASES = {"open": ("open", PLAIN), "done": ("✔ done", GOOD), "waiting": ("waiting", DIM)}
_NONE = (
    "This migration has no runbook.",
    "A runbook says who does what in which order, what the engine does by itself, and what must hold first.",
    "To get one: write a new migration (cutover init servicenow-to-jira DIR --runbook standard), copy its runbook.yaml "
    "into this folder, put your waves and people in it, and name it in migration.yaml: runbook: runbook.yaml",
    "Whether it is right tells: cutover lint. It shows here at once.",
)


class Runbook(StepDeeds):
    NAME = keys.RUNBOOK
    TITLE_WORD = "runbook"

    def __init__(self) -> None:
        super().__init__()
        self._opened = False

    def body(self) -> ComposeResult:
        with Container(id="book"):
            yield Table(id="steps")
            yield Lines(id="step")

    @property
    def step(self) -> StepStatus | None:
        book = self.store.picture.runbook if self.store.picture else None
        chosen = self.query_one("#steps", Table).chosen
        return next((step for step in _steps(book) if step.id == chosen), None) if book else None

    def on_table_moved(self) -> None:
        self.update()

    def paint(self, picture: Live) -> None:
        wide = self.size.width >= _BESIDE
        self.set_class(not wide, "narrow")
        steps, shown = self.query_one("#steps", Table), self.query_one("#step", Lines)
        book = picture.runbook
        if book is None:
            steps.anew()
            steps.fill([Row("", line) for text in _NONE for line in [*paragraph(text, self.size.width), toned("")]])
            shown.show([])
            return
        if steps.anew(book, steps.size.width or self.size.width):
            steps.fill(_rows(book, steps.size.width or self.size.width))
        if not self._opened:
            self._opened = True
            steps.choose(_first(book))
        width = shown.size.width or self.size.width
        step = self.step
        lines = _detail(step, book, width - 1) if step else []
        if book.problem:
            lines = [*paragraph(f"▲ The file is wrong, the one before it counts: {book.problem}", width, ALARM), *lines]
        shown.show([toned(("│" if wide else "", DIM)) + line for line in lines])


def _steps(book: RunbookStatus) -> Iterator[StepStatus]:
    for phase in book.phases:
        yield from phase.steps


def _first(book: RunbookStatus) -> str:
    """Where a person is needed: the first step of the open phase that is not over."""
    steps = [step for phase in book.phases if phase.id == book.phase for step in phase.steps]
    urgent = [step for step in steps if step.state in ("failed", "blocked", "ready")]
    return next((step.id for step in (*urgent, *steps) if step.state not in _OVER), "")


# ---------------------------------------------------------------- the list


def _rows(book: RunbookStatus, width: int) -> list[Row]:
    columns = (
        Column("", keep=9), Column("", keep=9, most=max(24, width - 42), grows=True), Column("", keep=3, most=18),
        Column("", keep=2, right=True), Column("", keep=9, right=True),
    )  # fmt: skip
    _, lines = table(columns, [_row(step) for step in _steps(book)], width)
    rows, at = [], 0
    for number, phase in enumerate(book.phases, 1):
        rows.append(Row("", _heading(number, phase, width)))
        for step in phase.steps:
            rows.append(Row(step.id, lines[at]))
            at += 1
    return rows


def _heading(number: int, phase: PhaseStatus, width: int) -> Text:
    over = sum(1 for step in phase.steps if step.state in _OVER)
    word, tone = _PHASES.get(phase.state, (phase.state, PLAIN))
    return rule(f"{number} {phase.title}", width, toned((f"{over} of {len(phase.steps)}  ", DIM), (word, tone)))


def _row(step: StepStatus) -> list[str | Cell]:
    sign, tone = SIGNS.get(step.state, ("·", DIM))
    wrong = ", ".join(f"{fact.name} is {fact.value}" for fact in step.facts if fact.holds is False)
    title = f"{step.title}: {wrong}" if wrong else step.title
    expected = _expected(step)
    return [
        Cell(sign, tone),
        Cell(title, DIM if step.state in (*_OVER, "waiting") else PLAIN),
        Cell(step.owner, DIM),
        Cell(expected if step.state not in _OVER else "", DIM),
        Cell("no-go" if step.kind == "approval" and step.state == "blocked" and step.by else step.state, tone),
    ]


def _expected(step: StepStatus) -> str:
    return seconds(step.minutes * 60).removesuffix(" 00 min").removesuffix(" 00 s") if step.minutes else ""


# ---------------------------------------------------------------- one step


def _detail(step: StepStatus, book: RunbookStatus, width: int) -> list[Text]:
    sign, tone = SIGNS.get(step.state, ("·", DIM))
    lines = paragraph(step.title, width, HEAD)
    kind = _KINDS.get(step.kind, step.kind)
    lines.append(toned(" ", (f"{sign} {step.state}", tone), (f"  {kind}  ", DIM), (step.id, DIM)))
    lines += paragraph(step.about, width) if step.about else []
    lines += labelled("gate", step.gate, width)
    for fact in step.facts:
        lines += _fact(fact, width)
    lines += labelled("does", f"cutover {step.verb}" if step.verb else "", width)
    lines += labelled("owner", step.owner, width)
    lines += labelled("expected", _expected(step), width)
    lines += labelled("after", _after(step, book), width)
    lines += labelled("evidence", step.evidence, width)
    if step.by:
        lines += labelled(step.state if step.state in _OVER else "said", f"{step.by}, {moment(step.at)}", width)
    lines += labelled("note", step.note, width, ALARM if step.state in ("failed", "blocked") else PLAIN)
    lines += [toned(""), *paragraph(_next(step), width, DIM)]
    return lines


def _fact(fact: Fact, width: int) -> list[Text]:
    sign, word, tone = {
        True: ("✔", "holds", GOOD),
        False: ("✘", "does not hold", ALARM),
        None: ("·", "cannot be said alone", DIM),
    }[fact.holds]
    return labelled("", f"{sign} {fact.name} is {fact.value}: {word}", width, tone)


def _after(step: StepStatus, book: RunbookStatus) -> str:
    states = {each.id: each.state for each in _steps(book)}
    return ", ".join(f"{SIGNS.get(states.get(name, ''), ('·', DIM))[0]} {name} ({states.get(name, 'gone')})"
                     for name in step.after)  # fmt: skip


def _next(step: StepStatus) -> str:
    """What to press."""
    if step.state in _OVER:
        return "Nothing is left to do here."
    if step.state == "running":
        return "It is being carried out."
    if step.state == "waiting":
        return "It waits for what comes before it. x skips it, with a reason."
    if step.kind == "gate":
        return "It passes by itself when it holds. x skips it, with a reason."
    if step.kind == "automatic":
        again = "Start it again with S" if step.state == "failed" else "S starts it"
        return f"{again}, after a look at what it does. x skips it, with a reason."
    if step.kind == "approval":
        return "Space says go, n says no-go."
    return "Space ticks it" + (", and asks for the evidence." if step.evidence else ".") + " x skips it."

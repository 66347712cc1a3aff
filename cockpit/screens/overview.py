"""Is it going well? Waves, charts, runbook, brakes, the ledger's sum, and what needs a person."""

from __future__ import annotations

from datetime import datetime, timedelta

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical

from cockpit import keys
from cockpit.deeds import WaveDeeds
from cockpit.format import clock, count, ledger_sum, neutral, progress, seconds, settled, shortened
from cockpit.screens.base import Station
from cockpit.tones import ALARM, BUSY, DIM, GOOD, HEAD, PLAIN, WARN, toned
from cockpit.widgets import chart
from cockpit.widgets.lines import Lines
from cockpit.widgets.table import Row, Table
from engine.wire import Chart, Live, PhaseStatus, RunbookStatus, Status, WaveStatus

ALL = "\x00all"
"""The key of the first line: every wave."""

_WIDE = 100  # columns from which charts and runbook stand beside the waves
_CHARTS = ("written", "errors", "retries", "drift")
_TITLES = {"written": "throughput", "errors": "errors", "retries": "retries", "drift": "drift", "lag": "lag"}
_STATES = {
    "copying": ("▶", BUSY), "catching_up": ("▶", BUSY), "reconciling": ("▶", BUSY), "preflight": ("▶", BUSY),
    "awaiting_sign_off": ("✔", GOOD), "signed_off": ("✔", GOOD), "failed": ("✘", ALARM), "needs_human": ("▲", ALARM),
}  # fmt: skip


class Overview(WaveDeeds, Station):
    NAME = keys.OVERVIEW
    TITLE_WORD = "overview"

    def __init__(self) -> None:
        super().__init__()
        self._chart = 0  # which chart a narrow screen shows
        self._span = "recent"

    def body(self) -> ComposeResult:
        with Horizontal(id="middle"):
            with Vertical(id="left"):
                yield Table(id="waves")
                yield Lines(id="runbook")
            with Vertical(id="right"):
                yield Lines(id="charts")
                yield Lines(id="waits")
        yield Lines(id="sum")

    def on_table_moved(self, event: Table.Moved) -> None:
        self.cockpit.wave = "" if event.key == ALL else event.key

    def act_chart(self) -> None:
        """The next chart; after the last one, the first one over the other span of time."""
        self._chart = (self._chart + 1) % len(_CHARTS)
        if self._chart == 0:
            self._span = "run" if self._span == "recent" else "recent"

    def act_open(self) -> None:
        self.act_wave()

    def paint(self, picture: Live) -> None:
        width, height = self.size
        wide = width >= _WIDE
        self.set_class(not wide, "narrow")
        status = picture.status
        waves = self.query_one("#waves", Table)
        column = waves.size.width or width
        waves.fill(_wave_rows(picture, column), _heading(column))
        self.query_one("#sum", Lines).show([toned(" ", shortened(ledger_sum(status.total), width - 2))])
        book = self.query_one("#runbook", Lines)
        book_lines = _runbook_lines(picture.runbook, column) if picture.runbook else []
        charts = self.query_one("#charts", Lines)
        waits = self.query_one("#waits", Lines)
        if wide:
            book.styles.height = min(len(book_lines), max(0, height // 3))
            waits.styles.height = 2 + max(3, len(status.holds) + 3)
            charts.show(_all_charts(picture, charts.size.width, charts.size.height, self._span, self._ascii))
        else:
            # One column: waves as many as there are, one chart, no more.
            book.styles.height = 0
            waits.styles.height = 2 + len(status.holds)
            name = _CHARTS[self._chart]
            charts.show(_one_chart(picture, name, self._span, charts.size.width, 4, self._ascii))
        book.show(book_lines)
        waits.show(_waits(picture, waits.size.width))

    @property
    def _ascii(self) -> bool:
        return Lines.ascii


# ---------------------------------------------------------------- waves


def _heading(width: int) -> Text:
    return toned((f" {'wave':<{_name_width(width)}}  {'state':<17}  {'records':>15}", DIM))


def _name_width(width: int) -> int:
    return 14 if width < 90 else 20


def _wave_rows(picture: Live, width: int) -> list[Row]:
    status = picture.status
    return [Row(ALL, _all_line(picture, width))] + [
        Row(wave.wave, _wave_line(wave, picture, width)) for wave in status.waves
    ]


def _all_line(picture: Live, width: int) -> Text:
    status = picture.status
    name = _name_width(width)
    held = any(not hold.wave for hold in status.holds)
    word, tone = ("⏸ held", WARN) if held else (f"· {len(status.waves)} waves", PLAIN)
    line = toned(f" {'all':<{name}}  ", (f"{word:<17}", tone), f"  {_once_progress(status):>15}")
    if status.run:
        line.append_text(toned("  ", (f"{status.rate:,.0f}/s", HEAD), f"  ETA {eta(status)}"))
    return line


def _once_progress(status: Status) -> str:
    return progress(status.total)


def _wave_line(wave: WaveStatus, picture: Live, width: int) -> Text:
    sign, tone = _STATES.get(wave.state, ("·", DIM))
    word = wave.state.replace("_", " ")
    if wave.hold is not None and wave.state not in ("awaiting_sign_off", "signed_off", "failed", "needs_human"):
        sign, tone, word = "⏸", WARN, "held"
    name = _name_width(width)
    line = toned(
        f" {shortened(wave.wave, name):<{name}}  ", (f"{sign} {word:<15}", tone), f"  {progress(wave.buckets):>15}"
    )
    aside = [
        (f"q {count(n)}", WARN) if label == "q" else (f"{label} {count(n)}", ALARM)
        for label, n in (
            ("q", wave.buckets.quarantined),
            ("in doubt", wave.buckets.in_doubt),
            ("conflict", wave.buckets.conflict),
        )
        if n
    ]
    for part in aside:
        line.append_text(toned("  ", part))
    if wave.hold is not None and sign == "⏸":
        line.append_text(toned(f"  by {neutral(wave.hold.by)}: ", (f'"{neutral(wave.hold.reason)}"', WARN)))
    elif wave.cause:
        line.append_text(toned("  ", (neutral(wave.cause), tone)))
    elif wave.wave in picture.status.run and wave.state in ("copying", "catching_up", "reconciling"):
        line.append_text(toned("  ", (_small_bar(wave, max(4, min(24, width - line.cell_len - 3))), tone)))
    elif wave.after and wave.state in ("draft", "ready", "approved"):
        line.append_text(toned((f"  after {neutral(', '.join(wave.after))}", DIM)))
    line.truncate(max(1, width))
    return line


def _small_bar(wave: WaveStatus, width: int) -> str:
    planned = max(1, wave.buckets.planned)
    full = width * settled(wave.buckets) // planned
    return "█" * full + "░" * (width - full)


def eta(status: Status) -> str:
    """When the running waves are copied, as an interval on the clock."""
    if status.eta_low is None or status.eta_high is None:
        return "unknown"
    now = datetime.fromisoformat(status.at)
    low, high = (clock((now + timedelta(seconds=s)).isoformat()) for s in (status.eta_low, status.eta_high))
    if status.eta_high > 600:  # minutes are enough for what is far away
        low, high = low[:5], high[:5]
    return low if low == high else f"{low}–{high}"


# ---------------------------------------------------------------- charts


def _chart_of(picture: Live, name: str, span: str) -> Chart | None:
    return next((each for each in picture.charts if (each.name, each.span) == (name, span)), None)


def _one_chart(picture: Live, name: str, span: str, width: int, height: int, ascii_only: bool) -> list[Text]:
    drawn = _chart_of(picture, name, span)
    over = "last minutes" if span == "recent" else "whole run"
    title = toned((f" {_TITLES.get(name, name)} ", HEAD), (f"{over}  ", DIM), _figures(picture, name))
    if drawn is None:
        return [title]
    draw = chart.columns if ascii_only else chart.braille
    tone = ALARM if name in ("errors", "drift") else BUSY
    return [title] + [toned(" ", (line, tone)) for line in draw(drawn.values, max(4, width - 2), max(1, height))]


def _figures(picture: Live, name: str) -> str:
    status = picture.status
    if name == "written":
        return f"now {status.rate:,.0f}/s  avg {picture.average:,.0f}/s"
    if name == "errors":
        return f"{picture.error_share:.1%} of calls"
    if name == "retries":
        return f"{count(status.retried)} so far"
    if picture.drift is None or picture.drift.estimate is None:
        return "not compared yet"
    upper = f", at most {picture.drift.upper:.2%} (95 %)" if picture.drift.upper is not None else ""
    return f"{picture.drift.estimate:.2%}{upper}, {count(picture.drift.sampled)} sampled"


def _all_charts(picture: Live, width: int, height: int, span: str, ascii_only: bool) -> list[Text]:
    names = [name for name in _CHARTS if name != "drift" or picture.drift is not None]
    each = max(1, (height - len(names)) // len(names))
    lines: list[Text] = []
    for name in names:
        lines += _one_chart(picture, name, span, width, min(each, 8), ascii_only)
    if picture.drift is None:
        lines.append(toned((" drift ", HEAD), ("not compared yet", DIM)))
    return lines


# ---------------------------------------------------------------- runbook, waits


_STEP_SIGNS = {
    "done": ("✔", GOOD), "skipped": ("→", DIM), "running": ("▶", BUSY), "ready": ("☐", PLAIN),
    "failed": ("✘", ALARM), "blocked": ("⛔", ALARM), "waiting": ("·", DIM),
}  # fmt: skip


def _runbook_lines(book: RunbookStatus, width: int) -> list[Text]:
    phase = next((each for each in book.phases if each.id == book.phase), None)
    if phase is None:
        return [toned((" runbook ", HEAD), (f"{neutral(book.runbook)}: every phase is done", GOOD))]
    done = sum(1 for step in phase.steps if step.state in ("done", "skipped"))
    head = toned((f" runbook: {neutral(phase.title)} ", HEAD), (f"{done} of {len(phase.steps)} steps", DIM))
    return [head, *_steps(phase, width)]


def _steps(phase: PhaseStatus, width: int) -> list[Text]:
    """What is open first: the steps that are over say least."""
    order = {"failed": 0, "blocked": 1, "running": 2, "ready": 3, "waiting": 4, "done": 5, "skipped": 6}
    lines = []
    for step in sorted(phase.steps, key=lambda each: order.get(each.state, 4)):
        sign, tone = _STEP_SIGNS.get(step.state, ("·", DIM))
        owner = f"  ({neutral(step.owner)})" if step.owner else ""
        line = toned("   ", (f"{sign} ", tone), f"{neutral(step.title)}", (owner, DIM))
        line.truncate(max(1, width))
        lines.append(line)
    return lines


def _waits(picture: Live, width: int) -> list[Text]:
    """Who has a hand on the brake, and what work waits for."""
    lines = []
    for hold in picture.status.holds:
        what = neutral(hold.wave) or "all waves"
        words = f" ⏸ {what}: {neutral(hold.by)}, {clock(hold.since)}: {neutral(hold.reason)}"
        lines.append(toned((shortened(words, max(8, width)), WARN)))
    head = toned((" waits for", HEAD))
    waiting = sorted(picture.status.waiting, key=lambda each: (-each.now, -each.seconds))
    lost = [
        toned(f"   {shortened(each.reason, max(8, width - 16))}", (f"  {seconds(each.seconds)}", DIM))
        for each in waiting
    ]
    return [*lines, head, *(lost or [toned(("   nothing", DIM))])]

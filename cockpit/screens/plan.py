"""What each wave moves, in which order, and when: on a line of time against the window.

Counting costs the vendors a call for each entity of each wave: it is done once, and again by a key.
"""

from __future__ import annotations

from rich.text import Text
from textual.app import ComposeResult
from textual.events import ScreenResume

from cockpit import keys
from cockpit.columns import Cell, Column, rule, table
from cockpit.format import clock, count, counted, interval, seconds, shortened
from cockpit.panels import timeline, waves
from cockpit.screens.filtered import Filtered
from cockpit.tones import ALARM, DIM, GOOD, HEAD, WARN, toned
from cockpit.widgets.lines import Lines
from cockpit.widgets.table import Row, Table
from engine.wire import Live, Plan, PlanWave, Status

_LINE = 26  # columns of the line of time, at least


class PlanScreen(Filtered):
    NAME = keys.PLAN
    TITLE_WORD = "plan"

    def __init__(self) -> None:
        super().__init__()
        self._plan: Plan | None = None
        self._at = ""  # when it was counted
        self._asking = False

    def body(self) -> ComposeResult:
        yield Lines(id="title")
        yield Table(id="planned")
        yield Lines(id="about")
        yield from self.filter_line()

    def on_screen_resume(self, event: ScreenResume) -> None:
        if self._plan is None and self.store.fresh:
            self.act_update_plan()

    def act_update_plan(self) -> None:
        if not self._asking:
            self._asking = True
            self.run_worker(self._ask(), group="plan")

    def act_open(self) -> None:
        self.cockpit.wave = self.query_one(Table).chosen
        self.act_wave()

    def on_table_moved(self, event: Table.Moved) -> None:
        event.stop()
        self.update()

    def _move(self, by: int) -> None:
        """Where a person goes is what is selected everywhere."""
        super()._move(by)
        self.cockpit.wave = self.query_one(Table).chosen

    def paint(self, picture: Live) -> None:
        width = self.size.width
        listed, about, title = self.query_one(Table), self.query_one("#about", Lines), self.query_one("#title", Lines)
        plan = self._plan
        if plan is None:
            title.show([toned((" Counting at the sources …" if self._asking else " Not counted yet: press u.", DIM))])
            return
        title.show([_title(plan, picture, self._at, self._asking, width)])
        heading, rows = _rows(plan, picture, width)
        listed.fill([row for row in rows if self.fits(row.key)], heading)
        if self.cockpit.wave and listed.chosen != self.cockpit.wave:
            listed.choose(self.cockpit.wave)
        chosen = next((wave for wave in plan.waves if wave.wave == listed.chosen), None)
        told = _about(chosen, picture.status, width) if chosen is not None else []
        about.styles.height = min(len(told), self.size.height // 3)
        about.show(told)

    async def _ask(self) -> None:
        try:
            plan = await self.cockpit.ask("/plan", Plan)
        finally:
            self._asking = False
        if plan is not None and self.store.picture is not None:
            self._plan, self._at = plan, self.store.picture.status.at
        self.update()


def _title(plan: Plan, picture: Live, at: str, asking: bool, width: int) -> Text:
    listed = timeline.stays(picture, plan)
    window = timeline.window_of(picture)
    high = next((stay.high for stay in reversed(listed) if not stay.over), 0.0)
    fits = ("", DIM)
    if window is not None and high is None:
        fits = ("time unknown until a wave has been measured", DIM)
    elif window is not None and high is not None:
        spare = window - high
        words = f"{seconds(abs(spare))} {'to spare' if spare >= 0 else 'too long'}"
        fits = (f"{'✔ fits' if spare >= 0 else '▲ does not fit'} the window: {words}", GOOD if spare >= 0 else ALARM)
    counting = ", counting again …" if asking else ""
    left = f"{counted(plan.records, 'record')} in {counted(len(plan.waves), 'wave')}, counted {clock(at)}{counting}"
    return rule(left, width, toned(fits))


def _rows(plan: Plan, picture: Live, width: int) -> tuple[Text, list[Row]]:
    """What moves on the left, the line of time on the right."""
    status, window = picture.status, timeline.window_of(picture)
    listed = timeline.stays(picture, plan)
    states = {wave.wave: waves.sign_of(wave, status.run) for wave in status.waves}
    columns = (
        Column("", keep=9, least=1), Column("wave", keep=9, least=6, most=24), Column("after", keep=5, most=20),
        Column("records", right=True, keep=6), Column("systems", keep=2, most=40),
        Column("takes", keep=3, most=28),
    )  # fmt: skip
    cells: list[list[str | Cell]] = []
    for wave in plan.waves:
        sign, _, tone = states.get(wave.wave, ("·", "", DIM))
        takes = interval(wave.seconds_low, wave.seconds_high) if wave.seconds_low is not None else ""
        systems = ", ".join(_systems(wave))
        after = Cell(", ".join(wave.after), DIM)
        cells.append([Cell(sign, tone), wave.wave, after, count(wave.records), Cell(systems, DIM), Cell(takes, DIM)])
    left, lines = table(columns, cells, max(20, min(width - _LINE - 2, width // 2)))
    used = max((line.cell_len for line in (left, *lines)), default=0) + 2
    line = timeline.axis(listed, window, width - used - 1)
    heading = left.copy()
    heading.pad_right(max(0, used - left.cell_len))
    heading.append_text(timeline.ruler(line, status.at))
    rows = []
    for text, stay in zip(lines, listed, strict=True):
        text.pad_right(max(0, used - text.cell_len))
        text.append_text(timeline.bar(stay, line, window))
        rows.append(Row(stay.wave, text))
    return heading, rows


def _systems(wave: PlanWave) -> list[str]:
    """From which system to which, each pair once."""
    pairs = [f"{each.source.partition(':')[0]} → {each.target.partition(':')[0]}" for each in wave.entities]
    return list(dict.fromkeys(pairs))


def _about(wave: PlanWave, status: Status, width: int) -> list[Text]:
    """The chosen wave in words."""
    takes = (
        f"about {interval(wave.seconds_low, wave.seconds_high)}"
        if wave.seconds_low is not None
        else "time unknown until a wave has been measured"
    )
    lines = [rule(wave.wave, width, toned((takes, DIM)))]
    if wave.about:
        lines.append(toned(f" {shortened(wave.about, width - 2)}"))
    order = [f"after {', '.join(wave.after)}"] if wave.after else []
    behind = [each.wave for each in status.waves if wave.wave in each.after]
    order += [f"before {', '.join(behind)}"] if behind else []
    if order:
        lines.append(toned((f" {shortened(', '.join(order), width - 2)}", HEAD)))
    held = next((each.hold for each in status.waves if each.wave == wave.wave and each.hold is not None), None)
    if held is not None:
        text = f"held by {held.by}: {held.reason}. Its time counts from when that is lifted."
        lines.append(toned((f" ⏸ {shortened(text, width - 4)}", WARN)))
    columns = (
        Column("", keep=9), Column("", keep=9, most=120, grows=True), Column("", right=True, keep=9),
        Column("", right=True, keep=9),
    )  # fmt: skip
    cells = [
        (each.entity, Cell(f"{each.source} → {each.target}", DIM), counted(each.records, "record"),
         Cell(counted(each.chunks, "chunk"), DIM))
        for each in wave.entities
    ]  # fmt: skip
    return [*lines, *table(columns, cells, width)[1]]

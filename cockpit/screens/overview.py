"""Is it going well? Waves, charts, runbook, brakes, the ledger's sum, and what needs a person."""

from __future__ import annotations

from typing import NamedTuple

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.events import ScreenResume

from cockpit import glance, keys
from cockpit.panels import brakes, charts, closeup, frame, phases, waves
from cockpit.proof_deeds import ProofDeeds
from cockpit.screens.base import Station
from cockpit.screens.looking import Looking
from cockpit.tones import DIM, toned
from cockpit.widgets.lines import Lines
from cockpit.widgets.table import Table
from engine.wire import Live, WaveDetail

_WIDE = 100  # columns from which charts stand beside the waves
_WIDEST = 170  # columns from which a wave's detail stands beside both
_BELOW = 9  # lines that a closer look needs to say anything
_ROWS = 7  # of the list of waves, with its heading, that are seen however much else there is
_CHART, _LEAST_CHART = 6, 4  # lines of a chart, with its title


class Room(NamedTuple):
    """Lines for each panel."""

    waves: int
    below: int  # a closer look at one wave
    runbook: int
    holds: int
    waits: int
    charts: int


class Overview(Looking, ProofDeeds, Station):
    NAME = keys.OVERVIEW
    TITLE_WORD = "overview"

    def __init__(self) -> None:
        super().__init__()
        self._chart = 0  # the first chart that is shown

    def body(self) -> ComposeResult:
        with Horizontal(id="middle"):
            with Vertical(id="panels"):
                with Vertical(id="left"):
                    yield Table(id="waves")
                    yield Lines(id="below")
                    yield Lines(id="runbook")
                    yield Lines(id="holds")
                with Vertical(id="right"):
                    yield Lines(id="waits")
                    yield Lines(id="charts")
            yield Lines(id="detail")
        yield Lines(id="need")
        yield Lines(id="sum")

    def on_table_moved(self, event: Table.Moved) -> None:
        self.cockpit.wave = "" if event.key == waves.ALL else event.key
        self.look()
        self.update()

    def on_screen_resume(self, event: ScreenResume) -> None:
        self.query_one("#waves", Table).choose(self.cockpit.wave or waves.ALL)

    def act_chart(self) -> None:
        """The next chart; on a wide screen, the next pair."""
        self._chart = (self._chart + (2 if self.size.width >= _WIDE else 1)) % len(charts.EVERY)

    def act_open(self) -> None:
        self.act_wave()

    def notice(self, picture: Live) -> Text:
        return toned("")  # it has a line of its own here

    # ------------------------------------------------------------ a closer look, where there is room

    @property
    def looked_at(self) -> str:
        picture = self.store.picture
        if self.size.width < _WIDE or picture is None:
            return ""
        active = [wave.wave for wave in picture.status.waves if wave.state in waves.ACTIVE]
        return self.cockpit.wave or next(iter(active or [wave.wave for wave in picture.status.waves]), "")

    @property
    def _close(self) -> tuple[str, WaveDetail | None]:
        """What a closer look shows beside the picture."""
        return self.looked_at, self.detail_of(self.looked_at)

    @property
    def cells(self) -> int:
        where = "#detail" if self.size.width >= _WIDEST else "#below"
        return closeup.cells_for(self.query_one(where).size.width)

    # ------------------------------------------------------------ painting

    def paint(self, picture: Live) -> None:
        width, height = self.size
        widest, wide = width >= _WIDEST, _WIDE <= width < _WIDEST
        self.set_class(wide, "wide")
        self.set_class(widest, "widest")
        # As the style sheet lays it out: one column, two, or one beside the detail.
        left = (width - 2) // 2 if widest else width * 66 // 100 if wide else width
        right = width - 2 - left if wide else left
        room = _share_two(picture, height - 5) if wide else _share_one(picture, height - 5)
        self._panel("#waves", room.waves)
        if (listed := self.query_one("#waves", Table)).anew(picture, left):
            heading, rows = waves.rows(picture, left)
            listed.fill(rows, heading)
        if (below := self._panel("#below", room.below)).anew(picture, left, room.below, *self._close):
            below.show(self._closeup(picture, left) if room.below else [])
        if (runbook := self._panel("#runbook", room.runbook)).anew(picture.runbook, left, room.runbook):
            book = picture.runbook
            runbook.show(phases.lines(book, left, room.runbook) if book and room.runbook else [])
        if (holds := self._panel("#holds", room.holds)).anew(picture.status.holds, left, room.holds):
            holds.show(brakes.holds(picture.status.holds, left, room.holds))
        if (waits := self._panel("#waits", room.waits)).anew(picture.status.waiting, right, room.waits):
            waits.show(brakes.waits(picture.status.waiting, right, room.waits) if room.waits else [])
        if (shown := self._panel("#charts", room.charts)).anew(picture, right, room.charts, self._chart, wide, widest):
            shown.show(self._charts(picture, right, room.charts, wide or widest))
        if widest and (detail := self.query_one("#detail", Lines)).anew(picture, width, *self._close):
            detail.show(self._closeup(picture, width - 2 - left))
        if (need := self.query_one("#need", Lines)).anew(picture, width):
            need.show([_need(picture, width)])
            self.query_one("#sum", Lines).show([frame.total(picture.status.total, width)])

    def _panel(self, name: str, height: int) -> Lines:
        """The panel, with so many lines."""
        panel = self.query_one(name, Lines)
        panel.styles.height = height
        return panel

    def _charts(self, picture: Live, width: int, lines: int, several: bool) -> list[Text]:
        if lines < 2:
            return []
        known = picture.drift is not None and lines >= _LEAST_CHART + 2
        drift = charts.drift(picture, width) if several or known else []
        fit = max(1, min(4, (lines - len(drift)) // 5)) if several else 1
        each, over = divmod(lines - len(drift), fit)
        shown: list[Text] = []
        for at in range(fit):
            which = charts.EVERY[(self._chart + at) % len(charts.EVERY)]
            shown += charts.draw(picture, which, width, each + (1 if at < over else 0), Lines.ascii)
        return shown + drift

    def _closeup(self, picture: Live, width: int) -> list[Text]:
        listed = picture.status.waves
        wave = next((each for each in listed if each.wave == self.looked_at), None)
        if wave is None:
            return []
        return [waves.title(wave, picture.status, width), *closeup.lines(wave, self.detail_of(wave.wave), width)]


def _share_two(picture: Live, lines: int) -> Room:
    """Two columns: waves, a closer look, runbook and brakes; reasons to wait and charts beside them."""
    rows, steps, holds, reasons = _sizes(picture)
    waits = min(reasons, max(3, lines // 4))
    listed = min(rows, max(6, lines // 2))
    spare = lines - listed - holds
    runbook = min(steps, max(0, spare // 2 if spare < 24 else 10))
    below = spare - runbook
    if below < _BELOW:
        runbook, below = min(steps, spare), 0
    return Room(lines - below - runbook - holds, below, runbook, holds, waits, lines - waits)


def _share_one(picture: Live, lines: int) -> Room:
    """One column: waves come first, then who brakes and what waits, a chart, the runbook."""
    rows, steps, holds, reasons = _sizes(picture)
    listed = min(rows, _ROWS)
    spare = max(0, lines - listed - holds)
    waits = min(reasons, 3 if lines < 40 else 8, spare)
    charts_ = min(_CHART, spare - waits) if spare - waits >= _LEAST_CHART else 0
    spare -= waits + charts_
    more = min(spare, rows - listed)
    spare -= more
    runbook = min(steps, spare) if spare >= 2 else 0
    spare -= runbook
    if charts_:
        charts_ += spare
        spare = 0
    return Room(listed + more + spare, 0, runbook, holds, waits, charts_)


def _sizes(picture: Live) -> tuple[int, int, int, int]:
    """Lines that waves, the runbook, hands on the brake and reasons to wait would take."""
    book = picture.runbook
    steps = 1 + max((len(phase.steps) for phase in book.phases), default=0) if book is not None else 0
    return 2 + len(picture.status.waves), steps, min(len(picture.status.holds), 3), 1 + len(picture.status.waiting)


def _need(picture: Live, width: int) -> Text:
    need = glance.need(picture)
    if need is None:
        return toned((" ✔ Nothing waits for a person.", DIM))
    return frame.need_line(need, glance.more_alerts(picture), width, keys.OVERVIEW)

"""The audit trail: who did what, when. The newest at the bottom, and followed unless told to stay."""

from __future__ import annotations

import time
from collections import deque

from rich.text import Text
from textual.app import ComposeResult

from cockpit import keys
from cockpit.columns import fit, rule
from cockpit.format import clock, count, moment, shortened
from cockpit.prose import labelled
from cockpit.screens.filtered import Filtered
from cockpit.tones import ALARM, BUSY, DIM, GOOD, HEAD, PLAIN, STYLES, WARN, toned
from cockpit.widgets.lines import Lines
from cockpit.widgets.table import Row, Table
from engine.wire import Event, Events, Live

KEPT = 5_000
"""Lines of the trail that a screen holds; older ones are in the ledger."""

_AT_MOST = 1.0  # seconds between two questions
_A_PAGE = 200  # lines in one answer
_TONES = (
    ("failed", ALARM), ("needs_human", ALARM), ("no-go", ALARM), ("pause", WARN), ("skipped", WARN), ("exclude", WARN),
    ("done", GOOD), ("signed", GOOD), ("awaiting_sign_off", GOOD), ("run", BUSY), ("resume", BUSY),
)  # fmt: skip


class Log(Filtered):
    NAME = keys.LOG
    TITLE_WORD = "log"

    def __init__(self) -> None:
        super().__init__()
        self.lines: deque[Event] = deque(maxlen=KEPT)
        self._rows: deque[Row] = deque()  # as wide as the list was when they were drawn
        self._drawn = 0
        self._following = True
        self._asked = float("-inf")
        self._asking = False

    def body(self) -> ComposeResult:
        yield Table(id="trail")
        yield Lines(id="event")
        yield from self.filter_line()

    # ------------------------------------------------------------ keys

    def act_follow(self) -> None:
        self._following = not self._following
        if self._following:
            self._trail.move(KEPT)

    def act_bottom(self) -> None:
        super().act_bottom()
        self._following = True

    def on_table_moved(self, event: Table.Moved) -> None:
        event.stop()
        self.update()

    def _move(self, by: int) -> None:
        """Who looks back wants to stay there."""
        if by < 0:
            self._following = False
        super()._move(by)

    # ------------------------------------------------------------ painting

    def paint(self, picture: Live) -> None:
        self.call_after_refresh(self.look)
        width = self._trail.size.width or self.size.width
        if width != self._drawn:
            self._drawn = width
            self._redraw()
        trail = self._trail
        trail.fill(list(self._rows) or [Row("", toned((" Nothing fits.", DIM)))])
        if self._following and self._rows:
            trail.choose(self._rows[-1].key)
        chosen = next((event for event in reversed(self.lines) if str(event.id) == trail.chosen), None)
        shown = self.query_one("#event", Lines)
        shown.show(self._detail(chosen, shown.size.width or self.size.width))

    def narrowed(self) -> None:
        self._redraw()
        super().narrowed()

    # ------------------------------------------------------------ inside

    @property
    def _trail(self) -> Table:
        return self.query_one("#trail", Table)

    def _detail(self, event: Event | None, width: int) -> list[Text]:
        title = f"{count(len(self._rows))} lines" + (f" of {count(len(self.lines))}" if self.letters else "")
        how = ("following", GOOD) if self._following else ("staying; f follows", WARN)
        heading = rule(title, width, toned(how))
        if event is None:
            return [heading]
        who = "  ".join(text for text in (moment(event.at), event.by, event.wave) if text)
        head = toned(" ", (shortened(event.what, 30), HEAD), f"  {shortened(who, max(8, width - 34))}")
        return [heading, head, *labelled("", event.detail, width)]

    def look(self) -> None:
        if not self._asking and time.monotonic() - self._asked >= _AT_MOST:
            self._asking = True
            self.run_worker(self._look())

    async def _look(self) -> None:
        """All that is newer than what is known; at first, the newest of the trail."""
        try:
            while True:
                self._asked = time.monotonic()
                after = self.lines[-1].id if self.lines else -KEPT
                found = await self.cockpit.ask("/events", Events, aloud=False, after=after)
                if found is None or not found.events:
                    return
                self.add(found.events)
                self.update()
                if len(found.events) < _A_PAGE:
                    return
        finally:
            self._asking = False

    def add(self, events: list[Event]) -> None:
        """These are newer than all that are known; the oldest go where there are too many."""
        self.lines.extend(events)
        self._rows.extend(self._row(event) for event in events if self._shown(event))
        while self._rows and int(self._rows[0].key) < self.lines[0].id:
            self._rows.popleft()

    def _redraw(self) -> None:
        self._rows = deque(self._row(event) for event in self.lines if self._shown(event))

    def _shown(self, event: Event) -> bool:
        return self.fits(event.by, event.what, event.wave, event.detail)

    def _row(self, event: Event) -> Row:
        width = self._drawn
        tone = next((tone for word, tone in _TONES if word in event.what), PLAIN)
        by = 18 if width >= 100 else 10
        what = 24 if width >= 100 else 20
        at = moment(event.at)[5:] if width >= 100 else clock(event.at)
        line = toned(f" {at}  ", (fit(event.by, by), DIM), "  ", (fit(event.what, what), tone), "  ")
        rest = " ".join(text for text in (event.wave, event.detail) if text)
        line.append(fit(rest, max(1, width - line.cell_len)), STYLES[PLAIN])
        return Row(str(event.id), line)

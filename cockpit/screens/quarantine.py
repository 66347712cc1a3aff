"""What was set aside, by cause; the records of one cause; one record's story."""

from __future__ import annotations

import os
import time

from textual.app import ComposeResult
from textual.containers import Container

from cockpit import keys
from cockpit.columns import rule
from cockpit.format import count, counted
from cockpit.quarantine_deeds import Choice, QuarantineDeeds
from cockpit.screens.filtered import Filtered
from cockpit.story import Group, group_lines, groups, record_lines, story
from cockpit.tones import DIM, GOOD, toned
from cockpit.widgets.lines import Lines
from cockpit.widgets.table import Row, Table
from engine.wire import AsideRecord, Live, Quarantine

_BESIDE = 150  # columns from which the story stands beside the lists
_AT_MOST = 1.0  # seconds between two questions because of a new picture
_ASIDE = ("quarantined", "in_doubt", "excluded", "conflict", "edited", "left")


class QuarantineScreen(QuarantineDeeds, Filtered):
    NAME = keys.QUARANTINE
    TITLE_WORD = "quarantine"

    def __init__(self) -> None:
        super().__init__()
        self._groups: list[Group] = []
        self._records: list[AsideRecord] = []
        self._of = ""  # the name of the group whose records these are
        self._counts: tuple[int, ...] = ()  # in the picture at the time of the last question
        self._known = False
        self._asked = float("-inf")
        self._asking = False
        self._in_records = False  # which list has the focus
        self._open = False  # the story is
        self._drawn: tuple[list[AsideRecord], int] | None = None  # what the list of records was made of

    def body(self) -> ComposeResult:
        with Container(id="aside"):
            with Container(id="lists"):
                yield Table(id="causes")
                yield Lines(id="between")
                yield Table(id="records")
            yield Lines(id="story")
        yield from self.filter_line()

    @property
    def table(self) -> Table:
        return self._records_table if self._in_records else self._causes

    @property
    def choice(self) -> Choice | None:
        group = self._group
        if group is None:
            return None
        record = self._record
        if not self._in_records:
            return Choice(group.bucket, group.wave, group.cause, "", group.records)
        if record is None:
            return None
        return Choice(record.bucket, record.wave, record.cause, record.key, 1)

    # ------------------------------------------------------------ keys

    def act_other_list(self) -> None:
        self._go_to(records=not self._in_records)

    def act_open(self) -> None:
        """A cause: its records; a record: its story."""
        if not self._in_records:
            self._go_to(records=True)
        elif self._record is not None:
            self._open = True

    def act_leave(self) -> None:
        if self._open:
            self._open = False
        elif self._in_records and not self.letters:
            self._go_to(records=False)
        else:
            super().act_leave()

    def on_table_moved(self, event: Table.Moved) -> None:
        event.stop()
        if event.table is self._causes and event.key != self._of:
            self._ask()
        self.update()

    # ------------------------------------------------------------ painting

    def paint(self, picture: Live) -> None:
        counts = tuple(
            getattr(entity.buckets, name) for w in picture.status.waves for entity in w.entities for name in _ASIDE
        )
        old = counts != self._counts or not self._known
        if old and not self._asking and time.monotonic() - self._asked >= _AT_MOST:
            self._counts = counts
            self.call_after_refresh(self._ask)
        wide = self.size.width >= _BESIDE
        self.set_class(self._open and not wide, "reading")
        self.set_class(wide, "wide")
        self._paint_causes(self._causes.size.width or self.size.width)
        self._paint_records(self._records_table.size.width or self.size.width)
        shown = self.query_one("#story", Lines)
        record = self._record
        width = (shown.size.width or self.size.width) - 1
        folder = os.fspath(self.cockpit.client.folder)
        lines = story(record, width, folder) if record is not None and (wide or self._open) else []
        shown.show([toned(("│" if wide else "", DIM)) + line for line in lines])

    def _paint_causes(self, width: int) -> None:
        seen = [group for group in self._groups if self._in_records or self.fits(group.words, group.wave)]
        heading, lines = group_lines(seen, width)
        rows = [Row(group.name, line) for group, line in zip(seen, lines, strict=True)]
        if not rows:
            words = "Nothing fits these letters." if self._groups else "Nothing is set aside."
            rows = [Row("", toned((f" {words if self._known else 'Asking …'}", DIM if self._groups else GOOD)))]
        self._causes.fill(rows, heading)
        most = max(4, self.size.height // 3)
        self._causes.styles.height = min(len(rows) + 1, most)

    def _paint_records(self, width: int) -> None:
        group = self._group
        there = [record for record in self._records if self._of == (group.name if group else "")]
        seen = [
            record for record in there if not self._in_records or self.fits(record.key, record.entity, record.target)
        ]
        more = (group.records if group else 0) - len(there)
        if self._drawn != (drawn := (seen, width)):
            self._drawn = drawn
            heading, lines = record_lines(seen, width)
            rows = [Row(f"{r.entity}\x1f{r.key}", line) for r, line in zip(seen, lines, strict=True)]
            self._records_table.fill(rows, heading if rows else None)
        words = f"{counted(group.records, 'record')} of this cause" if group else ""
        if there and more > 0:
            words += f", {count(more)} more than are listed here"
        other = toned((f"Tab: to the {'causes' if self._in_records else 'records'}", DIM))
        self.query_one("#between", Lines).show([rule(words, width, other if there else None)])

    # ------------------------------------------------------------ inside

    @property
    def _causes(self) -> Table:
        return self.query_one("#causes", Table)

    @property
    def _records_table(self) -> Table:
        return self.query_one("#records", Table)

    @property
    def _group(self) -> Group | None:
        return next((group for group in self._groups if group.name == self._causes.chosen), None)

    @property
    def _record(self) -> AsideRecord | None:
        chosen = self._records_table.chosen
        return next((record for record in self._records if f"{record.entity}\x1f{record.key}" == chosen), None)

    def _go_to(self, *, records: bool) -> None:
        self.everything()  # letters were meant for the other list
        self._in_records = records and bool(self._records)
        self._open = self._open and self._in_records
        self._causes.set_class(self._in_records, "elsewhere")
        self._records_table.set_class(not self._in_records, "elsewhere")
        self.table.focus()

    def _ask(self) -> None:
        if not self._asking:
            self._asking = True
            self.run_worker(self._look())

    async def _look(self) -> None:
        """Ask until what is shown belongs to the group that is selected by then."""
        try:
            while True:
                self._asked = time.monotonic()
                group = self._group
                wave, cause = (group.wave, group.cause) if group else ("", "")
                held = await self.cockpit.ask("/quarantine", Quarantine, aloud=False, wave=wave, cause=cause)
                if held is None:
                    return
                first = not self._known
                self._known = True
                self._groups = groups(held.groups)
                self._records = [r for r in held.records if group is not None and r.bucket == group.bucket]
                self._of = group.name if group else ""
                self.update()
                now = self._group
                if (now.name if now else "") == self._of and not (first and now):
                    return
        finally:
            self._asking = False

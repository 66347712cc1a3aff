"""Where the sides differ, confirmed by a second look: by wave and class, record by record; one record on both sides."""

from __future__ import annotations

import time

from textual.app import ComposeResult
from textual.containers import Container

from cockpit import keys
from cockpit.aside import LONG, aside
from cockpit.client import NoEngine, Refusal
from cockpit.columns import rule
from cockpit.differing import Group, about, groups, lines, name_of, sides
from cockpit.drift_deeds import Choice, DriftDeeds
from cockpit.format import count, counted, seconds
from cockpit.screens.filtered import Filtered
from cockpit.tones import ALARM, BUSY, DIM, GOOD, WARN, toned
from cockpit.widgets.lines import Lines
from cockpit.widgets.page import Page
from cockpit.widgets.table import Row, Table
from engine.wire import Comparison, Comparisons, DriftList, DriftRow, DriftShow, Live

_BESIDE = 110  # columns from which a record stands beside the list
_BETWEEN = 1.0  # seconds between two questions how far a comparison is
_AGAIN = 10.0  # seconds after which the list is asked for although nothing seems to have changed
_AT_ONCE = 200  # differences of all classes that are listed without being asked for


class DriftScreen(DriftDeeds, Filtered):
    NAME = keys.DRIFT
    TITLE_WORD = "drift"

    def __init__(self) -> None:
        super().__init__()
        self._found: DriftList | None = None
        self._groups: list[Group] = []
        self._comparisons: list[Comparison] = []
        self._folded: dict[str, bool] = {}  # classes that a person opened or closed
        self._shown: DriftShow | None = None  # both sides, and of which difference
        self._shown_of = ""
        self._open = False  # a record stands alone, where there is no room beside the list
        self._seen: object = None  # what the engine said when the list was asked for
        self._asked = float("-inf")
        self._asking = False
        self._drawn: object = None  # what the list was made of

    def body(self) -> ComposeResult:
        yield Lines(id="title")
        with Container(id="both"):
            yield Table(id="differing")
            yield Page(id="sides")
        yield from self.filter_line()

    def on_mount(self) -> None:
        self.set_interval(_BETWEEN, self.look)

    def on_screen_suspend(self) -> None:
        """Nobody looks any more: no value stays."""
        self._shown, self._open = None, False

    @property
    def table(self) -> Table | None:
        return None if self._alone else self.query_one(Table)

    @property
    def choice(self) -> Choice | None:
        row = self._row
        if row is not None:
            return Choice(row.wave, row.kind, row.key)
        group = self._group
        return Choice(group.wave, group.kind, "") if group is not None else None

    # ------------------------------------------------------------ keys

    def act_open(self) -> None:
        """A class: its records, or none of them; a record: both sides."""
        group = self._group
        if group is not None:
            self._folded[group.name] = group.name in self._opened
        elif self._row is not None:
            self._open = True
            self._read(self._row, plainly=False)

    def act_unmask(self) -> None:
        row = self._row
        if row is None:
            self.cockpit.say("Select one record: values are shown of one at a time.")
        else:
            self._open = True
            plain = self._shown is not None and self._shown_of == name_of(row) and not self._shown.masked
            self._read(row, plainly=not plain)

    def act_leave(self) -> None:
        if self._open:
            self._open, self._shown = False, None
        else:
            super().act_leave()

    def on_table_moved(self, event: Table.Moved) -> None:
        event.stop()
        if event.key != self._shown_of:  # a key may have opened that record before this came
            self._shown, self._open = None, False
        self.update()

    def _move(self, by: int) -> None:
        """Where a person goes is the wave that is selected everywhere."""
        super()._move(by)
        if (choice := self.choice) is not None:
            self.cockpit.wave = choice.wave

    # ------------------------------------------------------------ painting

    def paint(self, picture: Live) -> None:
        width = self.size.width
        wide = width >= _BESIDE
        self.set_class(wide, "wide")
        self.set_class(self._alone, "reading")
        self.query_one("#title", Lines).show([rule(self._title(), width, toned(self._state(picture)))])
        listed = self.query_one(Table)
        self._paint_list(listed, (listed.size.width or width) - (1 if wide else 0))
        page = self.query_one(Page)
        row, group = self._row, self._group
        room = (page.size.width or width) - 1
        shown = self._shown if row is not None and self._shown_of == name_of(row) else None
        told = sides(row, shown, room) if row is not None and (wide or self._alone) else []
        told = about(group, room) if group is not None and wide else told
        page.fill([toned(("│" if wide else "", DIM)) + line for line in told])

    def _title(self) -> str:
        if self._found is None:
            return "Asking the engine …"
        n = sum(group.records for group in self._groups)
        waves = counted(len({group.wave for group in self._groups}), "wave")
        return f"{counted(n, 'record differs', 'records differ')} in {waves}" if n else "No difference is known"

    def _state(self, picture: Live) -> tuple[str, str]:
        """What is being compared; else what the samples say; else what was compared last."""
        for one in self._comparisons:
            if one.running:
                left = f", {seconds(one.seconds_left)} left" if one.seconds_left is not None else ""
                return f"comparing {one.wave}: {count(one.compared)} of {count(one.total)}{left}", BUSY
        failed = next((one for one in self._comparisons if one.outcome.startswith("failed")), None)
        if failed is not None:
            return f"{failed.wave}: {failed.outcome}", ALARM
        drift = picture.drift
        if drift is not None and drift.estimate is not None:
            upper = f", at most {drift.upper:.2%} at 95 %" if drift.upper is not None else ""
            return f"{drift.estimate:.2%} of {count(drift.sampled)} sampled{upper}", ALARM if drift.confirmed else GOOD
        over = [one for one in self._comparisons if one.ended]
        ended = max(over, key=lambda one: (bool(one.kinds), one.compared > 0, one.ended), default=None)
        if ended is not None:
            return f"{ended.wave}: {ended.outcome}", WARN if ended.kinds else GOOD
        return "c compares the sides", DIM

    def _paint_list(self, listed: Table, width: int) -> None:
        if self._drawn == (drawn := (id(self._found), self.letters, tuple(sorted(self._opened)), width)):
            return
        self._drawn = drawn
        names = [(one.name if isinstance(one, Group) else name_of(one), one) for one in self._listed()]
        heading, drawn_lines = lines([one for _, one in names], self._opened, width)
        rows = [Row(name, line) for (name, _), line in zip(names, drawn_lines, strict=True)]
        if not rows and self._found is not None:
            words = "Nothing fits these letters." if self._groups else "Nothing differs, as far as was compared."
            rows = [Row("", toned((f" {words}", DIM if self._groups else GOOD)))]
        listed.fill(rows, heading if self._groups else None)

    def _listed(self) -> list[Group | DriftRow]:
        found: list[Group | DriftRow] = []
        rows = self._found.rows if self._found is not None else []
        for group in self._groups:
            of = [row for row in rows if (row.wave, row.kind) == (group.wave, group.kind)]
            seen = [row for row in of if self.fits(row.entity, row.key, row.field, row.target, row.by, row.root)]
            if seen or self.fits(group.wave, group.kind.replace("_", " ")):
                found.append(group)
            if group.name in self._opened:
                found += seen
        return found

    # ------------------------------------------------------------ inside

    @property
    def _alone(self) -> bool:
        return self._open and self.size.width < _BESIDE

    @property
    def _opened(self) -> set[str]:
        """Names of classes whose records are listed."""
        if self.letters:
            return {group.name for group in self._groups}
        few = self._found is not None and len(self._found.rows) <= _AT_ONCE
        return {group.name for group in self._groups if not self._folded.get(group.name, not few)}

    @property
    def _group(self) -> Group | None:
        chosen = self.query_one(Table).chosen
        return next((group for group in self._groups if group.name == chosen), None)

    @property
    def _row(self) -> DriftRow | None:
        chosen = self.query_one(Table).chosen
        rows = self._found.rows if self._found is not None else []
        return next((row for row in rows if name_of(row) == chosen), None)

    def look(self) -> None:
        """Ask now, unless the last answer is still on its way."""
        if self.is_active and self.store.fresh and not self._asking:
            self._asking = True
            self.run_worker(self._look(), group="look")

    async def _look(self) -> None:
        """How far comparisons are; and the list, when it may be another by now."""
        try:
            going = await self.cockpit.ask("/reconcile", Comparisons, aloud=False)
            picture = self.store.picture
            if going is None or picture is None:
                return
            states = [(wave.state, wave.cause) for wave in picture.status.waves]
            seen = ([(one.kinds, one.outcome) for one in going.comparisons], states, picture.drift)
            self._comparisons = going.comparisons
            if seen != self._seen or time.monotonic() - self._asked > _AGAIN:
                found = await self.cockpit.ask("/drift", DriftList, aloud=False)
                if found is None:
                    return
                self._seen, self._asked = seen, time.monotonic()
                if found != self._found:
                    self._found, self._groups = found, groups(found)
            self.update()
        finally:
            self._asking = False

    def _read(self, row: DriftRow, *, plainly: bool) -> None:
        if self._shown_of != name_of(row):
            self._shown, self._shown_of = None, name_of(row)
        self.run_worker(self._both(row, plainly), group="read", exclusive=True)

    async def _both(self, row: DriftRow, plainly: bool) -> None:
        client = self.cockpit.client
        try:
            shown = await aside(
                lambda: client.get("/difference", DriftShow, timeout=LONG, key=row.key, plainly=int(plainly))
            )
        except (Refusal, NoEngine) as error:
            self.cockpit.say(str(error))
            return
        if self._open and self.is_active and self._row is not None and name_of(self._row) == name_of(row):
            self._shown = shown
            self.update()

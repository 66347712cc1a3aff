"""A list with a cursor: one line a row, which stays on its row when rows come and go."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from rich.text import Text
from textual.message import Message

from cockpit.tones import CHOSEN, DIM, STYLES, toned
from cockpit.widgets.lines import Lines


class Row(NamedTuple):
    """`key` names it for good; a row without one cannot be chosen (a heading)."""

    key: str
    line: Text


class Table(Lines, can_focus=True):
    """Rows below an optional heading. Moves of the cursor come from the screen's keys."""

    class Moved(Message):
        """The cursor stands on another row."""

        def __init__(self, table: Table, key: str) -> None:
            super().__init__()
            self.table = table
            self.key = key

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self.chosen = ""
        self._heading: Text | None = None
        self._rows: list[Row] = []
        self._top = 0

    def fill(self, rows: Sequence[Row], heading: Text | None = None) -> None:
        """Show these rows; the cursor stays on its row, or where that row was."""
        was = self._at
        self._rows, self._heading = list(rows), heading
        if self._at is None:
            keys = self._keys
            after = [row.key for row in self._rows[was or 0 :] if row.key]
            self._choose(after[0] if after else keys[-1] if keys else "")
        self._paint()

    def move(self, by: int) -> None:
        """The cursor, down by so many rows."""
        keys = self._keys
        if keys:
            at = keys.index(self.chosen) if self.chosen in keys else 0
            self._choose(keys[max(0, min(len(keys) - 1, at + by))])
            self._paint()

    def choose(self, key: str) -> None:
        if key in self._keys:
            self._choose(key)
            self._paint()

    @property
    def page(self) -> int:
        """Rows that can be seen at once; where there are more, the last line says how many."""
        room = max(1, self.size.height - (1 if self._heading is not None else 0))
        return room if len(self._rows) <= room else max(1, room - 1)

    def on_resize(self) -> None:
        self._paint()

    # ------------------------------------------------------------ inside

    @property
    def _keys(self) -> list[str]:
        return [row.key for row in self._rows if row.key]

    @property
    def _at(self) -> int | None:
        return next((i for i, row in enumerate(self._rows) if row.key and row.key == self.chosen), None)

    def _choose(self, key: str) -> None:
        if key != self.chosen:
            self.chosen = key
            self.post_message(self.Moved(self, key))

    def _paint(self) -> None:
        at, page = self._at, self.page
        if at is not None:
            # Going up, the heading above a row is shown with it: the cursor itself never comes there.
            first = at - 1 if page > 1 and at and not self._rows[at - 1].key else at
            self._top = min(self._top, first) if at < self._top + page else at - page + 1
        self._top = max(0, min(self._top, len(self._rows) - page))
        visible = self._rows[self._top : self._top + page]
        lines = [self._heading] if self._heading is not None else []
        lines += [self._under_cursor(row.line) if row.key and row.key == self.chosen else row.line for row in visible]
        if len(self._rows) > page:
            below = len(self._rows) - self._top - page
            lines.append(toned((f"  … {self._top:,} above, {below:,} below", DIM)))
        self.show(lines)

    def _under_cursor(self, line: Text) -> Text:
        """Reversed over the whole width, without the colours of its own: signs and words say the same."""
        width = max(0, self.size.width)
        marked = toned((line.plain, CHOSEN))
        marked.truncate(width)
        marked.append(" " * (width - marked.cell_len), STYLES[CHOSEN])
        return marked

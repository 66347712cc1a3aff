"""Lines that may be more than fit: the keys of moving go over them."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text

from cockpit.tones import DIM, toned
from cockpit.widgets.lines import Lines


class Page(Lines):
    """A block of lines without a cursor. Where there are more than fit, the last line says how many."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._all: list[Text] = []
        self._top = 0

    def fill(self, lines: Sequence[Text]) -> None:
        self._all = list(lines)
        self._paint()

    def move(self, by: int) -> None:
        """Down by so many lines."""
        self._top += by
        self._paint()

    @property
    def page(self) -> int:
        height = max(1, self.size.height)
        return height if len(self._all) <= height else max(1, height - 1)

    def on_resize(self) -> None:
        self._paint()

    def _paint(self) -> None:
        self._top = max(0, min(self._top, len(self._all) - self.page))
        shown = self._all[self._top : self._top + self.page]
        if len(self._all) > self.page:
            below = len(self._all) - self._top - self.page
            shown.append(toned((f" … {self._top:,} above, {below:,} below", DIM)))
        self.show(shown)

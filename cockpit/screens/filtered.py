"""A screen whose list can be narrowed by letters: typed below the list, shown as they are typed."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.widgets import Input

from cockpit.screens.base import Station


class Filtered(Station):
    """Put `yield from self.filter_line()` at the end of `body`."""

    def __init__(self) -> None:
        super().__init__()
        self.letters = ""  # in lower case; empty: everything is shown

    def filter_line(self) -> ComposeResult:
        line = Input(id="filter", placeholder="letters; Enter keeps them, Esc shows all again", select_on_focus=False)
        line.display = False
        yield line

    def fits(self, *texts: str) -> bool:
        """Whether a line of these texts is shown."""
        return not self.letters or any(self.letters in text.lower() for text in texts)

    def narrowed(self) -> None:
        """The letters have changed."""
        self.update()

    def act_filter(self) -> None:
        line = self.query_one("#filter", Input)
        line.display = True
        line.focus()

    def act_leave(self) -> None:
        if self.query_one("#filter", Input).display:
            self.everything()
        else:
            super().act_leave()

    def everything(self) -> None:
        """Show all again."""
        line = self.query_one("#filter", Input)
        line.value = ""
        self._back(line)

    def on_input_changed(self, event: Input.Changed) -> None:
        self.letters = event.value.lower().strip()
        self.narrowed()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        self._back(event.input)

    def _back(self, line: Input) -> None:
        """To the list; the letters stay in sight while they narrow it."""
        if not line.value:
            line.display = False
        if (table := self.table) is not None:
            table.focus()

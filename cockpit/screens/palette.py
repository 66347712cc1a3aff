"""The palette: every verb of the screen by name, narrowed by typing."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input

from cockpit import keys
from cockpit.tones import DIM, HEAD, toned
from cockpit.widgets.table import Row, Table


class Palette(ModalScreen[str | None], inherit_bindings=False):
    """Gives the verb that was chosen, or None."""

    BINDINGS = [  # noqa: RUF012 - as Textual has it
        Binding("escape", "give_up", show=False),
        Binding("down", "move(1)", show=False, priority=True),
        Binding("up", "move(-1)", show=False, priority=True),
    ]

    def __init__(self, screen: str) -> None:
        super().__init__()
        self._keys = [key for key in keys.keys_of(screen) if key.verb not in _MOVES]

    def compose(self) -> ComposeResult:
        with Vertical(id="palette"):
            yield Input(id="wanted")
            yield Table(id="verbs")

    def on_mount(self) -> None:
        self.query_one(Input).focus()
        self._narrow("")

    def on_input_changed(self, event: Input.Changed) -> None:
        self._narrow(event.value)

    def on_input_submitted(self) -> None:
        self.dismiss(self.query_one(Table).chosen or None)

    def action_give_up(self) -> None:
        self.dismiss(None)

    def action_move(self, by: int) -> None:
        self.query_one(Table).move(by)

    def _narrow(self, text: str) -> None:
        letters = text.lower().strip()
        found = [key for key in self._keys if letters in f"{key.verb} {key.help}".lower().replace("_", " ")]
        found.sort(key=lambda key: not key.verb.startswith(letters))
        rows = [
            Row(key.verb, toned((f" {key.verb.replace('_', ' '):<14}", HEAD), f"{key.shown:<6}", (key.help, DIM)))
            for key in found
        ]
        table = self.query_one(Table)
        table.chosen = ""
        table.fill(rows)


_MOVES = {"down", "up", "left", "right", "page_down", "page_up", "top", "bottom", "leave", "palette"}

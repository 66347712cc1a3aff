"""Every key of a screen, from the one table."""

from __future__ import annotations

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding
from textual.screen import ModalScreen

from cockpit import keys
from cockpit.tones import DIM, HEAD, toned
from cockpit.widgets.lines import Lines


class Help(ModalScreen[None], inherit_bindings=False):
    """The keys that work on the screen behind; any of the leaving keys closes it."""

    BINDINGS = [Binding(key, "dismiss", show=False) for key in ("escape", "q", "question_mark", "enter")]  # noqa: RUF012

    def __init__(self, screen: str) -> None:
        super().__init__()
        self._screen = screen

    def compose(self) -> ComposeResult:
        yield Lines(id="help")

    def on_mount(self) -> None:
        self.query_one(Lines).show(help_lines(self._screen))

    def on_resize(self) -> None:
        self.query_one(Lines).show(help_lines(self._screen))


def help_lines(screen: str) -> list[Text]:
    own = [key for key in keys.keys_of(screen) if key.screens]
    common = [key for key in keys.keys_of(screen) if not key.screens]
    lines = [toned((f" Keys of {screen}", HEAD))]
    lines += [_line(key) for key in own]
    lines += [toned((" Everywhere", HEAD))]
    lines += [_line(key) for key in common]
    lines.append(toned((" Esc closes this.", DIM)))
    return lines


def _line(key: keys.Key) -> Text:
    return toned("   ", (f"{key.shown:<6}", HEAD), key.help)

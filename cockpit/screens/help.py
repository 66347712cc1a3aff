"""Every key of a screen, from the one table."""

from __future__ import annotations

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding
from textual.events import ScreenResume
from textual.screen import ModalScreen

from cockpit import keys
from cockpit.tones import DIM, HEAD, toned
from cockpit.widgets.page import Page


class Help(ModalScreen[None], inherit_bindings=False):
    """The keys that work on the screen behind; any of the leaving keys closes it."""

    BINDINGS = [  # noqa: RUF012 - as Textual has it
        *(Binding(key, "dismiss", show=False) for key in ("escape", "q", "question_mark", "enter")),
        *(Binding(key, "move(1)", show=False) for key in ("down", "j")),
        *(Binding(key, "move(-1)", show=False) for key in ("up", "k")),
        *(Binding(key, "move(10)", show=False) for key in ("pagedown", "ctrl+f", "space")),
        *(Binding(key, "move(-10)", show=False) for key in ("pageup", "ctrl+u")),
    ]

    BLANK = True  # the screen behind is not seen
    NAME = "help"
    of = ""
    """The screen whose keys are told; set it before this is shown. There is one of these: it is composed once."""

    def compose(self) -> ComposeResult:
        yield Page(id="help")

    def on_screen_resume(self, event: ScreenResume) -> None:
        event.refresh_styles = False
        page = self.query_one(Page)
        page.fill(help_lines(self.of))
        page.move(-1_000_000)

    def action_move(self, by: int) -> None:
        self.query_one(Page).move(by)


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

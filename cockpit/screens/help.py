"""Every key of a screen, from the one table."""

from __future__ import annotations

from textwrap import wrap

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding
from textual.events import ScreenResume
from textual.screen import ModalScreen

from cockpit import keys
from cockpit.tones import DIM, HEAD, toned
from cockpit.widgets.page import Page

_WORDS_FROM = 9  # the column where what a key does is told


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
        self._fill()
        self.query_one(Page).move(-1_000_000)

    def on_resize(self) -> None:
        self._fill()

    def _fill(self) -> None:
        self.query_one(Page).fill(help_lines(self.of, self.size.width))

    def action_move(self, by: int) -> None:
        self.query_one(Page).move(by)


def help_lines(screen: str, width: int) -> list[Text]:
    own = [key for key in keys.keys_of(screen) if key.screens]
    common = [key for key in keys.keys_of(screen) if not key.screens]
    lines = [toned((f" Keys of {screen}", HEAD))]
    lines += [line for key in own for line in _lines(key, width)]
    lines += [toned((" Everywhere", HEAD))]
    lines += [line for key in common for line in _lines(key, width)]
    lines.append(toned((" Esc closes this.", DIM)))
    return lines


def _lines(key: keys.Key, width: int) -> list[Text]:
    words = wrap(key.help, max(20, width - _WORDS_FROM - 1))
    below = [toned(" " * _WORDS_FROM, line) for line in words[1:]]
    return [toned("   ", (key.shown.ljust(_WORDS_FROM - 3), HEAD), words[0]), *below]

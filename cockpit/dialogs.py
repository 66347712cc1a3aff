"""What is asked before a command goes out: a line of text, or, for what acts heavily, a name typed below a preview."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input

from cockpit.tones import ALARM, DIM, HEAD, toned
from cockpit.widgets.lines import Lines
from cockpit.widgets.page import Page

_FRAME = 2 + 1 + 2  # lines of a dialog that are no preview: its border, its input, what it says below
_INSIDE = 72  # columns of a dialog on a terminal that is wide enough


class Question(ModalScreen[str | None], inherit_bindings=False):
    """Asks for one line. Enter gives it, Esc gives None; up and down move the preview where it is long."""

    BINDINGS = [  # noqa: RUF012 - as Textual has it
        Binding("escape", "give_up", show=False),
        Binding("down", "move(1)", show=False, priority=True),
        Binding("up", "move(-1)", show=False, priority=True),
        Binding("pagedown", "move(10)", show=False, priority=True),
        Binding("pageup", "move(-10)", show=False, priority=True),
    ]

    def __init__(self, title: str, lines: Sequence[Text] = (), *, wanted: str = "", needed: bool = True) -> None:
        """`wanted`: only exactly this is taken; `needed`: an empty line is not."""
        super().__init__()
        self._title = title
        self._lines = list(lines)
        self._wanted = wanted
        self._needed = needed

    def compose(self) -> ComposeResult:
        with Vertical(id="dialog"):
            yield Page(id="preview")
            yield Input(id="answer", select_on_focus=False)
            yield Lines(id="complaint")

    def on_mount(self) -> None:
        self.query_one("#answer", Input).focus()
        self._say("")
        self._lay()

    def on_resize(self) -> None:
        self._lay()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        text = event.value.strip()
        if self._wanted and text != self._wanted:
            self._say(f"That is not {self._wanted}. Nothing was done.")
            event.input.value = ""
        elif self._needed and not text:
            self._say("Say it in a few words: others will read it.")
        else:
            self.dismiss(text)

    def action_give_up(self) -> None:
        self.dismiss(None)

    def action_move(self, by: int) -> None:
        self.query_one("#preview", Page).move(by)

    def _lay(self) -> None:
        """All of the preview is seen, folded and moved if need be: nobody agrees to what was cut off."""
        width = max(10, min(_INSIDE, self.size.width - 4))
        folded = [
            piece for line in (toned((self._title, HEAD)), toned(""), *self._lines) for piece in _fold(line, width)
        ]
        preview = self.query_one("#preview", Page)
        preview.styles.height = max(1, min(len(folded), self.size.height - _FRAME))
        preview.fill(folded)

    def _say(self, complaint: str) -> None:
        wanted = f"Type {self._wanted} and Enter to do it" if self._wanted else "Enter to do it"
        hint = toned((f"{wanted}; Esc leaves everything as it is.", DIM))
        self.query_one("#complaint", Lines).show([toned((complaint, ALARM)), hint] if complaint else [hint])


def _fold(line: Text, width: int) -> list[Text]:
    """The line on as many lines as it needs, broken between words where that is possible."""
    pieces = []
    while cell_len(line.plain) > width:
        cut = line.copy()
        cut.truncate(width)
        space = cut.plain.rstrip().rfind(" ")
        at = space + 1 if space > width // 2 else max(1, len(cut.plain))
        pieces.append(line[:at])
        line = toned("  ") + line[at:]
    return [*pieces, line]

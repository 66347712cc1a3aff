"""What is asked before a command goes out: a line of text, or, for what acts heavily, a name typed below a preview."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input

from cockpit.tones import ALARM, DIM, HEAD, toned
from cockpit.widgets.lines import Lines


class Question(ModalScreen[str | None]):
    """Asks for one line. Enter gives it, Esc gives None."""

    BINDINGS = [("escape", "give_up", "Leave")]  # noqa: RUF012 - as Textual has it

    def __init__(self, title: str, lines: Sequence[Text] = (), *, wanted: str = "", needed: bool = True) -> None:
        """`wanted`: only exactly this is taken; `needed`: an empty line is not."""
        super().__init__()
        self._title = title
        self._lines = list(lines)
        self._wanted = wanted
        self._needed = needed

    def compose(self) -> ComposeResult:
        with Vertical(id="dialog"):
            yield Lines(id="preview")
            yield Input(id="answer", select_on_focus=False)
            yield Lines(id="complaint")

    def on_mount(self) -> None:
        preview = self.query_one("#preview", Lines)
        preview.styles.height = len(self._lines) + 2
        preview.show([toned((self._title, HEAD)), toned(""), *self._lines])
        self.query_one("#answer", Input).focus()
        self._say("")

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

    def _say(self, complaint: str) -> None:
        wanted = f"Type {self._wanted} and Enter to do it" if self._wanted else "Enter to do it"
        hint = toned((f"{wanted}; Esc leaves everything as it is.", DIM))
        self.query_one("#complaint", Lines).show([toned((complaint, ALARM)), hint] if complaint else [hint])

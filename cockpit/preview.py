"""A dialog that is there at once, and shows what would be done when the engine has looked. Only then can it be done."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import NamedTuple

from rich.text import Text
from textual.widgets import Input

from cockpit.client import NoEngine, Refusal
from cockpit.dialogs import Question
from cockpit.prose import paragraph
from cockpit.tones import ALARM, DIM, toned
from cockpit.widgets.lines import Lines


class Seen(NamedTuple):
    """What was seen. `wanted`: the name that does it; empty: any words do, which say why; `possible`: neither."""

    lines: list[Text]
    wanted: str = ""
    possible: bool = True


class Preview(Question):
    """Asks for one line below what `look` sees. Until that is there, and when it cannot be done, only Esc works."""

    def __init__(self, title: str, waiting: str, look: Callable[[], Awaitable[Seen]]) -> None:
        super().__init__(title, paragraph(waiting, 73, DIM, indent=0))
        self._look = look
        self._seen: Seen | None = None

    def on_mount(self) -> None:
        self.query_one("#answer", Input).disabled = True
        self.run_worker(self._wait())

    async def _wait(self) -> None:
        try:
            seen = await self._look()
        except (Refusal, NoEngine) as error:
            seen = Seen(paragraph(f"▲ {error}", 73, ALARM, indent=0), possible=False)
        self._seen, self._lines, self._wanted = seen, seen.lines, seen.wanted
        if seen.possible:
            answer = self.query_one("#answer", Input)
            answer.disabled = False
            answer.focus()
        self._say("")
        self._lay()

    def _say(self, complaint: str) -> None:
        if self._seen is not None and self._seen.possible:
            super()._say(complaint)
        else:
            self.query_one("#complaint", Lines).show([toned(("Esc leaves everything as it is.", DIM))])

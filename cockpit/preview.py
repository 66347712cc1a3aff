"""A dialog that is there at once, and shows what would be done when the engine has looked. Only then can it be done."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from rich.text import Text
from textual.app import App
from textual.widgets import Input

from cockpit.client import NoEngine, Refusal
from cockpit.dialogs import Question
from cockpit.prose import paragraph
from cockpit.tones import ALARM, DIM, WARN, toned
from cockpit.widgets.lines import Lines

WIDTH = 73
"""Columns of what is shown."""


class Seen(NamedTuple):
    """What was seen. `wanted`: the name that does it; `possible`: it can be done at all; `despite`: only for a reason,
    which is asked for before the name."""

    lines: list[Text]
    wanted: str = ""
    possible: bool = True
    despite: bool = False


class Preview(Question):
    """Asks for one line below what `look` sees. Until that is there, and when it cannot be done, only Esc works."""

    def __init__(self, title: str, waiting: str, look: Callable[[], Awaitable[Seen]]) -> None:
        super().__init__(title, paragraph(waiting, WIDTH, DIM, indent=0))
        self._look = look
        self.seen: Seen | None = None  # None until the engine has looked

    def on_mount(self) -> None:
        self.query_one("#answer", Input).disabled = True
        self.run_worker(self._wait())

    async def _wait(self) -> None:
        try:
            seen = await self._look()
        except (Refusal, NoEngine) as error:
            seen = Seen(paragraph(f"▲ {error}", WIDTH, ALARM, indent=0), possible=False)
        self.seen, self._lines, self._wanted = seen, seen.lines, "" if seen.despite else seen.wanted
        if seen.possible:
            answer = self.query_one("#answer", Input)
            answer.disabled = False
            answer.focus()
        self._say("")
        self._lay()

    def _say(self, complaint: str) -> None:
        if self.seen is not None and self.seen.possible:
            super()._say(complaint)
        else:
            self.query_one("#complaint", Lines).show([toned(("Esc leaves everything as it is.", DIM))])


def agree(
    app: App[Any], title: str, waiting: str, look: Callable[[], Awaitable[Seen]], act: Callable[[str], None]
) -> None:
    """Show what `look` sees, ask for a reason where one is needed, then for the name; then `act` with the reason."""
    preview = Preview(title, waiting, look)

    def said(answer: str | None) -> None:
        seen = preview.seen
        if answer is None or seen is None:
            return
        if not seen.despite:
            act("")
            return

        def typed(name: str | None) -> None:
            if name is not None:
                act(answer)

        lines = [*seen.lines, *paragraph(f"Reason: {answer}", WIDTH, WARN, indent=0)]
        app.push_screen(Question(title, lines, wanted=seen.wanted), typed)

    app.push_screen(preview, said)

"""One wave, closely: where its records and chunks are, how fast its calls, what it waits for, what goes wrong."""

from __future__ import annotations

from textual.app import ComposeResult

from cockpit import keys
from cockpit.panels import closeup, waves
from cockpit.screens.looking import Looking
from cockpit.tones import DIM, toned
from cockpit.undo_deeds import UndoDeeds
from cockpit.widgets.lines import Lines
from cockpit.widgets.page import Page
from engine.wire import Live


class Wave(Looking, UndoDeeds):
    NAME = keys.WAVE
    TITLE_WORD = "wave"

    def body(self) -> ComposeResult:
        yield Lines(id="title")
        yield Page(id="closeup")

    @property
    def looked_at(self) -> str:
        """The selected wave; with all selected, the one that is at work, or the first."""
        picture = self.store.picture
        if self.cockpit.wave or picture is None:
            return self.cockpit.wave
        listed = picture.status.waves
        at_work = next((each for each in listed if each.state in waves.ACTIVE), listed[0] if listed else None)
        return at_work.wave if at_work is not None else ""

    @property
    def selected(self) -> str:
        return self.looked_at

    @property
    def cells(self) -> int:
        return closeup.cells_for(self.size.width)

    def on_screen_resume(self) -> None:
        super().on_screen_resume()
        self.look()

    def act_left(self) -> None:
        self._choose(-1)

    def act_right(self) -> None:
        self._choose(1)

    def paint(self, picture: Live) -> None:
        listed = picture.status.waves
        wave = next((each for each in listed if each.wave == self.looked_at), None)
        title, page = self.query_one("#title", Lines), self.query_one("#closeup", Page)
        if wave is None:
            title.show([toned((" No wave of this name any more: left and right choose another.", DIM))])
            page.fill([])
            return
        width = self.size.width
        title.show([waves.title(wave, picture.status, width)])
        page.fill(closeup.lines(wave, self.detail_of(wave.wave), width))

    def _choose(self, by: int) -> None:
        """The wave so many further on."""
        picture = self.store.picture
        names = [each.wave for each in picture.status.waves] if picture is not None else []
        if names:
            at = names.index(self.looked_at) + by if self.looked_at in names else 0
            self.cockpit.wave = names[max(0, min(len(names) - 1, at))]
            self.look()

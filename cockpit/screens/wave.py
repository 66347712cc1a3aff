"""One wave, closely: where its records and chunks are, how fast its calls, what it waits for, what goes wrong."""

from __future__ import annotations

from textual.app import ComposeResult

from cockpit import keys
from cockpit.deeds import WaveDeeds
from cockpit.panels import closeup, waves
from cockpit.screens.looking import Looking
from cockpit.tones import DIM, toned
from cockpit.widgets.lines import Lines
from cockpit.widgets.page import Page
from engine.wire import Live, WaveStatus


class Wave(Looking, WaveDeeds):
    NAME = keys.WAVE
    TITLE_WORD = "wave"

    def body(self) -> ComposeResult:
        yield Lines(id="title")
        yield Page(id="closeup")

    @property
    def looked_at(self) -> str:
        return self.cockpit.wave

    @property
    def cells(self) -> int:
        return closeup.cells_for(self.size.width)

    def on_screen_resume(self) -> None:
        if not self.cockpit.wave:
            self._choose(0)
        super().on_screen_resume()
        self.look()

    def act_left(self) -> None:
        self._choose(-1)

    def act_right(self) -> None:
        self._choose(1)

    def paint(self, picture: Live) -> None:
        listed = picture.status.waves
        wave = next((each for each in listed if each.wave == self.cockpit.wave), None)
        title, page = self.query_one("#title", Lines), self.query_one("#closeup", Page)
        if wave is None:
            title.show([toned((" No wave of this name any more: left and right choose another.", DIM))])
            page.fill([])
            return
        width = self.size.width
        title.show([waves.title(wave, picture.status, width)])
        page.fill(closeup.lines(wave, self.detail_of(wave.wave), width))

    def _choose(self, by: int) -> None:
        """The wave so many further on; with none chosen, the one that runs, or the first."""
        picture = self.store.picture
        if picture is None or not picture.status.waves:
            return
        listed: list[WaveStatus] = picture.status.waves
        names = [each.wave for each in listed]
        if self.cockpit.wave in names:
            at = max(0, min(len(names) - 1, names.index(self.cockpit.wave) + by))
        else:
            at = next((i for i, each in enumerate(listed) if each.state in waves.ACTIVE), 0)
        self.cockpit.wave = names[at]
        self.look()

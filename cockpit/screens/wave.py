"""One wave, closely: where its records and chunks are, how fast its calls, what it waits for, what goes wrong."""

from __future__ import annotations

from textual.app import ComposeResult

from cockpit import keys
from cockpit.panels import closeup, waves
from cockpit.proof_deeds import ProofDeeds
from cockpit.screens.looking import Looking
from cockpit.screens.one_wave import OneWave
from cockpit.tones import DIM, toned
from cockpit.widgets.lines import Lines
from cockpit.widgets.page import Page
from engine.wire import Live


class Wave(OneWave, Looking, ProofDeeds):
    NAME = keys.WAVE
    TITLE_WORD = "wave"

    def body(self) -> ComposeResult:
        yield Lines(id="title")
        yield Page(id="closeup")

    @property
    def cells(self) -> int:
        return closeup.cells_for(self.size.width)

    def paint(self, picture: Live) -> None:
        wave = self.wave_of(picture)
        title, page = self.query_one("#title", Lines), self.query_one("#closeup", Page)
        if wave is None:
            title.show([toned((" No wave of this name any more: left and right choose another.", DIM))])
            page.anew()
            page.fill([])
            return
        width = self.size.width
        if page.anew(picture, wave.wave, self.detail_of(wave.wave), width):
            title.show([waves.title(wave, picture.status, width)])
            page.fill(closeup.lines(wave, self.detail_of(wave.wave), width))

"""What is proven of one wave: what a signature waits for, its records, its rules, drift, a second opinion."""

from __future__ import annotations

from textual.app import ComposeResult

from cockpit import keys
from cockpit.panels import proof, waves
from cockpit.proof_deeds import ProofDeeds
from cockpit.screens.one_wave import OneWave
from cockpit.tones import DIM, toned
from cockpit.widgets.lines import Lines
from cockpit.widgets.page import Page
from engine.wire import Live, SignOff, VerifyReport

_BETWEEN = 1.0  # seconds


class ProofScreen(OneWave, ProofDeeds):
    NAME = keys.PROOF
    TITLE_WORD = "proof"

    def __init__(self) -> None:
        super().__init__()
        self._sign: SignOff | None = None
        self._report: VerifyReport | None = None
        self._looking = ""  # the wave that is asked for

    def body(self) -> ComposeResult:
        yield Lines(id="title")
        yield Page(id="proven")

    def on_mount(self) -> None:
        self.set_interval(_BETWEEN, self.look)

    def paint(self, picture: Live) -> None:
        wave, width = self.wave_of(picture), self.size.width
        title, page = self.query_one("#title", Lines), self.query_one("#proven", Page)
        if wave is None:
            title.show([toned((" No wave of this name any more: left and right choose another.", DIM))])
            page.anew()
            page.fill([])
            return
        if title.anew(picture, wave.wave, width):
            title.show([waves.title(wave, picture.status, width)])
        known = self._sign if self._sign is not None and self._sign.wave == wave.wave else None
        if page.anew(known, self._report, width):
            asking = [toned((" Asking the engine …", DIM))]
            page.fill(proof.lines(known, self._report, width) if known is not None else asking)

    def look(self) -> None:
        """Ask now, unless the last answer is still on its way."""
        wave = self.looked_at
        if self.is_active and self.store.fresh and wave and self._looking != wave:
            self._looking = wave
            self.run_worker(self._look(wave), group="look")

    async def _look(self, wave: str) -> None:
        try:
            seen = await self.cockpit.ask("/sign", SignOff, aloud=False, wave=wave)
            report = await self.cockpit.ask("/verify", VerifyReport, aloud=False)
        finally:
            if self._looking == wave:
                self._looking = ""
        if wave == self.looked_at and (seen, report) != (self._sign, self._report):
            self._sign, self._report = seen or self._sign, report or self._report
            self.update()

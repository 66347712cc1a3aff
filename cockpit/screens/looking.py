"""A closer look at one wave, taken once a second while a screen that shows it is in front."""

from __future__ import annotations

from cockpit.screens.base import Station
from engine.wire import WaveDetail

_BETWEEN = 1.0  # seconds


class Looking(Station):
    """Asks the engine for the wave that `looked_at` names; empty: for none."""

    def __init__(self) -> None:
        super().__init__()
        self._detail: WaveDetail | None = None

    @property
    def looked_at(self) -> str:
        raise NotImplementedError

    @property
    def cells(self) -> int:
        """The most letters for chunks that can be shown."""
        raise NotImplementedError

    def detail_of(self, wave: str) -> WaveDetail | None:
        """What was seen last; None when that was another wave."""
        return self._detail if self._detail is not None and self._detail.wave == wave else None

    def on_mount(self) -> None:
        self.set_interval(_BETWEEN, self.look)

    def look(self) -> None:
        """Ask now, unless the last answer is still on its way."""
        if self.is_active and self.store.fresh and self.looked_at:
            self.run_worker(self._look(self.looked_at), group="look", exclusive=False)

    async def _look(self, wave: str) -> None:
        detail = await self.cockpit.ask("/wave", WaveDetail, aloud=False, name=wave, cells=self.cells)
        if detail is not None and wave == self.looked_at and detail != self._detail:
            self._detail = detail
            self.update()

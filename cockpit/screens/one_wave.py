"""A screen about one wave: the selected one, and from there to the others."""

from __future__ import annotations

from cockpit.deeds import WaveDeeds
from cockpit.panels import waves
from engine.wire import Live, WaveStatus


class OneWave(WaveDeeds):
    """What is pressed is done to the wave that is looked at."""

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

    def wave_of(self, picture: Live) -> WaveStatus | None:
        """None when there is none of this name any more."""
        return next((each for each in picture.status.waves if each.wave == self.looked_at), None)

    def act_left(self) -> None:
        self._choose(-1)

    def act_right(self) -> None:
        self._choose(1)

    def _choose(self, by: int) -> None:
        """The wave so many further on."""
        picture = self.store.picture
        names = [each.wave for each in picture.status.waves] if picture is not None else []
        if names:
            at = names.index(self.looked_at) + by if self.looked_at in names else 0
            self.cockpit.wave = names[max(0, min(len(names) - 1, at))]
            self.look()

"""What became of the last command: accepted, durable, effective. The third is seen in a picture, never assumed."""

from __future__ import annotations

import time

from rich.text import Text

from cockpit.format import neutral
from cockpit.tones import ALARM, DIM, GOOD, WARN, toned
from engine.wire import Live, Receipt

HELD = "held:"
"""The effect of a pause: `held:emea` (`held:` of all waves) is there when no call of it is on the way any more."""

_SHOWN = 8.0  # seconds that the end of a command stays on the screen


class Sent:
    """The last command that went out from this screen."""

    def __init__(self) -> None:
        self._what = ""
        self._effect = ""
        self._receipt: Receipt | None = None
        self._refusal = ""
        self._effective = False
        self._over = 0.0  # when nothing more was to come

    def begin(self, what: str, effect: str = "") -> None:
        self.__init__()  # type: ignore[misc]
        self._what, self._effect = what, effect

    def answered(self, receipt: Receipt) -> None:
        self._receipt = receipt
        self._effective = receipt.effective
        self._over = time.monotonic()

    def refuse(self, words: str) -> None:
        """The engine refuses it, or there is something to say that is no command."""
        self.__init__()  # type: ignore[misc]
        self._refusal = words
        self._over = time.monotonic()

    def forget(self) -> None:
        self.__init__()  # type: ignore[misc]

    def compare(self, picture: Live) -> None:
        """Does this picture show the effect? What is over leaves the screen after a while."""
        if self._receipt is None or self._effective or not self._effect.startswith(HELD):
            if self._over and time.monotonic() - self._over > _SHOWN:
                self.forget()
            return
        wave = self._effect.removeprefix(HELD)
        self._effective = any(hold.wave == wave and hold.effective for hold in picture.status.holds)
        self._over = time.monotonic()

    @property
    def line(self) -> Text | None:
        """For the message line; None when nothing was sent."""
        if self._refusal:
            return toned((f"▲ {neutral(self._refusal)}", WARN))
        if not self._what:
            return None
        receipt = self._receipt
        if receipt is None:
            return toned(f"{self._what}: ", ("sent …", DIM))
        stages = [("accepted", receipt.accepted), ("durable", receipt.durable), ("effective", self._effective)]
        parts = [(f"{word} {'✔' if there else '…'}  ", GOOD if there else DIM) for word, there in stages]
        return toned(f"{self._what}: ", *parts, (neutral(receipt.message), ALARM if not receipt.accepted else DIM))

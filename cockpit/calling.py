"""Calls a person who looks elsewhere: the terminal's title says how it goes, a bell rings for a new alarm.

The title is on unless CUTOVER_TITLE=0; the bell is off unless CUTOVER_BELL=1 (an alarm at night wakes a whole room).
"""

from __future__ import annotations

import os
from collections.abc import Callable

from cockpit import glance
from cockpit.format import shortened
from cockpit.store import Store

_NO_TITLE = frozenset({"linux", "dumb", "unknown", ""})  # terminals that would show it as rubbish


class Calling:
    """`write`: to the terminal."""

    def __init__(self, write: Callable[[str], None], *, ascii_only: bool) -> None:
        self._write = write
        self._titled = os.environ.get("CUTOVER_TITLE", "1") != "0" and os.environ.get("TERM", "") not in _NO_TITLE
        self._rings = os.environ.get("CUTOVER_BELL", "0") == "1"
        self._ascii = ascii_only
        self._title = ""
        self._rung: frozenset[str] = frozenset()

    def begin(self) -> None:
        """Keep the title that is there now."""
        if self._titled:
            self._write("\x1b[22;2t")

    def end(self) -> None:
        """Give it back. Call this while the terminal is still ours."""
        if self._titled:
            self._write("\x1b]2;\x07\x1b[23;2t")

    def tell(self, store: Store) -> None:
        """Say what is new; nothing otherwise."""
        word = glance.of(store)
        name = shortened(store.picture.status.migration, 60) if store.picture else ""
        title = f"{word.word} {name} - cutover".replace("  ", " ")
        if not self._ascii:
            title = f"{word.sign} {title}"
        if self._titled and title != self._title:
            self._title = title
            self._write(f"\x1b]2;{title}\x07")
        if store.picture is None:
            return
        alarms = frozenset(each.id for each in store.picture.alerts if each.level == "alarm")
        if self._rings and alarms - self._rung:
            self._write("\x07")
        self._rung = alarms

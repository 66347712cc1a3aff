"""The latest picture, and whether it still holds. Written by the feed, read by screens."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from engine.wire import Live


class Line(Enum):
    """The line to the engine."""

    CONNECTING = "connecting"
    LIVE = "live"
    LOST = "lost"  # what is shown was true once
    DEAD = "dead"  # nobody answers: the engine has ended, or died


@dataclass(slots=True)
class Store:
    picture: Live | None = None
    line: Line = Line.CONNECTING
    since: datetime | None = None  # when the line was lost
    words: str = ""  # what is known of an engine that does not answer
    starting: str = ""  # that one is being started; or why that did not succeed

    @property
    def fresh(self) -> bool:
        """Whether keys may act on what is shown."""
        return self.line is Line.LIVE and self.picture is not None

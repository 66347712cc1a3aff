"""What the ledger knows about chunks, kept in memory: one byte each, so that a map of them costs no query."""

from __future__ import annotations

from typing import NamedTuple

OPEN, WITH_ASIDE, DONE = 1, 2, 3
"""How far a chunk is; the smallest is the least finished."""

_LETTERS = {0: "t", OPEN: "w", WITH_ASIDE: "s", DONE: "d"}


class Cells(NamedTuple):
    """One letter for `per` chunks: the least finished of them."""

    per: int
    letters: str


class Chunks:
    """The chunks of one entity of one wave, in the order in which they were read."""

    def __init__(self) -> None:
        self.records = 0  # in all of them
        self.done = 0
        self._states = bytearray()
        self._open: dict[str, int] = {}  # span -> where

    @property
    def opened(self) -> int:
        return len(self._states)

    def open(self, span: str, records: int) -> None:
        self._open[span] = len(self._states)
        self._states.append(OPEN)
        self.records += records

    def close(self, span: str, *, aside: bool) -> None:
        at = self._open.pop(span, None)
        if at is not None:
            self._states[at] = WITH_ASIDE if aside else DONE
            self.done += 1

    def cells(self, to_do: int, most: int, *, with_aside: bool) -> Cells:
        """At most `most` letters for these and `to_do` more that are not read yet. Without `with_aside`, what was
        set aside here is settled by now."""
        total = len(self._states) + to_do
        per = max(1, -(-total // most))
        states = self._states if with_aside else self._states.replace(bytes([WITH_ASIDE]), bytes([DONE]))
        known = [min(states[at : at + per]) for at in range(0, len(states), per)]
        if known and to_do and len(states) % per:
            known[-1] = 0  # the letter that has both
        letters = [_LETTERS[state] for state in known]
        return Cells(per, "".join(letters) + "t" * (-(-total // per) - len(letters)))

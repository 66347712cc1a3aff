"""Comparing the sides, what differs, and mending it. Keys and names; values only where one record is asked for."""

from __future__ import annotations

from pydantic import Field

from engine.wire.base import WIRE_VERSION, Message


class Reconcile(Message):
    """Compare the sides of a wave, or (none named) of every wave that has begun: what was written since it was last
    found equal, or a sample of so many records, or (`full`) all of it."""

    wave: str = ""
    full: bool = False
    sample: int | None = Field(default=None, ge=1)
    by: str


class Comparison(Message):
    """How far a comparison is that somebody asked for, and what it has found."""

    wave: str
    scope: str  # dirty | sample | full
    by: str
    started: str
    ended: str  # empty while there is something to go on with
    running: bool
    compared: int
    total: int
    seconds_left: float | None
    kinds: dict[str, int]  # confirmed differences of the wave by class, whoever found them
    outcome: str  # empty while it goes on, or when its engine died


class Comparisons(Message):
    version: int = WIRE_VERSION
    comparisons: list[Comparison]


class DriftRow(Message):
    """One confirmed difference."""

    wave: str
    entity: str
    key: str  # at the source; of what is extra or there twice, its id at the target
    kind: str  # missing | extra | changed | duplicate | edited_at_target | mapping_changed
    field: str
    target: str
    root: str  # key of the record it hangs on, or its own
    by: str  # who edited it
    at: str  # and when
    found: str


class DriftList(Message):
    version: int = WIRE_VERSION
    kinds: dict[str, dict[str, int]]  # by wave
    rows: list[DriftRow]


class DriftField(Message):
    """Both values of a field, at this moment; masked to the first character and the length unless asked for plainly."""

    field: str
    differs: bool
    wanted: str
    there: str


class DriftShow(Message):
    version: int = WIRE_VERSION
    rows: list[DriftRow]
    entity: str
    key: str
    target: str
    masked: bool
    fields: list[DriftField]
    note: str = ""  # why there is nothing to see


class Repair(Message):
    """Send again what is missing or changed in a wave: of these classes, or these records; none named: all of it.

    `also_edited`: the wave's name, to overwrite what somebody edited at the target.
    """

    wave: str
    kinds: list[str] = Field(default_factory=list)
    keys: list[str] = Field(default_factory=list)
    also_edited: str = ""
    by: str


class RepairPlan(Message):
    """What a repair would do."""

    version: int = WIRE_VERSION
    wave: str
    state: str
    records: int  # that will be looked at again, with what hangs on them
    create: int  # of these, or of what hangs on them: missing
    update: int
    ties: int  # links and references to tie again
    edited: int  # left alone: somebody edited them
    stuck: dict[str, int]  # left alone, by reason
    fields: dict[str, int]  # of what will be updated
    note: str = ""

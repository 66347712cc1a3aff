"""What screens see twice a second, and what they ask for when a wave is looked at closely. No field values."""

from __future__ import annotations

from engine.wire.base import WIRE_VERSION, Message
from engine.wire.runbook import RunbookStatus
from engine.wire.status import Status, Waiting


class Chart(Message):
    """One line over time: values oldest first, one a `step`; None where nothing was measured."""

    name: str  # written | errors | retries | lag | drift
    unit: str
    span: str  # recent | run
    step: float  # seconds
    values: list[float | None]


class Alert(Message):
    """Something a person should know. It goes when its cause is gone."""

    id: str  # the same as long as it stands
    level: str  # alarm | warning | note
    wave: str
    sentence: str
    verb: str  # the verb that helps: pause, resume, quarantine, log, ...; empty when there is none
    since: str
    acknowledged_by: str = ""


class Drift(Message):
    """Confirmed differences between the sides, and the estimate by samples (shares of 1)."""

    confirmed: int
    sampled: int
    estimate: float | None  # None until something was sampled
    upper: float | None  # at most this, at 95 %
    at: str


class Live(Message):
    """One picture of everything an overview shows. `number` grows with every picture of one engine."""

    version: int = WIRE_VERSION
    number: int
    status: Status
    charts: list[Chart]
    alerts: list[Alert]  # worst and newest first
    drift: Drift | None  # None until something was compared
    runbook: RunbookStatus | None  # None in a migration without one
    error_share: float  # of the calls of the last minute, failed ones
    average: float  # records a second since the run began
    window_ends: str  # empty without a window
    window_margin: float | None  # seconds between the later end of the estimate and the window's end


class Latency(Message):
    """Of calls to one system, in the last minutes."""

    system: str
    operation: str
    calls: int
    failed: int
    p50: float  # milliseconds
    p99: float


class ErrorGroup(Message):
    """Failures with one cause."""

    cause: str
    field: str
    records: int
    last: str  # when
    key: str  # of one such record
    calls: int = 0  # where a call failed and no record was set aside for it (yet): it is made again


class ChunkMap(Message):
    """One letter a chunk, in order: d done, w on its way, s done with records set aside, t to do.

    Where there are more chunks than letters were asked for, a letter stands for `per` of them: the least finished.
    """

    entity: str
    per: int
    cells: str


class WaveDetail(Message):
    """One wave, looked at closely."""

    version: int = WIRE_VERSION
    wave: str
    chunks: list[ChunkMap]
    latencies: list[Latency]
    retries: dict[str, int]  # by reason
    waits: list[Waiting]  # of this wave
    errors: list[ErrorGroup]  # most records first

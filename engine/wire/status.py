"""Where everything stands: counters, never values."""

from __future__ import annotations

from engine.wire.base import WIRE_VERSION, Message


class Buckets(Message):
    """Where the records of a scope stand. The sum of all but `left` is the source's count."""

    planned: int = 0
    to_do: int = 0
    synced: int = 0
    in_flight: int = 0
    in_doubt: int = 0
    quarantined: int = 0
    excluded: int = 0
    conflict: int = 0
    edited: int = 0
    overlap: int = 0
    left: int = 0


class EntityStatus(Message):
    entity: str
    child: bool
    buckets: Buckets
    defects: dict[str, int] = {}  # noqa: RUF012  known defects of the source: records that had them; never mutated


class HoldStatus(Message):
    wave: str
    reason: str
    by: str
    since: str
    effective: bool = False  # no call of what it holds is on the way any more


class WaveStatus(Message):
    wave: str
    about: str
    after: list[str]
    state: str
    cause: str
    hold: HoldStatus | None
    playbook: str
    approved_by: str
    started: str
    ended: str
    chunks_done: int
    chunks_opened: int
    loose_references: int
    buckets: Buckets
    entities: list[EntityStatus]
    drift: int | None = None  # records with a confirmed difference; None until anything was compared


class Waiting(Message):
    """Why work waits at this moment, and the time lost to it since the engine began (seconds)."""

    reason: str
    now: int
    seconds: float


class Status(Message):
    version: int = WIRE_VERSION
    migration: str
    at: str
    engine: str  # running | idle | stopping
    pid: int
    began: str
    run: list[str]
    run_by: str
    run_outcome: str
    rate: float  # records a second written, over the last ten seconds
    retried: int
    in_doubt_seen: int
    eta_low: float | None  # seconds until the running waves are copied: an interval
    eta_high: float | None
    holds: list[HoldStatus]
    waiting: list[Waiting]
    waves: list[WaveStatus]
    total: Buckets

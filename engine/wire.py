"""What goes over the socket: commands, receipts, and the snapshots that screens and scripts read.

These shapes are stable: scripts depend on them. Fields are added, never renamed or removed within a version.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

WIRE_VERSION = 1
STATE_FOLDER = ".cutover"
SOCKET = "engine.sock"
LOCK = "engine.lock"
LOG = "engine.log"
LEDGER = "ledger.db"
BAD_FOLDER, OCCUPIED = 2, 3
"""Exit codes of an engine that cannot start: as the folder is; because another engine has it."""


class _Wire(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


# ---------------------------------------------------------------- commands


class Run(_Wire):
    """Run these waves (none named: all that are not loaded yet), in the order of their dependencies."""

    waves: list[str] = []
    by: str


class Pause(_Wire):
    """Hold a wave, or all of them (no wave named)."""

    wave: str = ""
    reason: str
    by: str


class Resume(_Wire):
    wave: str = ""
    by: str


class Stop(_Wire):
    """End the engine at the next safe point."""

    by: str


class Retry(_Wire):
    """Take up records that were set aside: of a wave, of a cause, or by key (all given conditions hold)."""

    wave: str = ""
    cause: str = ""
    keys: list[str] = []
    by: str


class Resolve(_Wire):
    """A person's word about a record in doubt: it exists under this id, or (empty) it does not exist."""

    key: str
    target: str = ""
    by: str


class Receipt(_Wire):
    """The three stages of a command: understood, on disk, in force."""

    accepted: bool
    durable: bool
    effective: bool
    message: str


class Problem(_Wire):
    """Why a command was refused, and what to type next."""

    error: str


# ---------------------------------------------------------------- snapshots


class Buckets(_Wire):
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


class EntityStatus(_Wire):
    entity: str
    child: bool
    buckets: Buckets


class HoldStatus(_Wire):
    wave: str
    reason: str
    by: str
    since: str


class WaveStatus(_Wire):
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


class Waiting(_Wire):
    """Why work waits at this moment, and the time lost to it since the engine began (seconds)."""

    reason: str
    now: int
    seconds: float


class Status(_Wire):
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


class PlanEntity(_Wire):
    entity: str
    source: str
    target: str
    records: int
    chunks: int


class PlanWave(_Wire):
    wave: str
    about: str
    after: list[str]
    state: str
    playbook: str
    records: int
    entities: list[PlanEntity]
    seconds_low: float | None  # None until a wave has been measured
    seconds_high: float | None


class Plan(_Wire):
    version: int = WIRE_VERSION
    migration: str
    waves: list[PlanWave]
    records: int


class CheckLine(_Wire):
    system: str
    subject: str
    ok: bool
    detail: str
    hint: str = ""


class CheckReport(_Wire):
    version: int = WIRE_VERSION
    ok: bool
    lines: list[CheckLine]


class AsideGroup(_Wire):
    bucket: str
    wave: str
    cause: str
    field: str
    records: int


class AsideRecord(_Wire):
    entity: str
    key: str
    wave: str
    bucket: str
    cause: str
    field: str
    since: str
    tries: int
    target: str
    parent: str


class Quarantine(_Wire):
    version: int = WIRE_VERSION
    groups: list[AsideGroup]
    records: list[AsideRecord]


class Event(_Wire):
    id: int
    at: str
    by: str
    what: str
    wave: str
    detail: str


class Events(_Wire):
    version: int = WIRE_VERSION
    events: list[Event]


class TracedField(_Wire):
    """One target field of one record, and the rule that made it."""

    field: str
    rule: str
    sources: list[str]
    where: str
    value: object  # None when it is left out or refused
    left_out: bool = False
    refusal: str = ""  # why this rule does not take the record


class Trial(_Wire):
    """One record, mapped but not sent."""

    version: int = WIRE_VERSION
    entity: str
    key: str
    source: dict[str, object]
    target: dict[str, object]
    refused: str
    fields: list[TracedField]

"""Values of the engine: states, buckets, entries. No behaviour, no I/O."""

from __future__ import annotations

from enum import IntEnum, StrEnum
from typing import NamedTuple


class Bucket(IntEnum):
    """Where a record stands; every record in scope is in exactly one. `TO_DO` is what no entry exists for yet."""

    SYNCED = 1
    IN_FLIGHT = 2  # it exists at the target; its status, comments or attachments are still on the way
    IN_DOUBT = 3  # a create without an answer that only a person can resolve
    QUARANTINED = 4
    EXCLUDED = 5
    CONFLICT = 6
    EDITED = 7  # edited at the target by somebody else
    LEFT = 8  # no longer in scope (changed, or deleted at the source), or closed by a rollback; no part of the sum
    OVERLAP = 9  # in this wave's scope, but another wave moved it; no entry of its own

    @property
    def word(self) -> str:
        return self.name.lower()


ASIDE = (Bucket.IN_DOUBT, Bucket.QUARANTINED, Bucket.EXCLUDED, Bucket.CONFLICT, Bucket.EDITED)
"""Where a record waits for somebody, with a cause."""

A_PERSONS = (Bucket.IN_DOUBT, Bucket.EXCLUDED, Bucket.EDITED)
"""From where only a person moves it, whatever becomes of it at the source."""


STALE = "!"
"""In place of the version of an entry that is done, and will be carried again whatever its version is."""

CHANGING = "?"
"""In place of the fingerprint of an entry that is about to be changed, until it is known what became of that."""


class WaveState(StrEnum):
    DRAFT = "draft"
    PREFLIGHT = "preflight"
    READY = "ready"
    APPROVED = "approved"
    COPYING = "copying"
    CATCHING_UP = "catching_up"
    RECONCILING = "reconciling"
    AWAITING_SIGN_OFF = "awaiting_sign_off"
    SIGNED_OFF = "signed_off"
    FAILED = "failed"
    NEEDS_HUMAN = "needs_human"
    ROLLING_BACK = "rolling_back"  # until it has ended, whatever ended meanwhile
    ROLLED_BACK = "rolled_back"


WORKING = frozenset({WaveState.PREFLIGHT, WaveState.COPYING, WaveState.CATCHING_UP, WaveState.RECONCILING})
UNCHECKED = frozenset({WaveState.DRAFT, WaveState.PREFLIGHT})
LOADED = frozenset({WaveState.AWAITING_SIGN_OFF, WaveState.SIGNED_OFF})
UNDONE = frozenset({WaveState.ROLLING_BACK, WaveState.ROLLED_BACK})


class Entry(NamedTuple):
    """One line of the ledger: keys, version and keyed hash of a record, never its values."""

    key: str
    bucket: Bucket
    target: str = ""
    version: str = ""
    print: str = ""
    wave: int = 0


class SetAside(NamedTuple):
    """A record set aside: what the ledger's quarantine keeps of it."""

    key: str
    cause: str
    field: str = ""
    target: str = ""
    version: str = ""
    parent: str = ""  # source key of the record it hangs on


class Intent(NamedTuple):
    """A create that is about to go out, or went out without an answer."""

    key: str
    mark: str
    sent: str  # ISO UTC: not later than the call
    id: int
    parent: str = ""  # target id of what the record hangs on


class Hold(NamedTuple):
    """A hand on the brake. `wave` empty: all waves."""

    wave: str
    reason: str
    by: str
    since: str


class StepState(StrEnum):
    """Of a step of the runbook. `RUNNING`, `DONE`, `SKIPPED`, `FAILED` and a refused approval (`BLOCKED`) are kept."""

    WAITING = "waiting"  # for its predecessors, or for its phase
    READY = "ready"
    RUNNING = "running"
    DONE = "done"
    SKIPPED = "skipped"
    FAILED = "failed"
    BLOCKED = "blocked"  # a gate that does not hold, a no-go, or a phase that a no-go stops


OVER = frozenset({StepState.DONE, StepState.SKIPPED})


class Mark(NamedTuple):
    """What was said about a step, and by whom. It outlives the file that the step stands in."""

    step: str
    state: StepState
    by: str
    at: str
    note: str = ""
    run: int = 0  # of an automatic step: the number of its run
    facts: str = ""  # of a gate that passed, JSON: [[name, value, holds], ...] at that moment

"""What may be asked of the engine, and how it answers."""

from __future__ import annotations

from pydantic import Field

from engine.wire.base import Message


class Run(Message):
    """Run these waves (none named: all that are not loaded yet), in the order of their dependencies."""

    waves: list[str] = Field(default_factory=list)
    by: str


class Pause(Message):
    """Hold a wave, or all of them (no wave named)."""

    wave: str = ""
    reason: str
    by: str
    wait: bool = True  # for calls on the way, a few seconds; screens see in the next picture when they are back


class Resume(Message):
    wave: str = ""
    by: str


class Stop(Message):
    """End the engine at the next safe point."""

    by: str


class Retry(Message):
    """Take up records that were set aside: of a wave, of a cause, or by key (all given conditions hold)."""

    wave: str = ""
    cause: str = ""
    keys: list[str] = Field(default_factory=list)
    by: str


class Resolve(Message):
    """A person's word about a record in doubt: it exists under this id, or (empty) it does not exist."""

    key: str
    target: str = ""
    by: str


class Receipt(Message):
    """The three stages of a command: understood, on disk, in force."""

    accepted: bool
    durable: bool
    effective: bool
    message: str


class Problem(Message):
    """Why a command was refused, and what to type next."""

    error: str


class Exclude(Message):
    """Leave quarantined records out of the move, for a reason: of a wave, of a cause, or by key (all given hold)."""

    wave: str = ""
    cause: str = ""
    keys: list[str] = Field(default_factory=list)
    records: int | None = None  # as many as were shown before: refused, when it would be another number by now
    reason: str
    by: str


class Acknowledge(Message):
    """A person has seen this alert; it stays until its cause is gone, but calls nobody any more."""

    alert: str
    by: str


class Tick(Message):
    """A step of the runbook is done; of an approval: go, or (not `go`) no-go."""

    step: str
    note: str = ""  # the evidence, or why no-go
    go: bool = True
    by: str


class Skip(Message):
    """A step of the runbook will not be done, for a reason."""

    step: str
    reason: str
    by: str


class Start(Message):
    """Carry out an automatic step of the runbook."""

    step: str
    by: str


class Validate(Message):
    """Ask the rules of the playbook about a wave, or (none named) about every wave that has begun."""

    wave: str = ""
    by: str


class Sign(Message):
    """Sign a wave off. `despite`: why, although a gate fails or drift stands."""

    wave: str
    note: str = ""
    despite: str = ""
    by: str

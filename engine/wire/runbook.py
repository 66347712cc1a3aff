"""Where the runbook stands."""

from __future__ import annotations

from engine.wire.base import WIRE_VERSION, Message


class Fact(Message):
    """A live fact beside its gate."""

    name: str
    value: str
    holds: bool | None  # whether the part of the gate that asks for it holds; None where it cannot be said alone


class StepStatus(Message):
    id: str
    title: str
    kind: str  # manual | automatic | gate | approval
    owner: str  # a role, and who has it, where that is known
    minutes: float | None  # expected
    after: list[str]
    evidence: str  # what its note should hold; empty when none is asked for
    state: str  # waiting | ready | running | done | skipped | failed | blocked
    by: str
    at: str
    note: str
    gate: str  # the sentence of a gate
    facts: list[Fact]
    verb: str  # what an automatic step does: "run --wave pilot"
    about: str = ""  # how it is done


class PhaseStatus(Message):
    id: str
    title: str
    state: str  # waiting | open | done
    steps: list[StepStatus]


class RunbookStatus(Message):
    version: int = WIRE_VERSION
    runbook: str
    content: str  # its content hash
    phase: str  # the id of the phase that is open; empty when all are done
    phases: list[PhaseStatus]
    problem: str = ""  # what is wrong with its file now, while the one of before counts

"""Rules and their results, and what a person sees before signing a wave off. Keys and counts, never values."""

from __future__ import annotations

from engine.wire.base import WIRE_VERSION, Message
from engine.wire.live import Drift


class RuleResult(Message):
    """What one rule of the playbook said about one wave, when it was last asked."""

    rule: str
    about: str
    severity: str  # info | warning | critical
    owner: str
    gate: bool  # the wave is not loaded while it fails
    wave: str
    holds: bool
    checked: int  # records (or counts) that were judged
    failed: int
    skipped: int = 0  # records that changed meanwhile: they are on their way
    whole: bool = True  # everything was looked at; else a sample
    sample: list[str] = []  # noqa: RUF012  keys of some that fail, at the source; never mutated
    note: str = ""  # why it fails, or could not be judged
    at: str


class Validation(Message):
    """Results of rules, in the order of the playbook."""

    version: int = WIRE_VERSION
    results: list[RuleResult]


class SignedEntity(Message):
    """How many records of an entity are in each bucket. `planned` is what the source counts; None for children."""

    entity: str
    planned: int | None
    buckets: dict[str, int]


class SignedCause(Message):
    bucket: str
    cause: str
    field: str
    records: int


class SignOff(Message):
    """What would be signed now. `refusals` stand in the way; `despite` only until somebody gives a reason."""

    version: int = WIRE_VERSION
    wave: str
    state: str
    file: str  # where the manifest will be
    playbook: str
    playbook_version: str  # the wave ran with it
    rules_version: str = ""  # the playbook whose rules were asked; empty when it has none
    entities: list[SignedEntity]
    rules: list[RuleResult]
    drift: Drift | None
    aside: list[SignedCause]
    loose_references: int
    note: str  # what the proof of the wave said
    refusals: list[str]
    despite: list[str]
    images: int = 0  # records that were there before the wave, and can be put back only until it is signed
    last: str = ""  # the wave's newest manifest; empty when it was never signed off

"""Answers to single questions: the plan, checks, what was set aside, the audit trail, one record on trial."""

from __future__ import annotations

from engine.wire.base import WIRE_VERSION, Message


class PlanEntity(Message):
    entity: str
    source: str
    target: str
    records: int
    chunks: int
    existing: str = ""  # the target field by which records that are there before are known; empty: all are created


class PlanWave(Message):
    wave: str
    about: str
    after: list[str]
    state: str
    playbook: str
    records: int
    entities: list[PlanEntity]
    seconds_low: float | None  # None until a wave has been measured
    seconds_high: float | None


class Plan(Message):
    version: int = WIRE_VERSION
    migration: str
    waves: list[PlanWave]
    records: int


class CheckLine(Message):
    system: str
    subject: str
    ok: bool
    detail: str
    hint: str = ""


class CheckReport(Message):
    version: int = WIRE_VERSION
    ok: bool
    lines: list[CheckLine]


class AsideGroup(Message):
    bucket: str
    wave: str
    cause: str
    field: str
    records: int


class AsideRecord(Message):
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
    rule: str = ""  # of the playbook, that makes the field: in words
    where: str = ""  # file:line:column of it


class Quarantine(Message):
    version: int = WIRE_VERSION
    groups: list[AsideGroup]
    records: list[AsideRecord]


class Event(Message):
    id: int
    at: str
    by: str
    what: str
    wave: str
    detail: str


class Events(Message):
    version: int = WIRE_VERSION
    events: list[Event]


class TracedField(Message):
    """One target field of one record, and the rule that made it."""

    field: str
    rule: str
    sources: list[str]
    where: str
    value: object  # None when it is left out or refused
    left_out: bool = False
    refusal: str = ""  # why this rule does not take the record


class Trial(Message):
    """One record, mapped but not sent."""

    version: int = WIRE_VERSION
    entity: str
    key: str
    source: dict[str, object]
    target: dict[str, object]
    refused: str
    fields: list[TracedField]
    defects: list[str] = []  # noqa: RUF012  known defects that the source has; never mutated
    children: list[Trial] = []  # noqa: RUF012  comments, attachments and such that hang on it, the first of each kind
    existing: str = ""  # of an entity that updates what is there: what was found there

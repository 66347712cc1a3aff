"""Going back: what a rollback would do, and a re-run. Keys, ids and counts; never a field value."""

from __future__ import annotations

from pydantic import Field

from engine.wire.base import WIRE_VERSION, Message


class Rollback(Message):
    """Undo what a wave did at the target, or go on with that. `despite`: why, although it was signed off."""

    wave: str
    despite: str = ""
    by: str


class UndoEntity(Message):
    """What becomes of the records of one entity: removed, closed, restored, gone, never created, edited, foreign,
    cannot be deleted, in doubt, stays. Of 'links' and 'fields' (of other records): what refers to them."""

    entity: str
    fates: dict[str, int]


class UndoEdited(Message):
    """A record that is left as it is, because somebody else changed it after our write."""

    entity: str
    key: str
    target: str
    by: str
    at: str


class RollbackPreview(Message):
    """What a rollback would undo now. `refusals` stand in the way; `despite` only until a reason is given."""

    version: int = WIRE_VERSION
    wave: str
    state: str
    began: str  # when it was begun, of one that was cut off; else empty
    began_by: str
    entities: list[UndoEntity]
    edited: list[UndoEdited]  # the first 200; the counts have all
    references: dict[str, int]  # ties of other waves' records that go with these, by wave
    elsewhere: dict[str, int]  # other waves that have these records in their scope, and will have them to do
    unanswered: int  # creates without an answer: looked up first
    notes: list[str]
    seconds_low: float | None  # None until a wave has been measured
    seconds_high: float | None
    refusals: list[str]
    despite: list[str]
    systems: list[str] = []  # noqa: RUF012  at which it is undone; never mutated


class Rerun(Message):
    """Carry records of a wave again: all, what failed, one cause, or by key. `mapping`: newest, or same (as it last
    ran). `despite`: why, although the wave is signed off."""

    wave: str
    failed: bool = False
    cause: str = ""
    keys: list[str] = Field(default_factory=list)
    mapping: str = "newest"
    by: str
    despite: str = ""


class RerunField(Message):
    """How many records get another value in this field of the target."""

    entity: str
    field: str
    records: int


class RerunPreview(Message):
    """What a re-run would change."""

    version: int = WIRE_VERSION
    wave: str
    state: str
    ran_with: str  # playbook version
    mapping: str  # playbook version that it would run with
    records: int  # that are carried again
    unchanged: int
    changed: int
    refused: int  # that the mapping refuses now
    created: int  # that the target lacks
    fields: list[RerunField]  # most records first
    refusals: list[str]
    despite: list[str] = []  # noqa: RUF012  only until a reason is given; never mutated
    goes_on: bool = False  # one with the former mapping was cut off: what is left of it is carried, too

"""What the independent verifier says. Keys, names of fields and counts, never values."""

from __future__ import annotations

from pydantic import Field

from engine.wire.base import WIRE_VERSION, Message


class Verify(Message):
    """Compare both systems by a way of its own. May be asked while a wave runs."""

    wave: str = ""  # empty: all that have begun
    sample: int | None = Field(default=None, ge=1)  # records of each entity; None: all
    by: str


class VerifyFinding(Message):
    """One record that is not as it should be."""

    entity: str
    key: str  # at the source; of an extra record, its id at the target
    kind: str  # missing | extra | changed | duplicate | unrecorded
    field: str = ""
    root: str = ""  # key of the record it hangs on; its own where it hangs on none
    by: str = ""  # who else changed that record since, where the target tells


class VerifyEntity(Message):
    """read = compared + on their way + aside + elsewhere + undone."""

    entity: str
    read: int  # records of the source
    compared: int
    on_their_way: int  # changed at the source since, or still being written
    aside: int  # set aside, excluded, or out of scope
    elsewhere: int  # moved by another wave
    undone: int = 0  # rolled back with another wave, and to do
    at_target: int | None  # records there with an id of ours, of all waves; None: not counted
    kinds: dict[str, int]  # differing records, with what hangs on them
    whole: bool  # all were read
    not_compared: list[str]  # fields that the target cannot show, or shows under another name
    notes: list[str]


class VerifyWave(Message):
    wave: str
    ok: bool
    at: str
    by: str
    playbook: str  # the version that the wave ran with
    mapping_changed: bool  # the playbook says something else by now: then that, too, is a difference
    entities: list[VerifyEntity]
    findings: list[VerifyFinding]  # the first 200
    disagrees_with_reconcile: list[str]  # where the last comparison of the engine itself says something else


class VerifyReport(Message):
    """What goes on, and what was said last about each wave."""

    version: int = WIRE_VERSION
    running: bool
    wave: str = ""  # that is being verified
    done: int = 0  # records read in this run
    planned: int = 0  # that it will read, as the source counted them
    seconds_left: float | None = None
    problem: str = ""  # why the last run ended early
    waves: list[VerifyWave]

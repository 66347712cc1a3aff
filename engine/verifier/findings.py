"""What the verifier found. Keys and names of fields, never a value."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

MISSING, EXTRA, CHANGED, DUPLICATE = "missing", "extra", "changed", "duplicate"
UNRECORDED = "unrecorded"  # it is there under our id, and the ledger does not know it

EXTERNAL_ID, STATUS, PARENT = "external id", "status", "parent"
"""Fields, as a finding names them, that are no fields of the record itself."""


class Finding(NamedTuple):
    """One record (or what hangs on it) that is not as it should be."""

    entity: str  # as the ledger knows it: incident, incident/comment
    key: str  # at the source; of an extra record, its id at the target
    kind: str
    field: str = ""
    root: str = ""  # key of the record it hangs on; itself where it hangs on none
    by: str = ""  # who changed the record since, where the target tells and it was not us


@dataclass(slots=True)
class Judgement:
    """Counts of one look. A record is in one of these: compared, on its way, aside, elsewhere, undone."""

    compared: int = 0
    on_their_way: int = 0
    aside: int = 0
    elsewhere: int = 0
    undone: int = 0  # rolled back with another wave, and to do
    findings: list[Finding] = field(default_factory=list)
    untold: set[str] = field(default_factory=set)  # fields that cannot be compared

    def add(self, other: Judgement) -> None:
        self.compared += other.compared
        self.on_their_way += other.on_their_way
        self.aside += other.aside
        self.elsewhere += other.elsewhere
        self.undone += other.undone
        self.findings += other.findings
        self.untold |= other.untold


@dataclass(slots=True)
class Findings:
    """What one entity of a wave came to. `findings` are confirmed: they were there at a second look, too."""

    entity: str
    read: int = 0
    judged: Judgement = field(default_factory=Judgement)
    there: int | None = None  # records at the target that carry an id of ours; None: not counted
    whole: bool = True
    notes: list[str] = field(default_factory=list)

    @property
    def findings(self) -> list[Finding]:
        return self.judged.findings

    @property
    def kinds(self) -> dict[str, int]:
        """Differing records by kind; one that differs in two fields counts once."""
        return dict(Counter(kind for _, _, kind in {(f.entity, f.key, f.kind) for f in self.findings}))

"""One entity pair, ready to run: where it is read, where it goes, how it is mapped. Values only, made by `assembly`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b

from connectors.kit.contract import Scope, Source, Target, Traits
from engine.mapping import Mapper


@dataclass(frozen=True, slots=True)
class Tie:
    """A reference of one entity to another, tied in the second pass: as a link of a type, or as a field."""

    name: str
    to_entity: int
    link: str = ""
    field: str = ""


@dataclass(frozen=True, slots=True)
class Existing:
    """How a record that was at the target before is known, and what of it may be written over."""

    match: str  # the target field to look up
    by: str  # the source field that holds the same value
    fields: tuple[str, ...]
    steps: tuple[str, ...]  # fields that a step of the status may require


@dataclass(frozen=True, slots=True)
class Flow:
    """One entity of a playbook (or what hangs on it) on its way from a source to a target."""

    name: str  # as the ledger knows it: 'incident', 'incident/comment'
    entity: int
    whose: str  # the external ids: of this migration, entity and source
    label: str  # the source field people know a record by
    source_system: str
    target_system: str
    source: Source
    target: Target
    source_entity: str
    target_entity: str
    filters: tuple[str, ...]
    mapper: Mapper
    reads: Traits
    writes: Traits
    moves: bool = False  # it has a status
    children: tuple[Flow, ...] = ()
    ties: Mapping[str, Tie] | None = None
    has_content: bool = False
    closes: str = ""  # the status that stands for removal where the target deletes nothing
    existing: Existing | None = None
    hangs_on: int = 0  # the entity of the records that it hangs on; 0: it is of records themselves

    def xid(self, key: str) -> str:
        """The external id of the record with this source key: the same one for ever, and nobody else's."""
        return blake2b(f"{self.whose}{key}".encode(), digest_size=15).hexdigest()

    def scope(self, wave_filter: str = "") -> Scope:
        filters = (*self.filters, wave_filter) if wave_filter else self.filters
        by = (self.existing.by,) if self.existing and self.existing.by not in self.mapper.needs else ()
        return Scope(self.source_entity, filters, (*self.mapper.needs, *by))

    @property
    def place(self) -> str:
        """Where its records are: no two of one place are the same."""
        return f"{self.target_system}:{self.target_entity}"

    @property
    def lasting(self) -> bool:
        """More is to come after the record itself is created."""
        return self.moves or bool(self.children)

"""Joins the two sides of a memory store."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from connectors.kit.contract import Connection, FieldInfo, Finding, Ports, Scope, Traits
from connectors.kit.errors import Misconfigured
from connectors.kit.options import read_options
from connectors.memory.options import Options
from connectors.memory.readback import MemoryReadback
from connectors.memory.source import MemorySource
from connectors.memory.store import field_type, store
from connectors.memory.target import MemoryTarget

_SCHEME = "memory:"
_SAMPLE = 100  # records that a schema is inferred from


def connect(connection: Connection, ports: Ports) -> Memory:
    """Connect to the store that `connection.url` (memory:NAME) names."""
    name = connection.url.removeprefix(_SCHEME)
    if not name or not connection.url.startswith(_SCHEME):
        raise Misconfigured(f"{connection.name}: the URL names no store", hint="Write memory:NAME")
    return Memory(store(name), read_options(Options, connection), ports)


class Memory(MemorySource, MemoryTarget, MemoryReadback):
    """A store as Source, Target, Canary, Readback, Undo and Lookup."""

    def traits(self, entity: str) -> Traits:
        told = self.options
        return Traits(
            feed=told.feed,
            granularity=told.granularity,
            settle=told.settle,
            creates=told.creates,
            search_settle=told.search_settle,
            late_commit=told.late_commit,
            page=told.page,
            bulk=told.bulk,
            updates=told.updates,
            deletes=told.deletes,
        )

    async def now(self) -> datetime:
        return self._clock.now()

    async def check(self, reads: Sequence[Scope], writes: Sequence[str]) -> list[Finding]:
        found = [Finding("reach", True, f"memory:{self.store.name} is in this process")]
        asked = [f"read {scope.entity}" for scope in reads]
        asked += [f"{call} {entity}" for entity in writes for call in ("create", "update")]
        for right in asked:
            denied = self._denied(right)
            hint = f'Take "{right}" out of the option denied of this system' if denied else ""
            found.append(Finding(f"permission: {right}", not denied, "denied" if denied else "granted", hint))
        return found

    async def schema(self, entity: str) -> list[FieldInfo]:
        table = self.store.tables[entity]
        if table.declared:
            return list(table.declared)
        types: dict[str, str] = {}
        for record in table.slice("", "", _SAMPLE, ())[0]:
            for name, value in record.fields.items():
                if value not in (None, ""):
                    types.setdefault(name, field_type(value))
        return [FieldInfo(name, name, types.get(name, "string")) for name in sorted(table.all_names())]

    async def close(self) -> None:
        """Nothing to give back: the store lives as long as the process."""

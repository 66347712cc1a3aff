"""A memory store tells what became of our writes, and puts records back."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

from connectors.kit.canonical import fields_of, plain
from connectors.kit.contract import (
    Census,
    Creates,
    Fields,
    Outcome,
    Record,
    Rejected,
    Standing,
    Touch,
    Write,
    Written,
)
from connectors.memory.calls import Calls
from connectors.memory.store import ME

_LINK = "link"
_SEVERAL = 2  # records with one value: which one is meant, nobody can tell, however many more there are


class MemoryReadback(Calls):
    async def learn(self, entity: str) -> None:
        """There is nothing to know: a value in a store is what was written."""

    def canonical(self, entity: str, fields: Fields) -> Fields:
        return fields_of(fields, lambda name, value: plain(value))

    async def stand(self, entity: str, targets: Sequence[str], fields: Sequence[str]) -> dict[str, Standing]:
        self._permit("read", entity)

        def work() -> dict[str, Standing]:
            found = ((target, self.store.get(entity, target)) for target in targets)
            return {target: self._standing(entity, record, fields) for target, record in found if record is not None}

        return await self._call("stand", entity, work)

    async def hanging(self, entity: str, child: str, targets: Sequence[str]) -> list[Standing]:
        self._permit("read", child)

        def work() -> list[Standing]:
            table = self.store.tables[child]
            if child == _LINK:
                return self._links(set(targets))
            found = [table.rows[key] for target in targets for key in table.hanging.get(target, ())]
            return [self._standing(child, record, list(record.fields)) for record in found]

        return await self._call("hanging", child, work)

    def _links(self, targets: set[str]) -> list[Standing]:
        return [
            self._standing(_LINK, record, list(record.fields))._replace(parent=str(record.fields["from"]))
            for record in self.store.tables[_LINK].rows.values()
            if not targets.isdisjoint((record.fields.get("from"), record.fields.get("to")))
        ]

    async def census(self, entity: str, rest: str, limit: int) -> Census:
        self._permit("read", entity)

        def work() -> Census:
            self.store.apply_late()
            table = self.store.tables[entity]
            before = self._visible_until()
            found: list[Standing] = []
            for at in range(bisect_right(table.keys, rest), len(table.keys)):
                key = table.keys[at]
                if key in table.xids and self._visible(entity, key, before):
                    if len(found) == limit:
                        return Census(found, found[-1].target)
                    found.append(self._standing(entity, table.rows[key], ()))
            return Census(found, None)

        return await self._call("census", entity, work)

    async def tally(self, entity: str) -> int | None:
        self._permit("read", entity)

        def work() -> int:
            self.store.apply_late()
            xids, before = self.store.tables[entity].xids, self._visible_until()
            return len(xids) if before is None else sum(self._visible(entity, key, before) for key in xids)

        return await self._call("tally", entity, work)

    async def others(self, entity: str, targets: Sequence[str]) -> dict[str, Touch]:
        self._permit("read", entity)
        touches = self.store.touches
        return await self._call(
            "others", entity, lambda: {target: touches[target] for target in targets if target in touches}
        )

    async def me(self) -> str:
        return ME

    async def image(self, entity: str, targets: Sequence[str], fields: Sequence[str]) -> dict[str, Fields]:
        self._permit("read", entity)

        def work() -> dict[str, Fields]:
            found = ((target, self.store.get(entity, target)) for target in targets)
            return {target: {name: record.fields.get(name) for name in fields} for target, record in found if record}

        return await self._call("image", entity, work)

    async def restore(self, entity: str, writes: Sequence[Write]) -> list[Outcome]:
        self._permit("update", entity)

        def one(write: Write) -> Outcome:
            there = self.store.get(entity, write.target)
            if there is None:
                return Rejected(write.xid, "gone at target")
            whole = {name: value for name, value in {**there.fields, **write.fields}.items() if value is not None}
            kept = {name: value for name, value in there.fields.items() if value is None and name not in write.fields}
            self.store.put(entity, write.target, whole | kept, parent=there.parent, by=ME)
            self.store.tables[entity].sign(write.target, write.xid)
            return Written(write.xid, write.target, created=False)

        return await self._call("restore", entity, lambda: [one(write) for write in writes])

    async def lookup(self, entity: str, field: str, values: Sequence[str]) -> dict[str, list[Standing]]:
        self._permit("read", entity)

        def work() -> dict[str, list[Standing]]:
            found: dict[str, list[Standing]] = {value: [] for value in values}
            before = self._visible_until()
            for record in self.store.records(entity):
                there = found.get(str(record.fields.get(field) or ""))
                if there is not None and len(there) < _SEVERAL and self._visible(entity, record.key, before):
                    there.append(self._standing(entity, record, ()))
            return found

        return await self._call("lookup", entity, work)

    # ------------------------------------------------------------ inside

    def _standing(self, entity: str, record: Record, names: Sequence[str]) -> Standing:
        xid = self.store.tables[entity].xids.get(record.key, "")
        asked = {name: record.fields[name] for name in names if name in record.fields}
        return Standing(
            record.key,
            xid,
            record.version,
            self.canonical(entity, asked),
            str(record.fields.get("status") or ""),
            record.parent,
            self.store.writers.get((entity, record.key), ME if xid else ""),
        )

    def _visible_until(self) -> float | None:
        """What was created later does not show yet in a search that lags."""
        lags = self.options.creates is Creates.LAGGING
        return self.store.at() - self.options.search_settle if lags else None

    def _visible(self, entity: str, key: str, before: float | None) -> bool:
        return before is None or not key.isdigit() or self.store.tables[entity].created(key) <= before

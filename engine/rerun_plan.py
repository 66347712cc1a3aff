"""What carrying records again would change: mapped now, compared with what the ledger says they are. Writes nothing.

Which mapping a record went with is told by its fingerprint: of the playbooks that ran, the one that makes the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from connectors.kit.contract import Record
from engine.fingerprint import fingerprint, form_of
from engine.flow import Flow
from engine.ledger import Ledger
from engine.mapping import Mapped, Mapper
from engine.model import CHANGING, Bucket, Entry
from engine.people import People
from engine.wire import RerunField

_OF_THE_SOURCE = "(changed at the source since)"
_CUT_OFF = "(a change that was cut off with an engine)"
_NOT_KNOWN = "(not known: the playbook it ran with was not kept)"
_CARRIED = (Bucket.SYNCED, Bucket.IN_FLIGHT, Bucket.QUARANTINED)


@dataclass
class Sums:
    records: int = 0
    unchanged: int = 0
    changed: int = 0
    refused: int = 0
    created: int = 0
    fields: Counter[tuple[str, str]] = field(default_factory=Counter)

    def listed(self) -> list[RerunField]:
        """Fields that change, those of most records first."""
        return [RerunField(entity=of, field=name, records=n) for (of, name), n in self.fields.most_common()]


class RerunPlan:
    """Adds up what a re-run of one wave would do. `before`: {flow name: mappers that ran, the latest first}."""

    def __init__(self, ledger: Ledger, wave: int, secret: bytes, before: Mapping[str, Sequence[Mapper]]) -> None:
        self.sums = Sums()
        self._ledger = ledger
        self._wave = wave
        self._secret = secret
        self._before = before
        self._people = People()

    async def records(self, flow: Flow, keys: Sequence[str]) -> None:
        """Records of this flow, by key, or children whose parents are not known."""
        if keys:
            known = await self._ledger.known(flow.entity, keys)
            mine = [key for key, entry in known.items() if entry.wave == self._wave and entry.bucket in _CARRIED]
            fields = self._fields(flow)
            found = await flow.source.fetch(flow.scope()._replace(fields=fields), mine) if mine else []
            await self._compare(flow, found, known)

    async def children(self, child: Flow, parents: Sequence[str], only: Sequence[str] = ()) -> None:
        """What hangs on these records; `only`: of that, these keys."""
        if parents:
            scope = child.scope()._replace(fields=self._fields(child))
            found = await child.source.children(scope, list(parents))
            found = [record for record in found if not only or record.key in only]
            known = await self._ledger.known(child.entity, [record.key for record in found])
            await self._compare(child, [record for record in found if self._carried(known.get(record.key))], known)

    def _carried(self, entry: Entry | None) -> bool:
        return entry is None or (entry.wave == self._wave and entry.bucket in _CARRIED)

    def _fields(self, flow: Flow) -> tuple[str, ...]:
        """What the mapping of now reads, and what those before it read."""
        needs = [name for mapper in self._mappers(flow) for name in mapper.needs]
        return tuple(dict.fromkeys((*flow.mapper.needs, *needs)))

    def _mappers(self, flow: Flow) -> Sequence[Mapper]:
        return self._before.get(flow.name, ())

    async def _compare(self, flow: Flow, records: Sequence[Record], known: Mapping[str, Entry]) -> None:
        sums, changed = self.sums, list[tuple[Record, Mapped, Entry]]()
        sums.records += len(records)
        for record, mapped in zip(records, await self._mapped(flow, flow.mapper, records), strict=True):
            entry = known.get(record.key)
            if mapped is None:
                sums.refused += 1
            elif entry is None or not entry.target:
                sums.created += 1
            elif entry.print == self._print(mapped, flow.mapper) or not flow.writes.updates:
                sums.unchanged += 1
            else:
                changed.append((record, mapped, entry))
        sums.changed += len(changed)
        await self._name_fields(flow, changed)

    async def _name_fields(self, flow: Flow, changed: Sequence[tuple[Record, Mapped, Entry]]) -> None:
        mappers = self._mappers(flow)
        latest: dict[str, Mapped | None] = {}  # what the wave's own playbook makes of those whose mapping is not found
        for number, mapper in enumerate(mappers):
            left: list[tuple[Record, Mapped, Entry]] = []
            for one, then in zip(changed, await self._mapped(flow, mapper, [each[0] for each in changed]), strict=True):
                record, now, entry = one
                if number == 0:
                    latest[record.key] = then
                if then is not None and self._print(then, mapper) == entry.print:
                    self.sums.fields.update((flow.name, name) for name in _differing(now, then))
                else:
                    left.append(one)
            changed = left
        for record, now, entry in changed:
            if entry.print == CHANGING:
                self.sums.fields[flow.name, _CUT_OFF] += 1
                continue
            was = latest.get(record.key)
            names = [*(_differing(now, was) if was is not None else ()), _OF_THE_SOURCE if mappers else _NOT_KNOWN]
            self.sums.fields.update((flow.name, name) for name in names)

    async def _mapped(self, flow: Flow, mapper: Mapper, records: Sequence[Record]) -> list[Mapped | None]:
        """None: refused."""
        if not records:
            return []
        people = await self._people.known(replace(flow, mapper=mapper), records)
        made = mapper.map(records, people)
        return [one if isinstance(one, Mapped) and self._print(one, mapper) else None for one in made]

    def _print(self, mapped: Mapped, mapper: Mapper) -> str:
        """Empty: it is no JSON, and the pipeline will refuse it."""
        try:
            return fingerprint(mapped, form_of(mapper), self._secret)
        except TypeError:
            return ""


def _differing(now: Mapped, then: Mapped) -> Iterator[str]:
    yield from (name for name in {**now.fields, **then.fields} if now.fields.get(name) != then.fields.get(name))
    if now.status != then.status:
        yield "status"

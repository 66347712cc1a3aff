"""Carries records of a wave again: all, what failed, one cause, some keys; with the newest mapping, or the former."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace

import orjson
from pydantic import ValidationError

from engine.asides import AsideRow
from engine.assembly import Assembly, PlannedWave
from engine.conductor import Conductor
from engine.errors import Refused
from engine.fingerprint import fingerprint, form_of
from engine.flow import Flow
from engine.ledger import Ledger
from engine.logbook import WaveRow
from engine.mapping import Mapped, Mapper, compile_entity
from engine.model import UNCHECKED, UNDONE, Bucket, Entry, WaveState
from engine.people import People
from engine.waves import Part
from engine.wire import Receipt, Rerun, RerunField, RerunPreview
from runbooks.migration import Migration
from runbooks.playbook import Playbook

_PAGE = 200  # records that are looked at together
_MOST = 1_000_000  # more than any quarantine holds
_OF_THE_SOURCE = "(changed at the source)"
_NEVER = (*UNCHECKED, *UNDONE, WaveState.READY)

Assemble = Callable[[Migration], Awaitable[Assembly]]


@dataclass
class _Sums:
    records: int = 0
    unchanged: int = 0
    changed: int = 0
    refused: int = 0
    created: int = 0
    fields: Counter[tuple[str, str]] = field(default_factory=Counter)


class Reruns:
    """Previews re-runs, and begins them. `assemble` makes an assembly of a migration that is not the folder's."""

    def __init__(self, conductor: Conductor, ledger: Ledger, secret: bytes, assemble: Assemble) -> None:
        self._conductor = conductor
        self._ledger = ledger
        self._secret = secret
        self._assemble = assemble

    async def preview(self, command: Rerun) -> RerunPreview:
        """Map what would be carried again, and compare. Reads the source; writes nothing."""
        await self._conductor.afresh()
        async with self._conductor.at_rest(command.wave):
            self._conductor.refuse_when_busy()
        row = (await self._ledger.waves())[command.wave]
        planned = (await self._assembly(command, row)).waves[command.wave]
        before = await self._mappers(row.playbook)
        sums = _Sums()
        refusals = _refusals(row)
        if not refusals:
            for part in planned.parts:
                async for entries in self._chosen(command, row, part.flow):
                    await self._compare(part, entries, before.get(part.flow.name), sums)
        fields = [RerunField(entity=of, field=name, records=n) for (of, name), n in sums.fields.most_common()]
        return RerunPreview(
            wave=row.name,
            state=row.state,
            ran_with=row.playbook,
            mapping=planned.playbook,
            records=sums.records,
            unchanged=sums.unchanged,
            changed=sums.changed,
            refused=sums.refused,
            created=sums.created,
            fields=fields,
            refusals=refusals,
        )

    async def rerun(self, command: Rerun) -> Receipt:
        """Begin. Raises Refused when nothing fits, or the wave never ran."""
        await self._conductor.afresh()
        async with self._conductor.at_rest(command.wave):
            self._conductor.refuse_when_busy()
            row = (await self._ledger.waves())[command.wave]
            if refusals := _refusals(row):
                raise Refused(f"Wave {command.wave} cannot be run again: {'; '.join(refusals)}")
            assembly = await self._assembly(command, row)
            planned = assembly.waves[command.wave]
            aside = await self._aside(command)
            stale = {} if command.failed or command.cause else await self._stale(command, row, planned)
            if not aside and not any(keys is None or keys for keys in stale.values()):
                raise Refused(f"No record of wave {command.wave} fits. Type: cutover quarantine list")
            self._conductor.assembly = assembly
            await self._ledger.undo.stale(row.id, stale)
            await self._ledger.approve(command.wave, command.by, planned.playbook)
            await self._ledger.note(command.by, "rerun", command.wave, _in_words(command, planned))
            await self._conductor.take_up(aside, [command.wave], command.by)
        return Receipt(accepted=True, durable=True, effective=True, message=f"Running wave {command.wave} again.")

    # ------------------------------------------------------------ which mapping

    async def _assembly(self, command: Rerun, row: WaveRow) -> Assembly:
        """With the playbook of the folder, or (`same`) the one that the wave last ran with."""
        assembly = self._conductor.assembly
        if command.mapping == "newest" or assembly.waves[row.name].playbook == row.playbook:
            return assembly
        if command.mapping != "same":
            raise Refused(f"There is no mapping '{command.mapping}'. Say newest or same.")
        book = await self._book(row.playbook)
        if book is None:
            raise Refused(
                f"Playbook {row.playbook}, which wave {row.name} ran with, was not kept. Put it back into the folder, "
                "or take the newest mapping."
            )
        books = [book if each.playbook == book.playbook else each for each in assembly.migration.playbooks]
        return await self._assemble(replace(assembly.migration, playbooks=tuple(books)))

    async def _book(self, version: str) -> Playbook | None:
        text = await self._ledger.undo.book(version)
        try:
            return Playbook.model_validate(orjson.loads(text)) if text else None
        except ValidationError:  # of another version of cutover, which knew other keys
            return None

    async def _mappers(self, version: str) -> dict[str, Mapper]:
        book = await self._book(version)
        if book is None:
            return {}
        return {pair.entity: compile_entity(pair, where=str, secret=self._secret) for pair in book.entities}

    # ------------------------------------------------------------ which records

    async def _aside(self, command: Rerun) -> list[AsideRow]:
        rows = await self._ledger.aside(wave=command.wave, cause=command.cause, keys=command.keys, limit=_MOST)
        return [row for row in rows if row.bucket is Bucket.QUARANTINED]

    async def _stale(self, command: Rerun, row: WaveRow, planned: PlannedWave) -> dict[int, list[str] | None]:
        """{number of an entity: keys (None: all)} that are carried again although they are done."""
        stale: dict[int, list[str] | None] = {}
        for part in planned.parts:
            for flow in (part.flow, *part.flow.children):
                if not flow.writes.updates:
                    continue  # what cannot be changed stays as it is
                if not command.keys:
                    stale[flow.entity] = None
                elif known := await self._ledger.known(flow.entity, command.keys):
                    stale[flow.entity] = [key for key, entry in known.items() if entry.wave == row.id]
        return stale

    async def _chosen(self, command: Rerun, row: WaveRow, flow: Flow) -> AsyncIterator[list[Entry]]:
        """Entries that would be carried again, as many at a time as are looked at together."""
        if command.failed or command.cause or command.keys:
            keys = [aside.key for aside in await self._aside(command) if aside.entity == flow.name]
            if not (command.failed or command.cause):
                keys = sorted({*keys, *command.keys})
            for at in range(0, len(keys), _PAGE):
                known = await self._ledger.known(flow.entity, keys[at : at + _PAGE])
                yield [entry for entry in known.values() if entry.wave == row.id]
            return
        after = ""
        while entries := await self._ledger.entries(row.id, flow.entity, after, _PAGE):
            after = entries[-1].key
            wanted = (Bucket.SYNCED, Bucket.IN_FLIGHT, Bucket.QUARANTINED)
            yield [entry for entry in entries if entry.bucket in wanted]

    # ------------------------------------------------------------ what would change

    async def _compare(self, part: Part, entries: Sequence[Entry], before: Mapper | None, sums: _Sums) -> None:
        flow = part.flow
        if not entries:
            return
        scope = part.scope
        if before is not None:  # what only the former mapping read
            scope = scope._replace(fields=tuple(dict.fromkeys((*scope.fields, *before.needs))) if scope.fields else ())
        records = {r.key: r for r in await flow.source.fetch(scope, [entry.key for entry in entries])}
        known = [(entry, records[entry.key]) for entry in entries if entry.key in records]
        there = [record for _, record in known]
        people = await People().known(flow, there)
        now = flow.mapper.map(there, people)
        then = before.map(there, people) if before is not None else [None] * len(there)
        for (entry, _), new, old in zip(known, now, then, strict=True):
            sums.records += 1
            if not isinstance(new, Mapped):
                sums.refused += 1
            elif not entry.target:
                sums.created += 1
            elif entry.print == fingerprint(new, form_of(flow.mapper), self._secret):
                sums.unchanged += 1
            else:
                sums.changed += 1
                names = _differing(new, old) if isinstance(old, Mapped) else []
                sums.fields.update((flow.name, name) for name in names or [_OF_THE_SOURCE])


def _differing(new: Mapped, old: Mapped) -> list[str]:
    names = [name for name in {**new.fields, **old.fields} if new.fields.get(name) != old.fields.get(name)]
    return [*names, "status"] if new.status != old.status else names


def _refusals(row: WaveRow) -> list[str]:
    if row.state is WaveState.ROLLING_BACK:
        return [f"it is half rolled back. First: cutover rollback --wave {row.name}"]
    return [f"it has not run. Type: cutover run --wave {row.name}"] if row.state in _NEVER else []


def _in_words(command: Rerun, planned: PlannedWave) -> str:
    which = "what failed" if command.failed else f"cause {command.cause}" if command.cause else ""
    which = which or (f"{len(command.keys)} keys" if command.keys else "all records")
    return f"{which}; {command.mapping} mapping, playbook {planned.playbook}"

"""Carries records of a wave again: all, what failed, one cause, some keys; with the newest mapping, or the former."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial

import orjson
from pydantic import ValidationError

from connectors.kit.errors import ConnectorError
from engine.asides import AsideRow
from engine.assembly import Assembly, PlannedWave
from engine.conductor import Conductor, cut_off
from engine.errors import Refused
from engine.flow import Flow
from engine.ledger import Ledger
from engine.logbook import WaveRow
from engine.mapping import Mapper, MappingError, compile_entity
from engine.model import UNCHECKED, UNDONE, Bucket, WaveState
from engine.rerun_plan import RerunPlan
from engine.signoff import void
from engine.undos import Again
from engine.wire import Receipt, Rerun, RerunPreview
from runbooks.errors import LoadError
from runbooks.migration import Migration
from runbooks.playbook import Playbook

_PAGE = 200  # records that are looked at together
_MOST = 1_000_000  # more than any quarantine holds
_NEVER = (*UNCHECKED, *UNDONE, WaveState.READY)
_CARRIED = (Bucket.SYNCED, Bucket.IN_FLIGHT)

Assemble = Callable[[Migration], Awaitable[Assembly]]


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
        same = await self._ledger.undo.same(row.name)
        refusals = _refusals(row) + _other(command, same)
        plan = RerunPlan(self._ledger, row.id, self._secret, await self._before(planned, row))
        if not refusals:
            await self._add_up(plan, command, row, planned)
        sums = plan.sums
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
            fields=sums.listed(),
            refusals=refusals,
            despite=_despite(row),
            goes_on=bool(same) and not refusals,
        )

    async def rerun(self, command: Rerun) -> Receipt:
        """Begin. Raises Refused when nothing fits, when the wave never ran, or is signed off and no reason is given."""
        await self._conductor.afresh()
        async with self._conductor.at_rest(command.wave):
            self._conductor.refuse_when_busy()
            row = (await self._ledger.waves())[command.wave]
            stands = _refusals(row)
            if not command.despite.strip():
                way = f'Say why all the same: cutover rerun --wave {command.wave} --despite-sign-off "WHY"'
                stands += [f"{each}. {way}" for each in _despite(row)]
            same = await self._ledger.undo.same(row.name)
            for refusal in _other(command, same):
                raise Refused(refusal)
            if stands:
                raise Refused(f"Wave {command.wave} cannot be run again: {'; '.join(stands)}")
            assembly = await self._assembly(command, row)
            planned = assembly.waves[command.wave]
            aside = await self._aside(command)
            again = Again({}, {}) if command.failed or command.cause else await self._again(command, row, planned)
            if not aside and not again.records and not again.children and not same:
                raise Refused(f"No record of wave {command.wave} fits. What is set aside: cutover quarantine list")
            self._conductor.assembly = assembly
            if row.state is WaveState.SIGNED_OFF:
                await void(self._ledger, row.name, command.by, "records of the wave are carried again")
            whole = planned.playbook if _whole(command) else ""
            same = planned.playbook if command.mapping == "same" else ""
            await self._ledger.undo.stale(row, again, command.by, whole, _in_words(command, planned), same=same)
            await self._conductor.take_up(aside, [command.wave], command.by)
        return Receipt(accepted=True, durable=True, effective=True, message=f"Running wave {command.wave} again.")

    # ------------------------------------------------------------ which mapping

    async def _assembly(self, command: Rerun, row: WaveRow) -> Assembly:
        """With the playbook of the folder, or (`same`) the one that the wave last ran with."""
        if command.mapping not in ("newest", "same"):
            raise Refused(f"There is no mapping {command.mapping}. Say newest or same.")
        assembly = self._conductor.assembly
        now = assembly.waves[row.name].playbook
        if command.mapping == "newest" or now == row.playbook or _refusals(row):
            return assembly
        book = _read((await self._ledger.undo.books()).get(row.playbook, ""))
        books = [book if book and each.version == now else each for each in assembly.migration.playbooks]
        try:
            then = await self._assemble(replace(assembly.migration, playbooks=tuple(books)))
            if row.name in then.waves and then.waves[row.name].playbook == row.playbook:
                return then
        except (MappingError, LoadError, ConnectorError) as error:
            raise Refused(f"Playbook {row.playbook} does not fit the systems of now. {error}") from None
        raise Refused(
            f"Playbook {row.playbook}, which wave {row.name} ran with, was not kept. Put it back into the folder, "
            "or take the newest mapping."
        )

    async def _before(self, planned: PlannedWave, row: WaveRow) -> dict[str, list[Mapper]]:
        """{flow name: mappers of the playbooks that ran}: that of the wave itself first."""
        texts = await self._ledger.undo.books()
        found: dict[str, list[Mapper]] = {}
        for version in sorted(texts, key=lambda version: version != row.playbook):
            book = _read(texts[version])
            for part in planned.parts if book is not None else ():
                pair = next((each for each in book.entities if each.entity == part.flow.name), None) if book else None
                if pair is None:
                    continue
                documents = partial(_takes_documents, part.flow)
                try:
                    mapper = compile_entity(pair, where=str, secret=self._secret, documents=documents)
                except MappingError:  # of another version of cutover
                    continue
                found.setdefault(part.flow.name, []).append(mapper)
                for child, own in zip(pair.children, mapper.children, strict=True):
                    found.setdefault(f"{part.flow.name}/{child.label}", []).append(own)
        return found

    # ------------------------------------------------------------ which records

    async def _aside(self, command: Rerun) -> list[AsideRow]:
        rows = await self._ledger.aside(wave=command.wave, cause=command.cause, keys=command.keys, limit=_MOST)
        return [row for row in rows if row.bucket is Bucket.QUARANTINED]

    async def _again(self, command: Rerun, row: WaveRow, planned: PlannedWave) -> Again:
        """What is done and is carried again all the same; what cannot be changed stays as it is."""
        again = Again({}, {})
        for part in planned.parts:
            for flow, slot in ((part.flow, again.records), *((child, again.children) for child in part.flow.children)):
                if not flow.writes.updates:
                    continue
                if not command.keys:
                    slot[flow.entity] = None
                    continue
                known = await self._ledger.known(flow.entity, command.keys)
                if keys := [key for key, at in known.items() if at.wave == row.id and at.bucket in _CARRIED]:
                    slot[flow.entity] = keys
        return again

    async def _add_up(self, plan: RerunPlan, command: Rerun, row: WaveRow, planned: PlannedWave) -> None:
        if _whole(command):
            for part in planned.parts:
                await self._add_up_all(plan, row, part.flow)
            return
        aside = await self._aside(command)
        listed = set() if command.failed or command.cause else set(command.keys)
        for part in planned.parts:
            of = [each for each in aside if each.entity == part.flow.name]
            for some in _pages(sorted({each.key for each in of} | listed)):
                await plan.records(part.flow, some)
            for child in part.flow.children:
                hanging = [each for each in aside if each.entity == child.name]
                for parents in _pages(sorted({each.parent for each in hanging})):
                    await plan.children(child, parents, [each.key for each in hanging])
                for some in _pages(sorted(listed - {each.key for each in hanging})):
                    await plan.records(child, some)

    async def _add_up_all(self, plan: RerunPlan, row: WaveRow, flow: Flow) -> None:
        after = ""
        while entries := await self._ledger.entries(row.id, flow.entity, after, _PAGE):
            after = entries[-1].key
            await plan.records(flow, [entry.key for entry in entries])
            parents = [entry.key for entry in entries if entry.target and entry.bucket in _CARRIED]
            for child in flow.children:
                await plan.children(child, parents)


def _read(text: str) -> Playbook | None:
    try:
        return Playbook.model_validate(orjson.loads(text)) if text else None
    except ValidationError:  # of another version of cutover, which knew other keys
        return None


def _takes_documents(flow: Flow, entity: str) -> bool:
    return flow.target.traits(entity).documents


def _pages(keys: list[str]) -> list[list[str]]:
    return [keys[at : at + _PAGE] for at in range(0, len(keys), _PAGE)]


def _whole(command: Rerun) -> bool:
    return not (command.failed or command.cause or command.keys)


def _refusals(row: WaveRow) -> list[str]:
    if row.state is WaveState.ROLLING_BACK:
        return [f"it is half rolled back. First: cutover rollback --wave {row.name}"]
    return [f"it has not run. Type: cutover run --wave {row.name}"] if row.state in _NEVER else []


def _other(command: Rerun, same: str) -> list[str]:
    """Part of a wave is not carried with one mapping while another part waits for the former one."""
    return [cut_off(command.wave, same)] if same and command.mapping == "newest" and not _whole(command) else []


def _despite(row: WaveRow) -> list[str]:
    if row.state is not WaveState.SIGNED_OFF:
        return []
    return ["it is signed off, and its manifest would tell of what is no more"]


def _in_words(command: Rerun, planned: PlannedWave) -> str:
    which = "what failed" if command.failed else f"cause {command.cause}" if command.cause else ""
    which = which or (f"{len(command.keys)} keys" if command.keys else "all records")
    why = f"; {command.despite.strip()}" if command.despite.strip() else ""
    return f"{which}; {command.mapping} mapping, playbook {planned.playbook}{why}"

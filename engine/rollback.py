"""Rolling a wave back: what it would do, and the command that does it. The work itself is in `undoing`."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC

from engine.assembly import PlannedWave
from engine.conductor import Conductor
from engine.errors import Refused
from engine.flow import Flow
from engine.ledger import Ledger
from engine.logbook import WaveRow
from engine.model import LOADED, WaveState
from engine.patience import Patience
from engine.signoff import void
from engine.undo_plan import Batch, Fate, Look, Seen, figures, undoable
from engine.undoing import Undoing
from engine.undos import Done
from engine.wire import Receipt, Rollback, RollbackPreview, UndoEdited, UndoEntity

_PAGE = 200  # records that are looked at together
_SHOWN = 200  # edited records that a preview names
_SLOWER, _FASTER = 3.0, 0.5  # a rollback compared with the load that was measured


class Rollbacks:
    """Previews rollbacks, and begins them or goes on with them."""

    def __init__(self, conductor: Conductor, ledger: Ledger) -> None:
        self._conductor = conductor
        self._ledger = ledger

    async def preview(self, wave: str) -> RollbackPreview:
        """Look at every record of the wave at its target. Changes nothing."""
        await self._conductor.afresh()
        async with self._conductor.at_rest(wave) as planned:
            self._conductor.refuse_when_busy()
        row = (await self._ledger.waves())[wave]
        saga = await self._ledger.undo.saga(row.id)
        cut_off = saga is not None and not saga.ended
        seen = await self._survey(planned, row)
        records = sum(n for _, fates in seen.done.items() for fate, n in fates.items() if fate == Fate.REMOVE)
        measured = float(await self._ledger.get_meta("rate") or 0)
        unanswered = await self._ledger.unanswered()
        return RollbackPreview(
            wave=wave,
            state=row.state,
            began=saga.started if saga and cut_off else "",
            began_by=saga.by if saga and cut_off else "",
            entities=[UndoEntity(entity=entity, fates=fates) for entity, fates in seen.done.items() if fates],
            edited=seen.edited,
            references=dict(seen.references),
            elsewhere=await self._ledger.undo.elsewhere(row.id),
            unanswered=sum(n for (of, _), n in unanswered.items() if of == row.id),
            notes=_notes(planned, seen.done),
            seconds_low=round(records / measured * _FASTER, 1) if measured else None,
            seconds_high=round(records / measured * _SLOWER, 1) if measured else None,
            refusals=await self._refusals(planned, row, cut_off=cut_off),
            despite=[] if cut_off else _despite(row),
            systems=sorted({part.flow.target_system for part in planned.parts}),
        )

    async def roll_back(self, command: Rollback) -> Receipt:
        """Begin, or go on where it was cut off. Raises Refused with all that stands in the way."""
        await self._conductor.afresh()
        async with self._conductor.at_rest(command.wave) as planned:
            self._conductor.refuse_when_busy()
            row = (await self._ledger.waves())[command.wave]
            saga = await self._ledger.undo.saga(row.id)
            cut_off = saga is not None and not saga.ended
            stands = await self._refusals(planned, row, cut_off=cut_off)
            if not (cut_off or command.despite.strip()):
                way = f'Say why all the same: cutover rollback --wave {command.wave} --despite-sign-off "WHY"'
                stands += [f"{each}. {way}" for each in _despite(row)]
            if stands:
                raise Refused(f"Wave {command.wave} cannot be rolled back: {'; '.join(stands)}")
            await self._begin(command, row, cut_off=cut_off)
            await self._conductor.begin([command.wave], command.by, self._undo)
        word = "Going on with the rollback of" if cut_off else "Rolling back"
        return Receipt(accepted=True, durable=True, effective=True, message=f"{word} wave {command.wave}.")

    async def _begin(self, command: Rollback, row: WaveRow, *, cut_off: bool) -> None:
        detail = "goes on" if cut_off else f"it was {row.state}"
        if command.despite.strip():
            detail += f"; {command.despite.strip()}"
        if row.state is WaveState.SIGNED_OFF:
            await void(self._ledger, row.name, command.by, "the wave is rolled back")
        # Loaded, and no create without an answer: only then need nobody look for what was created unseen.
        await self._ledger.undo.begin(
            row.name,
            row.id,
            command.by,
            command.despite,
            stage=1 if row.state in LOADED and not await self._unseen(row) else 0,
            detail=detail,
        )

    async def _unseen(self, row: WaveRow) -> bool:
        """Something may be there that the ledger does not know: it has an intent."""
        return any(n for (wave, _), n in (await self._ledger.unanswered()).items() if wave == row.id)

    async def _undo(self, planned: PlannedWave) -> WaveState:
        conductor = self._conductor
        context = conductor.context((await self._ledger.waves())[planned.name])
        flows = tuple(conductor.assembly.flows.values())
        return await Undoing(context, planned.parts, flows, Patience(context, conductor.brake)).run()

    async def _refusals(self, planned: PlannedWave, row: WaveRow, *, cut_off: bool) -> list[str]:
        for part in planned.parts:
            undoable(part.flow)
        if cut_off:
            return []
        if row.state is WaveState.ROLLED_BACK:
            left = await self._records(row)
            return [] if left else ["it is rolled back already"]
        if not (row.started or await self._records(row)):
            return ["it never ran: there is nothing to undo"]
        flaw = await self._conductor.assembly.vault.flaw(row.id)
        return [flaw] if flaw else []

    async def _records(self, row: WaveRow) -> int:
        return sum(
            n for (wave, _), counts in (await self._ledger.tally()).items() if wave == row.id for n in counts.values()
        )

    # ------------------------------------------------------------ the survey

    async def _survey(self, planned: PlannedWave, row: WaveRow) -> _Survey:
        assembly = self._conductor.assembly
        look = Look(self._ledger, tuple(assembly.flows.values()), _at_once)
        names = {each.id: name for name, each in (await self._ledger.waves()).items()}
        survey = _Survey()
        for part in reversed(planned.parts):
            async for batch in self._batches(look, row, part.flow):
                survey.add(batch, row.id, names)
        return survey

    async def _batches(self, look: Look, row: WaveRow, flow: Flow) -> AsyncIterator[Batch]:
        after = ""
        while entries := await self._ledger.entries(row.id, flow.entity, after, _PAGE):
            after = entries[-1].key
            yield await look.at(flow, entries)


class _Survey:
    """What was seen of all records of a wave."""

    def __init__(self) -> None:
        self.done: Done = {}
        self.edited: list[UndoEdited] = []
        self.references: Counter[str] = Counter()
        self._links: set[str] = set()

    def add(self, batch: Batch, wave: int, names: dict[int, str]) -> None:
        fresh = [link for link in batch.links if link not in self._links]  # a link hangs on both its ends
        self._links.update(fresh)
        for entity, fates in figures(batch._replace(links=fresh)).items():
            sums = self.done.setdefault(entity, {})
            for fate, n in fates.items():
                sums[fate] = sums.get(fate, 0) + n
        self.edited += [_edited(batch.flow, one) for one in batch.of(Fate.EDITED)][: _SHOWN - len(self.edited)]
        self.references.update(names[tie.wave] for tie in batch.loosened if tie.wave != wave)


@asynccontextmanager
async def _at_once() -> AsyncIterator[None]:
    """A preview waits for no hold: a person asks."""
    yield


def _edited(flow: Flow, one: Seen) -> UndoEdited:
    by, at = (one.touch.by, one.touch.at) if one.touch else ("", None)
    when = at.astimezone(UTC).isoformat(timespec="seconds") if at else ""
    return UndoEdited(entity=flow.name, key=one.entry.key, target=one.entry.target, by=by, at=when)


def _despite(row: WaveRow) -> list[str]:
    if row.state is not WaveState.SIGNED_OFF:
        return []
    return ["it is signed off, and what it may have written over cannot be restored any more"]


def _notes(planned: PlannedWave, done: Done) -> list[str]:
    notes = []
    for part in planned.parts:
        flow = part.flow
        if done.get(flow.name, {}).get(Fate.STUCK):
            notes.append(
                f"{flow.target_system} deletes no {flow.target_entity}. To close them instead, give the entity "
                f"{flow.name} of the playbook: rollback: {{ status: NAME }}"
            )
        notes += [
            f"{flow.target_system} deletes no {child.target_entity}: those on removed records go with them"
            for child in flow.children
            if not child.writes.deletes
        ]
    return notes

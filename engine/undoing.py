"""The rollback of one wave, as a saga: look, durable intent, undo, durable outcome, a batch at a time.

Killed anywhere it goes on where it was: undoing twice ends as once, and an entry stays until its record is gone.
Within a batch, ties go before what they tie, what hangs on a record before the record; entities that refer go before
those they refer to. What is refused is tried again once the rest is gone.
"""

from __future__ import annotations

from collections.abc import Awaitable, Sequence

from connectors.kit.contract import Creates, Failed, Fields, Move, Outcome, Rejected, Undo, Write
from connectors.kit.errors import ConnectorError, InDoubt
from engine.calls import outlast
from engine.context import Context
from engine.errors import EngineError
from engine.flow import Flow
from engine.intents import Creator
from engine.model import Bucket, Entry, SetAside, WaveState
from engine.patience import Patience
from engine.undo_plan import CLEARED, FORGOTTEN, UNDONE, Batch, Fate, Look, Seen, figures
from engine.undos import Done, Saga
from engine.waves import Part

_BATCH = 50  # records that are looked at and undone together
_PASSES = 5  # times that what is refused is tried, as long as others go

_LASTING = (Fate.REMOVE, Fate.CLOSE, Fate.RESTORE, Fate.GONE, Fate.NEVER, CLEARED)
"""What a pass has done; everything else it finds again, and counts again, in the next one."""

_CLOSED = "closed by a rollback; a run takes it up again"
_STUCK = "cannot be deleted at the target, and the playbook names no status instead: a rollback left it there"
_SHREDDED = "was there before the wave, and what it was like was destroyed at sign-off: a rollback left it as it is"
_FOREIGN = "carries our id no more at the target: a rollback left it as it is"


class Undoing:
    """Rolls one wave back. `flows` are all of the migration; `parts` those of the wave, what is referred to first."""

    def __init__(self, context: Context, parts: Sequence[Part], flows: Sequence[Flow], patience: Patience) -> None:
        self._context = context
        self._parts = parts
        self._flows = [part.flow for part in reversed(parts)]
        self._patience = patience
        self._look = Look(context.ledger, flows, lambda: context.pacing.step(context.name))

    async def run(self) -> WaveState:
        """To its end. What stops it leaves the wave rolling back, with the cause; the next one goes on."""
        try:
            await self._prepare()
            await self._passes()
            for flow in self._flows:
                for child in flow.children:
                    await self._leftovers(flow, child)
            return await self._end()
        except (ConnectorError, EngineError) as error:
            name = self._context.name
            again = f"{error} Then go on: cutover rollback --wave {name}"
            await self._context.ledger.wave_state(name, WaveState.ROLLING_BACK, again)
            return WaveState.ROLLING_BACK

    async def _prepare(self) -> None:
        """Know what was created before anything is removed."""
        context, persist = self._context, self._patience.persist
        flows = [flow for part in self._parts for flow in (part.flow, *part.flow.children)]
        for flow in flows:
            # A create that was sent again because its answer was lost may be applied a second time; so may a link, and
            # that stays where its records do.
            again = flow.writes.creates is Creates.NATIVE or flow.existing or flow.closes
            await outlast(context, flow, context.last_end if again else context.cut_off)
        if not (await self._saga()).stage:
            for flow in flows:
                await persist(Creator(context).clear_up, flow)

    async def _passes(self) -> None:
        saga = await self._saga()
        resumed, undo = saga.stage > 0 and saga.entity > 0, self._context.ledger.undo
        while True:
            stage, before = max(1, saga.stage + (not resumed)), _sum(saga.done, _LASTING)
            order = [flow.entity for flow in self._flows]
            first = order.index(saga.entity) if resumed and saga.entity in order else 0
            for at, flow in enumerate(self._flows[first:]):
                if at or not resumed:
                    done = (await self._saga()).done
                    await undo.at(self._context.wave, stage, flow.entity, done if at else _lasting(done))
                await self._pass_over(flow)
            saga = await self._saga()
            went = resumed or _sum(saga.done, _LASTING) > before
            if not _sum(saga.done, (Fate.REFUSED,)) or not went or stage >= _PASSES:
                return
            resumed = False

    async def _saga(self) -> Saga:
        saga = await self._context.ledger.undo.saga(self._context.wave)
        if saga is None:
            raise EngineError(f"No rollback of wave {self._context.name} was begun.")
        return saga

    # ------------------------------------------------------------ a batch

    async def _pass_over(self, flow: Flow) -> None:
        """All records of this flow, from where the ledger says."""
        context = self._context
        while entries := await context.ledger.entries(context.wave, flow.entity, (await self._saga()).after, _BATCH):
            await self._patience.persist(self._undo, flow, entries)

    async def _undo(self, flow: Flow, entries: Sequence[Entry]) -> None:
        """Look, intend, undo, settle. May be repeated from its start at any moment."""
        context, undo = self._context, self._context.ledger.undo
        saga = await self._saga()
        batch = await self._look.at(flow, entries, saga.batch)
        hanging = {child.entity: list(keys) for child, keys in batch.children if keys}
        if going := batch.of(*UNDONE):
            await undo.intend(context.wave, {flow.entity: [one.entry.key for one in going], **hanging})
            batch = await self._undo_ties(batch)
            batch = await self._undo_hanging(batch)
            batch = await self._undo_records(batch)
        await self._set_aside(batch)
        forgotten = [one.entry for one in batch.of(*FORGOTTEN)]
        excluded = [entry.key for entry in forgotten if entry.bucket is Bucket.EXCLUDED]  # a person's word stays
        removed = {flow.entity: [entry.key for entry in forgotten if entry.bucket is not Bucket.EXCLUDED]}
        removed |= {child.entity: list(keys) for child, keys in batch.children}
        done = _add(saga.done, figures(batch))
        await undo.outcome(
            context.wave, entries[-1].key, removed, done, emptied={flow.entity: excluded}, loosened=batch.loosened
        )

    async def _undo_ties(self, batch: Batch) -> Batch:
        """Links of ours, and fields of other records that hold the id of one that goes."""
        refused = 0
        for clear in batch.clears:
            target = clear.flow.target
            if isinstance(target, Undo):
                before = (await self._context.vault.open(clear.tie.entity, [clear.tie.key])).get(clear.tie.key)
                held = before.fields.get(clear.field) if before else None
                write = Write(clear.flow.xid(clear.tie.key), {clear.field: held}, clear.tie.target)
                outcomes = await self._call(clear.flow, target.restore(clear.flow.target_entity, [write]))
                refused += len(_refused(outcomes))
        if batch.links:
            refused += len(_refused(await self._call(batch.flow, batch.flow.target.delete("link", batch.links))))
        return batch._replace(refused_ties=refused)

    async def _undo_hanging(self, batch: Batch) -> Batch:
        """What is refused here goes with its record where the system does that; the last look tells."""
        left: list[tuple[Flow, dict[str, str]]] = []
        for child, keys in batch.children:
            there = {target: key for key, target in keys.items() if target}
            if there and child.writes.deletes:
                outcomes = await self._call(child, child.target.delete(child.target_entity, list(there)))
                for outcome in _refused(outcomes):
                    keys = {key: target for key, target in keys.items() if target != outcome.xid}
            left.append((child, keys))
        return batch._replace(children=left)

    async def _undo_records(self, batch: Batch) -> Batch:
        flow, target = batch.flow, batch.flow.target
        why: dict[str, str] = {}
        if removing := {one.entry.target: one.entry.key for one in batch.of(Fate.REMOVE)}:
            for outcome in _refused(await self._call(flow, target.delete(flow.target_entity, list(removing)))):
                why[removing[outcome.xid]] = outcome.cause
        if closing := [one.entry for one in batch.of(Fate.CLOSE)]:
            moves = [Move(flow.xid(entry.key), entry.target, flow.closes) for entry in closing]
            keys = {move.xid: entry.key for move, entry in zip(moves, closing, strict=True)}
            for outcome in _refused(await self._call(flow, target.move(flow.target_entity, moves))):
                why[keys[outcome.xid]] = outcome.cause
        why |= await self._restore(batch)
        seen = [Seen(one.entry, Fate.REFUSED) if one.entry.key in why else one for one in batch.seen]
        await self._aside(
            flow,
            [(entry, f"could not be undone: {why[entry.key]}") for entry, *_ in seen if entry.key in why],
            Bucket.QUARANTINED,
        )
        return batch._replace(seen=seen)

    async def _restore(self, batch: Batch) -> dict[str, str]:
        """Put back what was there before us; {key: why} of what is refused. Our mark goes last: until then it is known
        as ours."""
        flow, target = batch.flow, batch.flow.target
        entries = {one.entry.key: one.entry for one in batch.of(Fate.RESTORE)}
        if not entries or not isinstance(target, Undo):
            return {}
        images = await self._context.vault.open(flow.entity, list(entries))
        why: dict[str, str] = {}
        if moving := [key for key in entries if images[key].status]:
            moves = [
                Move(flow.xid(key), entries[key].target, images[key].status, _filled(images[key].steps))
                for key in moving
            ]
            outcomes = await self._call(flow, target.move(flow.target_entity, moves))
            for key, outcome in zip(moving, outcomes, strict=True):
                if isinstance(outcome, Rejected):
                    why[key] = outcome.cause
        restoring = [key for key in entries if key not in why]
        writes = [Write("", images[key].fields, entries[key].target) for key in restoring]
        if writes:
            outcomes = await self._call(flow, target.restore(flow.target_entity, writes))
            for key, outcome in zip(restoring, outcomes, strict=True):
                if isinstance(outcome, Rejected):
                    why[key] = outcome.cause
        return why

    async def _call(self, flow: Flow, call: Awaitable[list[Outcome]]) -> list[Outcome]:
        """One call that may be made again. Raises what kept a record of it from an answer, and lets it come late first:
        whoever loads the wave again must not be overtaken."""
        try:
            async with self._context.pacing.step(self._context.name):
                outcomes = await call
        except ConnectorError as error:
            outcomes = [Failed("", error)]
        errors = [outcome.error for outcome in outcomes if isinstance(outcome, Failed)]
        if any(isinstance(error, InDoubt) for error in errors):
            await outlast(self._context, flow, self._context.clock.monotonic())
        if errors:
            raise errors[0]
        return outcomes

    # ------------------------------------------------------------ what stays

    async def _set_aside(self, batch: Batch) -> None:
        """What stays at the target stays in the ledger, with the reason."""
        edited = [(one.entry, _edited(one)) for one in batch.of(Fate.EDITED)]
        edited += [(one.entry, _FOREIGN) for one in batch.of(Fate.FOREIGN)]
        await self._aside(batch.flow, edited, Bucket.EDITED)
        left = [(one.entry, _CLOSED) for one in batch.of(Fate.CLOSE)]
        left += [(one.entry, _STUCK) for one in batch.of(Fate.STUCK)]
        left += [(one.entry, _SHREDDED) for one in batch.of(Fate.SHREDDED)]
        await self._aside(batch.flow, left, Bucket.LEFT)

    async def _aside(self, flow: Flow, entries: Sequence[tuple[Entry, str]], bucket: Bucket) -> None:
        if entries:
            aside = [SetAside(entry.key, cause, "", entry.target, entry.version) for entry, cause in entries]
            await self._context.ledger.settle(
                self._context.wave, flow.entity, (), aside, bucket=bucket, point="undo_aside"
            )

    async def _leftovers(self, flow: Flow, child: Flow) -> None:
        """What hung on records that are gone, and was not found on them: gone with them, or never created."""
        context, after = self._context, ""
        while entries := await context.ledger.entries(context.wave, child.entity, after, _BATCH):
            after = entries[-1].key
            await self._patience.persist(self._forget_the_gone, flow, child, entries)

    async def _forget_the_gone(self, flow: Flow, child: Flow, entries: Sequence[Entry]) -> None:
        context, undo = self._context, self._context.ledger.undo
        there = await self._look.standing(flow, child, [entry.target for entry in entries if entry.target])
        gone = [
            entry.key
            for entry in entries
            if entry.target not in there and entry.bucket not in (Bucket.EXCLUDED, Bucket.IN_DOUBT)
        ]
        if gone:
            saga = await self._saga()
            done = _add(saga.done, {child.name: {Fate.GONE.value: len(gone)}})
            await undo.outcome(context.wave, saga.after, {child.entity: gone}, done, emptied={})

    async def _end(self) -> WaveState:
        context, done = self._context, (await self._saga()).done
        refused, in_doubt = _sum(done, (Fate.REFUSED,)), _sum(done, (Fate.IN_DOUBT,))
        told, state, cause = in_words(done), WaveState.ROLLED_BACK, in_words(done)
        if refused or in_doubt:
            state = WaveState.NEEDS_HUMAN
            cause = (
                f"rollback: {told}. See: cutover quarantine list. When that is mended: "
                f"cutover rollback --wave {context.name}"
            )
        await context.ledger.undo.end(context.name, context.wave, state, cause, told)
        context.ledger.forget_chunks(context.wave)
        return state


def in_words(done: Done) -> str:
    """What became of the records: '15 incident removed, 2 incident edited'."""
    parts = [
        f"{n:,} {entity} {fate}" for entity, fates in done.items() for fate, n in fates.items() if n and fate != "stays"
    ]
    return ", ".join(parts) or "nothing had to be undone"


def _edited(one: Seen) -> str:
    by = one.touch.by if one.touch else ""
    return f"edited at the target{f' by {by}' if by else ''} after our write: a rollback left it as it is"


def _filled(fields: Fields) -> Fields:
    return {name: value for name, value in fields.items() if value is not None}


def _refused(outcomes: Sequence[Outcome]) -> list[Rejected]:
    return [outcome for outcome in outcomes if isinstance(outcome, Rejected)]


def _add(done: Done, more: Done) -> Done:
    whole = {entity: dict(fates) for entity, fates in done.items()}
    for entity, fates in more.items():
        sums = whole.setdefault(entity, {})
        for fate, n in fates.items():
            sums[fate] = sums.get(fate, 0) + n
    return whole


def _lasting(done: Done) -> Done:
    return {entity: {fate: n for fate, n in fates.items() if fate in _LASTING} for entity, fates in done.items()}


def _sum(done: Done, wanted: Sequence[str]) -> int:
    return sum(n for fates in done.values() for fate, n in fates.items() if fate in wanted)

"""One wave's way: copying, catching up, reconciling, awaiting sign-off. Resumes wherever it stopped."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

from connectors.kit.contract import Scope
from connectors.kit.errors import ConnectorError
from engine.context import Context
from engine.copying import Copier
from engine.errors import EngineError
from engine.flow import Flow
from engine.inquiry import Ask
from engine.links import tie
from engine.model import Bucket, WaveState
from engine.patience import Brake, Patience
from engine.pipeline import Pipeline
from engine.proof import Sum, add_up, sweep
from engine.reconcile import Compare

_ROUNDS = 3  # times that counts may disagree because people go on working, before the difference is reported


LastLook = Callable[[Ask, str], Awaitable[str]]
"""What is left to ask of a wave whose sum holds, with the notes of its proof: why it needs a person, or ""."""


async def nothing_more(_ask: Ask, _notes: str) -> str:
    return ""


async def not_compared(_ask: Ask) -> tuple[str, str]:
    return "", ""


class Part(NamedTuple):
    """One flow of a wave: its records, and the slice of them that this wave moves."""

    flow: Flow
    filter: str

    @property
    def scope(self) -> Scope:
        return self.flow.scope(self.filter)


class WaveRunner:
    """Runs one wave. `parts` come in the order of their dependencies: what is referred to goes first."""

    def __init__(
        self,
        context: Context,
        parts: Sequence[Part],
        flows: Sequence[Flow],
        brake: Brake,
        chunk: int,
        workers: int,
        last_look: LastLook = nothing_more,
        compare: Compare = not_compared,
    ) -> None:
        """`flows` are all of the migration: this wave may bring the other end of their references."""
        self.name = context.name
        self._context = context
        self._parts = parts
        self._flows = flows
        self._patience = Patience(context, brake)
        self._last_look = last_look
        self._compare = compare
        self._pipeline = Pipeline(context)
        self._copiers = {
            part.flow.name: Copier(context, part.flow, part.scope, self._pipeline, self._patience, chunk, workers)
            for part in parts
        }

    async def run(self) -> WaveState:
        """Carry the wave on to its end. What cannot go on ends as `failed` or `needs_human`, with the cause."""
        return await self._to_its_end(self._run)

    async def retry(self, records: dict[str, list[str]], children: dict[str, dict[str, str]]) -> WaveState:
        """Take up what was set aside: {flow name: keys}, and {flow name of a child: {parent key: parent's target}}."""

        async def again() -> WaveState:
            await self._take_up(records, children)
            return await self._run()

        return await self._to_its_end(again)

    async def _to_its_end(self, work: Callable[[], Awaitable[WaveState]]) -> WaveState:
        try:
            return await work()
        except (ConnectorError, EngineError) as error:
            return await self._end(WaveState.FAILED, str(error))
        except ExceptionGroup as group:
            known, unknown = group.split((ConnectorError, EngineError))
            if unknown is not None or known is None:
                raise
            return await self._end(WaveState.FAILED, _first(known))

    async def _take_up(self, records: dict[str, list[str]], children: dict[str, dict[str, str]]) -> None:
        for part in self._parts:
            await self._copiers[part.flow.name].carry_keys(records.get(part.flow.name, []), again=True)
            for child in part.flow.children:
                if parents := children.get(child.name):
                    await self._patience.persist(self._pipeline.carry_children, child, parents, again=True)

    async def _run(self) -> WaveState:
        context = self._context
        await context.ledger.wave_state(context.name, WaveState.COPYING)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._count())  # for the plan: nothing else waits for it
            await self._copy()
        await context.ledger.wave_state(context.name, WaveState.CATCHING_UP)
        await self._catch_up()
        await context.ledger.wave_state(context.name, WaveState.RECONCILING)
        return await self._prove()

    async def _count(self) -> None:
        for part in self._parts:
            await add_up(self._context, part.flow, part.scope, self._patience)

    async def _copy(self) -> None:
        for part in self._parts:
            copier = self._copiers[part.flow.name]
            read = await copier.copy()
            await copier.finish()
            if not (read or copier.has_feed):
                # Run again: what changed since the last time shows only by looking at everything.
                await sweep(self._context, part.flow, part.scope, copier, self._patience)

    async def _catch_up(self) -> None:
        for part in self._parts:
            await self._copiers[part.flow.name].catch_up_to_now()
            await self._patience.persist(self._pipeline.clear_up, part.flow)
        for flow in self._flows:
            await self._patience.persist(tie, self._context, flow)

    async def _prove(self) -> WaveState:
        """All that can be read is in exactly one bucket, nothing in flight, nothing in doubt: or it is not loaded."""
        context, rerun = self._context, f"cutover run --wave {self._context.name}"
        notes: list[str] = []
        for part in self._parts:
            await self._copiers[part.flow.name].children_again()
        for part in self._parts:
            total, seen = await self._agree(part)
            if unfinished := total.buckets.get(Bucket.IN_FLIGHT, 0):
                return await self._end(WaveState.FAILED, f"{unfinished} {part.flow.name} not finished; type: {rerun}")
            if total.counted == total.accounted:
                continue
            counts = f"the source counts {total.counted:,} {part.flow.name}, the ledger {total.accounted:,}"
            if seen != total.accounted:
                cause = f"count: {counts}, a sweep saw {seen:,}. When the source is quiet, type: {rerun}"
                return await self._end(WaveState.NEEDS_HUMAN, cause)
            notes.append(f"{counts}, which is all that this account may read")
        tally = await context.ledger.tally()
        in_doubt = sum(n.get(Bucket.IN_DOUBT, 0) for (wave, _), n in tally.items() if wave == context.wave)
        if in_doubt:
            cause = f"in_doubt: {in_doubt} records exist at the target or not; type: cutover quarantine list"
            return await self._end(WaveState.NEEDS_HUMAN, cause)
        cause, note = await self._compare(self._patience.ask)
        notes += [note] if note else []
        if cause:
            return await self._end(WaveState.NEEDS_HUMAN, cause)
        if cause := await self._last_look(self._patience.ask, "; ".join(notes)):
            return await self._end(WaveState.NEEDS_HUMAN, cause)
        await context.ledger.loaded(context.name, "; ".join(notes))
        return WaveState.AWAITING_SIGN_OFF

    async def _agree(self, part: Part) -> tuple[Sum, int | None]:
        """The sum of a part; after a sweep of all keys when it differs from the source's count (then: keys seen).

        Where the source changed meanwhile, equal counts prove little (one gone, one missed): then, too.
        """
        context, copier = self._context, self._copiers[part.flow.name]
        seen = None
        total = await add_up(context, part.flow, part.scope, self._patience)
        for _ in range(_ROUNDS):
            if total.counted == total.accounted and (seen is not None or not copier.restless):
                break
            seen = await sweep(context, part.flow, part.scope, copier, self._patience)
            await self._catch_up()
            total = await add_up(context, part.flow, part.scope, self._patience)
        return total, seen

    async def _end(self, state: WaveState, cause: str) -> WaveState:
        await self._context.ledger.wave_state(self._context.name, state, cause)
        return state


def _first(group: BaseExceptionGroup[Exception]) -> str:
    """The message of the first error in a group of groups."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return str(error)

"""Compares a wave's records on both sides. What differs is looked at twice before it is called drift.

First look: source, ledger and target, batch by batch. What differs there is looked at again after twice the lag and
the settle horizon, both sides anew; only what still differs in the same way is kept. What the source has changed since,
and what is in flight, is no difference: it is on its way.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from engine.clock import Clock
from engine.compare import OURS, Difference, Kind, at_most
from engine.context import Context
from engine.flow import Flow
from engine.inquiry import Ask
from engine.ledger import Ledger
from engine.model import LOADED, Bucket, Entry
from engine.pacing import Pacing
from engine.rulings import DRIFT
from engine.sides import Compared, Sides, readable
from engine.wire import Drift
from runbooks.playbook import Prove

_BATCH = 200  # records a look
_AT_ONCE = 4  # looks at a time
_SUSPECTS = 500  # records that differ, after which they are looked at again before going on
_STRIDE = 20_000  # records after which they are, however few they are: from there a comparison that is cut off goes on
_ENOUGH = 10_000  # confirmed differences, after which a comparison ends: something else is wrong
_SAMPLE = 1_000  # records of a wave that is proved by a sample

Wait = Callable[[float], Awaitable[None]]
"""Waits so many seconds, and says why."""

Progress = Callable[[Flow, str, int], Awaitable[None]]
"""Called after each step: (flow, key up to which nothing waits for its second look, records since the last step)."""


async def _unnoticed(_flow: Flow, _after: str, _n: int) -> None:
    return None


class Page(NamedTuple):
    """Records to compare. They were read after everything up to the mark `until` was durable."""

    until: int
    entries: Sequence[Entry]


@dataclass(slots=True)
class Tally:
    """What a comparison found. `moving` were on their way, and were not judged."""

    compared: int = 0
    moving: int = 0
    differing: list[Difference] = field(default_factory=list)

    @property
    def records(self) -> int:
        return len({(d.flow, d.root) for d in self.differing})

    @property
    def enough(self) -> bool:
        return len(self.differing) >= _ENOUGH


class Reconciler:
    """Of one wave. What it finds is durable before it goes on."""

    def __init__(self, ledger: Ledger, wave: int, sides: Sides, wait: Wait) -> None:
        self._ledger = ledger
        self._wave = wave
        self._sides = sides
        self.wait = wait

    async def dirty(self, flow: Flow) -> Tally:
        """What was written since it was last found equal."""
        return await self.over(flow, self._pages(flow, dirty=True, after=""))

    async def whole(self, flow: Flow, after: str, progress: Progress = _unnoticed, *, dirty: bool = False) -> Tally:
        """Everything that is synced (`dirty`: and was not found equal since), from this key on."""
        return await self.over(flow, self._pages(flow, dirty=dirty, after=after), progress)

    async def over(self, flow: Flow, pages: AsyncIterator[Page], progress: Progress = _unnoticed) -> Tally:
        tally = Tally()
        suspects: list[Difference] = []
        reached, unsaid = "", 0
        async for until, page in pages:
            batches = [page[at : at + _BATCH] for at in range(0, len(page), _BATCH)]
            async with asyncio.TaskGroup() as group:
                looks = [group.create_task(self._sides.compare(flow, batch)) for batch in batches]
            for look in looks:
                found = look.result()
                await self._equal(flow, found, until)
                suspects += found.differing
                tally.moving += len(found.moving)
            tally.compared += len(page)
            reached, unsaid = page[-1].key, unsaid + len(page)
            if suspects and (unsaid >= _STRIDE or len({d.root for d in suspects}) >= _SUSPECTS):
                tally.differing += await self._confirm(flow, suspects, tally)
                suspects = []
            if not suspects:
                await progress(flow, reached, unsaid)
                unsaid = 0
            if tally.enough:
                return tally
        tally.differing += await self._confirm(flow, suspects, tally)
        if unsaid:
            await progress(flow, reached, unsaid)
        return tally

    async def sampled(self, flow: Flow, size: int, progress: Progress = _unnoticed) -> Tally:
        """About so many of its records, evenly over their keys."""
        total = (await self._ledger.tally()).get((self._wave, flow.entity), {}).get(Bucket.SYNCED, 0)
        stride = max(1, total // size)

        async def pages() -> AsyncIterator[Page]:
            async for until, entries in self._pages(flow, dirty=False, after=""):
                yield Page(until, entries[::stride])

        return await self.over(flow, pages(), progress)

    async def keys(self, flow: Flow, keys: Sequence[str]) -> Tally:
        """These records."""

        async def pages() -> AsyncIterator[Page]:
            for at in range(0, len(keys), _BATCH):
                until = self._ledger.drifts.durable
                if entries := await self._still(flow, keys[at : at + _BATCH]):
                    yield Page(until, entries)

        return await self.over(flow, pages())

    async def _pages(self, flow: Flow, *, dirty: bool, after: str) -> AsyncIterator[Page]:
        drifts = self._ledger.drifts
        read = drifts.dirty if dirty else drifts.synced
        until = drifts.durable
        while entries := await read(self._wave, flow.entity, after, _BATCH * _AT_ONCE):
            after = entries[-1].key
            yield Page(until, entries)
            until = drifts.durable

    async def _still(self, flow: Flow, keys: Iterable[str]) -> list[Entry]:
        known = await self._ledger.known(flow.entity, list(keys))
        return [e for e in known.values() if e.bucket is Bucket.SYNCED and e.wave == self._wave]

    async def _equal(self, flow: Flow, found: Compared, until: int) -> None:
        await self._ledger.drifts.found(self._wave, flow.entity, found.equal, found.equal, until=until)

    async def _confirm(self, flow: Flow, suspects: Sequence[Difference], tally: Tally) -> list[Difference]:
        """Look again: only what differs in the same way is drift."""
        roots = sorted({difference.root for difference in suspects})
        if not roots:
            return []
        await self.wait(lag(flow))
        before = {(d.flow, d.key, d.field) for d in suspects}
        confirmed: list[Difference] = []
        for at in range(0, len(roots), _BATCH):
            until = self._ledger.drifts.durable
            entries = await self._still(flow, roots[at : at + _BATCH])
            if not entries:
                continue
            found = await self._sides.compare(flow, entries)
            await self._equal(flow, found, until)
            tally.moving += len(found.moving)
            same = [d for d in found.differing if (d.flow, d.key, d.field) in before]
            await self._ledger.drifts.found(self._wave, flow.entity, [], [d.root for d in same], same)
            confirmed += same
        return confirmed


def waiting(pacing: Pacing, clock: Clock, wave: str) -> Wait:
    async def wait(seconds: float) -> None:
        if seconds > 0:
            await pacing.wait("a second look at what differs", clock.until(clock.monotonic() + seconds), wave)

    return wait


def lag(flow: Flow) -> float:
    """Seconds after which a difference is none of time: twice the grain of the source's stamps, and its horizon."""
    return 2 * flow.reads.granularity + flow.reads.settle


# ---------------------------------------------------------------- the end of a wave


Compare = Callable[[Ask], Awaitable[tuple[str, str]]]
"""The two sides of a wave: why it needs a person or "", and what a signer should know."""


def at_the_end(context: Context, flows: Sequence[Flow], how: Prove, others: Mapping[str, Sequence[Flow]]) -> Compare:
    """Compares what this wave wrote since it was last found equal. `others`: waves that are proved whole, and theirs:
    this one may have tied a reference of a record that was proved before."""

    async def compare(ask: Ask) -> tuple[str, str]:
        sides = Sides(context.ledger, context.people, context.secret, ask)
        cause, note = await _prove(context, flows, how, sides)
        if how != "none" and not cause:
            cause = await _prove_others(context, others, sides)
        return cause, note

    return compare


async def _prove(context: Context, flows: Sequence[Flow], how: Prove, sides: Sides) -> tuple[str, str]:
    ledger, clock, name = context.ledger, context.clock, context.name
    if how == "none":
        return "", "the sides were not compared: the playbook says prove: none"
    blind = sorted({flow.target_system for flow in flows if not readable(flow)})
    reconciler = Reconciler(ledger, context.wave, sides, waiting(context.pacing, clock, name))
    tallies = [
        await (reconciler.dirty(flow) if how == "all" else reconciler.sampled(flow, _SAMPLE))
        for flow in flows
        if readable(flow)
    ]
    notes = [f"counts only: {', '.join(blind)} cannot tell what became of our writes"] if blind else []
    if not tallies:
        return "", "; ".join(notes)
    kinds = (await ledger.drifts.counts()).get(name, {})
    await keep(ledger, clock, name, tallies)
    if moving := sum(tally.moving for tally in tallies):
        notes.append(f"{moving:,} records were changing at the source and were not compared")
    if edited := kinds.get(Kind.EDITED, 0):
        notes.append(f"{edited:,} records were edited at the target by others (cutover drift list --wave {name})")
    if any(kinds.get(kind) for kind in OURS):
        return drifted(name, kinds), "; ".join(notes)
    return "", "; ".join(notes)


async def _prove_others(context: Context, others: Mapping[str, Sequence[Flow]], sides: Sides) -> str:
    """Why this wave needs a person, when a record of another one is not what it was: only if that is new."""
    ledger, rows = context.ledger, await context.ledger.waves()
    for name, flows in others.items():
        if rows[name].state not in LOADED:
            continue  # its own end is still to come
        reconciler = Reconciler(ledger, rows[name].id, sides, waiting(context.pacing, context.clock, context.name))
        known = {(d.flow, d.key, d.kind, d.field) for d, *_ in await ledger.drifts.list(wave=name)}
        tallies = [await reconciler.dirty(flow) for flow in flows if readable(flow)]
        new = [d for tally in tallies for d in tally.differing if (d.flow, d.key, d.kind, d.field) not in known]
        if any(d.kind in OURS for d in new):
            return drifted(name, (await ledger.drifts.counts()).get(name, {}))
    return ""


def drifted(wave: str, kinds: dict[Kind, int]) -> str:
    """Why the wave needs a person, and what to type."""
    parts = ", ".join(f"{kinds[kind]:,} {kind.replace('_', ' ')}" for kind in Kind if kinds.get(kind))
    return f"drift: {parts}; type: cutover drift list --wave {wave}. To mend it: cutover repair --wave {wave}"


async def keep(ledger: Ledger, clock: Clock, wave: str, tallies: Sequence[Tally]) -> Drift:
    """What is known of the wave's drift now, with the share that this comparison says."""
    compared = sum(tally.compared - tally.moving for tally in tallies)
    differing = sum(tally.records for tally in tallies)
    confirmed = sum((await ledger.drifts.counts()).get(wave, {}).values())
    drift = Drift(
        confirmed=confirmed,
        sampled=compared,
        estimate=differing / compared if compared else None,
        upper=at_most(min(differing, compared), compared),
        at=clock.now().isoformat(timespec="seconds"),
    )
    await ledger.set_meta(DRIFT + wave, drift.model_dump_json())
    return drift

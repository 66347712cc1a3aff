"""Creates that were applied while nobody was left to write it down, where no intent tells of them.

Where sending again is safe, a create leaves no trace before its answer: an engine that died in between has created
records that the ledger lacks. Before a rollback they are looked for, by the ids they were given.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from connectors.kit.contract import Creates, Doubt, Record
from engine.context import Context
from engine.flow import Flow
from engine.model import Bucket, Entry
from engine.waves import Part

_PAGE = 500


async def find_unrecorded(context: Context, part: Part) -> None:
    """Make entries of what the target has of this wave's scope and the ledger has not. Asks the source for keys."""
    flow = part.flow
    if flow.writes.creates is Creates.NATIVE:
        scope = part.scope._replace(fields=flow.mapper.needs[:1])
        async with context.pacing.step(context.name):
            spans = await flow.source.spans(scope, 1)
        for span in spans:
            rest: str | None = span
            while rest is not None:
                async with context.pacing.step(context.name):
                    page = await flow.source.read(scope, rest, min(_PAGE, flow.reads.page))
                await _look_for(context, flow, page.records, {})
                rest = page.rest
    for child in flow.children:
        if child.writes.creates is Creates.NATIVE:
            await _children(context, flow, child)


async def _children(context: Context, flow: Flow, child: Flow) -> None:
    after = ""
    while entries := await context.ledger.entries(context.wave, flow.entity, after, _PAGE):
        after = entries[-1].key
        parents = {entry.key: entry.target for entry in entries if entry.target}
        if parents:
            async with context.pacing.step(context.name):
                records = await child.source.children(child.scope(), list(parents))
            await _look_for(context, child, records, parents)


async def _look_for(context: Context, flow: Flow, records: Sequence[Record], parents: Mapping[str, str]) -> None:
    known = await context.ledger.known(flow.entity, [record.key for record in records])
    lost = [record for record in records if record.key not in known or not known[record.key].target]
    lost = [record for record in lost if record.key not in known or known[record.key].wave == context.wave]
    if not lost:
        return
    now = context.clock.now()
    doubts = {flow.xid(record.key): record for record in lost}
    asked = [Doubt(xid, "", now, parents.get(record.parent, "")) for xid, record in doubts.items()]
    async with context.pacing.step(context.name):
        found = await flow.target.find(flow.target_entity, asked)
    entries = [Entry(doubts[xid].key, Bucket.IN_FLIGHT, written.target) for xid, written in found.items()]
    if entries:
        await context.ledger.settle(context.wave, flow.entity, entries, point="undo_found")

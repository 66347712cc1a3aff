"""The second pass: references between records, tied when both ends exist at the target. Cycles are no problem here."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from connectors.kit.contract import Creates, Doubt, Failed, Outcome, Rejected, Write, Written
from connectors.kit.errors import ConnectorError, InDoubt, Unavailable
from engine.calls import outlast
from engine.context import Context
from engine.flow import Flow, Tie
from engine.intents import look
from engine.jobs import without_values
from engine.model import SetAside
from engine.references import OpenReference

_PAGE = 200


async def tie(context: Context, flow: Flow) -> None:
    """Tie all references of this flow whose both ends are there; what is not there yet waits for its own wave."""
    for reference in (flow.ties or {}).values():
        after = ("", "")
        while True:
            open_ones = await context.ledger.open_references(context.wave, flow.entity, reference.name, after, _PAGE)
            if not open_ones:
                break
            after = (open_ones[-1].key, open_ones[-1].to_key)
            await _tie_page(context, flow, reference, open_ones)


async def _tie_page(context: Context, flow: Flow, reference: Tie, open_ones: Sequence[OpenReference]) -> None:
    if reference.link:
        writes = [
            Write(
                flow.xid(f"{one.key}>{one.name}>{one.to_key}"),
                {"type": reference.link, "from": one.target, "to": one.to_target},
            )
            for one in open_ones
        ]
        outcomes = await _link(context, flow, writes)
    else:
        writes = [Write(flow.xid(one.key), {reference.field: one.to_target}, one.target) for one in open_ones]
        await outlast(context, flow, context.cut_off)
        outcomes = await _batched(context, flow, writes)
    tied: list[OpenReference] = []
    refused: list[SetAside] = []
    errors: list[ConnectorError] = []
    for one, write, outcome in zip(open_ones, writes, outcomes, strict=True):
        if isinstance(outcome, Written):
            tied.append(one)
        elif isinstance(outcome, Rejected):
            cause = f"reference {one.name} refused: {without_values(outcome.cause, write.fields)}"
            refused.append(SetAside(one.key, cause, outcome.field or one.name, one.target))
        else:
            errors.append(outcome.error)
    await _set_aside(context, flow, refused)
    await context.ledger.tied(flow.entity, tied)
    # Tying twice ends the same (`_link` looks first): the rest is done again, a field once it can no more come late.
    if not reference.link and any(isinstance(error, InDoubt) for error in errors):
        await outlast(context, flow, context.clock.monotonic())
    for error in errors:
        raise Unavailable(str(error)) if isinstance(error, InDoubt) else error


async def _set_aside(context: Context, flow: Flow, refused: Sequence[SetAside]) -> None:
    """Each under the wave that moved it: that is the one to run again."""
    if not refused:
        return
    context.telemetry.count("set_aside", len(refused))
    known = await context.ledger.known(flow.entity, [aside.key for aside in refused])
    by_wave: dict[int, list[SetAside]] = defaultdict(list)
    for aside in refused:
        by_wave[known[aside.key].wave].append(aside._replace(version=known[aside.key].version))
    for wave, some in by_wave.items():
        await context.ledger.settle(wave, flow.entity, (), some)


async def _link(context: Context, flow: Flow, writes: list[Write]) -> list[Outcome]:
    """Create links; where a second one would be made by sending again, only those that are certainly absent."""
    links = replace(flow, target_entity="link", writes=flow.target.traits("link"), children=(), ties={})
    if links.writes.creates in (Creates.NATIVE, Creates.NONE):
        return await _batched(context, links, writes)
    now = context.clock.now()
    # None of these is known to be tied: an engine before this one may have sent them, until now.
    doubts = [Doubt(write.xid, "", now, fields=write.fields) for write in writes]
    there = await look(context, links, doubts, context.clock.monotonic())
    fresh = [write for write in writes if write.xid not in there]
    made = dict(zip((write.xid for write in fresh), await _batched(context, links, fresh), strict=True))
    return [there.get(write.xid) or made[write.xid] for write in writes]


async def _batched(context: Context, flow: Flow, writes: Sequence[Write]) -> list[Outcome]:
    size = max(1, flow.writes.bulk)
    call = flow.target.create if flow.target_entity == "link" else flow.target.update
    outcomes: list[Outcome] = []
    for at in range(0, len(writes), size):
        batch = writes[at : at + size]
        try:
            async with context.pacing.step(context.name):
                outcomes += await call(flow.target_entity, batch)
        except ConnectorError as error:
            outcomes += [Failed(write.xid, error) for write in batch]
    return outcomes

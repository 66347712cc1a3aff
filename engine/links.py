"""The second pass: references between records, tied when both ends exist at the target. Cycles are no problem here."""

from __future__ import annotations

from collections.abc import Sequence

from connectors.kit.contract import Creates, Doubt, Failed, Outcome, Rejected, Write, Written
from connectors.kit.errors import InDoubt, Unavailable
from engine.context import Context
from engine.flow import Flow, Tie
from engine.jobs import without_values
from engine.ledger import OpenReference
from engine.model import SetAside

_PAGE = 200


async def tie(context: Context, flow: Flow) -> None:
    """Tie all references of this flow whose both ends are there; what is not there yet waits for its own wave."""
    for reference in (flow.ties or {}).values():
        after = ""
        while True:
            open_ones = await context.ledger.open_references(context.wave, flow.entity, reference.name, after, _PAGE)
            if not open_ones:
                break
            after = f"{open_ones[-1].key}\x00{open_ones[-1].to_key}"
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
        outcomes = await _batched(context, flow, flow.target_entity, writes)
    tied: list[OpenReference] = []
    refused: list[SetAside] = []
    for one, write, outcome in zip(open_ones, writes, outcomes, strict=True):
        if isinstance(outcome, Written):
            tied.append(one)
        elif isinstance(outcome, Rejected):
            cause = f"reference {one.name} refused: {without_values(outcome.cause, write.fields)}"
            refused.append(SetAside(one.key, cause, outcome.field or one.name, one.target))
        else:
            raise outcome.error
    if refused:
        context.telemetry.count("set_aside", len(refused))
        versions = await context.ledger.known(flow.entity, [aside.key for aside in refused])
        kept = [aside._replace(version=versions[aside.key].version) for aside in refused]
        await context.ledger.settle(context.wave, flow.entity, (), kept)
    await context.ledger.tied(flow.entity, tied)


async def _link(context: Context, flow: Flow, writes: list[Write]) -> list[Outcome]:
    """Create links; where a second one would be made by resending, look first."""
    outcomes = await _batched(context, flow, "link", writes)
    lost = [at for at, outcome in enumerate(outcomes) if isinstance(outcome, Failed)]
    if not lost:
        return outcomes
    if flow.target.traits("link").creates is not Creates.NATIVE:
        now = context.clock.now()
        doubts = [
            Doubt(writes[at].xid, "", now, fields=writes[at].fields)
            for at in lost
            if isinstance(outcomes[at].error, InDoubt)  # type: ignore[union-attr]
        ]
        found = await flow.target.find("link", doubts) if doubts else {}
        for at in lost:
            outcomes[at] = found.get(writes[at].xid, outcomes[at])
    again = [at for at in lost if isinstance(outcomes[at], Failed)]
    if again:
        for at, outcome in zip(again, await _batched(context, flow, "link", [writes[at] for at in again]), strict=True):
            if isinstance(outcome, Failed) and isinstance(outcome.error, InDoubt):
                raise Unavailable("A link got no answer twice in a row")
            outcomes[at] = outcome
    return outcomes


async def _batched(context: Context, flow: Flow, entity: str, writes: Sequence[Write]) -> list[Outcome]:
    size = max(1, flow.target.traits(entity).bulk)
    call = flow.target.create if entity == "link" else flow.target.update
    outcomes: list[Outcome] = []
    for at in range(0, len(writes), size):
        async with context.pacing.step(context.name):
            outcomes += await call(entity, writes[at : at + size])
    return outcomes

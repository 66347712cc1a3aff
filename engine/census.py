"""What a walk over the ledger cannot see: records at the target that the ledger does not know, or knows once.

Every record of the ledger was looked at by then. So when all of them are there and the target counts as many, one count
proves that there is nothing beyond; only otherwise is everything listed that carries an id of ours.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from connectors.kit.contract import Readback, Scope
from engine.compare import Difference, Kind
from engine.flow import Flow
from engine.inquiry import Ask
from engine.keysets import Set, compare, gathered, hashed
from engine.ledger import Ledger
from engine.model import Bucket
from engine.reconcile import Reconciler, lag

_PAGE = 1000
_FOUND = (Kind.EXTRA, Kind.DUPLICATE)


async def beyond(
    ledger: Ledger,
    ask: Ask,
    wave: int,
    flow: Flow,
    alike: Sequence[Flow],
    scope: Scope,
    reconciler: Reconciler,
    unsettled: Callable[[], Awaitable[bool]],
) -> list[str]:
    """Keep what is extra or twice there; give what else there is to say. `alike`: all flows that write there.

    `unsettled`: something may be there of which the ledger has not been told yet. Then nothing is called extra.
    """
    notes = await _at_the_source(ledger, ask, wave, flow, scope)
    target = flow.target
    assert isinstance(target, Readback)
    counted = await ask(target.tally, flow.target_entity)
    known = sum([await ledger.drifts.target_count(each.entity) for each in alike])
    # What is gone, or has lost its id, would make up for what is too much.
    whole = not await ledger.drifts.fewer([each.entity for each in alike])
    if whole and counted == known:
        await ledger.drifts.extras(wave, flow.entity, _FOUND, [])
        return notes
    suspects = await _listed(ledger, ask, flow, target, alike)
    if suspects:
        await reconciler.wait(lag(flow) + flow.writes.search_settle)
        open_before = await unsettled()
        again = await _listed(ledger, ask, flow, target, alike)
        still = await ask(target.stand, flow.target_entity, list(suspects), ())
        suspects = {id: kind for id, kind in suspects.items() if id in again and id in still}
        if open_before or await unsettled():
            extra = sum(1 for kind in suspects.values() if kind is Kind.EXTRA)
            suspects = {id: kind for id, kind in suspects.items() if kind is not Kind.EXTRA}
            if extra:
                notes.append(
                    f"{extra:,} {flow.target_entity} more than the ledger knows, while work goes on: look again"
                )
    differences = [Difference(flow.name, id, kind, "", id, id) for id, kind in suspects.items()]
    await ledger.drifts.extras(wave, flow.entity, _FOUND, differences)
    return notes


async def _at_the_source(ledger: Ledger, ask: Ask, wave: int, flow: Flow, scope: Scope) -> list[str]:
    """What the source has gained or lost since is no drift: the next run takes it over."""
    counted = await ask(flow.source.count, scope)
    buckets = (await ledger.tally()).get((wave, flow.entity), {})
    accounted = sum(n for bucket, n in buckets.items() if bucket is not Bucket.LEFT)
    if counted == accounted:
        return []
    return [f"the source counts {counted:,} {flow.name}, the ledger {accounted:,}: the next run takes that over"]


async def _listed(ledger: Ledger, ask: Ask, flow: Flow, target: Readback, alike: Sequence[Flow]) -> dict[str, Kind]:
    """{id at the target: what is wrong with it}. The census comes first: what is created meanwhile is then known."""
    ids: list[str] = []
    there: list[tuple[int, int]] = []
    rest: str | None = ""
    while rest is not None:
        page = await ask(target.census, flow.target_entity, rest, _PAGE)
        ids += [one.target for one in page.standings]
        there += [(hashed(one.xid), hashed(one.target)) for one in page.standings]
        rest = page.rest
    ours, places = await _ours(ledger, alike)
    found = compare(ours, gathered(there, len(there)))
    wrong = {ids[at]: Kind.EXTRA for at in found.only_right}
    for at in (*found.again, *found.differing):
        # Of two records with one id, the one that the ledger knows is the right one.
        if hashed(ids[at]) not in places:
            wrong[ids[at]] = Kind.DUPLICATE
    return wrong


async def _ours(ledger: Ledger, alike: Sequence[Flow]) -> tuple[Set, set[int]]:
    pairs: list[tuple[int, int]] = []
    for flow in alike:
        after = ""
        while rows := await ledger.drifts.targets(flow.entity, after, _PAGE * 10):
            after = rows[-1][0]
            pairs += [(hashed(flow.xid(key)), hashed(target)) for key, target in rows]
    return gathered(pairs, len(pairs)), {target for _, target in pairs}

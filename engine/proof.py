"""Is a wave loaded? A proof by counts, and a sweep of the keys when the counts do not agree."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from hashlib import blake2b
from typing import NamedTuple

from connectors.kit.contract import Record, Scope
from engine.context import Context
from engine.copying import Copier
from engine.flow import Flow
from engine.model import Bucket, Entry, SetAside
from engine.patience import Patience

_PAGE = 1000
_LEFT = "left the wave's scope, or was deleted at the source, after it was copied"


class Sum(NamedTuple):
    """One flow's part of a wave: what the source counts, and the ledger's buckets."""

    counted: int
    buckets: dict[Bucket, int]

    @property
    def accounted(self) -> int:
        """Records of the scope, each in exactly one bucket."""
        return sum(n for bucket, n in self.buckets.items() if bucket is not Bucket.LEFT)


async def add_up(context: Context, flow: Flow, scope: Scope, patience: Patience) -> Sum:
    counted = await patience.ask(flow.source.count, scope)
    await context.ledger.plan(context.wave, {flow.entity: counted})
    tally = await context.ledger.tally()
    return Sum(counted, tally.get((context.wave, flow.entity), {}))


async def sweep(context: Context, flow: Flow, scope: Scope, copier: Copier, patience: Patience) -> int:
    """Read all keys in scope: carry what the ledger lacks or has older, mark what is gone. Gives the keys seen.

    Eight bytes a key are kept: 8 MB for a million records.
    """
    keys_only = scope._replace(fields=flow.mapper.needs[:1])
    seen = array("Q")
    for span in await patience.ask(flow.source.spans, keys_only, 1):
        rest: str | None = span
        while rest is not None:
            page = await patience.ask(flow.source.read, keys_only, rest, min(_PAGE, flow.reads.page))
            keys = [record.key for record in page.records]
            seen.extend(map(_digest, keys))
            known = await context.ledger.known(flow.entity, keys) if keys else {}
            missing = [record.key for record in page.records if _lacks(context, known.get(record.key), record)]
            if missing:
                await copier.carry_keys(missing, again=True)
            elsewhere = [key for key in keys if key in known and known[key].wave != context.wave]
            if elsewhere:
                await context.ledger.overlap(context.wave, flow.entity, elsewhere)
            rest = page.rest
    await _forget_the_gone(context, flow, array("Q", sorted(seen)))
    return len(seen)


async def _forget_the_gone(context: Context, flow: Flow, seen: array[int]) -> None:
    """What the source no longer shows has left the scope; what is in doubt stays so until a person has looked."""
    after = ""
    while keys := await context.ledger.keys(context.wave, flow.entity, after, _PAGE):
        after = keys[-1]
        gone = [key for key in keys if not _among(seen, _digest(key))]
        if gone:
            known = await context.ledger.known(flow.entity, gone)
            aside = [
                SetAside(key, _LEFT, "", known[key].target, known[key].version)
                for key in gone
                if known[key].bucket is not Bucket.IN_DOUBT
            ]
            await context.ledger.settle(context.wave, flow.entity, (), aside, bucket=Bucket.LEFT)
    after = ""
    while keys := await context.ledger.overlaps(context.wave, flow.entity, after, _PAGE):
        after = keys[-1]
        known = await context.ledger.known(flow.entity, keys)
        mine = {key for key in keys if key not in known or known[key].wave == context.wave}
        gone = [key for key in keys if key in mine or not _among(seen, _digest(key))]
        if gone:
            await context.ledger.drop_overlaps(context.wave, flow.entity, gone)


def _lacks(context: Context, entry: Entry | None, record: Record) -> bool:
    if entry is None or entry.bucket is Bucket.LEFT:
        return True
    return entry.wave == context.wave and record.version > entry.version


def _digest(key: str) -> int:
    return int.from_bytes(blake2b(key.encode(), digest_size=8).digest(), "big")


def _among(ordered: array[int], digest: int) -> bool:
    at = bisect_left(ordered, digest)
    return at < len(ordered) and ordered[at] == digest

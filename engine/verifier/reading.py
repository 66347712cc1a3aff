"""The verifier's own way through the systems: several places in turn, small pages, and who is on the way."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any, cast

from connectors.kit.contract import Feed, Readback, Record, Scope
from engine.flow import Flow
from engine.verifier.flows import Books, Hearing
from engine.verifier.roll import digest

_LANES = 3  # not what a loader would choose: it shall not share its luck
_PAGE = 137
_SPREAD = 16  # places a sample is taken from


async def records(hearing: Hearing, flow: Flow, scope: Scope, sample: int | None) -> AsyncIterator[list[Record]]:
    """All records in scope, or about `sample` of them from everywhere."""
    lanes: list[str] = list(await hearing.ask(flow.source.spans, scope, _LANES if sample is None else _SPREAD))
    left = sample
    while lanes:
        rests: list[str] = []
        for number, span in enumerate(lanes):
            share = _PAGE if left is None else max(1, min(_PAGE, -(-left // (len(lanes) - number))))
            page = await hearing.ask(flow.source.read, scope, span, min(share, flow.reads.page))
            if page.rest is not None:
                rests.append(page.rest)
            if page.records:
                yield page.records if left is None else page.records[:left]
            if left is not None:
                left -= len(page.records)
                if left <= 0:
                    return
        lanes = rests


class Undone:
    """What was in the scope of waves that were rolled back: it is nowhere, and it is to do. Read when first asked."""

    def __init__(self, hearing: Hearing, parts: Sequence[tuple[Flow, Scope]]) -> None:
        self._hearing = hearing
        self._parts = parts
        self._digests: set[int] | None = None

    async def has(self, key: str) -> bool:
        if self._digests is None:
            self._digests = set()
            for flow, scope in self._parts:
                async for page in records(self._hearing, flow, scope, None):
                    self._digests.update(digest(record.key) for record in page)
        return digest(key) in self._digests


class Traffic:
    """Keys that the source changed after the ledger's watermark: for these, the wave is not late but under way."""

    def __init__(self, hearing: Hearing, books: Books, wave: int, flow: Flow, scope: Scope) -> None:
        self._hearing = hearing
        self._books = books
        self._wave = wave
        self._flow = flow
        self._scope = scope
        self._keys: set[str] | None = None

    @property
    def told(self) -> bool:
        """Whether the source can tell at all."""
        return self._flow.reads.feed is not Feed.NONE

    async def keys(self) -> set[str]:
        """Read once; `again` forgets."""
        if self._keys is None:
            self._keys = await self._read()
        return self._keys

    def again(self) -> None:
        self._keys = None

    async def _read(self) -> set[str]:
        position = await self._books.position(self._wave, self._flow.entity)
        found: set[str] = set()
        if position is None or not self.told:
            return found
        while True:
            batch = await self._hearing.ask(self._flow.source.changes, self._scope, position)
            found.update(change.key for change in batch.changes)
            if batch.caught_up or batch.position == position:
                return found
            position = batch.position


def either_way(flow: Flow, kind: str) -> bool:
    """Whether the target's connector says that a link of this type is the same from both of its ends."""
    target = cast(Readback, flow.target)
    one, other = ({"type": kind, "from": start, "to": end} for start, end in (("1", "2"), ("2", "1")))
    return target.canonical("link", one) == target.canonical("link", other)


def comparable(flow: Flow, name: str, value: Any) -> bool:
    """Whether the target's connector says that such a field can be read back. What it makes of it is not used."""
    return bool(cast(Readback, flow.target).canonical(flow.target_entity, {name: value}))

"""Reads a flow's part of a wave, chunk by chunk, through a bounded queue into the pipeline; then what changed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from typing import NamedTuple

from connectors.kit.contract import Feed, Page, Scope, Write
from connectors.kit.errors import ConnectorError
from engine.context import Context
from engine.errors import Refused
from engine.flow import Flow
from engine.model import CHANGING, Entry
from engine.patience import Patience
from engine.pipeline import Pipeline


class InHand(NamedTuple):
    """A chunk that is open in the ledger. `page`: all of it, as it was just read, or None to read it again."""

    span: str
    page: Page | None = None


Queue = asyncio.Queue[InHand | None]


class Copier:
    """Copies one flow of one wave."""

    def __init__(
        self,
        context: Context,
        flow: Flow,
        scope: Scope,
        pipeline: Pipeline,
        patience: Patience,
        chunk: int,
        workers: int,
    ) -> None:
        self._context = context
        self._flow = flow
        self._scope = scope
        self._pipeline = pipeline
        self._patience = patience
        self._chunk = chunk
        self.restless = False  # the source changed while the wave went on
        self._workers = workers

    @property
    def has_feed(self) -> bool:
        """The source tells what changed; where it does not, only a sweep of all keys can."""
        return self._flow.reads.feed is not Feed.NONE

    async def copy(self) -> bool:
        """Everything in scope, from where the ledger says it was left. False when all had been read before."""
        lanes = await self._context.ledger.lanes(self._context.wave, self._flow.entity)
        if lanes:
            return await self._copy(lanes)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._introduce())
            return await self._copy(await self._open_lanes())

    async def _introduce(self) -> None:
        """Let the target look up what it wants to know before a create, while the first page is being read."""
        context, flow = self._context, self._flow
        with suppress(ConnectorError):  # the creates meet it again, and say what to do
            async with context.pacing.step(context.name):
                await flow.target.mark(flow.target_entity, [Write("", flow.mapper.constants)])

    async def _open_lanes(self) -> dict[int, str | None]:
        context, flow, ask = self._context, self._flow, self._patience.ask
        # The position comes first: what changes while we read is then seen by the catch-up.
        position = await ask(flow.source.position, self._scope) if self.has_feed else ""
        spans = await ask(flow.source.spans, self._scope, 1)
        await context.ledger.open_lanes(context.wave, flow.entity, spans, position)
        return await context.ledger.lanes(context.wave, flow.entity)

    async def _copy(self, lanes: dict[int, str | None]) -> bool:
        queue: Queue = asyncio.Queue(maxsize=self._workers)
        async with asyncio.TaskGroup() as group:
            for _ in range(self._workers):
                group.create_task(self._work(queue))
            for chunk in await self._context.ledger.open_chunks(self._context.wave, self._flow.entity):
                await queue.put(InHand(chunk.span))  # open when the last engine ended
            async with asyncio.TaskGroup() as readers:
                for lane, rest in lanes.items():
                    readers.create_task(self._read(readers, queue, lane, rest))
            for _ in range(self._workers):
                await queue.put(None)
        return any(rest is not None for rest in lanes.values())

    async def _read(self, group: asyncio.TaskGroup, queue: Queue, lane: int, rest: str | None) -> None:
        ahead = group.create_task(self._page(rest)) if rest is not None else None
        while ahead is not None:
            page = await ahead
            # The next page comes while this one is written down and waits for a worker.
            ahead = group.create_task(self._page(page.rest)) if page.rest is not None else None
            await self._context.ledger.open_chunk(
                self._context.wave, self._flow.entity, lane, page.span, page.rest, len(page.records)
            )
            self._context.telemetry.count("read", len(page.records))
            if page.records:
                await queue.put(InHand(page.span, page._replace(rest=None)))

    async def _page(self, span: str) -> Page:
        limit = min(self._chunk, self._flow.reads.page)
        page = await self._patience.ask(self._flow.source.read, self._scope, span, limit)
        _refuse_nul((record.key for record in page.records), self._flow)
        return page

    async def _work(self, queue: Queue) -> None:
        while (chunk := await queue.get()) is not None:
            aside = 0
            page: Page | None = chunk.page or await self._page(chunk.span)
            while page is not None:
                aside += await self._patience.persist(self._pipeline.carry, self._flow, page.records)
                self._context.telemetry.count("settled", len(page.records))
                # Read again it may have grown, the last one of a lane by all that is new: still a chunk at a time.
                page = await self._page(page.rest) if page.rest is not None else None
            await self._context.ledger.close_chunk(self._context.wave, self._flow.entity, chunk.span, aside=aside > 0)

    async def finish(self) -> None:
        """What no chunk brings: records whose place a person has told, and those that another wave has let go of."""
        ledger, wave, entity = self._context.ledger, self._context.wave, self._flow.entity
        await self.carry_keys(await ledger.unfinished(wave, entity))
        if let_go := await ledger.let_go(wave, entity):
            await self.carry_keys(let_go)
            await ledger.drop_overlaps(wave, entity, let_go)

    async def catch_up_to_now(self) -> None:
        """Take over all that had changed when this was called: the feed shows it only after its settle horizon."""
        if not self.has_feed:
            return
        await self.catch_up()
        horizon = self._flow.reads.settle + 3 * self._flow.reads.granularity
        if horizon:
            reason = f"settle horizon of {self._flow.source_system}"
            clock = self._context.clock
            await self._context.pacing.wait(reason, clock.until(clock.monotonic() + horizon), self._context.name)
            await self.catch_up()

    async def children_again(self) -> None:
        """What hangs on records may be added without a change of the record itself: it is listed once more."""
        if not self._flow.children:
            return
        ledger, wave, after = self._context.ledger, self._context.wave, ""
        while parents := await ledger.parents(wave, self._flow.entity, after, self._chunk):
            after = next(reversed(parents))
            for child in self._flow.children:
                await self._patience.persist(self._pipeline.carry_children, child, parents, again=False)
        for child in self._flow.children:
            # It is on no record of the wave any more: nobody will ever know, and nobody asks.
            if gone := await ledger.in_change(wave, child.entity):
                await ledger.changing(child.entity, [(key, "", "") for key in gone])

    async def catch_up(self) -> bool:
        """Take over what changed at the source since the watermark. True when there was anything newer."""
        context, flow = self._context, self._flow
        found = False
        while True:
            position = await context.ledger.position(context.wave, flow.entity)
            if position is None:
                return found
            part = await self._patience.ask(flow.source.changes, self._scope, position)
            self.restless = self.restless or bool(part.changes)
            versions: dict[str, str] = {}
            for change in part.changes:  # a feed may repeat itself, and out of order: the newest counts
                if not change.deleted:
                    versions[change.key] = max(change.version, versions.get(change.key, ""))
            _refuse_nul(versions, flow)
            known = await context.ledger.known(flow.entity, list(versions)) if versions else {}
            newer = [key for key, version in versions.items() if _is_newer(version, known.get(key))]
            if newer:
                found = True
                await self.carry_keys(newer)
            if part.position != position:
                await context.ledger.advance(context.wave, flow.entity, part.position)
            if part.caught_up:
                return found

    async def carry_keys(self, keys: list[str], *, again: bool = False) -> int:
        """Bring these records by key, as they are now. The number that still exist at the source."""
        existing = 0
        for at in range(0, len(keys), self._chunk):
            some = keys[at : at + self._chunk]
            records = await self._patience.ask(self._flow.source.fetch, self._scope, some)
            await self._patience.persist(self._pipeline.carry, self._flow, records, again=again, newest=True)
            existing += len(records)
        return existing


def _is_newer(version: str, entry: Entry | None) -> bool:
    return entry is None or version > entry.version or entry.print == CHANGING


def _refuse_nul(keys: Iterable[str], flow: Flow) -> None:
    """SQLite ends a text at a NUL: two such keys would become one."""
    if any("\x00" in key for key in keys):
        raise Refused(
            f"A key of {flow.name} at {flow.source_system} holds a NUL character. Mend it there, or filter it."
        )

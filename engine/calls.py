"""Calls of many records: in batches as large as the target takes, many at a time, an outcome for each record."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from connectors.kit.contract import Failed, Outcome, Write
from connectors.kit.errors import ConnectorError
from engine.context import Context
from engine.flow import Flow
from engine.jobs import Job

Call = Callable[[str, Sequence[Write]], Awaitable[list[Outcome]]]


async def nothing(_: Sequence[Job]) -> None:
    return None


async def send(
    context: Context,
    flow: Flow,
    call: Call,
    jobs: Sequence[Job],
    before: Callable[[Sequence[Job]], Awaitable[None]] = nothing,
) -> list[Outcome]:
    """Outcomes in the order of the jobs; an error of a whole batch becomes one of each record in it.

    `before` a batch leaves, and not before nothing holds it back any more.
    """

    async def one(batch: Sequence[Job]) -> list[Outcome]:
        try:
            async with context.pacing.step(context.name):
                await before(batch)
                return await call(flow.target_entity, [job.write for job in batch])
        except ConnectorError as error:
            return [Failed(job.write.xid, error) for job in batch]

    size = max(1, flow.writes.bulk)
    batches = [jobs[at : at + size] for at in range(0, len(jobs), size)]
    if len(batches) == 1:
        return await one(batches[0])
    async with asyncio.TaskGroup() as group:  # an error nobody foresaw ends its siblings, too
        tasks = [group.create_task(one(batch)) for batch in batches]
    return [outcome for task in tasks for outcome in task.result()]


async def outlast(context: Context, flow: Flow, left_by: float) -> None:
    """Wait until no change that had left by then (of the monotonic clock) can be applied any more.

    A change without an answer may be applied as late as `late_commit`: after a newer one it would undo that.
    """
    certain = left_by + flow.writes.late_commit
    if certain > context.clock.monotonic():
        reason = f"{flow.target_entity} without an answer: waiting until the target's word is certain"
        await context.pacing.wait(reason, context.clock.until(certain), context.name)

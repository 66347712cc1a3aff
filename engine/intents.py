"""Creates, and what to do when one gets no answer: look, in the strongest way the target has; never resend blindly.

Wherever resending is not safe, an intent is durable before the call leaves, and stays until every record in it is
known to exist or known to be absent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

from connectors.kit.contract import Creates, Doubt, Written
from connectors.kit.errors import Unavailable
from engine.calls import send
from engine.context import Context
from engine.flow import Flow
from engine.jobs import Job, sort
from engine.model import Bucket, Intent, SetAside
from engine.settling import settle

_ROUNDS = 8  # creates of one record that end without an answer, before the target is called unavailable


class Unknowable(Exception):
    """Neither a look-up nor time can tell; a person has to."""


class Creator:
    """Creates the records of one wave, each exactly once."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._left_over: dict[int, dict[str, Intent]] = {}  # entity -> key -> intent of an engine before this one

    async def create(self, flow: Flow, jobs: list[Job]) -> list[Job]:
        """The jobs that exist at the target now. Raises what a whole call raised, after settling the others."""
        if not jobs:
            return []
        if flow.writes.creates is Creates.NATIVE:
            return await self._resend_until_answered(flow, jobs)
        done, jobs = await self._left_over_first(flow, jobs)
        for _ in range(_ROUNDS):
            if not jobs:
                return done
            created, jobs = await self._intend_and_create(flow, jobs)
            done += created
        if jobs:
            raise Unavailable(_no_answer(flow, jobs))
        return done

    async def clear_up(self, flow: Flow) -> None:
        """Intents of records that the source no longer shows: whatever was created for them is found and kept known."""
        context = self._context
        left_over = await context.ledger.intents(context.wave, flow.entity)
        if not left_over:
            return
        known = await context.ledger.known(flow.entity, list(left_over))
        lost = [intent for key, intent in left_over.items() if key not in known]
        if lost and flow.writes.creates is not Creates.NONE:
            doubts = [Doubt(flow.xid(intent.key), intent.mark, context.born) for intent in lost]
            there = await look(context, flow, doubts)
            orphans = [
                SetAside(intent.key, "gone at the source while it was created", "", written.target)
                for intent in lost
                if (written := there.get(flow.xid(intent.key))) is not None
            ]
            await settle(context, flow, [], orphans, bucket=Bucket.LEFT)
        await context.ledger.drop_intents(context.wave, flow.entity)
        self._left_over.pop(flow.entity, None)

    async def _resend_until_answered(self, flow: Flow, jobs: list[Job]) -> list[Job]:
        done: list[Job] = []
        for _ in range(_ROUNDS):
            written, aside, jobs, broken = sort(jobs, await send(self._context, flow, flow.target.create, jobs))
            await settle(self._context, flow, written, aside)
            done += written
            if broken is not None:
                raise broken
            if not jobs:
                return done
        raise Unavailable(_no_answer(flow, jobs))

    async def _intend_and_create(self, flow: Flow, jobs: list[Job]) -> tuple[list[Job], list[Job]]:
        """(created, absent): one round. Absent are those whose call was certainly not applied although it left."""
        context = self._context
        async with context.pacing.step(context.name):
            mark = await flow.target.mark(flow.target_entity, [job.write for job in jobs])
        intent = await context.ledger.intend(context.wave, flow.entity, [job.key for job in jobs], mark)
        written, aside, doubtful, broken = sort(jobs, await send(context, flow, flow.target.create, jobs))
        await settle(context, flow, written, aside, intent=intent, in_doubt=[job.key for job in doubtful])
        absent: list[Job] = []
        if doubtful:
            context.telemetry.count("in_doubt", len(doubtful))
            doubts = [job.doubt(mark, context.clock.now()) for job in doubtful]
            found, absent = await self._resolve(flow, doubtful, doubts, {intent: [job.key for job in doubtful]})
            written += found
        if broken is not None:
            raise broken
        return written, absent

    async def _left_over_first(self, flow: Flow, jobs: list[Job]) -> tuple[list[Job], list[Job]]:
        """(found, still to create): first the creates that an engine before this one sent and died."""
        context = self._context
        if flow.entity not in self._left_over:
            self._left_over[flow.entity] = await context.ledger.intents(context.wave, flow.entity)
        left_over = self._left_over[flow.entity]
        mine = [job for job in jobs if job.key in left_over]
        if not mine:
            return [], jobs
        doubts = [job.doubt(left_over[job.key].mark, context.born) for job in mine]
        touched = {left_over[job.key].id for job in mine}
        intents: dict[int, list[str]] = {number: [] for number in touched}
        for key, intent in left_over.items():
            if intent.id in touched:
                intents[intent.id].append(key)
        found, absent = await self._resolve(flow, mine, doubts, intents)
        for job in mine:
            del left_over[job.key]
        taken = {job.key for job in mine}
        return found, [job for job in jobs if job.key not in taken] + absent

    async def _resolve(
        self, flow: Flow, jobs: list[Job], doubts: list[Doubt], intents: Mapping[int, list[str]]
    ) -> tuple[list[Job], list[Job]]:
        """(found, absent) of these creates, both certain. `intents`: their numbers, and the keys open in each."""
        context = self._context
        aside: list[SetAside] = []
        found: list[Job] = []
        absent: list[Job] = []
        bucket = Bucket.QUARANTINED
        try:
            there = await look(context, flow, doubts)
        except Unknowable:
            cause = f"{flow.target_entity} created or not? It cannot be looked up: check there, then `cutover resolve`"
            aside = [job.set_aside(cause) for job in jobs]
            bucket = Bucket.IN_DOUBT
        else:
            for job in jobs:
                if (written := there.get(job.write.xid)) is not None:
                    job.exists(written.target)
                    found.append(job)
                else:
                    absent.append(job)
        answered = {job.key for job in jobs}
        # Entries first, then the intents go: an entry may stand beside its intent for a moment, never neither.
        await settle(context, flow, found, aside, bucket=bucket)
        for number, keys in intents.items():
            left = [key for key in keys if key not in answered]
            await settle(context, flow, [], [], intent=number, in_doubt=left)
        return found, absent


async def look(context: Context, flow: Flow, doubts: Sequence[Doubt]) -> dict[str, Written]:
    """{xid: Written} of the creates that were applied. When this returns, the others are certainly absent.

    A call whose answer was lost may still be applied a little later (`late_commit`), and a search may show it later
    still (`search_settle`): absence counts only when both have passed since the call left.
    """
    creates = flow.writes.creates
    if creates is Creates.NONE:
        raise Unknowable
    settled = flow.writes.late_commit
    looks: tuple[float, ...] = (0.0, settled)
    if creates is Creates.LAGGING:
        settled += flow.writes.search_settle
        looks = (0.0, settled / 4, settled / 2, settled)
    found: dict[str, Written] = {}
    left = list(doubts)
    latest = max(doubt.sent for doubt in doubts)
    for seconds in looks:
        wait = (latest + timedelta(seconds=seconds) - context.clock.now()).total_seconds()
        if wait > 0:
            reason = f"{flow.target_entity} without an answer: waiting until the target's word is certain"
            await context.pacing.wait(reason, context.clock.sleep(wait))
        async with context.pacing.step(context.name):
            found |= await flow.target.find(flow.target_entity, left)
        left = [doubt for doubt in left if doubt.xid not in found]
        if not left:
            break
    return found


def _no_answer(flow: Flow, jobs: Sequence[Job]) -> str:
    return f"{len(jobs)} creates of {flow.target_entity} got no answer {_ROUNDS} times in a row"

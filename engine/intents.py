"""Creates, and what to do when one gets no answer: look, in the strongest way the target has; never resend blindly.

An intent is durable before the call leaves, and stays until every record in it is known to exist or known to be absent.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from connectors.kit.contract import Creates, Doubt, Written
from connectors.kit.errors import Unavailable
from engine.calls import send
from engine.context import Context
from engine.flow import Flow
from engine.jobs import Job, sort
from engine.model import Bucket, Entry, Intent, SetAside
from engine.settling import settle

_ROUNDS = 8  # creates of one record that end without an answer, before the target is called unavailable


class Unknowable(Exception):
    """Neither a look-up nor time can tell; a person has to."""


class Creator:
    """Creates the records of one wave, each exactly once."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._open: dict[int, dict[str, Intent]] = {}  # entity -> key -> an intent that nobody here waits for
        self._read: dict[int, float] = {}  # entity -> when these were read: their calls had left by then

    async def create(self, flow: Flow, jobs: list[Job]) -> list[Job]:
        """The jobs that exist at the target now. Raises what a whole call raised, after settling the others."""
        if not jobs:
            return []
        if flow.writes.creates is Creates.NATIVE:
            return await self._resend_until_answered(flow, jobs)
        try:
            done, jobs = await self._open_ones_first(flow, jobs)
            for _ in range(_ROUNDS):
                if not jobs:
                    return done
                created, jobs = await self._intend_and_create(flow, jobs)
                done += created
        except BaseException:
            # Cut off with intents open: whoever carries these records next has to find them in the ledger.
            self._open.pop(flow.entity, None)
            raise
        if jobs:
            raise Unavailable(_no_answer(flow, jobs))
        return done

    async def not_sent_before(self, flow: Flow, jobs: list[Job]) -> list[Job]:
        """The jobs whose create never left, or was certainly not applied. What is found knows its target from here on;
        what only a person can tell is set aside."""
        try:
            return (await self._open_ones_first(flow, jobs))[1]
        except BaseException:
            self._open.pop(flow.entity, None)
            raise

    async def clear_up(self, flow: Flow) -> None:
        """Resolve the intents of records that the source no longer shows or the mapping no longer takes.

        What was created for them is found and kept known; where nobody can know, a person is asked.
        """
        context = self._context
        left = await context.ledger.intents(flow.entity, context.wave)
        if not left:
            return
        known = await context.ledger.known(flow.entity, list(left))
        lost = [intent for key, intent in left.items() if key not in known or not known[key].target]
        try:
            doubts = [_doubt_of(flow, intent) for intent in lost]
            there = await look(context, flow, doubts, context.clock.monotonic()) if lost else {}
        except Unknowable:
            await settle(context, flow, [], [_undecided(flow, intent) for intent in lost], bucket=Bucket.IN_DOUBT)
        else:
            found = [(intent, there[flow.xid(intent.key)]) for intent in lost if flow.xid(intent.key) in there]
            await self._keep(flow, found, known)
        await context.ledger.drop_intents(context.wave, flow.entity, {intent.id for intent in left.values()})
        self._open.pop(flow.entity, None)
        await self.clear_up(flow)  # a key that was sent twice stands in a later intent, too

    async def _keep(self, flow: Flow, found: list[tuple[Intent, Written]], known: dict[str, Entry]) -> None:
        """Remember where these are: what is set aside stays so; what the source lost has left the scope."""
        context = self._context
        kept = [known[intent.key]._replace(target=written.target) for intent, written in found if intent.key in known]
        gone = [
            SetAside(intent.key, "gone at the source while it was created", "", written.target)
            for intent, written in found
            if intent.key not in known
        ]
        if kept:
            await context.ledger.settle(context.wave, flow.entity, kept)
        await settle(context, flow, [], gone, bucket=Bucket.LEFT)

    async def _resend_until_answered(self, flow: Flow, jobs: list[Job]) -> list[Job]:
        """Sending again is safe. The intent is for what is refused the next time, or has vanished from the source."""
        context, whole = self._context, jobs
        intent = await context.ledger.intend(context.wave, flow.entity, _keys(jobs), "")
        done: list[Job] = []
        perhaps: set[str] = set()  # keys that a call without an answer may have created
        for _ in range(_ROUNDS):
            outcomes = await send(context, flow, flow.target.create, jobs)
            there = {one.xid for one in outcomes if isinstance(one, Written) and not one.created}
            written, aside, jobs, broken = sort(jobs, outcomes)
            # An attempt before this one has created these, nobody knows in which version.
            found = [job for job in written if job.write.xid in there]
            for job in found:
                job.write = job.write._replace(target=job.entry.target)
            await settle(context, flow, found, stamped=False)
            perhaps = (perhaps | {job.key for job in jobs}).difference(job.key for job in written)
            left = [job for job in whole if job.key in perhaps]
            created = [job for job in written if job.write.xid not in there]
            await settle(context, flow, created, aside, intent=intent.id, in_doubt=_keys(left))
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
        intent = await context.ledger.intend(context.wave, flow.entity, _keys(jobs), mark)
        written, aside, doubtful, broken = sort(jobs, await send(context, flow, flow.target.create, jobs))
        await settle(context, flow, written, aside, intent=intent.id, in_doubt=_keys(doubtful))
        absent: list[Job] = []
        if doubtful:
            context.telemetry.count("in_doubt", len(doubtful))
            intents = {job.key: intent for job in doubtful}
            found, absent = await self._resolve(flow, doubtful, intents, context.clock.monotonic(), intents)
            written += found
        if broken is not None:
            raise broken
        return written, absent

    async def _open_ones_first(self, flow: Flow, jobs: list[Job]) -> tuple[list[Job], list[Job]]:
        """(found, still to create): first the creates that were sent before, and whose answer nobody read."""
        context = self._context
        if flow.entity not in self._open:
            # Of every wave: a record may have come into this one's scope since another one sent it.
            self._open[flow.entity] = await context.ledger.intents(flow.entity)
            self._read[flow.entity] = context.clock.monotonic()
        open_ones = self._open[flow.entity]
        mine = [job for job in jobs if job.key in open_ones]
        if not mine:
            return [], jobs
        intents = {job.key: open_ones[job.key] for job in mine}
        found, absent = await self._resolve(flow, mine, intents, self._read[flow.entity], open_ones, as_it_is=False)
        for job in mine:
            open_ones.pop(job.key, None)
        return found, [job for job in jobs if job.key not in intents] + absent

    async def _resolve(
        self,
        flow: Flow,
        jobs: list[Job],
        intents: dict[str, Intent],
        left_by: float,
        open_ones: dict[str, Intent],
        *,
        as_it_is: bool = True,
    ) -> tuple[list[Job], list[Job]]:
        """(found, absent) of these creates, both certain. Their calls had left by `left_by`.

        Unless `as_it_is`, another attempt has sent them: the record may have changed since, so what is found counts as
        outdated.

        `open_ones` are all keys that are open in the same intents: those that are not resolved here stay open.
        """
        context = self._context
        aside: list[SetAside] = []
        found: list[Job] = []
        absent: list[Job] = []
        bucket = Bucket.QUARANTINED
        try:
            there = await look(context, flow, [job.doubt(intents[job.key]) for job in jobs], left_by)
        except Unknowable:
            # Nobody knows in which version it was sent, unless this attempt has sent it.
            sent = [job.record.version if as_it_is else "" for job in jobs]
            causes = [_undecided(flow, intents[job.key]).cause for job in jobs]
            aside = [
                job.set_aside(cause)._replace(version=version)
                for job, cause, version in zip(jobs, causes, sent, strict=True)
            ]
            bucket = Bucket.IN_DOUBT
        else:
            for job in jobs:
                if (written := there.get(job.write.xid)) is not None:
                    job.exists(written.target)
                    job.write = job.write._replace(target=written.target)
                    found.append(job)
                else:
                    absent.append(job)
        # Entries first, then the intents go: an entry may stand beside its intent for a moment, never neither.
        await settle(context, flow, found, aside, bucket=bucket, stamped=as_it_is)
        for number in {intent.id for intent in intents.values()}:
            left = [
                (key, intent.parent) for key, intent in open_ones.items() if intent.id == number and key not in intents
            ]
            await settle(context, flow, [], [], intent=number, in_doubt=left)
        return found, absent


async def look(context: Context, flow: Flow, doubts: Sequence[Doubt], left_by: float) -> dict[str, Written]:
    """{xid: Written} of the creates that were applied. When this returns, the others are certainly absent.

    A call whose answer was lost may still be applied a little later (`late_commit`), and a search may show it later
    still (`search_settle`): absence counts only when both have passed since `left_by`, when the calls had left. That is
    of the monotonic clock: no correction of the time shortens the wait.
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
    for seconds in looks:
        if left_by + seconds > context.clock.monotonic():
            reason = f"{flow.target_entity} without an answer: waiting until the target's word is certain"
            await context.pacing.wait(reason, context.clock.until(left_by + seconds), context.name)
        async with context.pacing.step(context.name):
            found |= await flow.target.find(flow.target_entity, left)
        left = [doubt for doubt in left if doubt.xid not in found]
        if not left:
            break
    return found


def _keys(jobs: Iterable[Job]) -> list[tuple[str, str]]:
    """What an intent keeps of its records: the key, and the target id of what a record hangs on."""
    return [(job.key, job.write.parent) for job in jobs]


def _doubt_of(flow: Flow, intent: Intent) -> Doubt:
    return Doubt(flow.xid(intent.key), intent.mark, datetime.fromisoformat(intent.sent), intent.parent)


def _undecided(flow: Flow, intent: Intent) -> SetAside:
    cause = f"{flow.target_entity} created or not? It cannot be looked up: check there, then `cutover resolve`"
    return SetAside(intent.key, cause)


def _no_answer(flow: Flow, jobs: Sequence[Job]) -> str:
    return f"{len(jobs)} creates of {flow.target_entity} got no answer {_ROUNDS} times in a row"

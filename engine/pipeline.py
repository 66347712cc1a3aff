"""The path of one chunk: what the ledger knows, map, create or update, status, what hangs on it, settled.

Every step can be repeated: a chunk that was cut off anywhere is simply carried again, and what is done is left alone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import partial

from connectors.kit.contract import Failed, Move, Outcome, Readback, Record, Write
from connectors.kit.errors import InDoubt, Unavailable
from engine.calls import outlast, send
from engine.context import Context
from engine.existing import Matching, matched
from engine.fingerprint import fingerprint, form_of
from engine.flow import Flow
from engine.intents import Creator
from engine.jobs import Job, sort
from engine.mapping import Mapped, Refused
from engine.model import A_PERSONS, ASIDE, CHANGING, STALE, Bucket, Entry, SetAside
from engine.settling import finish, settle

_UNFINISHED = (Bucket.IN_FLIGHT, Bucket.LEFT)  # on the way, or back in scope


class Pipeline:
    """Carries the chunks of one wave. Holds no values between two calls."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._creator = Creator(context)
        self._matching = Matching(context)
        self._in_hand: dict[int, set[str]] = defaultdict(set)  # entity -> keys: two chunks may show one record

    async def carry(
        self,
        flow: Flow,
        records: Sequence[Record],
        parents: Mapping[str, str] | None = None,
        *,
        again: bool = False,
        newest: bool = False,
    ) -> int:
        """Bring these records to the target, wherever they stand. The number that stays set aside, with what hangs on
        them.

        `parents`: {source key: target id} of what they hang on.

        `again` takes up what was set aside, too. `newest`: they were asked for by key; a list may lag.

        Raises what a system raised for a whole call (`Unavailable`, `Throttled`, `Misconfigured`) after all that is
        known by then is durable: carrying again goes on from there.
        """
        in_hand = self._in_hand[flow.entity]
        keys = [record.key for record in records]
        if not in_hand.isdisjoint(keys):
            records = [record for record in records if record.key not in in_hand]
            keys = [record.key for record in records]
        if not records:
            return 0
        in_hand.update(keys)
        try:
            return await self._carry(flow, records, keys, parents or {}, again=again, newest=newest)
        finally:
            in_hand.difference_update(keys)

    async def _carry(
        self,
        flow: Flow,
        records: Sequence[Record],
        keys: list[str],
        parents: Mapping[str, str],
        *,
        again: bool,
        newest: bool,
    ) -> int:
        known = await self._context.ledger.known(flow.entity, keys)
        aside = 0
        if known:
            if parents:
                known |= await self._gone_with_another(flow, known)
            if not newest:
                late = dict.fromkeys(r.key for r in records if _is_outdated(r, known.get(r.key)))
                records = [record for record in records if record.key not in late]
                elsewhere = [key for key in late if known[key].wave != self._context.wave]
                if elsewhere and not parents:  # by key, should the other wave have let go of them
                    await self._context.ledger.overlap(self._context.wave, flow.entity, elsewhere)
            records = await self._to_do(flow, records, known, again, hanging=bool(parents))
            taken_up = {record.key for record in records}
            aside = sum(1 for entry in known.values() if self._is_aside(entry) and entry.key not in taken_up)
        jobs = await self._map(flow, records, known, parents)
        fresh = [job for job in jobs if not job.entry.target]
        if flow.existing is not None and fresh:
            fresh = await self._matching.match(flow, await self._creator.not_sent_before(flow, fresh))
        whole = {job.key for job in jobs if job.whole}  # of these not even the status is touched
        there = [job for job in jobs if job.entry.target and not job.outdated]
        moved = [job for job in there if job.entry.wave != self._context.wave]
        if moved and not flow.lasting:  # what hangs on a record goes with it to another wave
            await finish(self._context, flow, moved)
        outdated = [job for job in jobs if job.entry.target and job.outdated]
        created = await self._creator.create(flow, fresh)
        there += [job for job in created if not job.outdated]
        there += await self._update(flow, outdated + [job for job in created if job.outdated])
        if flow.lasting and there:
            there = [job for job in there if job.key in whole] + await self._move(
                flow, [job for job in there if job.key not in whole], known
            )
            for child in flow.children:
                parents_there = {job.key: job.entry.target for job in there}
                aside += await self.carry_children(child, parents_there, again=again, new=not known)
            await finish(self._context, flow, there)
        return aside + len(records) - len(there)

    def _is_aside(self, entry: Entry) -> bool:
        return entry.wave == self._context.wave and entry.bucket in ASIDE

    async def _to_do(
        self, flow: Flow, records: Sequence[Record], known: Mapping[str, Entry], again: bool, *, hanging: bool
    ) -> list[Record]:
        """Leave out what is done, what another wave moved, and what is set aside unless it changed (or `again`).

        What left another wave's scope and is in this one's now belongs here, and so does what hangs on it. What is in
        doubt waits for a person, and what a person has excluded stays so, whatever becomes of it at the source.
        """
        to_do, elsewhere = [], []
        for record in records:
            entry = known.get(record.key)
            if entry is None:
                to_do.append(record)
            elif entry.wave != self._context.wave and entry.bucket is not Bucket.LEFT and not hanging:
                elsewhere.append(record.key)
            elif entry.bucket not in A_PERSONS:
                unfinished = entry.bucket in _UNFINISHED or (again and entry.bucket is not Bucket.SYNCED)
                unfinished = unfinished or entry.wave != self._context.wave
                older = record.version > entry.version or entry.version == STALE
                if unfinished or older or entry.print == CHANGING:
                    to_do.append(record)
        if elsewhere:
            await self._context.ledger.overlap(self._context.wave, flow.entity, elsewhere)
        return to_do

    async def _map(
        self, flow: Flow, records: Sequence[Record], known: Mapping[str, Entry], parents: Mapping[str, str]
    ) -> list[Job]:
        if not records:
            return []
        people = await self._people(flow, records)
        jobs: list[Job] = []
        refused: list[SetAside] = []
        hits: dict[str, tuple[str, ...]] = {}
        xid, form, secret = flow.xid, form_of(flow.mapper), self._context.secret
        outcomes = flow.mapper.map(records, people)
        if not known:
            await self._context.batches.saw(self._context.name, flow, records, outcomes)
        for record, mapped in zip(records, outcomes, strict=True):
            key = record.key
            if mapped.defects:
                hits[key] = mapped.defects
            entry = known.get(key) or Entry(key, Bucket.IN_FLIGHT)
            if type(mapped) is Mapped:
                try:
                    stamp = fingerprint(mapped, form, secret)
                except TypeError:
                    mapped = Refused(key, "a number beyond 64 bits, or text that is not Unicode", "")
            if isinstance(mapped, Refused):
                place = (entry.target, record.version, record.parent)
                refused.append(SetAside(key, mapped.cause, mapped.field, *place))
                continue
            content = flow.source.content(flow.source_entity, record) if flow.has_content else None
            parent = parents.get(record.parent, "") if parents else ""
            write = Write(xid(key), mapped.fields, entry.target, parent, content)
            jobs.append(Job(record, mapped, entry, write, stamp))
        if hits or (known and flow.mapper.has_defects):
            await self._context.ledger.defects.found(self._context.wave, flow.entity, [r.key for r in records], hits)
        await settle(self._context, flow, [], refused)
        return jobs

    async def _people(self, flow: Flow, records: Sequence[Record]) -> Mapping[str, str | None]:
        if not flow.mapper.people:
            return {}
        async with self._context.pacing.step(self._context.name):
            return await self._context.people.known(flow, records)

    async def _update(self, flow: Flow, jobs: list[Job]) -> list[Job]:
        """Writing named fields twice ends the same: an update without an answer is done again, once it can no more
        come late."""
        changed: list[Job] = []
        same: list[Job] = []
        for job in jobs:
            unchangeable = not flow.writes.updates and job.entry.version in ("", job.record.version)
            if job.print == job.entry.print or unchangeable:
                job.exists(job.entry.target)
                same.append(job)
            else:
                changed.append(job)
        if changed and not flow.writes.updates:
            cause = f"changed at the source after it was moved, and {flow.target_entity} cannot be updated"
            await settle(self._context, flow, same, [job.set_aside(cause) for job in changed])
            return same
        if changed:
            await outlast(self._context, flow, self._context.cut_off)
        first = await self._matching.first(flow, changed) if flow.existing and changed else []
        firsts = {job.key for job in first}
        others = [job for job in changed if job.key not in firsts] if first else changed
        outcomes = await send(self._context, flow, matched(flow).restore, first) if first else []
        leaving = partial(self._leaving, flow)
        outcomes += await send(self._context, flow, flow.target.update, others, leaving) if others else []
        await self._stayed(flow, [*first, *others], outcomes)
        written, aside, doubtful, broken = sort([*first, *others], outcomes)
        await settle(self._context, flow, written + same, aside)
        if doubtful:
            await outlast(self._context, flow, self._context.clock.monotonic())
        if broken is not None or doubtful:
            raise broken or Unavailable(f"{len(doubtful)} updates of {flow.target_entity} got no answer")
        return written + same

    async def _gone_with_another(self, flow: Flow, known: Mapping[str, Entry]) -> dict[str, Entry]:
        """Of what comes over from another wave: what hung on a record that somebody removed is made anew on this."""
        coming = {
            entry.target: entry
            for entry in known.values()
            if entry.wave != self._context.wave and entry.target and entry.bucket not in A_PERSONS
        }
        if not coming or not isinstance(flow.target, Readback):
            return {}
        async with self._context.pacing.step(self._context.name):
            standing = await flow.target.stand(flow.target_entity, list(coming), ())
        return {
            entry.key: entry._replace(target="", version="", print="")
            for target, entry in coming.items()
            if target not in standing
        }

    async def _leaving(self, flow: Flow, jobs: Sequence[Job]) -> None:
        """Should the answer be lost, and the source go back to what it was, they are still to be written."""
        if known := [(job.key, job.record.version, CHANGING) for job in jobs if job.entry.print]:
            await self._context.ledger.changing(flow.entity, known)

    async def _stayed(self, flow: Flow, jobs: Sequence[Job], outcomes: Sequence[Outcome]) -> None:
        """Those that were certainly not changed are at the target as they were, and so they are in the ledger."""
        as_they_were = [
            (job.key, job.entry.version, job.entry.print)
            for job, outcome in zip(jobs, outcomes, strict=True)
            if isinstance(outcome, Failed) and not isinstance(outcome.error, InDoubt) and job.entry.print
        ]
        if as_they_were:
            await self._context.ledger.changing(flow.entity, as_they_were)

    async def _move(self, flow: Flow, jobs: list[Job], known: Mapping[str, Entry]) -> list[Job]:
        """Bring each to its status. A record that cannot reach it is set aside with its target: it exists there."""
        going = [job for job in jobs if job.mapped.status]
        if not going:
            return jobs
        moves = [
            Move(job.write.xid, job.entry.target, str(job.mapped.status), job.mapped.status_fields) for job in going
        ]
        if any(job.key in known for job in going):
            await outlast(self._context, flow, self._context.cut_off)
        try:
            async with self._context.pacing.step(self._context.name):
                outcomes = await flow.target.move(flow.target_entity, moves)
        except InDoubt:
            await outlast(self._context, flow, self._context.clock.monotonic())
            raise
        moved, aside, doubtful, broken = sort(going, outcomes)
        await settle(self._context, flow, [], aside)
        if doubtful:
            await outlast(self._context, flow, self._context.clock.monotonic())
        if broken is not None or doubtful:
            raise broken or Unavailable(f"{len(doubtful)} status changes of {flow.target_entity} got no answer")
        return [job for job in jobs if not job.mapped.status] + moved

    async def clear_up(self, flow: Flow) -> None:
        """Leave no intent behind, on this flow or on what hangs on it."""
        for one in (flow, *flow.children):
            await self._creator.clear_up(one)

    async def carry_children(self, child: Flow, parents: Mapping[str, str], *, again: bool, new: bool = False) -> int:
        """What hangs on these records: {source key: target id}. The number that stays set aside. `new`: of these it was
        never asked before."""
        async with self._context.pacing.step(self._context.name):
            records = await child.source.children(child.scope(), list(parents))
        if new:
            await self._context.batches.hung(self._context.name, child, list(parents), records)
        return await self.carry(child, records, parents, again=again)


def _is_outdated(record: Record, entry: Entry | None) -> bool:
    """A newer version of it was carried, or is on its way: a list that lags shows it as it was before."""
    return entry is not None and record.version < entry.version

"""Records that were at the target before us: found by a field, and kept as they are before anything is written over.

The order is the promise: the look-up, then the image, durable together with the record's entry, and only then the
update. Killed in between, the record is known by its entry; its first image is the one that stays.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Protocol, cast

from connectors.kit.contract import Lookup, Readback, Standing, Target, Undo
from engine.context import Context
from engine.flow import Existing, Flow
from engine.jobs import Job
from engine.model import Bucket, Entry, SetAside
from engine.settling import settle
from engine.vault import Image

_AT_ONCE = 100  # records that are looked up together


class Matched(Target, Readback, Undo, Lookup, Protocol):
    """A target whose records may be updated although we did not create them."""


class Matching:
    """Finds what is there already, for one wave."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def match(self, flow: Flow, jobs: Sequence[Job]) -> list[Job]:
        """The jobs that are to be created. Of the others those that have a record there know it by now, and it is kept
        as it was; those that cannot have the record they match are set aside."""
        if flow.existing is None:
            return list(jobs)
        to_create: list[Job] = []
        for at in range(0, len(jobs), _AT_ONCE):
            to_create += await self._match(flow, flow.existing, jobs[at : at + _AT_ONCE])
        return to_create

    async def first(self, flow: Flow, jobs: Sequence[Job]) -> list[Job]:
        """Those that are about to be written over for the first time: whole, lists as well."""
        unwritten = [job for job in jobs if not job.entry.print]
        taken = await self._context.ledger.images.taken(flow.entity, [job.key for job in unwritten])
        return [job for job in unwritten if job.key in taken and taken[job.key].target == job.entry.target]

    async def _match(self, flow: Flow, rule: Existing, jobs: Sequence[Job]) -> list[Job]:
        words = {job.key: word_of(job.record.fields.get(rule.by)) for job in jobs}
        asked = sorted({word for word in words.values() if word})
        found = await self._look_up(flow, rule, asked) if asked else {}
        to_create: list[Job] = []
        meant: dict[str, tuple[Job, Standing]] = {}
        aside: list[SetAside] = []
        for job in jobs:
            there = found.get(words[job.key], ())
            if not there:
                to_create.append(job)
            elif len(there) > 1:
                aside.append(job.set_aside(several(flow, rule), rule.match))
            elif there[0].xid == job.write.xid:
                # Created by us, and its answer is to come; or by a ledger that is lost.
                known = job.key in await self._context.ledger.intents(flow.entity)
                to_create += [job] if known else []
                aside += [] if known else [job.set_aside(_unknown(flow), rule.match)]
            elif there[0].xid:
                aside.append(job.set_aside(another(flow, rule), rule.match))
            else:
                meant[job.key] = (job, there[0])
        gone, lost = await self._keep(flow, rule, meant) if meant else ([], [])
        aside += [job.set_aside(another(flow, rule), rule.match) for job in lost]
        await settle(self._context, flow, [], aside)
        return to_create + gone

    async def _look_up(self, flow: Flow, rule: Existing, words: Sequence[str]) -> dict[str, list[Standing]]:
        async with self._context.pacing.step(self._context.name):
            return await matched(flow).lookup(flow.target_entity, rule.match, words)

    async def _keep(
        self, flow: Flow, rule: Existing, meant: dict[str, tuple[Job, Standing]]
    ) -> tuple[list[Job], list[Job]]:
        """(those whose record is gone by now, those whose record is another one's); all others know theirs."""
        context, target = self._context, matched(flow)
        ids = {there.target: key for key, (_, there) in meant.items()}
        names = list(dict.fromkeys((*rule.fields, *rule.steps)))
        async with context.pacing.step(context.name):
            # The moment first: a change between it and the image counts as a later one, and is never undone.
            at = await target.now() - timedelta(seconds=flow.writes.granularity)
            shown = await target.image(flow.target_entity, list(ids), names)
            standing = await target.stand(flow.target_entity, list(ids), ()) if flow.moves else {}
        images: dict[str, tuple[str, Image]] = {}
        for key, (_, there) in meant.items():
            if there.target in shown:
                fields = shown[there.target]
                status = standing[there.target].status if there.target in standing else ""
                kept = {name: fields.get(name) for name in rule.fields}
                images[key] = (there.target, Image(kept, status, {name: fields.get(name) for name in rule.steps}))
        mine = await context.vault.keep(context.wave, flow.entity, flow.place, at, images) if images else set()
        for key in mine:
            job, there = meant[key]
            job.entry = Entry(key, Bucket.IN_FLIGHT, there.target, "", "", context.wave)
            job.write = job.write._replace(target=there.target)
        gone = [job for key, (job, _) in meant.items() if key not in images]
        return gone, [job for key, (job, _) in meant.items() if key in images and key not in mine]


def matched(flow: Flow) -> Matched:
    """The target of a flow that has `existing`: assembly has seen to it that it can do all of this."""
    return cast(Matched, flow.target)


def word_of(value: object) -> str:
    """The value that a record is looked up by, as text; empty: none."""
    return str(value).strip() if isinstance(value, str | int) and not isinstance(value, bool) else ""


def several(flow: Flow, rule: Existing) -> str:
    return f"several records at {flow.target_system} have this {rule.match}: which one is meant, nobody can tell"


def another(flow: Flow, rule: Existing) -> str:
    return f"the record at {flow.target_system} with this {rule.match} belongs to another record of the source"


def _unknown(flow: Flow) -> str:
    return f"the record at {flow.target_system} that it matches carries our id, and the ledger does not know why"

"""Makes durable what became of records: entries, references for later, what is set aside, answered intents."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b

import orjson

from engine.context import Context
from engine.flow import Flow
from engine.jobs import Job
from engine.mapping import Mapped
from engine.model import Bucket, Entry, SetAside


def fingerprint(context: Context, mapped: Mapped) -> str:
    """Keyed hash of the record as it should stand at the target: 32 hex digits."""
    body = orjson.dumps((mapped.fields, mapped.status), option=orjson.OPT_SORT_KEYS)
    return blake2b(body, digest_size=16, key=context.secret).hexdigest()


async def settle(
    context: Context,
    flow: Flow,
    written: Sequence[Job],
    aside: Sequence[SetAside] = (),
    *,
    intent: int | None = None,
    in_doubt: Sequence[str] = (),
    bucket: Bucket = Bucket.QUARANTINED,
) -> None:
    """`written` exist at the target now; `aside` go to `bucket` with their cause; `in_doubt` keeps the intent open."""
    if not (written or aside or intent is not None):
        return
    stage = Bucket.IN_FLIGHT if flow.lasting else Bucket.SYNCED
    ties = flow.ties or {}
    references = []
    for job in written:
        key, _, target, version, _, wave = job.entry
        job.entry = Entry(key, stage, target, version, fingerprint(context, job.mapped), wave)
        references += [(job.key, ref.id, ties[ref.id].to_entity, ref.key) for ref in job.mapped.refs if ref.id in ties]
    context.telemetry.count("written", len(written))
    context.telemetry.count("set_aside", len(aside))
    await context.ledger.settle(
        context.wave,
        flow.entity,
        [job.entry for job in written],
        aside,
        references=references,
        intent=intent,
        in_doubt=in_doubt,
        bucket=bucket,
        point="written" if flow.lasting else "settle",
    )


async def finish(context: Context, flow: Flow, jobs: Sequence[Job]) -> None:
    """Nothing is left to do for these: status reached, comments and attachments carried."""
    entries = [job.entry._replace(bucket=Bucket.SYNCED) for job in jobs]
    await context.ledger.settle(context.wave, flow.entity, entries)

"""Makes durable what became of records: entries, references for later, what is set aside, answered intents."""

from __future__ import annotations

from collections.abc import Sequence

from engine.context import Context
from engine.flow import Flow
from engine.jobs import Job
from engine.model import Bucket, Entry, SetAside


async def settle(
    context: Context,
    flow: Flow,
    written: Sequence[Job],
    aside: Sequence[SetAside] = (),
    *,
    intent: int | None = None,
    in_doubt: Sequence[tuple[str, str]] = (),
    bucket: Bucket = Bucket.QUARANTINED,
    stamped: bool = True,
) -> None:
    """`written` exist at the target now; `aside` go to `bucket` with their cause; `in_doubt` keeps the intent open.

    Not `stamped`: nobody knows in which version.
    """
    if not (written or aside or intent is not None):
        return
    stage = Bucket.IN_FLIGHT if flow.lasting else Bucket.SYNCED
    ties = flow.ties or {}
    references = []
    for job in written:
        key, _, target, version, _, wave = job.entry
        job.entry = Entry(key, stage, target, version if stamped else "", job.print if stamped else "", wave)
        references += [(job.key, ref.id, ties[ref.id].to_entity, ref.key) for ref in job.mapped.refs if ref.id in ties]
    context.telemetry.count("written", len(written))
    context.telemetry.count("set_aside", len(aside))
    await context.ledger.settle(
        context.wave,
        flow.entity,
        [job.entry for job in written],
        aside,
        references=references,
        # What was met before may refer to others by now, whether it is changed or made anew.
        replace_references=bool(ties) and any(job.entry.wave for job in written),
        soils=_soils(flow, written),
        intent=intent,
        in_doubt=in_doubt,
        bucket=bucket,
        point="written" if flow.lasting else "settle",
    )


async def finish(context: Context, flow: Flow, jobs: Sequence[Job]) -> None:
    """Nothing is left to do for these: status reached, comments and attachments carried."""
    entries = [job.entry._replace(bucket=Bucket.SYNCED) for job in jobs]
    await context.ledger.settle(context.wave, flow.entity, entries, soils=_soils(flow, jobs))


def _soils(flow: Flow, jobs: Sequence[Job]) -> tuple[int, list[str]] | None:
    """What hangs on a record is compared with it: that one is to be."""
    return (flow.hangs_on, list({job.record.parent for job in jobs})) if flow.hangs_on else None

"""Leaving quarantined records out of the move, by a person's word; and taking them back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from engine.asides import AsideRow
from engine.errors import Refused
from engine.ledger import Ledger
from engine.model import Bucket
from engine.wire import Exclude, Receipt

_ALL = 1_000_000  # records: more than any quarantine holds
_CAUSES = 3  # that the audit trail names one by one


async def exclude(ledger: Ledger, command: Exclude, running: Sequence[str]) -> Receipt:
    """Exclude what fits, with the reason as its cause. Refused, all of it, when a run has some of it in work."""
    reason = command.reason.strip()
    if not reason:
        raise Refused('Say why, others will read it: cutover quarantine exclude --reason "..."')
    if not (command.wave or command.cause or command.keys):
        raise Refused("Say which: a wave, a cause, or keys. What there is: cutover quarantine list")
    rows = await ledger.aside(wave=command.wave, cause=command.cause, keys=command.keys, limit=_ALL)
    fitting = [row for row in rows if row.bucket is Bucket.QUARANTINED]
    if not fitting:
        raise Refused(_nothing(rows))
    if command.records is not None and command.records != len(fitting):
        raise Refused(
            f"Now it would be {_records(len(fitting))}, not {command.records:,}: nothing was done. Look again."
        )
    in_work = sorted({row.wave for row in fitting}.intersection(running))
    if in_work:
        raise Refused(
            f"{', '.join(in_work)} is running and may take these records up at any moment. Exclude them when the run "
            "is over, or end it first: cutover stop"
        )
    causes = sorted({row.cause for row in fitting})
    more = f" and {len(causes) - _CAUSES} more" if len(causes) > _CAUSES else ""
    notes = {
        wave: f"{_records(n)}: {reason} (set aside for {'; '.join(causes[:_CAUSES])}{more})"
        for wave, n in Counter(row.wave for row in fitting).items()
    }
    await ledger.decide(fitting, Bucket.EXCLUDED, reason, by=command.by, what="exclude", notes=notes)
    there = sum(1 for row in fitting if row.target)
    tail = f" At the target already: {there:,}; what is there stays as it is." if there else ""
    message = f"{_records(len(fitting))} excluded.{tail} Back again: cutover quarantine retry --key KEY"
    return Receipt(accepted=True, durable=True, effective=True, message=message)


async def take_back(ledger: Ledger, rows: Sequence[AsideRow], by: str) -> None:
    """Excluded records are quarantined again, so that a run may take them up."""
    excluded = [row for row in rows if row.bucket is Bucket.EXCLUDED]
    for reason in sorted({row.cause for row in excluded}):
        back = [row for row in excluded if row.cause == reason]
        notes = {
            wave: f"{_records(n)}, excluded before: {reason}" for wave, n in Counter(row.wave for row in back).items()
        }
        cause = f"was excluded ({reason}), and taken back"
        await ledger.decide(back, Bucket.QUARANTINED, cause, by=by, what="take back", notes=notes)


def _nothing(rows: Sequence[AsideRow]) -> str:
    if any(row.bucket is Bucket.IN_DOUBT for row in rows):
        return "What fits is in doubt: say first whether it exists at the target. Type: cutover resolve KEY"
    if any(row.bucket is Bucket.EXCLUDED for row in rows):
        return "What fits is excluded already. Type: cutover quarantine list"
    return "No quarantined record fits. Type: cutover quarantine list"


def _records(n: int) -> str:
    return f"{n:,} record{'s' if n != 1 else ''}"

"""What was set aside, as screens and scripts read it: groups by cause, and records with the rule that is concerned."""

from __future__ import annotations

from collections.abc import Sequence

from engine.asides import AsideRow
from engine.assembly import Assembly
from engine.ledger import Ledger
from engine.wire import AsideGroup, AsideRecord, Quarantine

MOST = 1000  # records in one answer; the groups count all


async def quarantine(
    assembly: Assembly, ledger: Ledger, *, wave: str = "", cause: str = "", keys: Sequence[str] = ()
) -> Quarantine:
    """All groups; of the records those that fit all given conditions, and at most `MOST` of them."""
    groups = [
        AsideGroup(bucket=bucket, wave=of, cause=text, field=field, records=n)
        for bucket, of, text, field, n in await ledger.causes()
    ]
    rows = await ledger.aside(wave=wave, cause=cause, keys=keys, limit=MOST)
    return Quarantine(groups=groups, records=[_record(assembly, row) for row in rows])


def _record(assembly: Assembly, row: AsideRow) -> AsideRecord:
    rule, where = _rule(assembly, row.entity, row.field)
    return AsideRecord(**{**row._asdict(), "bucket": row.bucket.word}, rule=rule, where=where)


def _rule(assembly: Assembly, entity: str, field: str) -> tuple[str, str]:
    """The rule that makes this field, in words, and where it stands; two empty texts where none does."""
    flow = assembly.flows.get(entity.partition("/")[0])
    if flow is None or not field:
        return "", ""
    for each in (flow, *flow.children):
        if each.name == entity:
            return each.mapper.rule_of(field)
    return "", ""

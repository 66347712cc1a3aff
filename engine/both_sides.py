"""Rules over both sides: records of the source, and how they stand at the target by its own word."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, cast

from connectors.kit.contract import Readback, Record, Scope, Standing
from engine.expressions import Expression, ExpressionFailed
from engine.flow import Flow
from engine.inquiry import Found, Inquiry
from engine.mapping.values import getter
from engine.model import Bucket, Entry
from runbooks.validation import ValidationRule, seconds

_PAGE = 200  # records a look
_SPREAD = 8  # places where a look begins: a sample is then not the oldest records alone
_KEPT = 20  # keys
_MILLISECONDS = 100_000_000_000  # a stamp beyond this counts milliseconds

_LATER = frozenset({Bucket.EXCLUDED, Bucket.LEFT, Bucket.IN_FLIGHT})
"""Not to be judged: left out by a person's word, out of scope, or on its way."""


class _Look:
    """Bounds of one rule: so many records, so long."""

    def __init__(self, inquiry: Inquiry, rule: ValidationRule) -> None:
        self._clock = inquiry.clock
        self._ends = inquiry.clock.monotonic() + seconds(rule.at_most)
        self.left = rule.sample

    @property
    def over(self) -> bool:
        return self.left <= 0 or self._clock.monotonic() >= self._ends


async def ask_each(
    inquiry: Inquiry, flow: Flow, rule: ValidationRule, when: Expression | None, then: Expression | None
) -> Found:
    """`then` of every record that `when` picks; without `then`, that it is at the target in time."""
    found, look = Found(), _Look(inquiry, rule)
    await inquiry.ask(cast(Readback, flow.target).learn, flow.target_entity)
    scope = _scope(inquiry, flow, rule, when, then)
    now = await inquiry.ask(flow.source.now) if rule.within else None
    broken: set[str] = set()
    async for records in _looked_at(inquiry, flow, scope, look, found):
        picked = [record for record in records if when is None or _true(when, record, {}, broken)]
        if now is not None:
            due = [record for record in picked if _due(record, rule, now, broken)]
            found.skipped += len(picked) - len(due)
            await _there(inquiry, flow, due, found)
        elif then is not None:
            await _as_said(inquiry, flow, picked, then, found, broken)
    found.note = "; ".join(sorted(broken)) or found.note
    return found


async def _as_said(
    inquiry: Inquiry, flow: Flow, records: Sequence[Record], then: Expression, found: Found, broken: set[str]
) -> None:
    known = await inquiry.ledger.known(flow.entity, [record.key for record in records])
    judged = [record for record in records if _is_settled(known.get(record.key), record)]
    found.skipped += len(records) - len(judged)
    fields = sorted({name.split(".")[1] for name in then.fields if name.startswith("target.")})
    standing = await _standing(inquiry, flow, [known[record.key].target for record in judged], fields)
    for record in judged:
        there = standing.get(known[record.key].target)
        _count(found, record.key, there is not None and _true(then, record, _sides(there), broken))


async def _there(inquiry: Inquiry, flow: Flow, records: Sequence[Record], found: Found) -> None:
    known = await inquiry.ledger.known(flow.entity, [record.key for record in records])
    judged = [r for r in records if r.key not in known or known[r.key].bucket is not Bucket.EXCLUDED]
    found.skipped += len(records) - len(judged)
    targets = {record.key: known[record.key].target for record in judged if record.key in known}
    standing = await _standing(inquiry, flow, list(targets.values()), ())
    for record in judged:
        _count(found, record.key, targets.get(record.key) in standing)


def _is_settled(entry: Entry | None, record: Record) -> bool:
    """What changed at the source since we wrote it, or is not known yet, is on its way: not to be judged."""
    if entry is None or entry.bucket in _LATER:
        return False
    return not entry.target or entry.version == record.version


# ---------------------------------------------------------------- what hangs on records


async def ask_children(inquiry: Inquiry, flow: Flow, rule: ValidationRule) -> Found:
    """Every comment and attachment that the source has for a record is at the target, or was set aside."""
    found, look = Found(), _Look(inquiry, rule)
    _, scope = inquiry.scopes[flow.name]
    after = ""
    while parents := await inquiry.ledger.parents(inquiry.wave, flow.entity, after, min(_PAGE, look.left)):
        after = list(parents)[-1]
        look.left -= len(parents)
        lacking = [key for child in flow.children for key in await _lacking(inquiry, flow, child, parents)]
        moved = await _moved_on(inquiry, flow, scope, lacking)
        found.checked += len(parents) - len(moved)
        found.skipped += len(moved)
        failing = sorted(set(lacking) - moved)
        found.failed += len(failing)
        found.sample += failing[: _KEPT - len(found.sample)]
        if look.over:
            found.whole = not await inquiry.ledger.parents(inquiry.wave, flow.entity, after, 1)
            break
    return found


async def _lacking(inquiry: Inquiry, flow: Flow, child: Flow, parents: Mapping[str, str]) -> list[str]:
    """Keys of parents that lack something of this kind."""
    at_source = await inquiry.ask(flow.source.children, child.scope(), list(parents))
    known = await inquiry.ledger.known(child.entity, [record.key for record in at_source])
    at_target = await _hanging(inquiry, flow, child, list(parents.values()))
    lacking = []
    for record in at_source:
        entry = known.get(record.key)
        aside = entry is not None and entry.bucket not in (Bucket.SYNCED, Bucket.IN_FLIGHT)
        if not aside and (entry is None or entry.target not in at_target):
            lacking.append(record.parent)
    return lacking


async def _hanging(inquiry: Inquiry, flow: Flow, child: Flow, targets: list[str]) -> set[str]:
    target = cast(Readback, flow.target)
    standings = await inquiry.ask(target.hanging, flow.target_entity, child.target_entity, targets)
    return {standing.target for standing in standings}


async def _moved_on(inquiry: Inquiry, flow: Flow, scope: Scope, keys: Sequence[str]) -> set[str]:
    """Those of these records that changed at the source since we wrote them."""
    wanted = sorted(set(keys))
    if not wanted:
        return set()
    known = await inquiry.ledger.known(flow.entity, wanted)
    records = {record.key: record for record in await inquiry.ask(flow.source.fetch, scope, wanted)}
    return {key for key in wanted if key not in records or records[key].version != known[key].version}


# ---------------------------------------------------------------- inside


def _scope(
    inquiry: Inquiry, flow: Flow, rule: ValidationRule, when: Expression | None, then: Expression | None
) -> Scope:
    """The wave's records, with the fields that the rule reads."""
    _, scope = inquiry.scopes[flow.name]
    named = [name for each in (when, then) if each is not None for name in each.fields if name.startswith("source.")]
    fields = {name.removeprefix("source.") for name in named} | ({rule.created} if rule.created else set())
    filters = (*scope.filters, rule.filter) if rule.filter else scope.filters
    return scope._replace(filters=filters, fields=tuple(sorted(fields)) or scope.fields[:1])


async def _looked_at(
    inquiry: Inquiry, flow: Flow, scope: Scope, look: _Look, found: Found
) -> AsyncIterator[list[Record]]:
    """Pages from several places in turn, until everything was seen or the bounds are reached."""
    lanes: list[str] = list(await inquiry.ask(flow.source.spans, scope, _SPREAD))
    while lanes:
        rests: list[str] = []
        for number, span in enumerate(lanes):
            if look.over:
                found.whole = False
                return
            share = max(1, look.left // (len(lanes) - number))
            page = await inquiry.ask(flow.source.read, scope, span, min(_PAGE, share, flow.reads.page))
            if page.rest is not None:
                rests.append(page.rest)
            look.left -= len(page.records)
            yield page.records
        lanes = rests


async def _standing(inquiry: Inquiry, flow: Flow, targets: Sequence[str], fields: Sequence[str]) -> dict[str, Standing]:
    target = cast(Readback, flow.target)
    wanted = [each for each in targets if each]
    standing: dict[str, Standing] = {}
    for at in range(0, len(wanted), _PAGE):
        standing |= await inquiry.ask(target.stand, flow.target_entity, wanted[at : at + _PAGE], fields)
    return standing


def _sides(standing: Standing) -> dict[str, Any]:
    """The target's fields; its status by that name, whatever the system calls it."""
    return {**standing.fields, "status": standing.status or standing.fields.get("status", "")}


def _true(expression: Expression, record: Record, target: Mapping[str, Any], broken: set[str]) -> bool:
    try:
        return expression.run({"source": record.fields, "target": target}) is True
    except ExpressionFailed as error:
        broken.add(f"the expression fails on some records ({error})")
        return False


def _due(record: Record, rule: ValidationRule, now: datetime, broken: set[str]) -> bool:
    """Whether it was created long enough ago to be at the target. One without a readable stamp is due."""
    created = _moment(getter(rule.created)(record.fields))
    if created is None:
        broken.add(f"{rule.created} of some records is no moment")
        return True
    return (now - created).total_seconds() > seconds(rule.within or "")


def _moment(value: Any) -> datetime | None:
    """A stamp as systems write it: ISO 8601, `2026-01-31 10:00:00` in UTC, or seconds or milliseconds since 1970."""
    text = str(value).strip()
    try:
        if text.isascii() and text.isdecimal():
            number = int(text)
            return datetime.fromtimestamp(number / 1000 if number > _MILLISECONDS else number, UTC)
        read = datetime.fromisoformat(text)
    except (ValueError, OverflowError, OSError):
        return None
    return read.replace(tzinfo=UTC) if read.tzinfo is None else read


def _count(found: Found, key: str, holds: bool) -> None:
    found.checked += 1
    if not holds:
        found.failed += 1
        if len(found.sample) < _KEPT:
            found.sample.append(key)

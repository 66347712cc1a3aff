"""What every target promises."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

from connectors.kit.conformance.checks import must, of_target
from connectors.kit.conformance.subject import Subject
from connectors.kit.contract import (
    Content,
    Creates,
    Doubt,
    Failed,
    Move,
    Outcome,
    Rejected,
    Target,
    Traits,
    Write,
    Written,
)
from connectors.kit.errors import ConnectorError, InDoubt, Misconfigured, Throttled, Unavailable
from connectors.kit.streams import opened

_FULL = 50  # records are enough to try a bulk


def finds(traits: Traits) -> bool:
    return traits.creates is not Creates.NONE


async def created(subject: Subject, target: Target, number: int = 0) -> str:
    """Create one record; its id."""
    outcome = (await target.create(subject.target_entity, [subject.write(number)]))[0]
    must(isinstance(outcome, Written), f"a good record was not written: {type(outcome).__name__}")
    return _id(outcome)


async def doubts_of(target: Target, entity: str, writes: Sequence[Write], subject: Subject) -> list[Doubt]:
    mark = await target.mark(entity, writes)
    sent = subject.ports.clock.now()
    return [Doubt(write.xid, mark, sent, write.parent, write.fields) for write in writes]


async def found(subject: Subject, target: Target, entity: str, doubts: Sequence[Doubt]) -> dict[str, Written]:
    """What find() says once absence counts."""
    traits = target.traits(entity)
    await subject.wait(traits.search_settle + traits.late_commit)
    return await target.find(entity, doubts)


@of_target("write", "seen")
async def outcomes_come_in_order_one_for_each_write(subject: Subject, target: Target) -> None:
    bulk = min(target.traits(subject.target_entity).bulk, _FULL)
    writes = [subject.write(number) for number in range(bulk)]
    outcomes = await target.create(subject.target_entity, writes)
    _matches(outcomes, writes)
    must(all(isinstance(outcome, Written) for outcome in outcomes), "a good record was not written")
    must(len({_id(outcome) for outcome in outcomes}) == bulk, "two records have one id")
    for outcome, write in list(zip(outcomes, writes, strict=True))[:5]:
        there = await subject.seen(_id(outcome))
        must(there is not None, "a written record is not there")
        for name, value in write.fields.items():
            must((there or {}).get(name) == value, f"the field {name} was not written as sent")


@of_target("write", "bad_write", "seen", declares=lambda traits: traits.bulk > 1)
async def a_refused_record_leaves_the_rest_alone(subject: Subject, target: Target) -> None:
    writes = [subject.write(0), subject.bad_write(1), subject.write(2), subject.bad_write(3), subject.write(4)]
    for part in _parts(writes, target.traits(subject.target_entity).bulk):
        outcomes = await target.create(subject.target_entity, part)
        _matches(outcomes, part)
        for write, outcome in zip(part, outcomes, strict=True):
            refused = writes.index(write) in (1, 3)
            must(isinstance(outcome, Rejected) == refused, f"refused: {refused}, but {type(outcome).__name__}")
            must(refused or await subject.seen(_id(outcome)) is not None, "a good neighbour is not there")


@of_target("bad_write", "secret")
async def a_refusal_has_a_cause_that_tells_no_value(subject: Subject, target: Target) -> None:
    outcome = (await target.create(subject.target_entity, [subject.bad_write(0)]))[0]
    if not isinstance(outcome, Rejected):
        must(False, f"a bad record was not refused: {type(outcome).__name__}")
        return
    must(bool(outcome.cause), "a refusal without a cause")
    must(subject.secret not in repr(outcome), "the refusal tells a value of the record")


@of_target("write", declares=finds)
async def what_was_created_is_found_by_its_external_id(subject: Subject, target: Target) -> None:
    writes = [subject.write(number) for number in range(3)]
    doubts = await doubts_of(target, subject.target_entity, writes, subject)
    ids: dict[str, str] = {}
    for part in _parts(writes, target.traits(subject.target_entity).bulk):
        ids |= {outcome.xid: _id(outcome) for outcome in await target.create(subject.target_entity, part)}
    there = await found(subject, target, subject.target_entity, doubts)
    must({xid: written.target for xid, written in there.items()} == ids, "find() gives other ids than create() gave")


@of_target("write")
async def what_was_never_sent_is_not_found(subject: Subject, target: Target) -> None:
    await created(subject, target, 1)
    doubts = await doubts_of(target, subject.target_entity, [subject.write(0)], subject)
    must(await found(subject, target, subject.target_entity, doubts) == {}, "found what was never sent")
    must(await target.find(subject.target_entity, []) == {}, "found something without a doubt")


@of_target("write", "copies", declares=lambda traits: traits.creates is Creates.NATIVE)
async def sending_again_makes_no_duplicate(subject: Subject, target: Target) -> None:
    first = await created(subject, target)
    second = await created(subject, target)
    must(first == second, "sent again, the record has another id")
    copies = await subject.copies(subject.target_entity, subject.write(0).xid)
    must(copies == 1, f"sent twice, the record is there {copies} times")


@of_target("write", "copies", "lose_answer")
async def a_create_whose_answer_is_lost_is_never_made_twice(subject: Subject, target: Target) -> None:
    entity, write = subject.target_entity, subject.write(0)
    doubts = await doubts_of(target, entity, [write], subject)
    await subject.lose_answer()
    sure = await _attempt(subject, target, entity, write)
    there = await found(subject, target, entity, doubts)
    copies = await subject.copies(entity, write.xid)
    must(copies == 1, f"the record is there {copies} times")
    if target.traits(entity).creates is not Creates.NONE:
        must(write.xid in there, "a lost answer: the record is there and find() does not find it")
        must(not sure or sure == there[write.xid].target, "create() and find() disagree about the id")


@of_target("write", "copies", "lose_request")
async def a_create_that_never_arrived_is_not_found(subject: Subject, target: Target) -> None:
    entity, write = subject.target_entity, subject.write(0)
    doubts = await doubts_of(target, entity, [write], subject)
    await subject.lose_request()
    await _attempt(subject, target, entity, write)
    there = await found(subject, target, entity, doubts)
    copies = await subject.copies(entity, write.xid)
    must(copies <= 1, f"the record is there {copies} times")
    if target.traits(entity).creates is not Creates.NONE:
        must((write.xid in there) == (copies == 1), "find() and the system disagree")


@of_target("child_write", "write", "copies")
async def what_hangs_on_a_record_is_created_and_found(subject: Subject, target: Target) -> None:
    parent = await created(subject, target)
    entity, write = subject.child_write(7, parent)
    doubts = await doubts_of(target, entity, [write], subject)
    outcome = (await target.create(entity, [write]))[0]
    must(isinstance(outcome, Written), f"not written: {type(outcome).__name__}")
    must(await subject.copies(entity, write.xid) == 1, "it is not there once")
    if target.traits(entity).creates is not Creates.NONE:
        there = await found(subject, target, entity, doubts)
        must({xid: w.target for xid, w in there.items()} == {write.xid: _id(outcome)}, "find() does not find it")


@of_target("attachment_write", "write", "stored")
async def bytes_arrive_as_they_were_sent(subject: Subject, target: Target) -> None:
    parent = await created(subject, target)
    for number, size in enumerate((1, 200_000)):
        data = bytes(range(256)) * (size // 256) + b"\n" * (size % 256)
        entity, write = subject.attachment_write(number, parent, data)
        outcome = (await target.create(entity, [write]))[0]
        must(isinstance(outcome, Written), f"{size} bytes: not written: {type(outcome).__name__}")
        must(await subject.stored(entity, _id(outcome)) == data, f"{size} bytes differ at the target")


@of_target("attachment_write", "write", "copies")
async def a_source_of_bytes_that_breaks_off_leaves_no_half_attachment(subject: Subject, target: Target) -> None:
    parent = await created(subject, target)
    entity, write = subject.attachment_write(0, parent, b"x" * 4096)
    broken = write._replace(content=_breaking(write.content))
    try:
        outcome = (await target.create(entity, [broken]))[0]
    except (Unavailable, InDoubt):
        pass
    else:
        must(isinstance(outcome, Failed), f"a stream that broke off: {type(outcome).__name__}")
    must(await subject.copies(entity, write.xid) == 0, "half of an attachment is there")


@of_target("write", "change", "seen", declares=lambda traits: traits.updates)
async def an_update_touches_only_the_fields_it_names(subject: Subject, target: Target) -> None:
    target_id = await created(subject, target)
    before = await subject.seen(target_id) or {}
    change = subject.change()
    write = Write(subject.write(0).xid, change, target=target_id)
    outcomes = await target.update(subject.target_entity, [write])
    _matches(outcomes, [write])
    must(isinstance(outcomes[0], Written), f"not written: {type(outcomes[0]).__name__}")
    after = await subject.seen(target_id) or {}
    touched = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)} - subject.hidden
    must(touched == change.keys(), f"touched: {', '.join(sorted(touched ^ change.keys()))}, which differs from asked")
    must(all(after[name] == value for name, value in change.items()), "a field was not written as sent")


@of_target("write", "change", "gone", declares=lambda traits: traits.updates)
async def an_update_of_what_is_gone_is_refused(subject: Subject, target: Target) -> None:
    write = Write(subject.write(0).xid, subject.change(), target=subject.gone)
    outcomes = await target.update(subject.target_entity, [write])
    must([type(outcome) for outcome in outcomes] == [Rejected], "an update of a record that is gone was not refused")


@of_target("write", "statuses", declares=lambda traits: traits.updates)
async def a_move_reaches_the_status_and_stays_there(subject: Subject, target: Target) -> None:
    target_id = await created(subject, target)
    xid = subject.write(0).xid
    for status in subject.statuses:
        for _ in range(2):
            outcomes = await target.move(subject.target_entity, [Move(xid, target_id, status)])
            must([type(outcome) for outcome in outcomes] == [Written], "a move to a known status was not made")


@of_target("write", "no_status", declares=lambda traits: traits.updates)
async def a_status_out_of_reach_is_refused(subject: Subject, target: Target) -> None:
    target_id = await created(subject, target)
    move = Move(subject.write(0).xid, target_id, subject.no_status)
    outcomes = await target.move(subject.target_entity, [move])
    must([type(outcome) for outcome in outcomes] == [Rejected], "a move to an unknown status was not refused")


@of_target("accounts")
async def accounts_are_found_by_address_and_strangers_are_not(subject: Subject, target: Target) -> None:
    there = await target.accounts([*subject.accounts, "nobody@nowhere.example"])
    must(there == dict(subject.accounts), "accounts differ from those seeded, or a stranger has one")
    must(await target.accounts([]) == {}, "accounts of nobody")


@of_target("write", "seen", declares=lambda traits: traits.deletes)
async def deleting_twice_counts_as_deleted(subject: Subject, target: Target) -> None:
    target_id = await created(subject, target)
    for _ in range(2):
        outcomes = await target.delete(subject.target_entity, [target_id])
        must([type(outcome) for outcome in outcomes] == [Written], "a delete was not counted as done")
        must([outcome.xid for outcome in outcomes] == [target_id], "the xid of a delete's outcome is the id")
    must(await subject.seen(target_id) is None, "a deleted record is still there")


@of_target("write", "deny")
async def a_missing_right_is_a_finding_with_a_hint(subject: Subject, target: Target) -> None:
    await subject.deny()
    findings = await target.check([], [subject.target_entity])
    missing = [finding for finding in findings if not finding.ok]
    must(bool(missing), "check() does not see that creating is denied")
    must(all(finding.hint and finding.detail for finding in missing), "a finding without a hint or detail")


@of_target("write", "deny", "secret")
async def a_denied_create_is_told_without_a_value(subject: Subject, target: Target) -> None:
    await subject.deny()
    try:
        outcomes = await target.create(subject.target_entity, [subject.write(0)])
    except Misconfigured as error:
        must(bool(error.hint), "no hint")
        _tells_nothing(error, subject.secret)
    else:
        must([type(outcome) for outcome in outcomes] == [Rejected], "a denied create was neither refused nor told")
        must(subject.secret not in repr(outcomes), "the refusal tells a value of the record")


@of_target("write", "copies")
async def a_cancelled_create_leaves_it_usable(subject: Subject, target: Target) -> None:
    for turns in range(4):
        task = asyncio.ensure_future(target.create(subject.target_entity, [subject.write(turns)]))
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    await created(subject, target, 9)
    must(
        await subject.copies(subject.target_entity, subject.write(9).xid) == 1, "a create after a cancelled one failed"
    )


@of_target()
async def its_traits_as_a_target_make_sense(subject: Subject, target: Target) -> None:
    traits = target.traits(subject.target_entity)
    must(traits.bulk >= 1, "bulk is 1 at least")
    must(min(traits.search_settle, traits.late_commit) >= 0, "a negative time")
    must(traits.creates is not Creates.LAGGING or traits.search_settle > 0, "a search that lags by nothing")


async def _attempt(subject: Subject, target: Target, entity: str, write: Write) -> str:
    """Create under a fault: the id when the connector is sure, "" when it says that it cannot know or did not apply."""
    try:
        outcome = (await target.create(entity, [write]))[0]
    except (InDoubt, Unavailable, Throttled) as error:
        _tells_nothing(error, subject.secret)
        return ""
    if isinstance(outcome, Failed):
        _tells_nothing(outcome.error, subject.secret)
        return ""
    must(isinstance(outcome, Written), "a lost call came back as a refusal of the record")
    return _id(outcome)


def _tells_nothing(error: BaseException, secret: str) -> None:
    told: BaseException | None = error
    while told is not None:
        must(not secret or secret not in f"{told} {told!r}", f"{type(told).__name__} tells a value of the record")
        told = told.__cause__ or told.__context__
    must(isinstance(error, ConnectorError), f"{type(error).__name__} is no error of the contract")


def _matches(outcomes: Sequence[Outcome], writes: Sequence[Write]) -> None:
    must([outcome.xid for outcome in outcomes] == [write.xid for write in writes], "outcomes do not match the writes")


def _parts(writes: list[Write], bulk: int) -> list[list[Write]]:
    return [writes[start : start + bulk] for start in range(0, len(writes), bulk)]


def _id(outcome: Outcome) -> str:
    return outcome.target if isinstance(outcome, Written) else ""


def _breaking(content: Content | None) -> Content:
    async def pieces() -> AsyncIterator[bytes]:
        if content is not None:
            async with opened(content) as whole:
                async for piece in whole:
                    yield piece[: len(piece) // 2]
                    break
        raise Unavailable("the source's stream ended early")

    return pieces

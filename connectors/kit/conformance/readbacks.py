"""What every target that reads back promises."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Protocol

from connectors.kit.conformance.checks import must, of_readback
from connectors.kit.conformance.subject import Subject
from connectors.kit.contract import Creates, Move, Outcome, Readback, Standing, Target, Write, Written

_PAGES = 1_000
_SLACK = timedelta(seconds=2)  # stamps may be whole seconds


class Both(Target, Readback, Protocol):
    """A target that reads back."""


async def made(subject: Subject, target: Both, writes: Sequence[Write]) -> dict[str, Write]:
    """Create these; each by its id."""
    bulk = target.traits(subject.target_entity).bulk
    there: dict[str, Write] = {}
    for start in range(0, len(writes), bulk):
        part = writes[start : start + bulk]
        for write, outcome in zip(part, await target.create(subject.target_entity, part), strict=True):
            there[id_of(outcome)] = write
    return there


def id_of(outcome: Outcome) -> str:
    must(isinstance(outcome, Written), f"a good record was not written: {outcome}")
    return outcome.target if isinstance(outcome, Written) else ""


async def one(subject: Subject, target: Readback, id: str, fields: Sequence[str] = ()) -> Standing:
    there = await target.stand(subject.target_entity, [id], fields)
    must(list(there) == [id], "stand() of one record did not give that record")
    return there[id]


async def counted(subject: Subject, target: Readback, limit: int) -> list[Standing]:
    """The whole census, by pages of `limit`."""
    found: list[Standing] = []
    rest: str | None = ""
    for _ in range(_PAGES):
        if rest is None:
            return found
        page = await target.census(subject.target_entity, rest, limit)
        must(len(page.standings) <= limit, f"a page of {limit} has {len(page.standings)} records")
        found += page.standings
        rest = page.rest
    must(False, f"{_PAGES} pages and no end: `rest` must become None")
    raise AssertionError


async def _visible(subject: Subject, target: Both) -> None:
    traits = target.traits(subject.target_entity)
    await subject.wait(traits.search_settle + traits.late_commit)


def _differing(told: dict[str, object], there: dict[str, object]) -> str:
    names = sorted(name for name in told.keys() | there.keys() if told.get(name) != there.get(name))
    return ", ".join(names)


@of_readback("write")
async def what_was_created_stands_as_it_was_sent(subject: Subject, target: Both) -> None:
    await target.learn(subject.target_entity)
    there = await made(subject, target, [subject.write(number) for number in range(3)])
    for id, write in there.items():
        standing = await one(subject, target, id, list(write.fields))
        must(standing.xid == write.xid, "a record stands with another external id")
        told = target.canonical(subject.target_entity, write.fields)
        must(bool(told), "nothing of a record can be compared")
        must(standing.fields == told, f"differs from what was sent: {_differing(told, standing.fields)}")


@of_readback("kinds")
async def every_kind_of_field_reads_back_as_sent(subject: Subject, target: Both) -> None:
    await target.learn(subject.target_entity)
    for id, write in (await made(subject, target, subject.kinds())).items():
        standing = await one(subject, target, id, list(write.fields))
        told = target.canonical(subject.target_entity, write.fields)
        must(standing.fields == told, f"differs from what was sent: {_differing(told, standing.fields)}")


@of_readback("write", "change", declares=lambda traits: traits.updates)
async def an_update_stands_as_sent_under_a_newer_version(subject: Subject, target: Both) -> None:
    await target.learn(subject.target_entity)
    [(id, write)] = (await made(subject, target, [subject.write(0)])).items()
    before = await one(subject, target, id)
    await subject.wait(target.traits(subject.target_entity).granularity)
    change = Write(write.xid, subject.change(), id)
    id_of((await target.update(subject.target_entity, [change]))[0])
    after = await one(subject, target, id, list(write.fields))
    told = target.canonical(subject.target_entity, write.fields | change.fields)
    must(after.fields == told, f"differs from what was sent: {_differing(told, after.fields)}")
    must(after.version > before.version, "the version did not grow with an update")


@of_readback("write")
async def a_record_left_alone_keeps_its_version(subject: Subject, target: Both) -> None:
    ids = list(await made(subject, target, [subject.write(number) for number in range(2)]))
    first = await target.stand(subject.target_entity, ids, ())
    must(set(first) == set(ids), "a record does not stand")
    must(await target.stand(subject.target_entity, ids, ()) == first, "read twice, a record differs")


@of_readback("write", "touch")
async def a_change_by_a_person_shows_as_a_difference_a_version_and_a_name(subject: Subject, target: Both) -> None:
    await target.learn(subject.target_entity)
    [(id, write)] = (await made(subject, target, [subject.write(0)])).items()
    names = list(write.fields)
    before = await one(subject, target, id, names)
    await subject.wait(target.traits(subject.target_entity).granularity)
    person = await subject.touch(id)
    after = await one(subject, target, id, names)
    must(after.fields != before.fields, "a change by a person does not show")
    must(after.version > before.version, "the version did not grow with a change by a person")
    must(after.by in ("", person), "the change is told of another account")
    must(after.xid == write.xid, "the external id went with the change")


@of_readback("write", "gone")
async def what_is_gone_does_not_stand(subject: Subject, target: Both) -> None:
    ids = list(await made(subject, target, [subject.write(0)]))
    there = await target.stand(subject.target_entity, [*ids, subject.gone], ())
    must(list(there) == ids, "what is gone stands, or what is there does not")
    must(await target.stand(subject.target_entity, [], ()) == {}, "nothing asked, something told")
    must(await target.others(subject.target_entity, [subject.gone]) == {}, "somebody changed what is not there")


@of_readback("write", "statuses", declares=lambda traits: traits.updates)
async def a_status_reached_is_told_by_its_name(subject: Subject, target: Both) -> None:
    [(id, write)] = (await made(subject, target, [subject.write(0)])).items()
    for status in subject.statuses:
        id_of((await target.move(subject.target_entity, [Move(write.xid, id, status)]))[0])
        must(
            (await one(subject, target, id)).status == status, "a record stands in another status than it was moved to"
        )


@of_readback("write", "child_write", "touch_child")
async def what_hangs_on_a_record_is_told_ours_and_foreign(subject: Subject, target: Both) -> None:
    [id] = await made(subject, target, [subject.write(0)])
    child, write = subject.child_write(1, id)
    await target.learn(child)
    mine = id_of((await target.create(child, [write]))[0])
    await subject.wait(target.traits(subject.target_entity).granularity)
    person = await subject.touch_child(id)
    there = await target.hanging(subject.target_entity, child, [id])
    must(all(one.parent == id for one in there), "what hangs on a record is told under another")
    must([one.xid for one in there if one.target == mine] == [write.xid], "ours is not told once, with its external id")
    foreign = [one for one in there if one.target != mine]
    must([one.xid for one in foreign] == [""], "what a person made is not told once, without an external id")
    must(foreign[0].by in ("", person), "what a person made is told of another account")
    ours = next(one for one in there if one.target == mine)
    told = target.canonical(child, write.fields)
    must(bool(told), "nothing of what hangs on a record can be compared")
    shown = {name: ours.fields.get(name) for name in told}
    must(shown == told, f"differs from what was sent: {_differing(told, shown)}")
    standing = await target.stand(child, [mine], list(write.fields))
    must(mine in standing and standing[mine].fields == told, "what hangs on a record does not stand as it was sent")
    must(standing[mine].xid == write.xid and standing[mine].parent == id, "it stands without its id or its parent")


@of_readback("write", "attachment_write")
async def a_file_is_told_with_its_name_and_size(subject: Subject, target: Both) -> None:
    [id] = await made(subject, target, [subject.write(0)])
    child, write = subject.attachment_write(1, id, b"x" * 1234)
    await target.learn(child)
    mine = id_of((await target.create(child, [write]))[0])
    there = await target.hanging(subject.target_entity, child, [id])
    must([(one.target, one.parent) for one in there] == [(mine, id)], "the file is not told once")
    must(there[0].xid in ("", write.xid), "the file is told with another external id")
    standing = await target.stand(child, [mine], list(write.fields))
    must(mine in standing, "the file does not stand")
    told = target.canonical(child, write.fields)
    must(bool(told), "nothing of a file can be compared")
    must(standing[mine].fields == told, f"differs from what was sent: {_differing(told, standing[mine].fields)}")


@of_readback("write", declares=lambda traits: traits.creates is not Creates.NONE)
async def the_census_tells_everything_of_ours_once(subject: Subject, target: Both) -> None:
    before = await counted(subject, target, 50)
    there = await made(subject, target, [subject.write(number) for number in range(9)])
    await _visible(subject, target)
    for limit in (1, 4, 50):
        found = await counted(subject, target, limit)
        xids = {standing.target: standing.xid for standing in found}
        must(len(xids) == len(found) == len(before) + 9, f"pages of {limit}: {len(found)} told of {len(before) + 9}")
        must(all(xids.get(id) == write.xid for id, write in there.items()), "an external id differs")
        must(not any(standing.fields for standing in found), "a census carries fields")
    must(await target.tally(subject.target_entity) in (None, len(before) + 9), "the tally differs from the census")


@of_readback("write", declares=lambda traits: traits.deletes)
async def what_was_removed_is_in_no_census(subject: Subject, target: Both) -> None:
    ids = list(await made(subject, target, [subject.write(number) for number in range(3)]))
    await target.delete(subject.target_entity, ids[:1])
    await _visible(subject, target)
    found = {standing.target for standing in await counted(subject, target, 2)}
    must(
        ids[0] not in found and found.issuperset(ids[1:]), "the census tells what is gone, or leaves out what is there"
    )
    must(await target.tally(subject.target_entity) in (None, len(found)), "the tally counts what is gone")
    must(ids[0] not in await target.stand(subject.target_entity, ids, ()), "a removed record stands")


@of_readback("write", "change", "statuses", "child_write", declares=lambda traits: traits.updates)
async def our_own_writes_are_nobody_elses(subject: Subject, target: Both) -> None:
    must(bool(await target.me()), "we have no name")
    [(id, write)] = (await made(subject, target, [subject.write(0)])).items()
    await subject.wait(target.traits(subject.target_entity).granularity)
    id_of((await target.update(subject.target_entity, [Write(write.xid, subject.change(), id)]))[0])
    id_of((await target.move(subject.target_entity, [Move(write.xid, id, subject.statuses[0])]))[0])
    child, comment = subject.child_write(1, id)
    id_of((await target.create(child, [comment]))[0])
    must(await target.others(subject.target_entity, [id]) == {}, "our own writes are told as somebody else's")


@of_readback("write", "touch", "touch_child")
async def changes_by_others_are_told_with_name_and_time(subject: Subject, target: Both) -> None:
    edited, left, hung = await made(subject, target, [subject.write(number) for number in range(3)])
    await subject.wait(target.traits(subject.target_entity).granularity)
    earliest = subject.ports.clock.now()
    editor, author = await subject.touch(edited), await subject.touch_child(hung)
    latest = subject.ports.clock.now()
    told = await target.others(subject.target_entity, [edited, left, hung])
    must(told.keys() == {edited, hung}, "who changed which record is told wrongly")
    must((told[edited].by, told[hung].by) == (editor, author), "a change is told of another account")
    must(await target.me() not in (editor, author), "a person is told as us")
    for touch in told.values():
        must(touch.at.tzinfo is not None, "the time of a change has no offset")
        must(earliest - _SLACK <= touch.at <= latest + _SLACK, "the time of a change is wrong")


@of_readback("write", "change", "touch", declares=lambda traits: traits.updates)
async def a_change_by_others_shows_through_our_later_write(subject: Subject, target: Both) -> None:
    [(id, write)] = (await made(subject, target, [subject.write(0)])).items()
    await subject.wait(target.traits(subject.target_entity).granularity)
    person = await subject.touch(id)
    await subject.wait(target.traits(subject.target_entity).granularity)
    id_of((await target.update(subject.target_entity, [Write(write.xid, subject.change(), id)]))[0])
    told = await target.others(subject.target_entity, [id])
    must(id in told and told[id].by == person, "our write hides a person's earlier one")

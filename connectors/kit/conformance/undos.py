"""What every target that puts back promises."""

from __future__ import annotations

from typing import Protocol

from connectors.kit.conformance.checks import must, of_undo
from connectors.kit.conformance.readbacks import counted, id_of, made, one
from connectors.kit.conformance.subject import Subject
from connectors.kit.contract import Readback, Rejected, Target, Undo, Write


class Whole(Target, Readback, Undo, Protocol):
    """A target that reads back and puts back."""


@of_undo("write", "change", declares=lambda traits: traits.updates)
async def a_restored_record_stands_as_before_its_update(subject: Subject, target: Whole) -> None:
    [(id, write)] = (await made(subject, target, [subject.write(0)])).items()
    names = list(dict.fromkeys([*write.fields, *subject.change()]))
    before, image = await one(subject, target, id, names), await target.image(subject.target_entity, [id], names)
    must(set(image) == {id} and set(image[id]) == set(names), "an image lacks a field or a record")
    id_of((await target.update(subject.target_entity, [Write(write.xid, subject.change(), id)]))[0])
    must((await one(subject, target, id, names)).fields != before.fields, "the update changed nothing")
    for _ in range(2):
        id_of((await target.restore(subject.target_entity, [Write(write.xid, image[id], id)]))[0])
        after = await one(subject, target, id, names)
        must(after.fields == before.fields, "a restored record differs from what it was")
        must(after.xid == write.xid, "a restored record lost its external id")


@of_undo("write", "kinds", declares=lambda traits: traits.updates)
async def every_kind_of_field_is_emptied_and_restored(subject: Subject, target: Whole) -> None:
    for id, write in (await made(subject, target, subject.kinds())).items():
        names = list(subject.restorable(write))
        before, image = await one(subject, target, id, names), await target.image(subject.target_entity, [id], names)
        emptied = Write(write.xid, subject.emptied(write), id)
        id_of((await target.restore(subject.target_entity, [emptied]))[0])
        bare = await one(subject, target, id, list(emptied.fields))
        must(bare.fields == {}, f"not emptied: {', '.join(sorted(bare.fields))}")
        id_of((await target.restore(subject.target_entity, [Write(write.xid, image[id], id)]))[0])
        after = await one(subject, target, id, names)
        differing = sorted(name for name in names if after.fields.get(name) != before.fields.get(name))
        must(not differing, f"a restored record differs from what it was: {', '.join(differing)}")


@of_undo("write", declares=lambda traits: traits.updates)
async def our_mark_comes_off_with_a_restore_that_names_none(subject: Subject, target: Whole) -> None:
    [id] = await made(subject, target, [subject.write(0)])
    id_of((await target.restore(subject.target_entity, [Write("", {}, id)]))[0])
    must((await one(subject, target, id)).xid == "", "our external id is still there")
    await subject.wait(target.traits(subject.target_entity).search_settle)
    must(id not in {standing.target for standing in await counted(subject, target, 50)}, "it is still in the census")


@of_undo("write", "change", "gone", declares=lambda traits: traits.updates)
async def a_restore_of_what_is_gone_is_refused(subject: Subject, target: Whole) -> None:
    write = Write(subject.write(0).xid, subject.change(), subject.gone)
    outcomes = await target.restore(subject.target_entity, [write])
    must([type(outcome) for outcome in outcomes] == [Rejected], "a record that is gone was restored")
    must(await target.image(subject.target_entity, [subject.gone], ()) == {}, "what is gone has an image")

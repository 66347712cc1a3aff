"""What every target promises that finds what was there before us."""

from __future__ import annotations

from typing import Protocol

from connectors.kit.conformance.checks import must, of_lookup
from connectors.kit.conformance.readbacks import id_of, made, one
from connectors.kit.conformance.subject import Subject
from connectors.kit.contract import Lookup, Readback, Target, Undo, Write

_WORDS = ("KNOWN-17", "KNOWN-18", "KNOWN-1", "known 17")


class Matching(Target, Readback, Undo, Lookup, Protocol):
    """A target that updates what was there before."""


async def _there(subject: Subject, target: Matching, words: tuple[str, ...]) -> dict[str, str]:
    """Records with these words, as if somebody else had made them: {id: word}."""
    writes = [Write(subject.write(n).xid, subject.known_by(word)[1]) for n, word in enumerate(words)]
    ids = await made(subject, target, writes)
    await target.restore(subject.target_entity, [Write("", {}, id) for id in ids])
    await subject.wait(target.traits(subject.target_entity).search_settle)
    return dict(zip(ids, words, strict=True))


@of_lookup("write", "known_by", declares=lambda traits: traits.updates)
async def a_record_is_found_by_exactly_its_text_and_by_no_other(subject: Subject, target: Matching) -> None:
    there = await _there(subject, target, _WORDS)
    field = subject.known_by("")[0]
    asked = [*_WORDS, "KNOWN-170", 'KNOWN-17" OR "x', "nobody"]
    found = await target.lookup(subject.target_entity, field, asked)
    shown = {word: [standing.target for standing in standings] for word, standings in found.items() if standings}
    must(shown == {word: [id] for id, word in there.items()}, f"found for {sorted(shown)}, of {len(asked)} asked")


@of_lookup("write", "known_by", declares=lambda traits: traits.updates)
async def several_records_with_one_text_are_several(subject: Subject, target: Matching) -> None:
    await _there(subject, target, ("KNOWN-1", "KNOWN-1", "KNOWN-1"))
    found = await target.lookup(subject.target_entity, subject.known_by("")[0], ["KNOWN-1"])
    must(len(found["KNOWN-1"]) > 1, "of several records with one text only one was found")


@of_lookup("write", "known_by", declares=lambda traits: traits.updates)
async def an_update_gives_what_was_found_our_external_id(subject: Subject, target: Matching) -> None:
    [id] = await _there(subject, target, ("KNOWN-1",))
    field, fields = subject.known_by("KNOWN-1")
    [before] = (await target.lookup(subject.target_entity, field, ["KNOWN-1"]))["KNOWN-1"]
    must((before.target, before.xid) == (id, ""), "what is not ours was told with an id of ours")
    write = Write(subject.write(7).xid, fields, id)
    for _ in range(2):
        id_of((await target.update(subject.target_entity, [write]))[0])
        must((await one(subject, target, id)).xid == write.xid, "an updated record does not carry our external id")
    [after] = (await target.lookup(subject.target_entity, field, ["KNOWN-1"]))["KNOWN-1"]
    must(after.xid == write.xid, "what is ours was told without our external id")

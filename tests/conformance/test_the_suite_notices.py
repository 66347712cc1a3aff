"""The suite is worth something: a connector that breaks a promise fails the check that names it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from connectors.kit import conformance
from connectors.kit.contract import (
    Census,
    Changes,
    Connector,
    Doubt,
    Fields,
    Outcome,
    Page,
    Record,
    Scope,
    Standing,
    Touch,
    Write,
    Written,
)
from connectors.kit.errors import InDoubt, Unavailable
from connectors.memory import Memory
from tests.conformance.memory_subject import MemorySubject


class EndsAtAShortPage(Memory):
    async def read(self, scope: Scope, span: str, limit: int) -> Page:
        page = await super().read(scope, span, limit)
        return page._replace(rest=None) if limit < 500 else page


class RepeatsARecord(Memory):
    async def read(self, scope: Scope, span: str, limit: int) -> Page:
        page = await super().read(scope, span, limit)
        return page._replace(records=page.records + page.records[:1]) if len(page.records) > 1 else page


class IgnoresFilters(Memory):
    async def read(self, scope: Scope, span: str, limit: int) -> Page:
        return await super().read(scope._replace(filters=()), span, limit)


class ForgetsAChange(Memory):
    async def changes(self, scope: Scope, position: str) -> Changes:
        return (await super().changes(scope, position))._replace(changes=[])


class NeverGrows(Memory):
    async def fetch(self, scope: Scope, keys: Sequence[str]) -> list[Record]:
        return [record._replace(version="1") for record in await super().fetch(scope, keys)]


class SendsTwice(Memory):
    async def create(self, entity: str, writes: Sequence[Write]) -> list[Outcome]:
        try:
            return await super().create(entity, writes)
        except InDoubt:
            return await super().create(entity, writes)


class FindsNothing(Memory):
    async def find(self, entity: str, doubts: Sequence[Doubt]) -> dict[str, Written]:
        return {}


class ShufflesOutcomes(Memory):
    async def create(self, entity: str, writes: Sequence[Write]) -> list[Outcome]:
        return (await super().create(entity, writes))[::-1]


class TellsTheValue(Memory):
    async def create(self, entity: str, writes: Sequence[Write]) -> list[Outcome]:
        try:
            return await super().create(entity, writes)
        except InDoubt as error:
            raise Unavailable(f"could not send {writes[0].fields}") from error


class OverwritesAll(Memory):
    async def update(self, entity: str, writes: Sequence[Write]) -> list[Outcome]:
        for write in writes:
            self.store.put(entity, write.target, write.fields)
        return [Written(write.xid, write.target, created=False) for write in writes]


class KeepsItsTurn(Memory):
    async def count(self, scope: Scope) -> int:
        await self._pacer.turn("count")
        return await super().count(scope)


class ShowsValuesAsTheyLie(Memory):
    async def stand(self, entity: str, targets: Sequence[str], fields: Sequence[str]) -> dict[str, Standing]:
        there = await super().stand(entity, targets, fields)
        rows: dict[str, Fields] = {record.key: record.fields for record in self.store.records(entity)}
        return {target: one._replace(fields=rows[target]) for target, one in there.items()}


class ShowsWhatIsGone(Memory):
    async def stand(self, entity: str, targets: Sequence[str], fields: Sequence[str]) -> dict[str, Standing]:
        there = await super().stand(entity, targets, fields)
        return {target: there.get(target) or Standing(target, "", "", {}) for target in targets}


class ClaimsWhatHangs(Memory):
    async def hanging(self, entity: str, child: str, targets: Sequence[str]) -> list[Standing]:
        return [one._replace(xid=one.xid or "OURS") for one in await super().hanging(entity, child, targets)]


class EndsTheCensusEarly(Memory):
    async def census(self, entity: str, rest: str, limit: int) -> Census:
        return (await super().census(entity, rest, limit))._replace(rest=None)


class CountsEverything(Memory):
    async def tally(self, entity: str) -> int | None:
        return 1 + (await super().tally(entity) or 0)


class NoticesNobody(Memory):
    async def others(self, entity: str, targets: Sequence[str]) -> dict[str, Touch]:
        return {}


class TakesUsForAnother(Memory):
    async def others(self, entity: str, targets: Sequence[str]) -> dict[str, Touch]:
        return {target: Touch(await self.me(), self._clock.now()) for target in targets}


class KeepsItsMark(Memory):
    async def restore(self, entity: str, writes: Sequence[Write]) -> list[Outcome]:
        return await self.update(entity, writes)


class FindsAnythingAlike(Memory):
    async def lookup(self, entity: str, field: str, values: Sequence[str]) -> dict[str, list[Standing]]:
        there = {str(record.fields.get(field)): record.key for record in self.store.records(entity)}
        ids = {value: [id for text, id in there.items() if text.startswith(value)] for value in values}
        return {value: list((await self.stand(entity, some, ())).values()) for value, some in ids.items()}


class UpdatesWithoutAMark(Memory):
    async def update(self, entity: str, writes: Sequence[Write]) -> list[Outcome]:
        return await super().update(entity, [write._replace(xid="") for write in writes])


_BREAKS: dict[type[Memory], str] = {
    EndsAtAShortPage: "every_record_is_read_once_and_in_key_order_whatever_the_page_size",
    RepeatsARecord: "every_record_is_read_once_and_in_key_order_whatever_the_page_size",
    IgnoresFilters: "a_filter_lets_through_what_it_says",
    ForgetsAChange: "a_change_after_the_position_is_seen_and_not_as_older",
    NeverGrows: "versions_grow_with_every_edit",
    SendsTwice: "a_create_whose_answer_is_lost_is_never_made_twice",
    FindsNothing: "what_was_created_is_found_by_its_external_id",
    ShufflesOutcomes: "outcomes_come_in_order_one_for_each_write",
    TellsTheValue: "a_create_that_never_arrived_is_not_found",
    OverwritesAll: "an_update_touches_only_the_fields_it_names",
    ShowsValuesAsTheyLie: "every_kind_of_field_reads_back_as_sent",
    ShowsWhatIsGone: "what_is_gone_does_not_stand",
    ClaimsWhatHangs: "what_hangs_on_a_record_is_told_ours_and_foreign",
    EndsTheCensusEarly: "the_census_tells_everything_of_ours_once",
    CountsEverything: "the_census_tells_everything_of_ours_once",
    NoticesNobody: "changes_by_others_are_told_with_name_and_time",
    TakesUsForAnother: "our_own_writes_are_nobody_elses",
    FindsAnythingAlike: "a_record_is_found_by_exactly_its_text_and_by_no_other",
    UpdatesWithoutAMark: "an_update_gives_what_was_found_our_external_id",
    KeepsItsMark: "our_mark_comes_off_with_a_restore_that_names_none",
    KeepsItsTurn: "the_count_leaves_nothing_out",
}


@pytest.mark.parametrize("kind", _BREAKS, ids=lambda kind: kind.__name__)
def test_a_broken_promise_is_noticed(kind: type[Memory]) -> None:
    class Broken(MemorySubject):
        async def connect(self) -> Connector:
            whole: Any = await super().connect()
            return kind(whole.store, whole.options, self.ports)

    @asynccontextmanager
    async def factory() -> AsyncIterator[conformance.Subject]:
        subject = Broken({"creates": "strong"})
        yield subject
        subject.end()

    check = next(check for check in conformance.CHECKS if check.name == _BREAKS[kind])
    with pytest.raises(conformance.Broken):
        asyncio.run(conformance.run(check, factory))

"""What differs is sent again: by the same pipeline, under the same id, and nothing that somebody edited."""

from __future__ import annotations

from pathlib import Path

import pytest

from connectors.memory.store import ME
from engine.compare import Difference, Kind
from engine.errors import Refused
from engine.rollback import Rollbacks
from engine.wire import Repair, Rollback
from tests.engine.comparing_night import CORRUPTIONS, compared, comparing, corrupt, drift, repairs, target_of
from tests.engine.memory_migration import PLAYBOOK, fill, go, night, write

_STUCK = {"a comment hangs on another record", "a comment is there twice"}


@pytest.mark.parametrize("how", sorted(CORRUPTIONS.keys() - _STUCK))
def test_what_went_wrong_at_the_target_is_mended(how: str, tmp_path: Path) -> None:
    async def work() -> None:
        write(tmp_path, target="{ creates: strong, deletes: true }")
        async with night(tmp_path) as it:
            fill(it.left, bad=0)
            await it.run("pilot")
            links = it.right.count("link")
            await corrupt(it, how, "I0040")
            one = await compared(it, comparing(it), full=True)
            assert one.kinds, one.outcome
            plan = await repairs(it).preview("pilot", [], [], "")
            assert plan.records and not plan.stuck
            await repairs(it).repair(Repair(wave="pilot", by="ana"))
            status = await it.settled()
            assert status.waves[0].state == "awaiting_sign_off", status.waves[0].cause
            assert await drift(it) == []
            assert set(it.copies().values()) == set(it.copies("comment").values()) == {1}
            assert (it.right.count("issue"), it.right.count("link")) == (15, links)
            assert not (await compared(it, comparing(it), full=True)).kinds

    go(work)


@pytest.mark.parametrize("how", sorted(_STUCK))
def test_what_only_a_person_can_mend_is_said_and_left(how: str, tmp_path: Path) -> None:
    async def work() -> None:
        write(tmp_path)
        async with night(tmp_path) as it:
            fill(it.left, bad=0)
            await it.run("pilot")
            await corrupt(it, how, "I0040")
            await compared(it, comparing(it), full=True)
            plan = await repairs(it).preview("pilot", [], [], "")
            assert (plan.records, sum(plan.stuck.values())) == (0, 1)
            with pytest.raises(Refused, match="nothing to mend"):
                await repairs(it).repair(Repair(wave="pilot", by="ana"))

    go(work)


def test_what_somebody_edited_is_overwritten_only_when_the_wave_is_named(tmp_path: Path) -> None:
    async def work() -> None:
        write(tmp_path)
        async with night(tmp_path) as it:
            fill(it.left, bad=0)
            await it.run("pilot")
            it.right.edit("issue", await target_of(it, "I0012"), {"title": "better words"}, by="zoe")
            it.right.edit("issue", await target_of(it, "I0016"), {"title": "cut"}, by=ME)
            await compared(it, comparing(it), full=True)
            plan = await repairs(it).preview("pilot", [], [], "")
            assert (plan.update, plan.edited, plan.fields) == (1, 1, {"title": 1})
            await repairs(it).repair(Repair(wave="pilot", by="ana"))
            await it.settled()
            assert await drift(it) == [("I0012", "edited_at_target", "title")]
            with pytest.raises(Refused, match="--also-edited pilot"):
                await repairs(it).repair(Repair(wave="pilot", by="ana", also_edited="yes"))
            await repairs(it).repair(Repair(wave="pilot", by="ana", also_edited="pilot"))
            await it.settled()
            titles = {record.fields["title"] for record in it.right.records("issue")}
            assert "better words" not in titles and "printer 12 on fire" in titles
            assert await drift(it) == []

    go(work)


def test_a_missing_record_that_is_there_under_another_id_is_not_created_again(tmp_path: Path) -> None:
    async def work() -> None:
        write(tmp_path, target="{ creates: strong }")
        async with night(tmp_path) as it:
            fill(it.left, bad=0)
            await it.run("pilot")
            issue = await target_of(it, "I0012")
            there, xid = it.right.get("issue", issue), it.right.tables["issue"].xids[issue]
            assert there is not None
            it.right.remove("issue", issue, by=ME)
            moved = f"{9 * 10**11:012d}"
            it.right.put("issue", moved, there.fields, by=ME)
            it.right.tables["issue"].own(moved, xid)
            it.right.tables["issue"].log[-1] = it.right.tables["issue"].log[-1]._replace(number=9 * 10**11)
            await compared(it, comparing(it), full=True)
            assert ("I0012", "missing", "") in await drift(it)
            await repairs(it).repair(Repair(wave="pilot", by="ana", kinds=["missing"]))
            await it.settled()
            assert await target_of(it, "I0012") == moved
            assert it.right.count("issue") == 15

    go(work)


def test_a_record_made_anew_refers_to_what_its_source_refers_to_by_now(tmp_path: Path) -> None:
    async def work() -> None:
        write(tmp_path, playbook=PLAYBOOK.replace("link: Relates", "field: above"))
        async with night(tmp_path) as it:
            fill(it.left, bad=0)
            it.left.edit("incident", "I0040", {"parent": "I0052"})
            await it.run("pilot")
            it.right.remove("issue", await target_of(it, "I0040"), by=ME)
            await compared(it, comparing(it), full=True)
            it.left.edit("incident", "I0040", {"parent": "I0012"})
            await repairs(it).repair(Repair(wave="pilot", by="ana"))
            await it.settled()
            anew = it.right.get("issue", await target_of(it, "I0040"))
            assert anew is not None
            assert anew.fields["above"] == await target_of(it, "I0012")

    go(work)


def test_a_record_that_was_made_anew_is_not_made_a_second_time_although_no_search_shows_it(tmp_path: Path) -> None:
    async def work() -> None:
        write(tmp_path, target="{ creates: none }")
        async with night(tmp_path) as it:
            fill(it.left, bad=0)
            await it.run("pilot")
            gone = await target_of(it, "I0040")
            await corrupt(it, "a record is dropped", "I0040")
            await compared(it, comparing(it), full=True)
            await repairs(it).repair(Repair(wave="pilot", by="ana"))
            await it.settled()
            assert (await drift(it), it.right.count("issue")) == ([], 15)
            number = await it.ledger.entity("incident")
            late = Difference("incident", "I0040", Kind.MISSING, "", gone, "I0040")  # of a comparison that took long
            await it.ledger.drifts.found(1, number, [], ["I0040"], [late])
            await repairs(it).repair(Repair(wave="pilot", by="ana"))
            await it.settled()
            assert (await drift(it), it.right.count("issue")) == ([], 15)

    go(work)


def test_a_repair_that_is_refused_has_opened_nothing(tmp_path: Path) -> None:
    async def work() -> None:
        write(tmp_path)
        async with night(tmp_path) as it:
            fill(it.left, bad=0)
            await it.run()
            it.right.remove("issue", await target_of(it, "I0041"), by=ME)
            await compared(it, comparing(it), full=True, wave="rest")
            await Rollbacks(it.conductor, it.ledger).roll_back(Rollback(wave="pilot", despite="so", by="ana"))
            await it.settled()
            with pytest.raises(Refused, match="comes after pilot"):
                await repairs(it).repair(Repair(wave="rest", by="ana"))
            assert (await it.buckets())["synced"] == 42

    go(work)


def test_only_the_classes_and_records_that_were_named_are_mended(tmp_path: Path) -> None:
    async def work() -> None:
        write(tmp_path)
        async with night(tmp_path) as it:
            fill(it.left, bad=0)
            await it.run("pilot")
            for key in ("I0012", "I0016"):
                it.right.edit("issue", await target_of(it, key), {"title": "cut"}, by=ME)
            it.right.remove("issue", await target_of(it, "I0020"), by=ME)
            await compared(it, comparing(it), full=True)
            assert (await repairs(it).preview("pilot", ["changed"], [], "")).records == 2
            await repairs(it).repair(Repair(wave="pilot", by="ana", keys=["I0012"]))
            await it.settled()
            assert [key for key, _, _ in await drift(it)] == ["I0016", "I0020"]
            with pytest.raises(Refused, match="no class lost"):
                await repairs(it).preview("pilot", ["lost"], [], "")

    go(work)

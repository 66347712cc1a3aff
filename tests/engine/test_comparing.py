"""Comparisons that somebody asks for: all of it, a sample, taken up again; what is beyond the ledger; what is shown."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from connectors.memory.store import ME
from engine.compare import at_most
from engine.errors import Refused
from engine.rollback import Rollbacks
from engine.wire import Reconcile, Rollback
from tests.engine.comparing_night import compared, comparing, drift, target_of
from tests.engine.memory_migration import PLAYBOOK, fill, go, night, write


def test_a_full_comparison_finds_what_a_dirty_one_has_no_reason_to_look_at(tmp_path: Path) -> None:
    async def work() -> None:
        write(tmp_path)
        async with night(tmp_path) as it:
            fill(it.left, bad=0)
            await it.run("pilot")
            it.right.edit("issue", await target_of(it, "I0012"), {"title": "cut"}, by=ME)
            by = comparing(it)
            assert (await compared(it, by)).outcome == "0 records compared, none differs"
            one = await compared(it, by, full=True)
            assert (one.compared, one.total, one.kinds) == (15, 15, {"changed": 1})
            assert one.ended and "cutover repair --wave pilot" in one.outcome

    go(work)


def test_a_sample_looks_at_so_many(tmp_path: Path) -> None:
    async def work() -> None:
        write(tmp_path)
        async with night(tmp_path) as it:
            fill(it.left, 200, bad=0)
            await it.run("pilot")
            one = await compared(it, comparing(it), sample=10)
            assert one.compared == 10 and not one.kinds

    go(work)


def test_what_the_target_has_beyond_the_ledger_is_extra_or_there_twice(tmp_path: Path) -> None:
    async def work() -> None:
        write(tmp_path)
        async with night(tmp_path) as it:
            fill(it.left, bad=0)
            await it.run("pilot")
            issues = it.right.tables["issue"]
            there = it.right.get("issue", await target_of(it, "I0012"))
            assert there is not None
            it.right.put("issue", "999999999998", there.fields, by=ME)
            issues.own("999999999998", issues.xids[there.key])
            it.right.put("issue", "999999999999", there.fields, by=ME)
            issues.own("999999999999", "nobody-s-id")
            it.right.put("issue", "foreign", there.fields, by="zoe")
            await compared(it, comparing(it), full=True)
            assert await drift(it) == [("999999999998", "duplicate", ""), ("999999999999", "extra", "")]
            it.right.remove("issue", "999999999998", by=ME)
            it.right.remove("issue", "999999999999", by=ME)
            await compared(it, comparing(it), full=True)
            assert await drift(it) == []

    go(work)


def test_what_differed_before_a_rollback_is_said_of_the_wave_no_more_and_stops_no_later_run(tmp_path: Path) -> None:
    async def work() -> None:
        write(tmp_path)
        async with night(tmp_path) as it:
            fill(it.left, bad=0)
            await it.run("pilot")
            there = it.right.get("issue", await target_of(it, "I0012"))
            assert there is not None
            for id, xid in (("999999999998", it.right.tables["issue"].xids[there.key]), ("999999999999", "nobody-s")):
                it.right.put("issue", id, there.fields, by=ME)
                it.right.tables["issue"].own(id, xid)
            by = comparing(it)
            assert (await compared(it, by, full=True)).kinds == {"duplicate": 1, "extra": 1}
            await Rollbacks(it.conductor, it.ledger).roll_back(Rollback(wave="pilot", by="ana"))
            await it.settled()
            assert await drift(it) == []
            assert (await by.state()).comparisons == []
            assert await it.ledger.drifts.by_wave() == {}
            assert (await it.run("pilot")).waves[0].state == "awaiting_sign_off"
            assert await drift(it) == []

    go(work)


def test_a_comparison_that_was_cut_off_goes_on_where_it_was(tmp_path: Path) -> None:
    async def work() -> None:
        write(tmp_path)
        async with night(tmp_path) as it:
            fill(it.left, bad=0)
            await it.run("pilot")
            it.right.faults.add("unavailable", "stand", times=None)
            by = comparing(it)
            async with by.kept():
                await by.reconcile(Reconcile(wave="pilot", full=True, by="ana"))
                assert by.busy
                with pytest.raises(Refused, match="is being compared"):
                    await by.reconcile(Reconcile(wave="pilot", full=True, by="ana"))
                await asyncio.sleep(0.05)
            (one,) = (await by.state()).comparisons
            assert (one.running, one.ended, one.compared) == (False, "", 0)
            it.right.faults.clear()
            number = await it.ledger.entity("incident")
            await it.ledger.drifts.at(1, number, "I0020", 6)
            one = await compared(it, comparing(it), full=True)
            assert one.compared == 15, "six were compared before"
            assert one.ended

    go(work)


def test_one_record_is_shown_on_both_sides_with_its_values_masked(tmp_path: Path) -> None:
    async def work() -> None:
        write(tmp_path)
        async with night(tmp_path) as it:
            fill(it.left, bad=0)
            await it.run("pilot")
            it.right.edit("issue", await target_of(it, "I0012"), {"title": "cut"}, by=ME)
            by = comparing(it)
            await compared(it, by, full=True)
            shown = await by.show("I0012", plainly=False)
            title = next(field for field in shown.fields if field.field == "title")
            assert (title.differs, title.wanted, title.there) == (True, "p… (18 characters)", "c… (3 characters)")
            assert "printer" not in shown.model_dump_json()
            plain = await by.show("I0012", plainly=True)
            assert ("printer 12 on fire", "cut") in {(field.wanted, field.there) for field in plain.fields}
            assert [(row.kind, row.field) for row in shown.rows] == [("changed", "title")]
            with pytest.raises(Refused, match="no record X1"):
                await by.show("X1", plainly=False)

    go(work)


def test_a_record_is_shown_by_what_people_know_it_by_too(tmp_path: Path) -> None:
    async def work() -> None:
        write(
            tmp_path,
            playbook=PLAYBOOK.replace(
                "    fields:\n      title", "    label: short_description\n    fields:\n      title"
            ),
        )
        async with night(tmp_path) as it:
            fill(it.left, bad=0)
            await it.run("pilot")
            it.right.edit("issue", await target_of(it, "I0012"), {"title": "cut"}, by=ME)
            by = comparing(it)
            await compared(it, by, full=True)
            shown = await by.show("printer 12 on fire", plainly=False)
            assert (shown.entity, shown.key) == ("incident", "I0012")
            assert [(row.kind, row.field) for row in shown.rows] == [("changed", "title")]
            with pytest.raises(Refused, match="knows no record printer 13 on fire"):  # of the other wave
                await by.show("printer 13 on fire", plainly=False)

    go(work)


def test_a_wave_that_never_ran_has_nothing_to_compare(tmp_path: Path) -> None:
    async def work() -> None:
        write(tmp_path)
        async with night(tmp_path) as it:
            with pytest.raises(Refused, match="has not begun"):
                await comparing(it).reconcile(Reconcile(wave="pilot", by="ana"))

    go(work)


@pytest.mark.parametrize(
    ("differing", "sampled", "bound"),
    [(0, 1, 0.95), (0, 20, 0.139108), (0, 100, 0.029513), (1, 10, 0.394163), (1, 20, 0.216106), (5, 100, 0.102253)],
)
def test_the_bound_of_a_sample_is_the_one_of_clopper_and_pearson(differing: int, sampled: int, bound: float) -> None:
    assert at_most(differing, sampled) == pytest.approx(bound, abs=1e-6)


def test_a_sample_that_differs_whole_bounds_nothing_and_no_sample_says_nothing() -> None:
    assert (at_most(3, 3), at_most(0, 0)) == (1.0, None)

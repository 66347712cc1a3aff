"""Jira as a source, beside a double that behaves like one."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from connectors.jira.connector import Jira
from connectors.kit.contract import Change, Feed, Record, Scope, Write
from connectors.kit.errors import Misconfigured, Unavailable
from connectors.rehearsal.faults import Rule
from connectors.rehearsal.jira import JiraDouble
from tests.jira.desk import content, desk
from tests.rehearsal.jira_calls import Hand

SCOPE = Scope("issue")


async def seed(double: JiraDouble, number: int, project: str = "DESK", **more: Any) -> list[str]:
    """Issues as users make them; their ids."""
    made = []
    for n in range(number):
        named = {"project": {"key": project}, "issuetype": {"name": "Task"}, "summary": f"{project} {n}"}
        made.append(str((await double.scripted({"op": "create", "fields": named | more}))["id"]))
    return made


async def read_all(jira: Jira, scope: Scope = SCOPE, parts: int = 1, limit: int = 50) -> list[Record]:
    found: list[Record] = []
    for span in await jira.spans(scope, parts):
        rest: str | None = span
        while rest is not None:
            page = await jira.read(scope, rest, limit)
            assert len(page.records) <= limit
            found += page.records
            rest = page.rest
    return found


async def drain(jira: Jira, position: str, scope: Scope = SCOPE) -> tuple[list[Change], str]:
    found: list[Change] = []
    while True:
        piece = await jira.changes(scope, position)
        found += piece.changes
        position = piece.position
        if piece.caught_up:
            return found, position


async def seen(jira: Jira, position: str, keys: set[str]) -> tuple[list[Change], str]:
    """Changes from `position` on, until these keys are among them; fails after some seconds."""
    found: list[Change] = []
    clock = asyncio.get_running_loop().time
    deadline = clock() + 10
    while not keys <= {change.key for change in found}:
        assert clock() < deadline, "the feed never showed the change"
        some, position = await drain(jira, position)
        found += some
        await asyncio.sleep(0.05)
    return found, position


# ---------------------------------------------------------------- reading


@pytest.mark.parametrize(("parts", "limit"), [(1, 1), (1, 7), (3, 7), (8, 500), (40, 10)])
def test_every_issue_is_read_once_and_in_the_order_of_its_number(parts: int, limit: int) -> None:
    double = JiraDouble()

    async def run() -> None:
        made = await seed(double, 23) + await seed(double, 9, "INFRA")
        await double.scripted({"op": "delete", "issue": made[11]})
        async with desk(double) as jira:
            keys = [record.key for record in await read_all(jira, parts=parts, limit=limit)]
            assert keys == [key for key in made if key != made[11]]
            assert await jira.count(SCOPE) == 31

    asyncio.run(run())


def test_a_span_of_a_page_reads_that_page_again_though_more_has_come() -> None:
    double = JiraDouble()

    async def run() -> None:
        await seed(double, 12)
        await seed(double, 5, "INFRA")
        async with desk(double) as jira:
            (span,) = await jira.spans(SCOPE, 1)
            rest: str | None = span
            pages = []
            while rest is not None:
                page = await jira.read(SCOPE, rest, 7)
                pages.append(page)
                rest = page.rest
            await seed(double, 3)
            for page in pages:
                again = await jira.read(SCOPE, page.span, 50)
                assert [one.key for one in again.records] == [one.key for one in page.records]
                assert again.rest is None

    asyncio.run(run())


def test_what_appears_later_belongs_to_exactly_one_span() -> None:
    double = JiraDouble()

    async def run() -> None:
        made = await seed(double, 20)
        async with desk(double) as jira:
            spans = await jira.spans(SCOPE, 4)
            made += await seed(double, 5) + await seed(double, 2, "INFRA")
            found = [record.key for span in spans for record in (await jira.read(SCOPE, span, 100)).records]
            assert sorted(found) == sorted(made)

    asyncio.run(run())


def test_filters_narrow_and_or_stays_inside_of_its_filter() -> None:
    double = JiraDouble()

    async def run() -> None:
        high = await seed(double, 3, priority={"name": "High"})
        low = await seed(double, 4, priority={"name": "Low"})
        await seed(double, 5, "INFRA", priority={"name": "Low"})
        async with desk(double, projects=["DESK"]) as jira:
            either = Scope("issue", ("priority = High OR priority = Low",))
            assert [record.key for record in await read_all(jira, either)] == high + low
            both = Scope("issue", ("priority = High OR priority = Low", "summary ~ 2"))
            assert len(await read_all(jira, both)) == 2
            assert await jira.count(either) == 7
            with pytest.raises(Misconfigured):
                await read_all(jira, Scope("issue", ("colour = red",)))
            with pytest.raises(Misconfigured):
                await read_all(jira, Scope("issue", ("priority = Low ORDER BY created",)))

    asyncio.run(run())


def test_fields_are_asked_for_by_name_and_by_path() -> None:
    double = JiraDouble()

    async def run() -> None:
        (key,) = await seed(double, 1, priority={"name": "High"})
        scope = Scope("issue", (), ("summary", "priority.name", "key"))
        async with desk(double) as jira:
            (read,) = await read_all(jira, scope)
            (fetched,) = await jira.fetch(scope, [key, "99999"])
            for record in (read, fetched):
                assert record.key == key
                assert record.fields["summary"] == "DESK 0"
                assert record.fields["priority.name"] == "High"
                assert record.fields["key"] == "DESK-1"
                assert "description" not in record.fields
            assert await jira.fetch(scope, []) == []

    asyncio.run(run())


def test_an_issue_that_moves_to_another_project_stays_the_same_record() -> None:
    double = JiraDouble()

    async def run() -> None:
        (key,) = await seed(double, 1)
        async with desk(double) as jira:
            await double.scripted({"op": "move", "issue": key, "project": "INFRA"})
            (record,) = await read_all(jira)
            assert (record.key, record.fields["key"]) == (key, "INFRA-1")

    asyncio.run(run())


@pytest.mark.parametrize("kind", ["drop_before", "truncated", "html_200", "status_before"])
def test_a_read_that_fails_is_made_again_and_loses_nothing(kind: str) -> None:
    double = JiraDouble()

    async def run() -> None:
        made = await seed(double, 9)
        args = {"code": 500} if kind == "status_before" else {}
        double.faults.add(Rule("POST .*/search/jql", kind, times=2, args=args))
        async with desk(double) as jira:
            assert [record.key for record in await read_all(jira, limit=4)] == made

    asyncio.run(run())


# ---------------------------------------------------------------- changes


@pytest.mark.parametrize("zone", ["Etc/UTC", "Asia/Kolkata", "America/St_Johns"])
def test_a_change_is_seen_in_any_zone_once_and_with_its_new_version(zone: str) -> None:
    double = JiraDouble(zone=zone, lag=0.1)

    async def run() -> None:
        keys = await seed(double, 6)
        async with desk(double) as jira:
            assert jira.traits("issue").feed is Feed.CURSOR
            position = await jira.position(SCOPE)
            before = {record.key: record.version for record in await jira.fetch(SCOPE, keys)}
            await asyncio.sleep(0.05)
            for key in keys[:2]:
                await double.scripted({"op": "edit", "issue": key, "fields": {"summary": "edited"}})
            found, position = await seen(jira, position, set(keys[:2]))
            after = {record.key: record.version for record in await jira.fetch(SCOPE, keys)}
            for key in keys[:2]:
                assert [change.version for change in found if change.key == key][-1] == after[key] > before[key]
            # The overlap is read again each time, but what is known to have arrived is not told again.
            again, later = await drain(jira, position)
            assert again == []
            assert later >= position

    asyncio.run(run())


def test_a_piece_of_the_feed_that_never_arrived_is_given_again() -> None:
    double = JiraDouble()

    async def run() -> None:
        async with desk(double, search_settle=0) as jira:
            position = await jira.position(SCOPE)
            keys = set(await seed(double, 3))
            first, _ = await seen(jira, position, keys)
            second, _ = await seen(jira, position, keys)
            assert {change.key for change in first} == {change.key for change in second} == keys

    asyncio.run(run())


def test_a_piece_that_came_in_one_tick_of_the_clock_is_given_again_too() -> None:
    """Its position is the one it was asked with: the next call does not show whether it arrived."""
    double = JiraDouble(time=Hand())

    async def run() -> None:
        async with desk(double, search_settle=0) as jira:
            position = await jira.position(SCOPE)
            made = await seed(double, 3)
            for _ in range(2):
                piece = await jira.changes(SCOPE, position)
                assert ([change.key for change in piece.changes], piece.position) == (made, position)

    asyncio.run(run())


def test_a_change_younger_than_the_settle_horizon_waits_for_it() -> None:
    double = JiraDouble()

    async def run() -> None:
        async with desk(double, search_settle=30) as jira:
            position = await jira.position(SCOPE)
            await seed(double, 2)
            piece = await jira.changes(SCOPE, position)
            assert piece.changes == []
            assert piece.position == position
            assert piece.caught_up
            with pytest.raises(Misconfigured):
                await jira.changes(SCOPE, "yesterday")

    asyncio.run(run())


# ---------------------------------------------------------------- children


def test_comments_and_attachments_hang_on_their_parents_oldest_first() -> None:
    double = JiraDouble()

    async def run() -> None:
        one, two, three = await seed(double, 3)
        async with desk(double) as jira:
            comments = [Write(f"C{n}", {"body": f"{n}"}, parent=one) for n in range(120)]
            double.limits({"issue_writes": []})
            await jira.create("comment", comments)
            await jira.create("comment", [Write("D", {"body": "d"}, parent=two)])
            found = await jira.children(Scope("comment"), [one, two, three])
            assert [record.parent for record in found] == [one] * 120 + [two]
            bodies = [record.fields["body"]["content"][0]["content"][0]["text"] for record in found]
            assert bodies == [str(n) for n in range(120)] + ["d"]
            (again,) = await jira.fetch(Scope("comment"), [found[5].key, f"{one}/99999"])
            assert again == found[5]

            files = [Write(f"A{n}", {"filename": f"{n}"}, parent=one, content=content(b"x" * n)) for n in range(4)]
            await jira.create("attachment", files)
            attached = await jira.children(Scope("attachment"), [two, one])
            assert [(record.parent, record.fields["size"]) for record in attached] == [(one, n) for n in range(4)]
            (file,) = await jira.fetch(Scope("attachment"), [attached[3].key, "99999"])
            assert (file.key, file.fields["size"]) == (attached[3].key, 3)

    asyncio.run(run())


def test_a_stream_that_breaks_is_never_taken_for_whole() -> None:
    double = JiraDouble()

    async def run() -> None:
        (issue,) = await seed(double, 1)
        async with desk(double) as jira:
            data = bytes(range(256)) * 4000
            await jira.create("attachment", [Write("A", {"filename": "a"}, parent=issue, content=content(data))])
            (record,) = await jira.children(Scope("attachment"), [issue])
            for early in (True, False):
                double.faults.add(Rule("GET /media", "truncated", args={"early_close": early}))
                with pytest.raises(Unavailable):
                    _ = [piece async for piece in jira.content("attachment", record)()]
            assert b"".join([piece async for piece in jira.content("attachment", record)()]) == data

    asyncio.run(run())

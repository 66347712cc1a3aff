"""Issues as a target: created once, found when an answer is lost, updated with care."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson
import pytest

from connectors.jira import adf
from connectors.kit.contract import Creates, Rejected, Write, Written
from connectors.kit.document import Document
from connectors.kit.errors import InDoubt
from connectors.rehearsal.faults import Rule
from connectors.rehearsal.jira import JiraDouble
from tests.jira.desk import by_xid, desk, doubts, fields, ids, write


def text(document: Any) -> list[str]:
    return [node["text"] for block in document["content"] for node in block["content"] if "text" in node]


def test_plain_values_arrive_as_jira_keeps_them() -> None:
    double = JiraDouble()
    more = {
        "issuetype": "Incident",
        "description": "two\nlines",
        "priority": "High",
        "labels": ["migrated"],
        "duedate": "2026-02-01 10:00:00",
        "customfield_10050": "INC0010001",
        "Reassignments": "3",
        "customfield_10053": "Minor",
        "customfield_10057": ["Phone", "Web"],
        "customfield_10054": "2026-01-31T10:00:00Z",
    }

    async def run() -> None:
        async with desk(double) as jira:
            await ids(jira, write(1, **more))

    asyncio.run(run())
    (issue,) = double.issues()
    assert issue["key"] == "DESK-1"
    assert issue["properties"] == {"cutover": {"x": "XID0001"}}
    kept = issue["fields"]
    assert sorted(kept["labels"]) == ["cutover-xid0001", "migrated"]
    assert text(kept["description"]) == ["two", "lines"]
    assert (kept["priority"], kept["duedate"], kept["customfield_10050"]) == ("2", "2026-02-01", "INC0010001")
    assert kept["customfield_10052"] == 3


def test_a_document_arrives_as_its_map_in_creates_updates_and_comments() -> None:
    double = JiraDouble()
    first, second, third = (Document(orjson.dumps(adf.plain(word))) for word in ("first", "second", "third"))

    async def run() -> None:
        async with desk(double) as jira:
            (id,) = await ids(jira, write(1, description=first))
            assert text(double.issues()[0]["fields"]["description"]) == ["first"]
            assert await jira.update("issue", [write(1, description=second)._replace(target=id)])
            assert await jira.create("comment", [Write("C1", {"body": third}, parent=id)])

    asyncio.run(run())
    (issue,) = double.issues()
    assert text(issue["fields"]["description"]) == ["second"]
    assert [text(comment["body"]) for comment in issue["comments"]] == [["third"]]


def test_a_refused_record_leaves_the_others_and_no_cause_carries_its_value() -> None:
    double = JiraDouble()
    some = [
        write(0),
        write(1, priority="SECRET"),
        Write("XID0002", fields("SECRET" * 60)),
        write(3, labels=["SECRET with spaces"]),
        write(4, customfield_10099="SECRET"),
        write(5, project="NOPE"),
        write(6),
    ]

    async def run() -> list[Any]:
        async with desk(double) as jira:
            return list(await jira.create("issue", some))

    outcomes = asyncio.run(run())
    assert [outcome.xid for outcome in outcomes] == [one.xid for one in some]
    assert [number for number, outcome in enumerate(outcomes) if isinstance(outcome, Written)] == [0, 6]
    assert [outcome.field for outcome in outcomes[1:6]] == [
        "priority",
        "summary",
        "labels",
        "customfield_10099",
        "project",
    ]
    assert "SECRET" not in repr(outcomes)
    assert sorted(by_xid(double)) == ["XID0000", "XID0006"]


def test_an_issue_is_created_once_in_fifty_a_call() -> None:
    double = JiraDouble()

    async def run() -> None:
        async with desk(double) as jira:
            assert jira.traits("issue").bulk == 50
            await ids(jira, *(write(number) for number in range(50)))
            await ids(jira, *(write(number) for number in range(50, 100)))

    asyncio.run(run())
    assert len(by_xid(double)) == 100
    assert double.calls["POST /rest/api/{api}/issue/bulk"] == 2
    assert sum(count for call, count in double.calls.items() if "createmeta" in call) == 2


@pytest.mark.parametrize("kind", ["drop_after", "status_after", "truncated"])
def test_a_ghost_write_is_found_while_the_search_still_lags(kind: str) -> None:
    double = JiraDouble(lag=600.0)
    some = [write(number) for number in range(5)]

    async def run() -> dict[str, Written]:
        async with desk(double) as jira:
            assert jira.traits("issue").creates is Creates.STRONG
            await ids(jira, *(write(number) for number in range(100, 120)))
            left = await doubts(jira, "issue", some)
            double.faults.add(Rule("POST .*/issue/bulk", kind))
            with pytest.raises(InDoubt):
                await jira.create("issue", some)
            return await jira.find("issue", left)

    found = asyncio.run(run())
    truth = by_xid(double)
    assert found == {one.xid: Written(one.xid, truth[one.xid][0]["id"]) for one in some}


def test_another_process_finds_the_ghost_by_the_mark_alone() -> None:
    double = JiraDouble(lag=600.0)
    some = [write(1), write(2, project="INFRA")]

    async def run() -> dict[str, Written]:
        async with desk(double) as jira:
            left = await doubts(jira, "issue", some)
            double.faults.add(Rule("POST .*/issue/bulk", "drop_after"))
            with pytest.raises(InDoubt):
                await jira.create("issue", some)
        async with desk(double) as another:
            return await another.find("issue", [one._replace(fields=None) for one in left])

    assert set(asyncio.run(run())) == {"XID0001", "XID0002"}


def test_a_create_that_never_arrived_is_not_found_and_its_resend_makes_one() -> None:
    double = JiraDouble()

    async def run() -> None:
        async with desk(double) as jira:
            left = await doubts(jira, "issue", [write(1)])
            double.faults.add(Rule("POST .*/issue/bulk", "drop_before"))
            with pytest.raises(InDoubt):
                await jira.create("issue", [write(1)])
            assert await jira.find("issue", left) == {}
            await ids(jira, write(1))

    asyncio.run(run())
    assert len(by_xid(double)["XID0001"]) == 1


def test_numbers_of_deleted_issues_do_not_hide_what_comes_behind_them() -> None:
    double = JiraDouble(lag=600.0)

    async def run() -> dict[str, Written]:
        async with desk(double) as jira:
            left = await doubts(jira, "issue", [write(1)])
            gone = await ids(jira, *(write(number) for number in range(100, 150)))
            gone += await ids(jira, *(write(number) for number in range(150, 200)))
            gone += await ids(jira, *(write(number) for number in range(200, 230)))
            await jira.delete("issue", gone)
            double.faults.add(Rule("POST .*/issue/bulk", "drop_after"))
            with pytest.raises(InDoubt):
                await jira.create("issue", [write(1)])
            return await jira.find("issue", left)

    assert set(asyncio.run(run())) == {"XID0001"}


def test_an_issue_that_moved_away_is_found_by_its_label() -> None:
    double = JiraDouble()

    async def run() -> dict[str, Written]:
        async with desk(double) as jira:
            left = await doubts(jira, "issue", [write(1)])
            (target,) = await ids(jira, write(1))
            await double.scripted({"op": "move", "issue": target, "project": "INFRA"})
            found = await jira.find("issue", left)
            assert found["XID0001"].target == target
            return found

    asyncio.run(run())


def test_where_reads_by_key_cannot_be_trusted_absence_waits_for_the_search() -> None:
    async def run() -> None:
        async with desk(JiraDouble(), strong_reads=False, search_settle=7) as jira:
            assert jira.traits("issue").creates is Creates.LAGGING
            assert jira.traits("issue").search_settle == 7

    asyncio.run(run())


def test_an_update_changes_what_it_names_and_leaves_what_people_put_there() -> None:
    double = JiraDouble()

    async def run() -> None:
        async with desk(double) as jira:
            (target,) = await ids(jira, write(1, labels=["ours"], priority="Low"))
            await double.scripted(
                {"op": "edit", "issue": target, "update": {"labels": [{"add": "theirs"}]}, "fields": None}
            )
            update = Write("XID0001", fields("new words", labels=["new"]), target)
            assert await jira.update("issue", [update]) == [Written("XID0001", target, created=False)]

    asyncio.run(run())
    (issue,) = double.issues()
    assert issue["fields"]["summary"] == "new words"
    assert issue["fields"]["priority"] == "4"
    assert sorted(issue["fields"]["labels"]) == ["cutover-xid0001", "new", "ours", "theirs"]


def test_updates_that_cannot_be_are_told_record_by_record() -> None:
    double = JiraDouble()

    async def run() -> list[Any]:
        async with desk(double) as jira:
            one, two, three = await ids(jira, write(1), write(2), write(3))
            await double.scripted({"op": "delete", "issue": two})
            some = [
                Write("XID0001", {"summary": "a", "project": "INFRA"}, one),
                Write("XID0002", {"summary": "b"}, two),
                Write("XID0003", {"summary": "c", "customfield_10099": "SECRET"}, three),
            ]
            return list(await jira.update("issue", some))

    assert asyncio.run(run()) == [
        Rejected("XID0001", "the record would have to move to another project", "project"),
        Rejected("XID0002", "gone at target"),
        Rejected("XID0003", "field not on the edit screen", "customfield_10099"),
    ]


def test_deleting_twice_counts_as_removed_and_a_parent_with_sub_tasks_stays() -> None:
    double = JiraDouble()

    async def run() -> None:
        async with desk(double) as jira:
            parent, lone = await ids(jira, write(1), write(2))
            await ids(jira, write(3, issuetype="Sub-task", parent=parent))
            for _ in range(2):
                assert isinstance((await jira.delete("issue", [lone]))[0], Written)
            (kept,) = await jira.delete("issue", [parent])
            assert isinstance(kept, Rejected)
            assert kept.xid == parent

    asyncio.run(run())
    assert len(double.issues()) == 2

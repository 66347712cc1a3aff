"""Comments, attachments and links as a target."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from connectors.kit.contract import Creates, Failed, Rejected, Scope, Write, Written
from connectors.kit.errors import InDoubt
from connectors.rehearsal.faults import Rule
from connectors.rehearsal.jira import JiraDouble, Options
from tests.jira.desk import content, desk, doubts, ids, write


def test_comments_keep_their_order_and_carry_our_id() -> None:
    double = JiraDouble(limits={"issue_writes": [[5, 1.0]]})

    async def run() -> None:
        async with desk(double) as jira:
            one, two = await ids(jira, write(1), write(2))
            some = [Write(f"C{n}", {"body": f"comment {n}"}, parent=one if n % 2 else two) for n in range(12)]
            outcomes = await jira.create("comment", some)
            assert all(isinstance(outcome, Written) for outcome in outcomes)
            assert [outcome.xid for outcome in outcomes] == [one.xid for one in some]

    asyncio.run(run())
    for issue in double.issues():
        assert [comment["properties"]["cutover"]["x"] for comment in issue["comments"]] == [
            f"C{n}" for n in range(12) if n % 2 == (issue["key"] == "DESK-1")
        ]


def test_a_lost_comment_is_found_on_its_issue() -> None:
    double = JiraDouble()

    async def run() -> None:
        async with desk(double) as jira:
            (issue,) = await ids(jira, write(1))
            some = [Write("C1", {"body": "one"}, parent=issue), Write("C2", {"body": "two"}, parent=issue)]
            left = await doubts(jira, "comment", some)
            double.faults.add(Rule("POST .*/comment", "drop_after"))
            lost, unsent = await jira.create("comment", some)
            assert isinstance(lost, Failed)
            assert isinstance(lost.error, InDoubt)
            assert isinstance(unsent, Failed)
            found = await jira.find("comment", left)
            assert set(found) == {"C1"}
            (again,) = await jira.update("comment", [Write("C1", {"body": "edited"}, found["C1"].target)])
            assert isinstance(again, Written)
            for _ in range(2):
                (removed,) = await jira.delete("comment", [found["C1"].target])
                assert isinstance(removed, Written)

    asyncio.run(run())
    assert double.issues()[0]["comments"] == []


@pytest.mark.parametrize("entity", ["comment", "attachment"])
def test_a_full_issue_refuses_the_record_and_not_the_run(entity: str) -> None:
    caps = {"comment": 1, "attachment": 1, "issuelink": 1, "remotelink": 1, "worklog": 1}
    double = JiraDouble(options=Options(caps=caps))

    async def run() -> list[Any]:
        async with desk(double) as jira:
            (issue,) = await ids(jira, write(1))
            some = [
                Write(f"C{n}", {"body": "b", "filename": f"{n}.txt"}, parent=issue, content=content(b"x"))
                for n in range(2)
            ]
            return list(await jira.create(entity, some))

    first, second = asyncio.run(run())
    assert isinstance(first, Written)
    assert isinstance(second, Rejected)


@pytest.mark.parametrize("data", [b"", b"x", bytes(range(256)) * 2000])
def test_bytes_go_up_as_they_are(data: bytes) -> None:
    double = JiraDouble()

    async def run() -> bytes:
        async with desk(double) as jira:
            (issue,) = await ids(jira, write(1))
            name = 'naïve "file" 日本.bin'
            some = [Write("A1", {"filename": name, "size": len(data)}, parent=issue, content=content(data))]
            (outcome,) = await jira.create("attachment", some)
            assert isinstance(outcome, Written)
            (record,) = await jira.children(Scope("attachment"), [issue])
            assert record.key == outcome.target
            return b"".join([piece async for piece in jira.content("attachment", record)()])

    assert asyncio.run(run()) == data


def test_an_attachment_may_come_under_the_names_of_another_system() -> None:
    double = JiraDouble()

    async def run() -> None:
        async with desk(double) as jira:
            (issue,) = await ids(jira, write(1))
            named = {"file_name": "a.txt", "content_type": "text/plain", "size_bytes": "3"}
            (outcome,) = await jira.create("attachment", [Write("A1", named, parent=issue, content=content(b"abc"))])
            assert isinstance(outcome, Written)

    asyncio.run(run())
    (attachment,) = double.issues()[0]["attachments"]
    assert (attachment["filename"], attachment["mime"], attachment["size"]) == ("a.txt", "text/plain", 3)


def test_a_lost_upload_is_told_from_those_of_the_same_name_that_were_there() -> None:
    double = JiraDouble()

    async def run() -> None:
        async with desk(double) as jira:
            (issue,) = await ids(jira, write(1))

            def upload(xid: str) -> Write:
                return Write(xid, {"filename": "log.txt", "size": 4}, parent=issue, content=content(b"same"))

            await jira.create("attachment", [upload("A1")])
            left = await doubts(jira, "attachment", [upload("A2")])
            assert await jira.find("attachment", left) == {}
            double.faults.add(Rule("POST .*/attachments", "drop_after"))
            (outcome,) = await jira.create("attachment", [upload("A2")])
            assert isinstance(outcome, Failed)
            found = await jira.find("attachment", left)
            assert found["A2"].target == double.issues()[0]["attachments"][1]["id"]
            for _ in range(2):
                assert isinstance((await jira.delete("attachment", [found["A2"].target]))[0], Written)

    asyncio.run(run())
    assert len(double.issues()[0]["attachments"]) == 1


def test_a_link_may_be_sent_twice_and_is_there_once_and_in_its_direction() -> None:
    double = JiraDouble()

    async def run() -> None:
        async with desk(double) as jira:
            assert jira.traits("link").creates is Creates.NATIVE
            one, two = await ids(jira, write(1), write(2))
            link = Write("L1", {"type": "Blocks", "from": one, "to": two})
            left = await doubts(jira, "link", [link])
            assert await jira.find("link", left) == {}
            for _ in range(2):
                (outcome,) = await jira.create("link", [link])
                assert outcome == Written("L1", f"{one}/Blocks/{two}")
            assert set(await jira.find("link", left)) == {"L1"}
            bad = [
                Write("L2", {"type": "Marries", "from": one, "to": two}),
                Write("L3", {"type": "Blocks", "from": one, "to": "99999"}),
                Write("L4", {"type": "Blocks", "from": one}),
            ]
            assert [type(outcome) for outcome in await jira.create("link", bad)] == [Rejected] * 3
            (held,) = double.issues()[0]["links"]
            assert (held["inward"], held["outward"]) == (one, two)
            for _ in range(2):
                assert isinstance((await jira.delete("link", [f"{one}/Blocks/{two}"]))[0], Written)

    asyncio.run(run())
    assert double.issues()[0]["links"] == []

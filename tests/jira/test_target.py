"""Jira as a target, beside a double that behaves like one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from connectors.jira.connector import Jira
from connectors.kit.contract import Creates, Failed, Move, Rejected, Scope, Write, Written
from connectors.kit.errors import InDoubt, Misconfigured
from connectors.rehearsal.faults import Rule
from connectors.rehearsal.jira import JiraDouble, Options
from connectors.rehearsal.people import Person
from tests.jira.desk import by_xid, desk, doubts, fields, write


def person(email: str, account: str) -> Person:
    values = dict.fromkeys(Person._fields, "") | {"email": email, "account": account, "first_name": "Mia"}
    values |= {"last_name": "Stone", "zone": "Etc/UTC", "language": "en_US", "active": True}
    return Person(**{name: values[name] for name in Person._fields})


async def ids(jira: Jira, *writes: Write) -> list[str]:
    outcomes = await jira.create("issue", list(writes))
    assert all(isinstance(outcome, Written) for outcome in outcomes), outcomes
    return [outcome.target for outcome in outcomes if isinstance(outcome, Written)]


def text(document: Any) -> list[str]:
    return [node["text"] for block in document["content"] for node in block["content"] if "text" in node]


# ---------------------------------------------------------------- issues


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


# ---------------------------------------------------------------- status


def test_a_status_is_reached_step_by_step_and_a_record_there_is_left_alone() -> None:
    double = JiraDouble()
    done = {"resolution": "Duplicate"}

    async def run() -> None:
        async with desk(double) as jira:
            (target,) = await ids(jira, write(1))
            for _ in range(2):
                outcomes = await jira.move("issue", [Move("XID0001", target, "done", done)])
                assert outcomes == [Written("XID0001", target, created=False)]

    asyncio.run(run())
    (issue,) = double.issues()
    assert issue["status"] == "Done"
    assert issue["fields"]["resolution"] == "10002"
    assert double.calls["POST /rest/api/{api}/issue/{issue}/transitions"] == 2


def test_what_was_learned_once_costs_later_records_one_call_a_step() -> None:
    double = JiraDouble()
    done = {"resolution": "Done"}

    async def run() -> None:
        async with desk(double) as jira:
            first, *others = await ids(jira, *(write(number) for number in range(10)))
            await jira.move("issue", [Move("XID0000", first, "Done", done)])
            double.calls.clear()
            moves = [Move("x", target, "Done", done) for target in others]
            assert all(isinstance(outcome, Written) for outcome in await jira.move("issue", moves))

    asyncio.run(run())
    assert dict(double.calls) == {
        "POST /rest/api/{api}/issue/bulkfetch": 1,
        "POST /rest/api/{api}/issue/{issue}/transitions": 18,
    }


@pytest.mark.parametrize("status", ["In Progress", "On Hold", "Done", "Reopened"])
def test_every_status_of_the_workflow_is_reached_from_the_start(status: str) -> None:
    double = JiraDouble()

    async def run() -> None:
        async with desk(double) as jira:
            (target,) = await ids(jira, write(1))
            (outcome,) = await jira.move("issue", [Move("XID0001", target, status, {"resolution": "Done"})])
            assert isinstance(outcome, Written)

    asyncio.run(run())
    assert double.issues()[0]["status"] == status


def test_a_status_is_explored_through_other_issues_before_a_record_is_sent_there() -> None:
    double = JiraDouble()

    async def run() -> None:
        async with desk(double) as jira:
            held, target = await ids(jira, write(1), write(2))
            await double.scripted({"op": "status", "issue": held, "to": "On Hold"})
            (lost,) = await jira.move("issue", [Move("XID0002", target, "Nowhere", {"resolution": "Done"})])
            assert lost == Rejected("XID0002", "no path to the status", "status")

    asyncio.run(run())


def test_a_step_that_wants_more_than_the_mapping_gives_names_the_field() -> None:
    double = JiraDouble()

    async def run() -> list[Any]:
        async with desk(double) as jira:
            (target,) = await ids(jira, write(1))
            moves = [Move("XID0001", target, "Done"), Move("XID0009", "99999", "Done")]
            return list(await jira.move("issue", moves))

    wanting, gone = asyncio.run(run())
    assert (wanting.xid, wanting.field) == ("XID0001", "resolution")
    assert gone == Rejected("XID0009", "gone at target")


@pytest.mark.parametrize("kind", ["drop_after", "drop_before"])
def test_a_lost_answer_to_a_step_is_settled_by_looking(kind: str) -> None:
    double = JiraDouble()

    async def run() -> None:
        async with desk(double) as jira:
            (target,) = await ids(jira, write(1))
            double.faults.add(Rule("POST .*/transitions", kind))
            (outcome,) = await jira.move("issue", [Move("XID0001", target, "In Progress")])
            assert isinstance(outcome, Written)

    asyncio.run(run())
    assert double.issues()[0]["status"] == "In Progress"


def test_a_record_that_somebody_moved_meanwhile_is_brought_on_from_there() -> None:
    double = JiraDouble()
    done = {"resolution": "Done"}

    async def run() -> None:
        async with desk(double) as jira:
            one, two = await ids(jira, write(1), write(2))
            await jira.move("issue", [Move("XID0001", one, "Done", done)])
            # It was in To Do when it was read, and the first step of the known way is refused now.
            double.faults.add(Rule("POST .*/transitions", "slow", args={"seconds": 0.5}))
            moving = asyncio.create_task(jira.move("issue", [Move("XID0002", two, "Done", done)]))
            deadline = asyncio.get_running_loop().time() + 10
            while not double.faults.fired and asyncio.get_running_loop().time() < deadline:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            await double.scripted({"op": "status", "issue": two, "to": "On Hold"})
            (outcome,) = await moving
            assert isinstance(outcome, Written)

    asyncio.run(run())
    assert {issue["status"] for issue in double.issues()} == {"Done"}


# ---------------------------------------------------------------- what hangs on issues


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


def content(data: bytes, pieces: int = 3) -> Any:
    async def read() -> AsyncIterator[bytes]:
        size = max(1, len(data) // pieces)
        for start in range(0, len(data), size):
            yield data[start : start + size]

    return read


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


# ---------------------------------------------------------------- limits, sign-in, life


def test_a_storm_of_limits_is_waited_out() -> None:
    double = JiraDouble(limits={"burst": 20.0, "bucket": 2})

    async def run() -> None:
        async with desk(double) as jira:
            targets = await ids(jira, *(write(number) for number in range(6)))
            moves = [Move("x", target, "In Progress") for target in targets]
            assert all(isinstance(outcome, Written) for outcome in await jira.move("issue", moves))

    asyncio.run(run())
    assert double.counts()["refused jira-burst-based"] > 0
    assert {issue["status"] for issue in double.issues()} == {"In Progress"}


def test_no_right_to_create_is_told_before_anything_is_written() -> None:
    double = JiraDouble(denied=["CREATE_ISSUES"])

    async def run() -> list[Any]:
        async with desk(double) as jira:
            try:
                return list(await jira.create("issue", [write(1)]))
            except Misconfigured as error:
                return [error]

    (told,) = asyncio.run(run())
    assert isinstance(told, Rejected | Misconfigured)
    assert double.issues() == []


def test_people_are_found_by_address_and_by_option_where_it_is_hidden() -> None:
    mia, leo = person("mia@example.com", "acc-mia"), person("leo@example.com", "acc-leo")
    double = JiraDouble(people=[mia, leo], hidden_emails=["leo@example.com"])

    async def run() -> None:
        asked = ["MIA@example.com", "leo@example.com", "nobody@example.com"]
        async with desk(double) as jira:
            assert await jira.accounts(asked) == {"mia@example.com": "acc-mia"}
            assert await jira.emails(["acc-mia", "acc-leo", "acc-none"]) == {"acc-mia": "mia@example.com"}
            (target,) = await ids(jira, write(1, assignee="acc-mia"))
            assert target
        async with desk(double, people={"leo@example.com": "acc-leo"}) as jira:
            assert await jira.accounts(asked) == {"mia@example.com": "acc-mia", "leo@example.com": "acc-leo"}
            assert await jira.emails(["acc-leo"]) == {"acc-leo": "leo@example.com"}

    asyncio.run(run())
    assert double.issues()[0]["fields"]["assignee"] == "acc-mia"


def test_a_cancelled_call_leaves_the_connector_usable() -> None:
    double = JiraDouble(latency=0.05)

    async def run() -> None:
        async with desk(double) as jira:
            (target,) = await ids(jira, write(1))
            for pause in (0.0, 0.01, 0.06, 0.12):
                task = asyncio.create_task(jira.move("issue", [Move("x", target, "In Progress")]))
                await asyncio.sleep(pause)
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
            (outcome,) = await jira.move("issue", [Move("x", target, "In Progress")])
            assert isinstance(outcome, Written)
            await jira.close()

    asyncio.run(run())


def test_an_entity_that_jira_does_not_have_is_told() -> None:
    async def run() -> None:
        async with desk(JiraDouble()) as jira:
            with pytest.raises(Misconfigured):
                jira.traits("incident")
            with pytest.raises(Misconfigured):
                await jira.move("comment", [Move("x", "1", "Done")])

    asyncio.run(run())

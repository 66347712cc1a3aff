"""A status is reached through the workflow, and what was learned of it is kept."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from connectors.kit.contract import Move, Rejected, Written
from connectors.rehearsal.faults import Rule
from connectors.rehearsal.jira import JiraDouble
from tests.jira.desk import desk, ids, write


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
            while not double.faults.fired and asyncio.get_running_loop().time() < deadline:
                await asyncio.sleep(0.01)
            await double.scripted({"op": "status", "issue": two, "to": "On Hold"})
            (outcome,) = await moving
            assert isinstance(outcome, Written)

    asyncio.run(run())
    assert {issue["status"] for issue in double.issues()} == {"Done"}

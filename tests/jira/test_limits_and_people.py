"""Limits, rights, people, and a call that is cancelled."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from connectors.kit.contract import Move, Rejected, Written
from connectors.kit.errors import Misconfigured
from connectors.rehearsal.jira import JiraDouble
from tests.jira.desk import desk, ids, person, write


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

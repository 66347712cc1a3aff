"""Checks, schema, clock and canary."""

from __future__ import annotations

import asyncio

import pytest

from connectors.jira import connect
from connectors.kit.contract import Connection, Scope, Written
from connectors.kit.errors import Misconfigured
from connectors.rehearsal.jira import JiraDouble
from tests.jira.desk import AUTH, desk, write
from tests.kit.ports import plain_ports
from tests.rehearsal.running import running


def test_the_check_is_content_with_what_works() -> None:
    async def run() -> None:
        async with desk(JiraDouble()) as jira:
            scope = Scope("issue", ("priority = High",))
            findings = await jira.check([scope], ["issue", "comment", "attachment", "link"])
            assert [finding for finding in findings if not finding.ok] == []
            subjects = {finding.subject for finding in findings}
            assert {"reach", "credentials", "time zone", "permission: create issues", "attachments"} <= subjects

    asyncio.run(run())


def test_the_check_names_each_missing_right_and_what_to_do() -> None:
    async def run() -> None:
        async with desk(JiraDouble(denied=["CREATE_ISSUES", "ADD_COMMENTS"]), projects=["DESK", "NOPE"]) as jira:
            findings = await jira.check([Scope("issue", ("colour = red",))], ["issue", "comment"])
            wrong = {finding.subject: finding for finding in findings if not finding.ok}
            assert set(wrong) >= {
                "projects",
                "permission: create issues",
                "permission: add comments",
                "filter of issue",
            }
            assert all(finding.hint for finding in wrong.values())

    asyncio.run(run())


def test_nobody_there_is_a_finding_and_not_a_crash() -> None:
    async def run() -> None:
        jira = connect(Connection("jira", "jira", "http://127.0.0.1:9", AUTH, {"attempts": 1}), plain_ports())
        findings = await jira.check([], ["issue"])
        assert [(finding.subject, finding.ok) for finding in findings] == [("reach", False)]
        await jira.close()
        await jira.close()

    asyncio.run(run())


def test_wrong_credentials_are_found_first() -> None:
    async def run() -> None:
        with running(JiraDouble()) as url:
            auth = {"kind": "basic", "user": "cutover@example.com", "password": "wrong"}
            jira = connect(Connection("jira", "jira", url, auth), plain_ports())
            findings = await jira.check([Scope("issue")], ["issue"])
            assert [(finding.subject, finding.ok) for finding in findings][-1] == ("credentials", False)
            with pytest.raises(Misconfigured):
                await jira.count(Scope("issue"))
            await jira.close()

    asyncio.run(run())


def test_the_schema_knows_types_choices_and_what_is_required() -> None:
    async def run() -> None:
        async with desk(JiraDouble()) as jira:
            fields = {field.name: field for field in await jira.schema("issue")}
            assert fields["summary"].required
            assert fields["summary"].max_length == 255
            assert fields["description"].type == "rich_text"
            assert fields["priority"].choices == ("Highest", "High", "Medium", "Low", "Lowest")
            assert fields["assignee"].type == "person"
            assert fields["customfield_10052"].type == "number"
            assert fields["customfield_10053"].choices[0] == "Extensive"
            assert fields["labels"].type == "list"
            assert fields["duedate"].type == "date"
            assert not fields["status"].writable
            links = {field.name: field for field in await jira.schema("link")}
            assert "Relates" in links["type"].choices
            assert {field.name for field in await jira.schema("comment")} >= {"body"}

    asyncio.run(run())


def test_the_canary_measures_how_late_the_search_is_and_leaves_nothing() -> None:
    double = JiraDouble(lag=0.6)

    async def run() -> float:
        async with desk(double) as jira:
            return await jira.canary("issue")

    lag = asyncio.run(run())
    assert 0.4 <= lag < 5
    assert double.issues() == []


def test_the_clock_is_the_systems_own() -> None:
    async def run() -> None:
        double = JiraDouble()
        async with desk(double) as jira:
            away = abs((await jira.now() - double.time.now()).total_seconds())
            assert away < 5
            (outcome,) = await jira.create("issue", [write(1)])
            assert isinstance(outcome, Written)

    asyncio.run(run())

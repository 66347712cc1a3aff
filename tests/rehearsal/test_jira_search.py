"""Searching the Jira double: the language, its traps, pages by token, an index that lags."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from connectors.rehearsal.jira import JiraDouble, Options
from connectors.rehearsal.people import people
from tests.rehearsal.jira_calls import Hand, adf, create, issue, keys, using

PEOPLE = people(1, 20)


async def furnish(client: httpx.AsyncClient) -> None:
    """DESK-1..4 and INFRA-1."""
    someone = {"accountId": PEOPLE[0].account}
    await create(client, "Printer on fire", labels=["migrated", "cutover-1"], assignee=someone, duedate="2026-03-10")
    await create(client, "printer out of paper", priority={"name": "High"}, labels=["migrated"])
    await create(client, "Network", description=adf("the PRINTER again"), customfield_10050="INC-0010003")
    await create(client, "Числа и букви", customfield_10052=7, customfield_10053={"value": "Minor"}, kind="Task")
    await create(client, "Elsewhere", project="INFRA")
    await client.post("/issue/DESK-2/transitions", json={"transition": {"id": "11"}})


@pytest.mark.parametrize(
    ("jql", "found"),
    [
        ("project = DESK", "1 2 3 4"),
        ("project = 'Service desk' and issuetype = Task", "4"),
        ("project in (DESK, INFRA) AND key > DESK-2", "3 4"),
        ('key >= "DESK-2" AND key < "DESK-4"', "2 3"),
        ("key in (DESK-1, DESK-3)", "1 3"),
        ("id > 10001 and project = DESK", "3 4"),
        ("labels = migrated and labels != cutover-1", "2"),
        ("labels in (cutover-1, nothing)", "1"),
        ("labels is EMPTY and project = DESK", "3 4"),
        ("labels not in (cutover-1)", "2"),  # an empty field matches no negation
        ("project = DESK and not labels = cutover-1", "2 3 4"),
        ("summary ~ printer", "1 2"),
        ('summary ~ "out printer"', "2"),
        ('summary ~ "\\"of paper\\""', "2"),
        ('summary ~ "print*"', "1 2"),
        ("summary ~ числа", "4"),
        ("text ~ printer", "1 2 3"),
        ('cf[10050] ~ "INC-0010003"', "3"),
        ('"Source number" ~ 0010003', "3"),
        ("cf[10052] > 5", "4"),
        ("Impact = Minor", "4"),
        ("priority = High OR status = Done", "2"),
        ("status = 'In Progress'", "2"),
        ("statusCategory = 'To Do' and project = DESK", "1 3 4"),
        (f"assignee = '{PEOPLE[0].email}'", "1"),
        ("reporter = currentUser() and project = DESK and assignee is empty", "2 3 4"),
        ("due <= 2026-03-10", "1"),
        ("resolution = Unresolved and summary ~ network", "3"),
        ("created >= -5m and project = DESK and (summary ~ network or priority = High)", "2 3"),
        ("project = DESK and created < '2026/03/02'", ""),
        ("project = DESK and key = DESK-1 and key = DESK-2", ""),
    ],
)
def test_a_query_finds_what_it_names(jql: str, found: str) -> None:
    async def script(client: httpx.AsyncClient) -> None:
        await furnish(client)
        assert await keys(client, f"{jql} ORDER BY key ASC") == [f"DESK-{number}" for number in found.split()]

    using(JiraDouble(people=PEOPLE, time=Hand()), script)


@pytest.mark.parametrize(
    ("jql", "said"),
    [
        ("", "Unbounded JQL"),
        ("ORDER BY created", "Unbounded JQL"),
        ("project = NOPE", "The value 'NOPE' does not exist for the field 'project'."),
        ("colour = red", "Field 'colour' does not exist"),
        ("project =", "the end of the query"),
        ("project = DESK AND", "Expecting a field name"),
        ("(project = DESK", "Expecting ')'"),
        ("project = DESK summary ~ x", "Expecting either 'OR' or 'AND'"),
        ("summary = x", "The operator '=' is not supported by the 'summary' field."),
        ("cf[10050] = INC1", "The operator '=' is not supported by the 'cf[10050]' field."),
        ("project ~ DESK", "The operator '~' is not supported"),
        ("created > yesterday", "Date value 'yesterday' is invalid"),
        ("key = DESK-99", "An issue with key 'DESK-99' does not exist for field 'key'."),
        ("assignee = nobodyKnows()", "Unable to find JQL function"),
        ("priority = P5", "The value 'P5' does not exist for the field 'priority'."),
        ("project = DESK ORDER BY a, b, c, d, e, f, g, h", "maximum number of fields"),
    ],
)
def test_a_wrong_query_is_told_what_is_wrong(jql: str, said: str) -> None:
    async def script(client: httpx.AsyncClient) -> None:
        answer = await client.post("/search/jql", json={"jql": jql})
        assert answer.status_code == 400
        assert said in answer.json()["errorMessages"][0]

    using(JiraDouble(), script)


def test_only_ids_come_back_unless_fields_are_asked_for() -> None:
    async def script(client: httpx.AsyncClient) -> None:
        await create(client)
        (found,) = (await client.get("/search/jql", params={"jql": "project = DESK"})).json()["issues"]
        assert "fields" not in found
        asked = {"jql": "project = DESK", "fields": ["*all", "-comment"]}
        (found,) = (await client.post("/search/jql", json=asked)).json()["issues"]
        assert "summary" in found["fields"]
        assert "comment" not in found["fields"]

    using(JiraDouble(), script)


async def _walk(client: httpx.AsyncClient, jql: str, size: int) -> list[str]:
    seen: list[str] = []
    token: str | None = None
    while True:
        body: dict[str, Any] = {"jql": jql, "maxResults": size, "fields": ["key"]}
        if token:
            body["nextPageToken"] = token
        page = (await client.post("/search/jql", json=body)).json()
        assert "total" not in page
        seen += [found["key"] for found in page["issues"]]
        token = page.get("nextPageToken")
        assert page["isLast"] is (token is None)
        if token is None:
            return seen


@pytest.mark.parametrize(
    "order",
    ["", "key ASC", "key DESC", "id", "created DESC", "summary", "priority DESC, key ASC", "updated, id", "labels"],
)
def test_pages_hold_every_match_once_in_any_order(order: str) -> None:
    async def script(client: httpx.AsyncClient) -> None:
        for number in range(11):
            priority = {"name": ("High", "Low")[number % 2]}
            project = ("DESK", "INFRA")[number % 3 == 0]
            await create(client, f"n{number % 4}", priority=priority, project=project, labels=[f"l{number % 2}"])
        jql = "project in (DESK, INFRA)" + (f" ORDER BY {order}" if order else "")
        paged = await _walk(client, jql, 3)
        assert len(set(paged)) == len(paged) == 11
        assert paged == await _walk(client, jql, 100)

    using(JiraDouble(), script)


def test_a_page_of_full_issues_is_smaller_than_was_asked_for() -> None:
    async def script(client: httpx.AsyncClient) -> None:
        for _ in range(4):
            await create(client)
        full = {"jql": "project = DESK", "maxResults": 5000, "fields": ["summary"]}
        page = (await client.post("/search/jql", json=full)).json()
        assert (len(page["issues"]), page["isLast"]) == (3, False)
        assert len(await keys(client, "project = DESK", maxResults=5000)) == 4

    using(JiraDouble(options=Options(page_cap=3)), script)


def test_a_token_is_for_one_query_and_for_a_week() -> None:
    clock = Hand()

    async def script(client: httpx.AsyncClient) -> None:
        for _ in range(3):
            await create(client)
        first = (await client.post("/search/jql", json={"jql": "project = DESK", "maxResults": 1})).json()
        token = first["nextPageToken"]
        for body in (
            {"jql": "project = INFRA", "nextPageToken": token},
            {"jql": "project = DESK", "nextPageToken": "mine"},
        ):
            assert (await client.post("/search/jql", json=body)).status_code == 400
        clock.forward(8 * 86_400)
        late = await client.post("/search/jql", json={"jql": "project = DESK", "nextPageToken": token})
        assert late.status_code == 400

    using(JiraDouble(time=clock), script)


def test_the_index_lags_and_reads_by_id_do_not() -> None:
    clock = Hand()

    async def script(client: httpx.AsyncClient) -> None:
        made = await create(client, labels=["x"])
        assert (await client.get(f"/issue/{made['id']}")).status_code == 200
        fetched = await client.post("/issue/bulkfetch", json={"issueIdsOrKeys": ["DESK-2", made["key"]]})
        assert [found["key"] for found in fetched.json()["issues"]] == [made["key"]]
        assert [error["id"] for error in fetched.json()["issueErrors"]] == ["DESK-2"]
        assert await keys(client, "labels = x") == []
        assert await keys(client, "labels = x", reconcileIssues=[int(made["id"])]) == [made["key"]]
        clock.forward(5.1)
        assert await keys(client, "labels = x") == [made["key"]]
        await client.put(f"/issue/{made['id']}", json={"fields": {"labels": ["y"]}})
        assert await keys(client, "labels = x") == [made["key"]], "the old version is still in the index"
        assert await keys(client, "labels = x", reconcileIssues=[int(made["id"])]) == []
        await client.delete(f"/issue/{made['id']}")
        clock.forward(5.1)
        assert await keys(client, "labels in (x, y)") == []

    using(JiraDouble(time=clock, lag=5), script)


def test_the_grain_of_dates_is_the_minute_in_the_readers_zone() -> None:
    clock = Hand(datetime(2026, 3, 2, 9, 59, 30, tzinfo=UTC))  # 11:59:30 in Sofia

    async def script(client: httpx.AsyncClient) -> None:
        await create(client)
        assert await keys(client, 'updated >= "2026-03-02 11:59"') == ["DESK-1"]
        assert await keys(client, 'updated >= "2026-03-02 12:00"') == []
        assert await keys(client, 'updated > "2026-03-02 11:59"') == [], "the whole minute is one moment"
        assert await keys(client, 'updated <= "2026-03-02 11:59"') == ["DESK-1"]
        assert await keys(client, 'updated >= "2026-03-02 09:59" and updated < "2026-03-02 10:05"') == []
        assert await keys(client, "created >= startOfDay() and created <= now()") == ["DESK-1"]
        assert await keys(client, f"created >= {int(clock.moment.timestamp() * 1000)}") == ["DESK-1"]

    using(JiraDouble(time=clock, zone="Europe/Sofia"), script)


def test_issues_behind_a_security_level_are_nowhere_to_be_seen() -> None:
    async def script(client: httpx.AsyncClient) -> None:
        for _ in range(3):
            await create(client)
        await client.post("http://jira.test/_rehearsal/write", json={"op": "secure", "issue": "DESK-2"})
        assert await keys(client, "project = DESK ORDER BY key") == ["DESK-1", "DESK-3"]
        assert (await client.get("/issue/DESK-2")).status_code == 404
        assert (await client.post("/search/approximate-count", json={"jql": "project = DESK"})).json()["count"] == 2

    using(JiraDouble(), script)


def test_the_old_search_is_gone() -> None:
    async def script(client: httpx.AsyncClient) -> None:
        answer = await client.get("/search", params={"jql": "project = DESK"})
        assert answer.status_code == 410
        assert "/rest/api/3/search/jql" in answer.json()["errorMessages"][0]

    using(JiraDouble(), script)


def test_entity_properties_come_with_a_search_when_named() -> None:
    async def script(client: httpx.AsyncClient) -> None:
        await client.post("/issue", json={**issue(), "properties": [{"key": "cutover", "value": {"x": "1"}}]})
        body = {"jql": "project = DESK", "properties": ["cutover", "other"]}
        (found,) = (await client.post("/search/jql", json=body)).json()["issues"]
        assert found["properties"] == {"cutover": {"x": "1"}}
        too_many = await client.post("/search/jql", json={"jql": "project = DESK", "properties": list("abcdef")})
        assert too_many.status_code == 400

    using(JiraDouble(), script)

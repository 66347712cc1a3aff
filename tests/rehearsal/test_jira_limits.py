"""Who may come in, how often, and what gets lost on the way back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from connectors.rehearsal.faults import Rule
from connectors.rehearsal.jira import CLIENT, SECRET, TOKEN, USER, JiraDouble
from connectors.rehearsal.people import people
from tests.rehearsal.jira_calls import API, Hand, adf, create, issue, keys, using
from tests.rehearsal.running import running

# ---------------------------------------------------------------- who


def test_bad_credentials_count_as_none_and_only_a_header_tells() -> None:
    double = JiraDouble()
    using(double, create)

    async def script(client: httpx.AsyncClient) -> None:
        me = await client.get("/myself")
        assert (me.status_code, me.headers["content-type"].split(";")[0]) == (401, "text/plain")
        found = await client.post("/search/jql", json={"jql": "project = DESK"})
        assert (found.status_code, found.json()["issues"]) == (200, [])
        assert found.headers["X-Seraph-LoginReason"] == "AUTHENTICATED_FAILED"
        assert (await client.get("/issue/DESK-1")).status_code == 404
        assert (await client.get("/project/search")).status_code == 404
        assert (await client.post("/issue", json=issue())).status_code == 401
        assert (await client.get("/serverInfo")).json()["deploymentType"] == "Cloud"

    using(double, script, auth=(USER, "wrong"))


def test_a_bearer_is_granted_runs_out_and_is_renewed_once() -> None:
    clock = Hand()

    async def script(client: httpx.AsyncClient) -> None:
        asked = {"grant_type": "client_credentials", "client_id": CLIENT, "client_secret": SECRET}
        granted = (await client.post("http://jira.test/oauth/token", data=asked)).json()
        bearer = {"Authorization": f"Bearer {granted['access_token']}"}
        url = f"http://jira.test/ex/jira/cloud-id{API}/myself"
        assert (await client.get(url, headers=bearer)).json()["emailAddress"] == USER
        clock.forward(granted["expires_in"])
        assert (await client.get(url, headers=bearer)).status_code == 401
        again = {**asked, "grant_type": "refresh_token", "refresh_token": granted["refresh_token"]}
        assert (await client.post("http://jira.test/oauth/token", json=again)).status_code == 200
        assert (await client.post("http://jira.test/oauth/token", json=again)).status_code == 401

    using(JiraDouble(time=clock), script, auth=None)


def test_people_can_hide_their_address() -> None:
    team = people(1, 20)

    async def script(client: httpx.AsyncClient) -> None:
        found = (await client.get("/user/search", params={"query": team[0].email})).json()
        assert [user["accountId"] for user in found] == [team[0].account]
        assert (await client.get("/user/search", params={"query": team[1].email})).json() == []
        shown = (await client.get("/user/bulk", params={"accountId": team[1].account})).json()["values"]
        assert "emailAddress" not in shown[0]
        nobody = next(person for person in team if not person.account)
        assert (await client.get("/user/search", params={"query": nobody.email})).json() == []

    using(JiraDouble(people=team, hidden_emails=[team[1].email]), script)


def test_a_denied_permission_shows_and_bites() -> None:
    async def script(client: httpx.AsyncClient) -> None:
        made = await create(client)
        asked = {"permissions": "EDIT_ISSUES,CREATE_ISSUES", "projectKey": "DESK"}
        held = (await client.get("/mypermissions", params=asked)).json()["permissions"]
        assert {key: one["havePermission"] for key, one in held.items()} == {
            "EDIT_ISSUES": False,
            "CREATE_ISSUES": True,
        }
        assert (await client.put(f"/issue/{made['id']}", json={"fields": {}})).status_code == 403
        assert (await client.get("/mypermissions")).status_code == 400
        checked = {"projectPermissions": [{"permissions": ["EDIT_ISSUES", "ADD_COMMENTS"], "projects": [10000, 5]}]}
        allowed = (await client.post("/permissions/check", json=checked)).json()["projectPermissions"]
        assert {one["permission"]: one["projects"] for one in allowed} == {"EDIT_ISSUES": [], "ADD_COMMENTS": [10000]}

    using(JiraDouble(denied=["EDIT_ISSUES"]), script)


def test_a_page_is_clamped_without_a_word_and_no_project_is_a_404() -> None:
    async def script(client: httpx.AsyncClient) -> None:
        page = (await client.get("/project/search", params={"maxResults": 1})).json()
        assert (page["total"], page["isLast"], len(page["values"])) == (60, False, 1)
        assert (await client.get("/project/search", params={"maxResults": 500})).json()["maxResults"] == 100
        following = (await client.get(page["nextPage"])).json()
        assert following["values"][0]["key"] == "P1"
        assert (await client.get("/project/search", params={"query": "zzz"})).status_code == 404

    using(JiraDouble(projects={f"P{number}": f"Project {number}" for number in range(60)}), script)


# ---------------------------------------------------------------- how often


def test_one_issue_takes_twenty_writes_in_two_seconds() -> None:
    clock = Hand()

    async def script(client: httpx.AsyncClient) -> None:
        made, other = await create(client), await create(client)

        async def comment(id_: str) -> httpx.Response:
            return await client.post(f"/issue/{id_}/comment", json={"body": adf("x")})

        for _ in range(20):
            assert (await comment(made["id"])).status_code == 201
        refused = await comment(made["id"])
        assert refused.status_code == 429
        assert refused.headers["RateLimit-Reason"] == "jira-per-issue-on-write"
        assert (await comment(other["id"])).status_code == 201, "the limit is each issue's own"
        clock.forward(float(refused.headers["Retry-After"]))
        assert (await comment(made["id"])).status_code == 201

    using(JiraDouble(time=clock), script)


def test_the_hourly_quota_counts_down_warns_and_starts_anew() -> None:
    clock = Hand()  # half a minute before the hour

    async def script(client: httpx.AsyncClient) -> None:
        left = [(await client.get("/myself")).headers for _ in range(10)]
        assert [headers["X-RateLimit-Remaining"] for headers in left[:2]] == ["9", "8"]
        assert "X-RateLimit-NearLimit" not in left[0]
        assert left[9]["X-RateLimit-NearLimit"] == "true"
        refused = await client.get("/myself")
        assert (refused.status_code, refused.headers["Retry-After"]) == (429, "30")
        assert refused.headers["RateLimit-Reason"] == "jira-quota-tenant-based"
        assert refused.headers["X-RateLimit-Reset"] == "2026-03-02T10:00Z"
        clock.forward(30)
        assert (await client.get("/myself")).status_code == 200

    using(JiraDouble(time=clock, limits={"quota": 10}), script)


def test_a_burst_is_limited_for_each_endpoint_and_can_be_set_live() -> None:
    clock = Hand()

    async def script(client: httpx.AsyncClient) -> None:
        control = "http://jira.test/_rehearsal/limits"
        assert (await client.post(control, json={"burst": 2, "bucket": 3})).json()["burst"] == 2.0
        answers = [await client.get("/myself") for _ in range(4)]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
        assert answers[3].headers["RateLimit-Reason"] == "jira-burst-based"
        assert (await client.get("/priority")).status_code == 200
        clock.forward(0.5)
        assert (await client.get("/myself")).status_code == 200
        assert (await client.post(control, json={"bursts": 2})).status_code == 400

    using(JiraDouble(time=clock), script)


# ---------------------------------------------------------------- what gets lost


@pytest.mark.parametrize("bulk", [False, True])
def test_a_ghost_write_is_there_at_once_by_key_and_late_by_search(bulk: bool) -> None:
    clock = Hand()
    double = JiraDouble(time=clock, lag=5)
    double.faults.add(Rule("POST .*/issue", "drop_after", times=1))
    update = issue("Ghost", labels=["cutover-7"])

    async def ghost(client: httpx.AsyncClient) -> None:
        with pytest.raises(httpx.RemoteProtocolError):
            await (
                client.post("/issue/bulk", json={"issueUpdates": [update]})
                if bulk
                else client.post("/issue", json=update)
            )

    async def look(client: httpx.AsyncClient) -> None:
        assert await keys(client, "labels = cutover-7") == []
        fetched = await client.post("/issue/bulkfetch", json={"issueIdsOrKeys": ["DESK-1"], "fields": ["labels"]})
        assert fetched.json()["issues"][0]["fields"]["labels"] == ["cutover-7"]
        clock.forward(6)
        assert await keys(client, "labels = cutover-7") == ["DESK-1"]

    with running(double) as url:
        _over_socket(url, ghost)
        _over_socket(url, look)
    assert [held["fields"]["summary"] for held in double.issues()] == ["Ghost"]


def _over_socket(url: str, script: Callable[[httpx.AsyncClient], Any]) -> None:
    async def run() -> None:
        async with httpx.AsyncClient(base_url=f"{url}{API}", auth=(USER, TOKEN)) as client:
            await script(client)

    asyncio.run(run())


def test_a_faulty_answer_has_the_vendors_shape() -> None:
    double = JiraDouble()

    async def script(client: httpx.AsyncClient) -> None:
        rules: list[tuple[str, dict[str, Any], int]] = [
            ("throttle", {"seconds": 7}, 429),
            ("status_before", {"code": 503}, 503),
            ("token_expired", {}, 401),
        ]
        for kind, args, status in rules:
            double.faults.add(Rule("", kind, 1, args=args))
            answer = await client.get("/myself")
            assert answer.status_code == status
            if status != 401:
                assert int(answer.headers["Retry-After"]) > 0

    using(double, script)


def test_the_truth_streams_as_json_lines() -> None:
    async def script(client: httpx.AsyncClient) -> None:
        for number in range(3):
            body = {**issue(f"n{number}"), "properties": [{"key": "cutover", "value": {"x": number}}]}
            await client.post("/issue", json=body)
        answer = await client.get("http://jira.test/_rehearsal/issues", params={"fields": "summary"})
        lines = [httpx.Response(200, content=line).json() for line in answer.iter_lines()]
        assert [line["fields"] for line in lines] == [{"summary": f"n{number}"} for number in range(3)]
        assert [line["properties"]["cutover"]["x"] for line in lines] == [0, 1, 2]

    using(JiraDouble(), script)


def test_a_scripted_user_edits_as_a_person_would() -> None:
    team = people(1, 3)
    double = JiraDouble(people=team)

    async def script(client: httpx.AsyncClient) -> None:
        async def write(**doc: Any) -> httpx.Response:
            return await client.post("http://jira.test/_rehearsal/write", json={"user": team[0].email, **doc})

        made = await create(client)
        assert (await write(op="edit", issue=made["key"], fields={"summary": "By hand"})).status_code == 200
        assert (await write(op="status", issue=made["key"], to="Reopened")).status_code == 200
        assert (await write(op="comment", issue=made["key"], body="hello")).status_code == 200
        for wrong in ({"op": "edit", "issue": "DESK-9"}, {"op": "dance", "issue": made["key"]}, {"op": "create"}):
            assert (await write(**wrong)).status_code == 400

    using(double, script)
    (held,) = double.issues()
    assert (held["fields"]["summary"], held["status"]) == ("By hand", "Reopened")
    assert [comment["author"] for comment in held["comments"]] == [team[0].account]

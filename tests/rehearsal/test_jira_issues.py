"""Issues in the Jira double: creating, editing, the workflow, what hangs on them."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from connectors.rehearsal.jira import JiraDouble, Options
from connectors.rehearsal.people import people
from tests.rehearsal.jira_calls import Hand, adf, create, issue, using

PEOPLE = people(1, 20)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"summary": ""}, "summary"),
        ({"summary": "x" * 256}, "summary"),
        ({"summary": "two\nlines"}, "summary"),
        ({"labels": ["with space"]}, "labels"),
        ({"priority": {"name": "P5"}}, "priority"),
        ({"customfield_10053": {"value": "Enormous"}}, "customfield_10053"),
        ({"customfield_10050": "x" * 256}, "customfield_10050"),
        ({"customfield_10052": "7"}, "customfield_10052"),
        ({"customfield_10054": "yesterday"}, "customfield_10054"),
        ({"duedate": "21/11/2026"}, "duedate"),
        ({"assignee": {"accountId": "nobody"}}, "assignee"),
        ({"description": "plain text"}, "description"),
        ({"description": adf("x" * 32_768)}, "description"),
        ({"status": {"name": "Done"}}, "status"),
        ({"created": "2020-01-01T00:00:00.000+0000"}, "created"),
        ({"resolution": {"name": "Done"}}, "resolution"),
        ({"customfield_99999": "x"}, "customfield_99999"),
        ({"project": {"key": "NOPE"}}, "project"),
        ({"issuetype": {"name": "Epic"}}, "issuetype"),
        ({"issuetype": {"name": "Sub-task"}}, "parent"),
    ],
)
def test_a_create_is_refused_with_the_name_of_the_wrong_field(fields: dict[str, Any], field: str) -> None:
    async def script(client: httpx.AsyncClient) -> httpx.Response:
        return await client.post("/issue", json=issue(**fields) if "project" not in fields else _with(fields))

    answer = using(JiraDouble(people=PEOPLE), script)
    assert answer.status_code == 400
    assert list(answer.json()["errors"]) == [field]


def _with(fields: dict[str, Any]) -> dict[str, Any]:
    doc = issue()
    doc["fields"] |= fields
    return doc


@pytest.mark.parametrize(
    "document",
    [
        {"type": "doc", "version": 1, "content": [{"type": "paragraph", "content": [{"type": "text", "text": ""}]}]},
        {"type": "doc", "version": 1, "content": [{"type": "text", "text": "loose"}]},
        {"type": "doc", "version": 1, "content": [{"type": "marquee"}]},
        {"type": "doc", "version": 2, "content": []},
        {"type": "doc", "version": 1, "content": [{"type": "bulletList", "content": []}]},
        {
            "type": "doc",
            "version": 1,
            "content": [{"type": "mediaSingle", "content": [{"type": "media", "attrs": {}}]}],
        },
    ],
)
def test_a_document_that_breaks_the_format_is_invalid_input(document: dict[str, Any]) -> None:
    async def script(client: httpx.AsyncClient) -> None:
        answer = await client.post("/issue", json=issue(description=document))
        assert (answer.status_code, answer.json()) == (400, {"errorMessages": ["INVALID_INPUT"], "errors": {}})

    using(JiraDouble(), script)


def test_a_bulk_create_keeps_what_is_right_and_counts_what_is_wrong() -> None:
    double = JiraDouble()

    async def script(client: httpx.AsyncClient) -> None:
        updates = [issue("One"), issue(""), issue("Three"), {"fields": {}}]
        answer = await client.post("/issue/bulk", json={"issueUpdates": updates})
        assert answer.status_code == 201
        doc = answer.json()
        assert [made["key"] for made in doc["issues"]] == ["DESK-1", "DESK-2"]
        assert [error["failedElementNumber"] for error in doc["errors"]] == [1, 3]
        answer = await client.post("/issue/bulk", json={"issueUpdates": [issue("")]})
        assert (answer.status_code, answer.json()["issues"]) == (400, [])
        answer = await client.post("/issue/bulk", json={"issueUpdates": [issue()] * 51})
        assert answer.status_code == 400

    using(double, script)
    assert [held["fields"]["summary"] for held in double.issues()] == ["One", "Three"]


def test_a_key_is_never_given_twice() -> None:
    async def script(client: httpx.AsyncClient) -> None:
        first = await create(client)
        await client.delete(f"/issue/{first['key']}")
        assert (await create(client))["key"] == "DESK-2"

    using(JiraDouble(), script)


def test_an_old_key_leads_to_the_issue_that_moved() -> None:
    async def script(client: httpx.AsyncClient) -> None:
        made = await create(client)
        moved = await client.post(
            "http://jira.test/_rehearsal/write", json={"op": "move", "issue": made["key"], "project": "INFRA"}
        )
        assert moved.json()["result"]["key"] == "INFRA-1"
        found = (await client.get(f"/issue/{made['key']}")).json()
        assert (found["id"], found["key"]) == (made["id"], "INFRA-1")

    using(JiraDouble(), script)


def test_moments_carry_milliseconds_and_the_readers_own_offset() -> None:
    async def script(client: httpx.AsyncClient) -> None:
        made = await create(client)
        fields = (await client.get(f"/issue/{made['id']}")).json()["fields"]
        assert fields["created"] == fields["updated"] == "2026-03-02T15:29:30.000+0530"

    using(JiraDouble(time=Hand(), zone="Asia/Kolkata"), script)


def test_an_edit_shows_in_the_change_log_and_moves_the_update_stamp() -> None:
    clock = Hand()

    async def script(client: httpx.AsyncClient) -> None:
        made = await create(client, labels=["a"])
        clock.forward(5)
        update = {"fields": {"summary": "New"}, "update": {"labels": [{"add": "b"}, {"remove": "a"}]}}
        assert (await client.put(f"/issue/{made['id']}", json=update)).status_code == 204
        fields = (await client.get(f"/issue/{made['id']}")).json()["fields"]
        assert (fields["summary"], fields["labels"]) == ("New", ["b"])
        assert fields["updated"] > fields["created"]
        log = (await client.get(f"/issue/{made['id']}/changelog")).json()
        assert [item["field"] for item in log["values"][0]["items"]] == ["summary", "labels"]
        await client.put(f"/issue/{made['id']}/properties/mine", json={"a": 1})
        again = (await client.get(f"/issue/{made['id']}")).json()["fields"]
        assert again["updated"] == fields["updated"], "an entity property is no edit"

    using(JiraDouble(time=clock), script)


def test_a_status_is_reached_by_steps_and_done_asks_for_a_resolution() -> None:
    async def script(client: httpx.AsyncClient) -> None:
        made = await create(client)
        steps = f"/issue/{made['id']}/transitions"

        async def take(step: str, **more: Any) -> httpx.Response:
            return await client.post(steps, json={"transition": {"id": step}, **more})

        assert (await take("41")).status_code == 400, "there is no way from To Do to Done in one step"
        assert (await take("11")).status_code == 204
        listed = (await client.get(steps, params={"expand": "transitions.fields"})).json()["transitions"]
        assert {step["to"]["name"] for step in listed} == {"On Hold", "Done", "To Do"}
        assert next(step for step in listed if step["id"] == "41")["fields"]["resolution"]["required"]
        assert (await take("41")).json()["errors"] == {"resolution": "Resolution is required."}
        done = await take("41", fields={"resolution": {"name": "Duplicate"}})
        assert done.status_code == 204
        fields = (await client.get(f"/issue/{made['id']}")).json()["fields"]
        assert (fields["status"]["name"], fields["resolution"]["name"]) == ("Done", "Duplicate")
        assert (await take("51")).status_code == 204
        assert (await client.get(f"/issue/{made['id']}")).json()["fields"]["resolution"] is None

    using(JiraDouble(), script)


def test_a_transition_that_comes_with_a_create_may_fail_while_the_issue_stays() -> None:
    async def script(client: httpx.AsyncClient) -> None:
        good, bad = {**issue(), "transition": {"id": "11"}}, {**issue(), "transition": {"id": "41"}}
        doc = (await client.post("/issue/bulk", json={"issueUpdates": [good, bad]})).json()
        assert [made["transition"]["status"] for made in doc["issues"]] == [204, 400]

    using(JiraDouble(), script)


def test_subtasks_live_with_their_parent() -> None:
    async def script(client: httpx.AsyncClient) -> None:
        parent = await create(client)
        child = await client.post("/issue", json=issue(kind="Sub-task", parent={"key": parent["key"]}))
        assert child.status_code == 201
        grandchild = await client.post("/issue", json=issue(kind="Sub-task", parent={"key": child.json()["key"]}))
        assert grandchild.status_code == 400
        elsewhere = issue(kind="Sub-task", project="INFRA", parent={"key": parent["key"]})
        assert (await client.post("/issue", json=elsewhere)).status_code == 400
        assert (await client.delete(f"/issue/{parent['key']}")).status_code == 400
        gone = await client.delete(f"/issue/{parent['key']}", params={"deleteSubtasks": "true"})
        assert gone.status_code == 204
        assert (await client.get(f"/issue/{child.json()['key']}")).status_code == 404

    using(JiraDouble(), script)


def test_a_link_made_twice_is_one_link_and_tells_no_id() -> None:
    double = JiraDouble()

    async def script(client: httpx.AsyncClient) -> None:
        one, two = await create(client), await create(client)
        link = {"type": {"name": "Relates"}, "inwardIssue": {"id": one["id"]}, "outwardIssue": {"id": two["id"]}}
        back = {"type": {"name": "Relates"}, "inwardIssue": {"id": two["id"]}, "outwardIssue": {"id": one["id"]}}
        for body in (link, link, back):
            answer = await client.post("/issueLink", json=body)
            assert (answer.status_code, answer.content) == (201, b"")
        missing = {**link, "outwardIssue": {"key": "DESK-77"}}
        assert (await client.post("/issueLink", json=missing)).status_code == 404

    using(double, script)
    assert [len(held["links"]) for held in double.issues()] == [1, 1]


def test_a_remote_link_is_upserted_by_its_global_id() -> None:
    async def script(client: httpx.AsyncClient) -> None:
        made = await create(client)
        url = f"/issue/{made['id']}/remotelink"
        link = {"globalId": "g", "relationship": "from", "object": {"url": "https://example.com", "title": "T"}}
        first = await client.post(url, json=link)
        second = await client.post(url, json={"globalId": "g", "object": {"url": "https://example.com", "title": "U"}})
        assert (first.status_code, second.status_code) == (201, 200)
        (held,) = (await client.get(url)).json()
        assert held["object"]["title"] == "U"
        assert "relationship" not in held, "what an update does not name is gone"
        assert (await client.delete(url, params={"globalId": "g"})).status_code == 204

    using(JiraDouble(), script)


def test_comments_carry_properties_and_page_in_both_directions() -> None:
    async def script(client: httpx.AsyncClient) -> None:
        made = await create(client)
        url = f"/issue/{made['id']}/comment"
        for number in range(5):
            body = {"body": adf(f"c{number}"), "properties": [{"key": "cutover", "value": {"x": number}}]}
            assert (await client.post(url, json=body)).status_code == 201
        page = (await client.get(url, params={"startAt": 1, "maxResults": 2, "expand": "properties"})).json()
        assert [one["properties"][0]["value"]["x"] for one in page["comments"]] == [1, 2]
        assert page["total"] == 5
        newest = (await client.get(url, params={"orderBy": "-created", "maxResults": 1})).json()["comments"]
        assert newest[0]["body"] == adf("c4")
        empty = await client.post(url, json={"body": "plain"})
        assert (empty.status_code, empty.json()["errors"]) == (400, {"comment": "Comment body is not valid!"})

    using(JiraDouble(limits={"issue_writes": []}), script)


def test_an_attachment_needs_the_header_and_its_bytes_lie_elsewhere() -> None:
    async def script(client: httpx.AsyncClient) -> None:
        made = await create(client)
        url, files = f"/issue/{made['id']}/attachments", {"file": ("a.bin", b"0123456789", "application/octet-stream")}
        assert (await client.post(url, files=files)).status_code == 403
        no_check = {"X-Atlassian-Token": "no-check"}
        (held,) = (await client.post(url, files=files, headers=no_check)).json()
        assert (held["size"], held["filename"]) == (10, "a.bin")
        away = await client.get(f"/attachment/content/{held['id']}")
        assert away.status_code == 303
        assert (await client.get(away.headers["location"])).status_code == 400, "two ways to log in are one too many"
        bare = await client.get(away.headers["location"], auth=httpx.Auth())
        assert bare.content == b"0123456789"
        part = await client.get(away.headers["location"], auth=httpx.Auth(), headers={"Range": "bytes=2-4"})
        assert (part.status_code, part.content) == (206, b"234")
        direct = await client.get(f"/attachment/content/{held['id']}", params={"redirect": "false"})
        assert direct.content == b"0123456789"
        big = {"file": ("big.bin", b"x" * 101, "application/octet-stream")}
        assert (await client.post(url, files=big, headers=no_check)).status_code == 413
        assert (await client.delete(f"/attachment/{held['id']}")).status_code == 204

    using(JiraDouble(options=Options(upload_limit=100)), script)


def test_a_full_issue_takes_no_more_comments() -> None:
    async def script(client: httpx.AsyncClient) -> None:
        made = await create(client)
        url = f"/issue/{made['id']}/comment"
        assert (await client.post(url, json={"body": adf("a")})).status_code == 201
        assert (await client.post(url, json={"body": adf("b")})).status_code == 413

    using(JiraDouble(options=Options(caps={"comment": 1})), script)


def test_a_bulk_delete_is_a_task_to_watch() -> None:
    double = JiraDouble(time=Hand())

    async def script(client: httpx.AsyncClient) -> None:
        made = [await create(client) for _ in range(3)]
        asked = {"selectedIssueIdsOrKeys": [made[0]["id"], made[2]["key"], "DESK-99"]}
        task = (await client.post("/bulk/issues/delete", json=asked)).json()["taskId"]
        async with asyncio.timeout(5):
            shown: dict[str, Any] = {}
            while shown.get("status") != "COMPLETE":
                shown = (await client.get(f"/bulk/queue/{task}")).json()
                await asyncio.sleep(0)
        assert shown["status"] == "COMPLETE"
        assert (len(shown["processedAccessibleIssues"]), shown["invalidOrInaccessibleIssueCount"]) == (2, 1)

    using(double, script)
    assert [held["key"] for held in double.issues()] == ["DESK-2"]


def test_the_older_version_speaks_plain_text() -> None:
    async def script(client: httpx.AsyncClient) -> None:
        older = "http://jira.test/rest/api/2"
        made = (await client.post(f"{older}/issue", json=issue(description="one\ntwo\n\nthree"))).json()
        assert (await client.get(f"{older}/issue/{made['id']}")).json()["fields"]["description"] == "one\ntwo\n\nthree"
        newer = (await client.get(f"/issue/{made['id']}")).json()["fields"]["description"]
        assert [block["type"] for block in newer["content"]] == ["paragraph", "paragraph"]

    using(JiraDouble(), script)


def test_the_create_screen_says_what_a_create_takes() -> None:
    async def script(client: httpx.AsyncClient) -> None:
        kinds = (await client.get("/issue/createmeta/DESK/issuetypes")).json()["issueTypes"]
        incident = next(kind["id"] for kind in kinds if kind["name"] == "Incident")
        page = (await client.get(f"/issue/createmeta/DESK/issuetypes/{incident}", params={"maxResults": 5})).json()
        assert (len(page["fields"]), page["maxResults"]) == (5, 5)
        fields = (await client.get(f"/issue/createmeta/DESK/issuetypes/{incident}")).json()["fields"]
        by_id = {field["fieldId"]: field for field in fields}
        assert [name for name, field in by_id.items() if field["required"]] == ["project", "issuetype", "summary"]
        assert "reporter" not in by_id, "nobody here may set the reporter"
        refused = await client.post("/issue", json=issue(reporter={"accountId": PEOPLE[0].account}))
        assert refused.json()["errors"]["reporter"].startswith("Field 'reporter' cannot be set.")

    using(JiraDouble(people=PEOPLE, denied=["MODIFY_REPORTER"]), script)


def test_a_journal_brings_everything_back(tmp_path: Any) -> None:
    journal = tmp_path / "jira.jsonl"

    async def script(client: httpx.AsyncClient) -> None:
        full = issue("Full", description=adf("text"), labels=["a", "b"], customfield_10052=2)
        full["properties"] = [{"key": "cutover", "value": {"x": "1"}}]
        one = (await client.post("/issue", json=full)).json()
        two, gone = await create(client), await create(client)
        said = {"body": adf("c"), "properties": [{"key": "cutover", "value": {"x": "c"}}]}
        await client.post(f"/issue/{one['id']}/comment", json=said)
        files = {"file": ("a.bin", b"\x00\x01", "application/octet-stream")}
        await client.post(f"/issue/{one['id']}/attachments", files=files, headers={"X-Atlassian-Token": "no-check"})
        ends = {"inwardIssue": {"id": one["id"]}, "outwardIssue": {"id": two["id"]}}
        await client.post("/issueLink", json={"type": {"name": "Blocks"}, **ends})
        await client.post(f"/issue/{two['id']}/transitions", json={"transition": {"id": "11"}})
        await client.post(f"/issue/{two['id']}/worklog", json={"timeSpent": "1h", "comment": adf("w")})
        remote = {"globalId": "g", "object": {"url": "https://example.com", "title": "T"}}
        await client.post(f"/issue/{two['id']}/remotelink", json=remote)
        await client.delete(f"/issue/{gone['id']}")

    first = JiraDouble(journal=journal)
    using(first, script)
    first.close()
    again = JiraDouble(journal=journal)
    assert again.issues() == first.issues()
    assert again.counts() == {**first.counts(), "not yet indexed": again.counts()["not yet indexed"]}

    async def later(client: httpx.AsyncClient) -> None:
        assert (await create(client))["key"] == "DESK-4", "a deleted issue's key is not given again"
        assert (await client.post("/search/jql", json={"jql": "labels = b"})).json()["issues"]

    using(again, later)
    again.close()

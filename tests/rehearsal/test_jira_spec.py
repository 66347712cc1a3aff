"""The double's answers against the vendor's own description of its API, where that lies beside the repository."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import pytest
from openapi_schema_validator import OAS30Validator

from connectors.rehearsal.jira import JiraDouble
from connectors.rehearsal.people import people
from tests.rehearsal.jira_calls import API, adf, create, issue, using

SPEC = Path(__file__).parents[2].parent / "shared/vendors/specs/jira-cloud-swagger-v3.json"
pytestmark = pytest.mark.skipif(not SPEC.exists(), reason="the vendor's description is not here")


@cache
def spec() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(SPEC.read_bytes())
    for schema in loaded["components"]["schemas"].values():
        if "anyOf" in schema and "properties" not in schema:
            schema.pop("additionalProperties", None)  # it contradicts the alternatives beside it
    for name in ("from", "fromString", "to", "toString"):  # null in the vendor's own examples
        loaded["components"]["schemas"]["ChangeDetails"]["properties"][name]["nullable"] = True
    loaded["components"]["schemas"]["Changelog"]["properties"]["created"] = {}  # a number in bulk, a string alone
    progress = loaded["components"]["schemas"]["BulkOperationProgress"]["properties"]
    progress |= {"created": {}, "started": {}, "updated": {}}  # numbers in the vendor's own example
    return loaded


def check(schema: dict[str, Any], value: Any, what: str) -> None:
    validator = OAS30Validator({**schema, "components": spec()["components"]})
    wrong = [
        f"{'.'.join(str(part) for part in error.absolute_path)}: {error.message}"
        for error in validator.iter_errors(value)
    ]
    assert not wrong, f"{what}: {wrong[:5]}"


class Described:
    """A client that holds every call and every answer to the description."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.client = client
        self.seen: set[str] = set()

    async def __call__(self, method: str, template: str, *names: Any, json: Any = None, **more: Any) -> Any:
        path = template
        for name in names:
            start, end = path.index("{"), path.index("}")
            path = path[:start] + str(name) + path[end + 1 :]
        operation = spec()["paths"][API + template][method]
        what = f"{method.upper()} {template}"
        if json is not None:
            body = next(iter(operation["requestBody"]["content"].values()))
            check(body["schema"], json, f"{what} request")
            more["json"] = json
        answer = await self.client.request(method.upper(), path, **more)
        described = operation["responses"].get(str(answer.status_code))
        assert described is not None, f"{what} answered {answer.status_code}: {answer.text[:300]}"
        schema = next(iter(described.get("content", {}).values()), {}).get("schema")
        if schema and answer.content:
            check(schema, answer.json(), f"{what} {answer.status_code}")
        self.seen.add(what)
        return answer.json() if answer.content else None


def test_answers_and_requests_are_as_the_vendor_describes_them() -> None:
    async def script(client: httpx.AsyncClient) -> None:
        call = Described(client)
        me = await call("get", "/myself")
        await call("get", "/serverInfo")
        await call("get", "/user/search", params={"query": "a"})
        await call("get", "/user/bulk", params={"accountId": me["accountId"]})
        await call("get", "/user", params={"accountId": me["accountId"]})
        await call("get", "/user/assignable/multiProjectSearch", params={"projectKeys": "DESK"})
        await call("get", "/project/search")
        await call("get", "/project/{projectIdOrKey}", "DESK")
        await call("get", "/project/{projectIdOrKey}/statuses", "DESK")
        for listed in ("issuetype", "status", "statuscategory", "priority", "resolution", "field", "issueLinkType"):
            await call("get", f"/{listed}")
        await call("get", "/statuses/search")
        await call("get", "/priority/search")
        await call("get", "/field/search")
        await call("get", "/issue/createmeta")
        kinds = await call("get", "/issue/createmeta/{projectIdOrKey}/issuetypes", "DESK")
        await call(
            "get", "/issue/createmeta/{projectIdOrKey}/issuetypes/{issueTypeId}", "DESK", kinds["issueTypes"][0]["id"]
        )
        full = issue("Full", description=adf("text"), priority={"name": "High"}, labels=["one"], duedate="2026-03-04")
        full["fields"] |= {"customfield_10050": "INC1", "customfield_10053": {"value": "Minor"}}
        full["properties"] = [{"key": "cutover", "value": {"x": "1"}}]
        made = await call("post", "/issue", json=full)
        bulk = await call("post", "/issue/bulk", json={"issueUpdates": [full, issue(""), issue("Two")]})
        assert [error["failedElementNumber"] for error in bulk["errors"]] == [1]
        other = bulk["issues"][1]["key"]
        await call("post", "/issue/bulk", json={"issueUpdates": [issue("")]})
        await call("post", "/issue", json=issue(""))
        key = made["key"]
        expand = "names,schema,transitions,editmeta,changelog,renderedFields"
        await call("get", "/issue/{issueIdOrKey}", key, params={"expand": expand, "properties": "cutover"})
        await call("put", "/issue/{issueIdOrKey}", key, json={"fields": {"summary": "Fuller"}})
        found = {"issueIdsOrKeys": [key, other, "DESK-99"], "fields": ["*all"], "properties": ["cutover"]}
        await call("post", "/issue/bulkfetch", json=found)
        await call("post", "/search/jql", json={"jql": "project = DESK", "maxResults": 1, "fields": ["*all"]})
        await call("get", "/search/jql", params={"jql": "project = DESK", "maxResults": 1})
        await call("post", "/search/approximate-count", json={"jql": "project = DESK"})
        queries = ["project = DESK and not (summary ~ x or id in (1, 2)) order by key desc", "a in"]
        await call("post", "/jql/parse", json={"queries": queries}, params={"validation": "none"})
        steps = await call("get", "/issue/{issueIdOrKey}/transitions", key, params={"expand": "transitions.fields"})
        go = {"transition": {"id": steps["transitions"][0]["id"]}}
        await call("post", "/issue/{issueIdOrKey}/transitions", key, json=go)
        await call("get", "/issue/{issueIdOrKey}/transitions", key, params={"expand": "transitions.fields"})
        await call("get", "/issue/{issueIdOrKey}/editmeta", key)
        await call("get", "/issue/{issueIdOrKey}/changelog", key)
        await call("post", "/changelog/bulkfetch", json={"issueIdsOrKeys": [key]})
        said = {"body": adf("said"), "properties": [{"key": "cutover", "value": {"x": "c"}}]}
        comment = await call("post", "/issue/{issueIdOrKey}/comment", key, json=said, params={"expand": "properties"})
        await call("get", "/issue/{issueIdOrKey}/comment", key, params={"expand": "properties"})
        await call("get", "/issue/{issueIdOrKey}/comment/{id}", key, comment["id"])
        await call("put", "/issue/{issueIdOrKey}/comment/{id}", key, comment["id"], json={"body": adf("else")})
        await call("post", "/comment/list", json={"ids": [int(comment["id"])]})
        await call("get", "/comment/{commentId}/properties", comment["id"])
        await call("get", "/comment/{commentId}/properties/{propertyKey}", comment["id"], "cutover")
        await call("get", "/issue/{issueIdOrKey}/properties", key)
        await call("get", "/issue/{issueIdOrKey}/properties/{propertyKey}", key, "cutover")
        await call("put", "/issue/{issueIdOrKey}/properties/{propertyKey}", key, "new", json={"any": [1]})
        await call("delete", "/issue/{issueIdOrKey}/properties/{propertyKey}", key, "new")
        await call("post", "/issue/{issueIdOrKey}/worklog", key, json={"timeSpentSeconds": 60, "comment": adf("x")})
        await call("get", "/issue/{issueIdOrKey}/worklog", key)
        link = {"type": {"name": "Blocks"}, "inwardIssue": {"key": key}, "outwardIssue": {"key": other}}
        await call("post", "/issueLink", json=link)
        held = await call("get", "/issue/{issueIdOrKey}", key, params={"fields": "issuelinks"})
        link_id = held["fields"]["issuelinks"][0]["id"]
        await call("get", "/issueLink/{linkId}", link_id)
        await call("delete", "/issueLink/{linkId}", link_id)
        remote = {"globalId": "system=a&id=1", "object": {"url": "https://example.com/1", "title": "One"}}
        await call("post", "/issue/{issueIdOrKey}/remotelink", key, json=remote)
        await call("get", "/issue/{issueIdOrKey}/remotelink", key)
        files = {"file": ("a.txt", b"abc", "text/plain")}
        answer = await client.post(f"/issue/{key}/attachments", files=files, headers={"X-Atlassian-Token": "no-check"})
        described = spec()["paths"][f"{API}/issue/{{issueIdOrKey}}/attachments"]["post"]["responses"]["200"]
        check(described["content"]["application/json"]["schema"], answer.json(), "POST attachments")
        await call("get", "/attachment/{id}", answer.json()[0]["id"])
        await call("get", "/attachment/meta")
        await call("get", "/mypermissions", params={"permissions": "EDIT_ISSUES,BULK_CHANGE"})
        asked = {"globalPermissions": ["BULK_CHANGE"]}
        asked["projectPermissions"] = [{"permissions": ["EDIT_ISSUES"], "projects": [10000], "issues": []}]
        await call("post", "/permissions/check", json=asked)
        await call("put", "/issue/archive", json={"issueIdsOrKeys": [other, "DESK-99"]})
        last = await create(client)
        task = await call("post", "/bulk/issues/delete", json={"selectedIssueIdsOrKeys": [last["key"]]})
        await call("get", "/bulk/queue/{taskId}", task["taskId"])
        await call("get", "/task/{taskId}", task["taskId"])
        await call("delete", "/issue/{issueIdOrKey}", key)
        await call("get", "/issue/{issueIdOrKey}", key)
        assert len(call.seen) > 50

    double = JiraDouble(people=people(1, 12))
    using(double, script)
    double.close()

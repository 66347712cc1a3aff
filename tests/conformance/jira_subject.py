"""Jira Cloud's rehearsal system as a subject."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

import httpx

from connectors import jira
from connectors.kit.contract import Connection, Connector, Fields, Write
from connectors.rehearsal.jira import TOKEN, USER, JiraDouble
from connectors.rehearsal.jira.site import Options
from connectors.rehearsal.people import people
from tests.conformance.payload import SECRET, pieces, xid
from tests.conformance.rehearsed import Ahead, Rehearsed

_numbers = itertools.count()
_RECORDS = 40
_LAG = 0.5  # seconds the index is late


def _text(text: str, *marks: str) -> dict[str, Any]:
    return {"type": "text", "text": text} | ({"marks": [{"type": mark} for mark in marks]} if marks else {})


def _paragraph(*content: dict[str, Any]) -> dict[str, Any]:
    return {"type": "paragraph", "content": list(content)}


DOCUMENT = {
    "type": "doc",
    "version": 1,
    "content": [
        _paragraph(
            _text("a"), _text("b"), _text(" and a text that is long enough to be cut in two somewhere", "strong")
        ),
        {"type": "paragraph"},
        {"type": "heading", "attrs": {"level": 2}, "content": [_text("x", "strong", "em")]},
        {"type": "orderedList", "content": [{"type": "listItem", "content": [_paragraph(_text("one"))]}]},
        {"type": "codeBlock", "attrs": {"language": "sql"}, "content": [_text("select 1\nfrom x")]},
        {"type": "panel", "attrs": {"panelType": "info"}, "content": [_paragraph(_text("y"), {"type": "hardBreak"})]},
        {
            "type": "table",
            "content": [{"type": "tableRow", "content": [{"type": "tableCell", "content": [_paragraph(_text("z"))]}]}],
        },
    ],
}


class JiraSubject(Rehearsed):
    entity = "issue"
    names = ("summary", "labels")
    narrow = "labels = odd"
    nothing = "labels = nobody-has-this"
    broken_filters = (
        "labels ==== odd",
        "nosuchfield = 1",
        "labels = odd ORDER BY key",
        "(",
        "labels = odd) OR (key > 1",
    )
    child = "comment"
    attachment = "attachment"
    target_entity = "issue"
    statuses = ("In Progress", "To Do")
    no_status = "Nirvana"
    gone = "99999999"
    hidden = frozenset({"updated"})
    secret = SECRET

    def __init__(self, clock: Ahead) -> None:
        super().__init__(clock)
        users = [person for person in people(1, 20) if person.account and person.active][:3]
        self.people: Mapping[str, str] = {person.account: person.email for person in users}
        self.accounts: Mapping[str, str] = {person.email.lower(): person.account for person in users}
        self.double = JiraDouble(people=users, lag=_LAG, time=clock, options=Options(rewrites=True))
        self.uploads: dict[str, str] = {}  # xid -> name of the file

    async def begin(self) -> None:
        """Fill the site, which runs; nobody else calls it yet."""
        for number in range(_RECORDS):
            fields = {"summary": f"{SECRET} {number}", "labels": ["odd"] if number % 2 else []}
            await self._make(fields, "DESK" if number % 3 else "INFRA")
        issues = self.double.issues()
        self.keys = frozenset(issue["id"] for issue in issues)
        self.narrowed = frozenset(issue["id"] for number, issue in enumerate(issues) if number % 2)
        self._order = {issue["id"]: (issue["project"], int(issue["key"].split("-")[1])) for issue in issues}
        await self._hang([issue["id"] for issue in issues[:3]])
        await self.wait(2 * _LAG)

    async def _make(self, fields: dict[str, Any], project: str) -> str:
        whole = {"project": {"key": project}, "issuetype": {"name": "Task"}, **fields}
        return str((await self.double.scripted({"op": "create", "fields": whole}))["id"])

    async def _hang(self, parents: list[str]) -> None:
        for parent, count in zip(parents, (3, 1, 0), strict=True):
            for _ in range(count):
                await self.double.scripted({"op": "comment", "issue": parent, "body": SECRET})
        held: dict[str, dict[str, bytes]] = {}
        async with httpx.AsyncClient(base_url=self.url, auth=(USER, TOKEN), verify=False) as person:
            for parent, sizes in zip(parents, ((10, 70_000), (1,), ()), strict=True):
                held[parent] = {}
                for size in sizes:
                    data = bytes(range(256)) * (size // 256) + b"." * (size % 256)
                    path = f"/rest/api/3/issue/{parent}/attachments"
                    check = {"X-Atlassian-Token": "no-check"}
                    answer = await person.post(path, files={"file": (f"{size}.bin", data)}, headers=check)
                    held[parent][answer.json()[0]["id"]] = data
        self.contents = held
        there = {issue["id"]: issue for issue in self.double.issues()}
        self.children = {key: [f"{key}/{one['id']}" for one in there[key]["comments"]] for key in parents}

    def order(self, key: str) -> Any:
        return self._order[key]

    async def connect(self) -> Connector:
        auth = {"kind": "basic", "user": USER, "password": TOKEN}
        options = {"late_commit": 0.1, "search_settle": 2 * _LAG}
        return jira.connect(Connection("sut", "jira", self.url, auth, options), self.ports)

    async def edit(self, key: str) -> None:
        await self.script({"op": "edit", "issue": key, "fields": {"summary": f"edited {next(_numbers)}"}})

    async def insert(self) -> str:
        fields = {"project": {"key": "DESK"}, "issuetype": {"name": "Task"}, "summary": SECRET}
        return str((await self.script({"op": "create", "fields": fields}))["id"])

    async def remove(self, key: str) -> None:
        await self.script({"op": "delete", "issue": key})

    async def fail_read(self) -> None:
        self.fault("POST /rest/api/3/search/jql", "drop_before")

    async def cut_content(self) -> None:
        self.fault("GET /media/", "truncated", early_close=True)

    def write(self, number: int) -> Write:
        fields = {"project": "DESK", "issuetype": "Task", "summary": f"{SECRET} {number}", "customfield_10050": "INC1"}
        return Write(xid(number), fields)

    def bad_write(self, number: int) -> Write:
        good = self.write(number)
        return good._replace(fields={**good.fields, "summary": SECRET * 100})  # more than 255 characters

    def change(self) -> Fields:
        return {"summary": f"{SECRET} changed"}

    def child_write(self, number: int, parent: str) -> tuple[str, Write]:
        return "comment", Write(xid(number), {"body": SECRET}, parent=parent)

    def attachment_write(self, number: int, parent: str, data: bytes) -> tuple[str, Write]:
        self.uploads[xid(100 + number)] = name = f"{SECRET}-{number}.bin"
        return "attachment", Write(xid(100 + number), {"filename": name}, parent=parent, content=pieces(data))

    def known_by(self, word: str) -> tuple[str, Fields]:
        return "Source number", {**self.write(0).fields, "customfield_10050": word}

    async def seen(self, target: str) -> Fields | None:
        issue = next((issue for issue in self.double.issues() if issue["id"] == target), None)
        return issue and {**issue["fields"], "project": issue["project"], "issuetype": issue["type"]}

    async def stored(self, entity: str, target: str) -> bytes:
        async with httpx.AsyncClient(base_url=self.url, auth=(USER, TOKEN), verify=False) as person:
            answer = await person.get(f"/rest/api/3/attachment/content/{target}?redirect=false")
        return answer.content

    async def copies(self, entity: str, xid: str) -> int:
        issues = self.double.issues()
        if entity == "attachment":
            return sum(one["filename"] == self.uploads[xid] for issue in issues for one in issue["attachments"])
        held = issues if entity == "issue" else [one for issue in issues for one in issue["comments"]]
        return sum(one["properties"].get("cutover", {}).get("x") == xid for one in held)

    def kinds(self) -> list[Write]:
        fields = {
            "project": "DESK",
            "issuetype": "incident",
            "summary": f"  {SECRET} e\u0301tude ",
            "description": DOCUMENT,
            "environment": "line one\r\nline two\n\nparagraph",
            "labels": ["b", "a", "b"],
            "priority": "high",
            "assignee": next(iter(self.people)),
            "duedate": "2026-01-31 10:00:00",
            "Source number": "INC1",
            "customfield_10052": "1.50",
            "customfield_10053": "Minor",
            "customfield_10054": "2026-01-31T10:00:00.123456+02:00",
            "customfield_10055": "",
            "customfield_10056": {"accountId": next(iter(self.people))},
            "customfield_10057": ["Web", "Phone"],
            "customfield_10058": None,
            "customfield_10059": "https://example.com/1",
        }
        bare = {"project": "INFRA", "issuetype": "Task", "summary": SECRET, "customfield_10051": "", "labels": []}
        return [Write(xid(200), fields), Write(xid(201), bare)]

    def restorable(self, write: Write) -> Fields:
        return {name: value for name, value in write.fields.items() if name not in ("project", "issuetype")}

    def emptied(self, write: Write) -> Fields:
        return {name: None for name in self.restorable(write) if name not in ("summary", "priority")}

    async def touch(self, target: str) -> str:
        fields = {"summary": f"by hand {next(_numbers)}"}
        return await self._by_hand({"op": "edit", "issue": target, "fields": fields})

    async def touch_child(self, target: str) -> str:
        return await self._by_hand({"op": "comment", "issue": target, "body": SECRET})

    async def _by_hand(self, doc: dict[str, Any]) -> str:
        account, email = next(iter(self.people.items()))
        await self.script({**doc, "user": email})
        return account

    async def lose_answer(self) -> None:
        self.fault("POST /rest/api/3/issue", "drop_after")

    async def lose_request(self) -> None:
        self.fault("POST /rest/api/3/issue", "drop_before")

    async def deny(self) -> None:
        self.double.site.catalogue.denied = frozenset({"CREATE_ISSUES"})

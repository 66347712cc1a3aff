"""The connector beside a rehearsal Jira on a real socket."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Any

from connectors.jira import connect
from connectors.jira.connector import Jira
from connectors.kit.contract import Connection, Doubt, Fields, Write, Written
from connectors.rehearsal.jira import TOKEN, USER, JiraDouble
from connectors.rehearsal.people import Person
from tests.kit.ports import plain_ports
from tests.rehearsal.running import running

AUTH = {"kind": "basic", "user": USER, "password": TOKEN}
QUICK = {"late_commit": 0.1, "search_settle": 0.2}


@contextlib.asynccontextmanager
async def desk(double: JiraDouble, **options: Any) -> AsyncIterator[Jira]:
    with running(double) as url:
        jira = connect(Connection("jira", "jira", url, AUTH, QUICK | options), plain_ports())
        try:
            yield jira
        finally:
            await jira.close()


def fields(summary: str, **more: Any) -> Fields:
    return {"project": "DESK", "issuetype": "Task", "summary": summary} | more


def write(number: int, **more: Any) -> Write:
    return Write(f"XID{number:04d}", fields(f"record {number}", **more))


async def doubts(jira: Jira, entity: str, writes: list[Write]) -> list[Doubt]:
    """What the engine would keep before it sends these."""
    mark = await jira.mark(entity, writes)
    sent = plain_ports().clock.now()
    return [Doubt(one.xid, mark, sent, one.parent, one.fields) for one in writes]


def by_xid(double: JiraDouble) -> dict[str, list[Fields]]:
    """The issues that the site really has, by our id."""
    found: dict[str, list[Fields]] = {}
    for issue in double.issues():
        found.setdefault(issue["properties"].get("cutover", {}).get("x", ""), []).append(issue)
    return found


def person(email: str, account: str) -> Person:
    values = dict.fromkeys(Person._fields, "") | {"email": email, "account": account, "first_name": "Mia"}
    values |= {"last_name": "Stone", "zone": "Etc/UTC", "language": "en_US", "active": True}
    return Person(**{name: values[name] for name in Person._fields})


async def ids(jira: Jira, *writes: Write) -> list[str]:
    outcomes = await jira.create("issue", list(writes))
    assert all(isinstance(outcome, Written) for outcome in outcomes), outcomes
    return [outcome.target for outcome in outcomes if isinstance(outcome, Written)]


def content(data: bytes, pieces: int = 3) -> Any:
    async def read() -> AsyncIterator[bytes]:
        size = max(1, len(data) // pieces)
        for start in range(0, len(data), size):
            yield data[start : start + size]

    return read

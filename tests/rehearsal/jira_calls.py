"""Calls to a Jira double in process, and the small documents that tests send."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import httpx

from connectors.rehearsal.base import Time
from connectors.rehearsal.jira import TOKEN, USER, JiraDouble

T = TypeVar("T")
API = "/rest/api/3"


class Hand(Time):
    """A clock that moves only when it is told to, or when somebody sleeps."""

    def __init__(self, start: datetime = datetime(2026, 3, 2, 9, 59, 30, tzinfo=UTC)) -> None:
        self.moment = start

    def now(self) -> datetime:
        return self.moment

    def monotonic(self) -> float:
        return self.moment.timestamp()

    async def sleep(self, seconds: float) -> None:
        self.moment += timedelta(seconds=seconds)

    def forward(self, seconds: float) -> None:
        self.moment += timedelta(seconds=seconds)


def using(double: JiraDouble, script: Callable[[httpx.AsyncClient], Awaitable[T]], **client: Any) -> T:
    """Run a script against the double, logged in."""

    async def run() -> T:
        options = {"auth": (USER, TOKEN), "base_url": f"http://jira.test{API}", **client}
        async with httpx.AsyncClient(transport=httpx.ASGITransport(double.app), **options) as made:
            return await script(made)

    return asyncio.run(run())


def adf(*paragraphs: str) -> dict[str, Any]:
    content = [{"type": "paragraph", "content": [{"type": "text", "text": text}]} for text in paragraphs]
    return {"type": "doc", "version": 1, "content": content}


def issue(summary: str = "A thing", project: str = "DESK", kind: str = "Incident", **fields: Any) -> dict[str, Any]:
    return {"fields": {"project": {"key": project}, "issuetype": {"name": kind}, "summary": summary, **fields}}


async def create(client: httpx.AsyncClient, summary: str = "A thing", **fields: Any) -> dict[str, Any]:
    answer = await client.post("/issue", json=issue(summary, **fields))
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def keys(client: httpx.AsyncClient, jql: str, **more: Any) -> list[str]:
    """The keys of one page."""
    answer = await client.post("/search/jql", json={"jql": jql, "fields": ["key"], **more})
    assert answer.status_code == 200, answer.text
    return [found["key"] for found in answer.json()["issues"]]

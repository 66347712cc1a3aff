"""A Jira that says what a test wants it to say, for the traps that a well-behaved one does not set."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import orjson

from connectors.jira import connect
from connectors.jira.connector import Jira
from connectors.kit.contract import Connection
from tests.kit.ports import plain_ports
from tests.kit.sockets import Request, Server, answer, serving

Answering = Callable[[Request, Any], bytes]
AUTH = {"kind": "basic", "user": "cutover@example.com", "password": "rehearsal"}


@contextlib.asynccontextmanager
async def scripted(routes: Mapping[str, Answering], **options: Any) -> AsyncIterator[tuple[Jira, Server]]:
    """`routes`: "METHOD /path" below the API's root, as a pattern, to what answers; the request's JSON comes along."""

    async def behave(server: Server, request: Request, writer: asyncio.StreamWriter) -> None:
        path = request.target.partition("?")[0].removeprefix("/rest/api/3")
        doc = orjson.loads(request.body) if request.body.startswith(b"{") else None
        for pattern, respond in routes.items():
            if re.fullmatch(pattern, f"{request.method} {path}"):
                writer.write(respond(request, doc))
                break
        else:
            writer.write(answer(404, {"errorMessages": ["No such thing."], "errors": {}}))
        await writer.drain()

    async with serving(behave) as server:
        jira = connect(Connection("jira", "jira", server.url, AUTH, {"projects": ["DESK"], **options}), plain_ports())
        try:
            yield jira, server
        finally:
            await jira.close()


def says(status: int, body: Any = None, **headers: str) -> Answering:
    """Always the same answer."""
    return lambda request, doc: answer(status, body, **headers)


def in_turn(*bodies: Any) -> Answering:
    """200 with these bodies one after the other, then the last again and again."""
    left = list(bodies)
    return lambda request, doc: answer(200, left.pop(0) if len(left) > 1 else left[0])


def issue(number: int, **fields: Any) -> dict[str, Any]:
    stamp = {"updated": "2026-01-31T10:00:00.000+0000"}
    return {"id": str(10_000 + number), "key": f"DESK-{number}", "fields": stamp | fields}


CREATE_FIELDS = [
    {
        "fieldId": id,
        "key": id,
        "name": id.title(),
        "required": id == "summary",
        "operations": ["set"],
        "schema": {"type": "array", "items": "string"} if id == "labels" else {"type": "string", "system": id},
    }
    for id in ("summary", "labels", "description")
]
CREATEMETA: dict[str, Answering] = {
    "GET /issue/createmeta/DESK/issuetypes": says(
        200, {"issueTypes": [{"id": "1", "name": "Task", "subtask": False}], "total": 1}
    ),
    "GET /issue/createmeta/DESK/issuetypes/1": says(200, {"fields": CREATE_FIELDS, "total": 3}),
}

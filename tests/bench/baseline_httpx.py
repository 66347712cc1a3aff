"""The mark to beat: a plain asyncio and httpx script without a ledger, as it is written in an hour."""

from __future__ import annotations

import asyncio

import httpx

from tests.bench.script import (
    BULK,
    CONCURRENCY,
    CREATE,
    INCIDENTS,
    JIRA,
    PAGE,
    SERVICENOW,
    Row,
    after,
    creates,
    measure,
)

Queue = asyncio.Queue[list[Row] | None]


async def move(servicenow: str, jira: str) -> int:
    """Move every incident; the number of issues made."""
    queue: Queue = asyncio.Queue(CONCURRENCY * 2)
    connections = httpx.Limits(max_connections=CONCURRENCY, max_keepalive_connections=CONCURRENCY)
    async with (
        httpx.AsyncClient(base_url=servicenow, auth=SERVICENOW, timeout=60) as source,
        httpx.AsyncClient(base_url=jira, auth=JIRA, timeout=60, limits=connections) as target,
        asyncio.TaskGroup() as group,
    ):
        writers = [group.create_task(write(target, queue)) for _ in range(CONCURRENCY)]
        await read(source, queue)
    return sum(writer.result() for writer in writers)


async def read(source: httpx.AsyncClient, queue: Queue) -> None:
    last = ""
    while True:
        response = await call(source, "GET", INCIDENTS, params=after(last))
        rows = response.json()["result"]
        for start in range(0, len(rows), BULK):
            await queue.put(rows[start : start + BULK])
        if len(rows) < PAGE:
            break
        last = rows[-1]["sys_id"]
    for _ in range(CONCURRENCY):
        await queue.put(None)


async def write(target: httpx.AsyncClient, queue: Queue) -> int:
    made = 0
    while (rows := await queue.get()) is not None:
        response = await call(target, "POST", CREATE, json=creates(rows))
        answer = response.json()
        if answer["errors"]:
            raise RuntimeError(f"{len(answer['errors'])} of {len(rows)} issues were refused")
        made += len(answer["issues"])
    return made


async def call(client: httpx.AsyncClient, method: str, path: str, **request: object) -> httpx.Response:
    while True:
        response = await client.request(method, path, **request)  # type: ignore[arg-type]
        if response.status_code != 429:
            return response.raise_for_status()
        await asyncio.sleep(float(response.headers.get("Retry-After", 1)))


if __name__ == "__main__":
    measure(move)

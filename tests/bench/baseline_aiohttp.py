"""The mark to aim for: the same script on aiohttp, uvloop and orjson."""

from __future__ import annotations

import asyncio

import aiohttp
import orjson
import uvloop

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
    async with (
        aiohttp.ClientSession(servicenow, headers=signed(SERVICENOW)) as source,
        aiohttp.ClientSession(jira, headers=signed(JIRA), connector=aiohttp.TCPConnector(limit=CONCURRENCY)) as target,
        asyncio.TaskGroup() as group,
    ):
        writers = [group.create_task(write(target, queue)) for _ in range(CONCURRENCY)]
        await read(source, queue)
    return sum(writer.result() for writer in writers)


def signed(account: tuple[str, str]) -> dict[str, str]:
    return {"Authorization": aiohttp.encode_basic_auth(*account)}


async def read(source: aiohttp.ClientSession, queue: Queue) -> None:
    last = ""
    while True:
        page = await call(source, "GET", INCIDENTS, params=after(last))
        rows = page["result"]
        for start in range(0, len(rows), BULK):
            await queue.put(rows[start : start + BULK])
        if len(rows) < PAGE:
            break
        last = rows[-1]["sys_id"]
    for _ in range(CONCURRENCY):
        await queue.put(None)


async def write(target: aiohttp.ClientSession, queue: Queue) -> int:
    made = 0
    headers = {"Content-Type": "application/json"}
    while (rows := await queue.get()) is not None:
        answer = await call(target, "POST", CREATE, data=orjson.dumps(creates(rows)), headers=headers)
        if answer["errors"]:
            raise RuntimeError(f"{len(answer['errors'])} of {len(rows)} issues were refused")
        made += len(answer["issues"])
    return made


async def call(client: aiohttp.ClientSession, method: str, path: str, **request: object) -> dict[str, list[Row]]:
    while True:
        async with client.request(method, path, **request) as response:  # type: ignore[arg-type]
            if response.status != 429:
                response.raise_for_status()
                answer: dict[str, list[Row]] = orjson.loads(await response.read())
                return answer
        await asyncio.sleep(float(response.headers.get("Retry-After", 1)))


if __name__ == "__main__":
    measure(move, uvloop.run)

"""A ServiceNow to test against: the double on a real socket, and our connector to it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from connectors.kit.contract import Connection, Ports, Record, Scope, Written
from connectors.rehearsal.seed import Dataset
from connectors.rehearsal.servicenow import ServiceNowDouble, Settings
from connectors.servicenow import connect
from connectors.servicenow.connector import ServiceNow
from tests.kit.ports import plain_ports
from tests.rehearsal.running import running

Result = TypeVar("Result")
AUTH = {"kind": "basic", "user": "cutover", "password": "rehearsal"}


def double(incidents: int = 120, *, plain: bool = True, **settings: Any) -> ServiceNowDouble:
    more = {name: settings.pop(name) for name in ("users", "unwritable", "time") if name in settings}
    return ServiceNowDouble(dataset=Dataset(7, incidents, plain=plain), settings=Settings(**settings), **more)


def on(
    subject: ServiceNowDouble,
    body: Callable[[ServiceNow], Awaitable[Result]],
    *,
    auth: dict[str, str] | None = None,
    limits: dict[str, Any] | None = None,
    ports: Ports | None = None,
    **options: Any,
) -> Result:
    """Runs `body` with a connector to `subject`, over a socket."""

    async def run(url: str) -> Result:
        connector = connect(
            Connection("snow", "servicenow", url, auth or AUTH, options, limits or {}), ports or plain_ports()
        )
        try:
            return await body(connector)
        finally:
            await connector.close()

    with running(subject) as url:
        return asyncio.run(run(url))


async def read_all(connector: ServiceNow, scope: Scope, limit: int, parts: int = 1) -> list[Record]:
    records: list[Record] = []
    for first in await connector.spans(scope, parts):
        span: str | None = first
        while span is not None:
            page = await connector.read(scope, span, limit)
            assert len(page.records) <= limit
            records += page.records
            span = page.rest
    return records


def written(outcomes: Any) -> list[str]:
    assert all(isinstance(outcome, Written) for outcome in outcomes), outcomes
    return [outcome.target for outcome in outcomes]

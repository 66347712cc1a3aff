"""Calls to one Jira site: what every part of the connector needs of HTTP, and order among writes to one issue."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Any, TypeVar
from weakref import WeakValueDictionary

import httpx

from connectors.jira.answers import errors_of
from connectors.jira.options import Options
from connectors.kit.auth import auth_for
from connectors.kit.contract import Connection, Content, Failed, Outcome, Ports
from connectors.kit.errors import ConnectorError, InDoubt, Misconfigured, Unavailable
from connectors.kit.http import Http, Params, Reply

API = "/rest/api/3"
TOKEN_URL = "https://auth.atlassian.com/oauth/token"
LOGIN = "x-seraph-loginreason"
CREDENTIALS = "Check auth of this system: the user is an e-mail address, the password an API token that is still valid."
CONCURRENCY = 8

Item = TypeVar("Item")


class Client:
    """The door to one site."""

    def __init__(self, connection: Connection, ports: Ports, options: Options) -> None:
        self.connection = connection
        self.ports = ports
        self.options = options
        auth = auth_for(connection, ports.clock, token_url=TOKEN_URL)
        self.http = Http(connection, ports, auth=auth, stranger=stranger)
        self._slots = asyncio.Semaphore(int(connection.limits.get("concurrency", CONCURRENCY)))
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def close(self) -> None:
        await self.http.close()

    async def wait(self, seconds: float) -> None:
        await self.ports.clock.sleep(seconds)

    # ------------------------------------------------------------ calls

    async def send(
        self,
        method: str,
        path: str,
        *,
        scope: str,
        params: Params | None = None,
        body: Any = None,
        content: Content | None = None,
        headers: Mapping[str, str] | None = None,
        safe: bool | None = None,
    ) -> Reply:
        """One call below the API's root; 4xx answers come back to be judged."""
        reply = await self.http.json(
            method, API + path, scope=scope, params=params, json=body, content=content, headers=headers, safe=safe
        )
        if method == "POST" and not safe and reply.status < 400 and stranger(reply.headers):
            # An anonymous caller did it, with our token refused: it may stand there, and must not be sent again.
            raise InDoubt(f"Jira took {path} without accepting the credentials ({reply.headers[LOGIN]}). {CREDENTIALS}")
        refuse_strangers(reply.headers)
        return reply

    async def get(self, path: str, *, scope: str, params: Params | None = None) -> Any:
        return self.expect(await self.send("GET", path, scope=scope, params=params), path)

    async def ask(self, path: str, body: Any, *, scope: str) -> Any:
        """A POST that only reads, and may be made again."""
        return self.expect(await self.send("POST", path, scope=scope, body=body, safe=True), path)

    def expect(self, reply: Reply, path: str) -> Any:
        """The body of an answer that can only be right. Misconfigured tells what Jira said: it is about the request as
        the migration has it, never about a record."""
        if reply.status < 300:
            return reply.body if reply.body is not None else {}
        messages, fields = errors_of(reply.body)
        said = "; ".join([*messages, *fields.values()]) or "no reason given"
        raise Misconfigured(f"Jira answered {reply.status} to {path}: {said}", hint=_hint(reply.status))

    # ------------------------------------------------------------ writes to issues

    async def each(
        self,
        items: Sequence[Item],
        issues: Callable[[Item], tuple[str, ...]],
        work: Callable[[Item], Awaitable[Outcome]],
    ) -> list[Outcome]:
        """`work` for every item, outcomes in order. Items on the same issues go one after the other, in order.

        Jira limits writes per issue and answers parallel ones with conflicts. After an item whose fate is open,
        those behind it on its issue are not sent: comments must not overtake one another.
        """
        outcomes: dict[int, Outcome] = {}
        groups: dict[tuple[str, ...], list[int]] = {}
        for number, item in enumerate(items):
            groups.setdefault(tuple(sorted(set(issues(item)))), []).append(number)

        async def run(names: tuple[str, ...], numbers: list[int]) -> None:
            async with self._slots, AsyncExitStack() as held:
                for name in names:  # sorted, so that two of them never wait for each other
                    await held.enter_async_context(self._lock(name))
                open_fate = False
                for number in numbers:
                    if open_fate:
                        error = Unavailable("not sent: the fate of an earlier write to the same issue is open")
                        outcomes[number] = Failed(_xid(items[number]), error)
                        continue
                    try:
                        outcomes[number] = await work(items[number])
                    except ConnectorError as error:
                        outcomes[number] = Failed(_xid(items[number]), error)
                        open_fate = True

        await together(run(names, numbers) for names, numbers in groups.items())
        ordered = [outcomes[number] for number in range(len(items))]
        _raise_what_is_about_all(ordered)
        return ordered

    def _lock(self, issue: str) -> asyncio.Lock:
        lock = self._locks.get(issue)
        if lock is None:
            lock = self._locks[issue] = asyncio.Lock()
        return lock


async def together(calls: Iterable[Coroutine[Any, Any, Item]]) -> list[Item]:
    """All of these calls at once, results in order. The first error ends the others, and is raised as it is."""
    try:
        async with asyncio.TaskGroup() as tasks:
            started = [tasks.create_task(call) for call in calls]
    except BaseExceptionGroup as group:
        raise group.exceptions[0] from None
    return [task.result() for task in started]


def stranger(headers: httpx.Headers) -> bool:
    """Jira serves a caller whose credentials fail as an anonymous one: with less, and without a 401."""
    reason = headers.get(LOGIN, "")
    return "FAILED" in reason or "DENIED" in reason


def refuse_strangers(headers: httpx.Headers) -> None:
    if stranger(headers):
        raise Misconfigured(f"Jira did not accept the credentials ({headers[LOGIN]})", hint=CREDENTIALS)


def _raise_what_is_about_all(outcomes: Sequence[Outcome]) -> None:
    """When nothing was applied because of one and the same lasting fault, it is the call's, not the records'."""
    errors = [outcome.error for outcome in outcomes if isinstance(outcome, Failed)]
    lasting = next((error for error in errors if isinstance(error, Misconfigured)), None)
    if (
        lasting
        and all(isinstance(error, Misconfigured | Unavailable) for error in errors)
        and len(errors) == len(outcomes)
    ):
        raise lasting


def _xid(item: object) -> str:
    return item if isinstance(item, str) else str(getattr(item, "xid", ""))


def _hint(status: int) -> str:
    if status == 403:
        return "Run `cutover check`: the account lacks a permission."
    if status == 404:
        return "Check the project, and that the account may see it."
    if status == 410:
        return "This site no longer has that part of the API: update cutover."
    return "Correct the filter or option that it names."

"""What every rehearsal system has: an ASGI app with a clock, latency, faults, a journal and control endpoints."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import MutableMapping, Sequence
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import httpx
import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from connectors.rehearsal.faults import Faults, Rule
from connectors.rehearsal.journal import Journal

ABORT = "cutover.abort"  # the extension by which a server lets an app cut the line (see `serve`)


class Time:
    """The clock of a double. A test may pass its own."""

    def now(self) -> datetime:
        """Now, in UTC, aware."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class Answer(Response):
    """A JSON answer, encoded by orjson."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        return content if isinstance(content, bytes) else orjson.dumps(content, option=orjson.OPT_NON_STR_KEYS)


class Double:
    """A rehearsal system. A vendor's double gives `routes` and overrides the hooks below.

    A double with state calls `self.recover()` at the end of its `__init__` (opening `app` does it at the latest).
    """

    name = "double"
    hint = ""  # how to try it, one line for people

    def __init__(
        self, *, seed: int = 1, time: Time | None = None, journal: Path | None = None, latency: float = 0.0
    ) -> None:
        """`latency` in seconds, added to each vendor call."""
        self.seed = seed
        self.time = time or Time()
        self.latency = latency
        self.faults = Faults(seed=seed)
        self.calls: Counter[str] = Counter()  # "METHOD route-template": how often it was reached
        self.answers: Counter[int] = Counter()  # HTTP status (0: the connection was dropped): how often
        self.in_flight = 0
        self._journal = Journal(journal) if journal else None
        self._recovered = False

    # ------------------------------------------------------------ what a vendor's double overrides

    def routes(self) -> Sequence[BaseRoute]:
        """The vendor's own routes."""
        raise NotImplementedError

    def identity(self) -> dict[str, Any]:
        """What the starting data depends on; a journal of another identity is refused."""
        return {"double": self.name, "seed": self.seed}

    def replay(self, kind: str, doc: dict[str, Any]) -> None:
        """Apply one recorded write again."""
        raise NotImplementedError

    def counts(self) -> dict[str, int]:
        """Objects by type, for GET /_rehearsal/state."""
        return {}

    def limits(self, settings: dict[str, Any]) -> dict[str, Any]:
        """Change limiter settings live; returns those in force. Raises ValueError for what it does not know."""
        raise ValueError("this double has no limits to set")

    async def scripted(self, doc: dict[str, Any]) -> Any:
        """A scripted user's write, at the vendor's own level. Raises ValueError for what it cannot do."""
        raise ValueError("this double takes no scripted writes")

    def admit(self, scope: Scope) -> Response | None:
        """Refuse a vendor call on arrival (limits), or None to let it in."""
        return None

    def failure(self, status: int) -> Response:
        """The vendor's answer for a server error."""
        return Answer({"error": "the server failed"}, status)

    def throttled(self, seconds: float) -> Response:
        """The vendor's 429."""
        return Answer({"error": "too many requests"}, 429, {"Retry-After": str(max(1, round(seconds)))})

    def unauthorized(self) -> Response:
        """The vendor's 401 for a token that has run out."""
        return Answer({"error": "unauthorized"}, 401)

    def page(self) -> Response:
        """A page for people where JSON was expected."""
        return HTMLResponse("<!DOCTYPE html><html><body><h1>Please stand by</h1></body></html>")

    # ------------------------------------------------------------ state

    def record(self, kind: str, doc: dict[str, Any]) -> None:
        """Keep a committed write. Free of cost when there is no journal."""
        if self._journal:
            self._journal.append(kind, doc)

    def recover(self) -> None:
        """Replay the journal, once."""
        if self._recovered:
            return
        self._recovered = True
        if self._journal:
            for kind, doc in self._journal.open(self.identity()):
                self.replay(kind, doc)

    def close(self) -> None:
        if self._journal:
            self._journal.close()

    # ------------------------------------------------------------ the app

    @cached_property
    def app(self) -> Starlette:
        self.recover()
        routes = list(self.routes())
        for route in routes:
            if isinstance(route, Route):
                route.app = _counted(route.app, route.path, self.calls)
        app = Starlette(routes=[*_control(self), *routes])
        app.add_middleware(_Edge, double=self)
        return app


def _counted(app: ASGIApp, template: str, calls: Counter[str]) -> ASGIApp:
    async def count(scope: Scope, receive: Receive, send: Send) -> None:
        calls[f"{scope['method']} {template}"] += 1
        await app(scope, receive, send)

    return count


class _Edge:
    """The middleware between a double and the world: date, latency, limits, faults, counters."""

    def __init__(self, app: ASGIApp, double: Double) -> None:
        self.app = app
        self.double = double
        self._second = 0
        self._date = b""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        dated = self._dated(send, counted=not scope["path"].startswith("/_rehearsal"))
        if scope["path"].startswith("/_rehearsal"):
            await self.app(scope, receive, dated)
            return
        double = self.double
        double.in_flight += 1
        try:
            refusal = double.admit(scope)
            rule = None if refusal else double.faults.draw(f"{scope['method']} {scope['path']}")
            if double.latency:
                await double.time.sleep(double.latency)
            if refusal:
                await refusal(scope, receive, dated)
            elif rule:
                await self._fail(rule, scope, receive, dated)
            else:
                await self.app(scope, receive, dated)
        finally:
            double.in_flight -= 1

    def _dated(self, send: Send, counted: bool) -> Send:
        """Every answer carries the double's own clock, as the connectors read it."""

        async def dated(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), (b"date", self._http_date())]
                if counted:
                    self.double.answers[message["status"]] += 1
            await send(message)

        return dated

    def _http_date(self) -> bytes:
        now = self.double.time.now()
        second = int(now.timestamp())
        if second != self._second:
            self._second, self._date = second, format_datetime(now, usegmt=True).encode()
        return self._date

    async def _fail(self, rule: Rule, scope: Scope, receive: Receive, send: Send) -> None:
        double, args = self.double, rule.args
        answer: Response | None = None
        match rule.kind:
            case "drop_before":
                await self._drop(scope, receive)
                return
            case "drop_after":
                await self.app(scope, receive, _swallow)
                await self._drop(scope, receive)
                return
            case "slow":
                await double.time.sleep(float(args["seconds"]))
                await self.app(scope, receive, send)
                return
            case "truncated":
                await self._truncate(scope, receive, send, bool(args["early_close"]))
                return
            case "status_before":
                answer = double.failure(int(args["code"]))
            case "status_after":
                await self.app(scope, receive, _swallow)
                answer = double.failure(int(args["code"]))
            case "html_200":
                answer = double.page()
            case "throttle":
                answer = double.throttled(float(args["seconds"]))
            case "token_expired":
                answer = double.unauthorized()
        assert answer is not None
        await answer(scope, receive, send)

    async def _drop(self, scope: Scope, receive: Receive) -> None:
        self.double.answers[0] += 1
        abort = (scope.get("extensions") or {}).get(ABORT)
        if abort is None:  # in process: the caller sees what a real client would
            raise httpx.RemoteProtocolError("Server disconnected without sending a response.")
        abort["transport"].abort()
        while (await receive())["type"] != "http.disconnect":
            pass

    async def _truncate(self, scope: Scope, receive: Receive, send: Send, early_close: bool) -> None:
        start: MutableMapping[str, Any] = {}
        body = bytearray()

        async def keep(message: Message) -> None:
            if message["type"] == "http.response.start":
                start.update(message)
            elif message["type"] == "http.response.body":
                body.extend(message.get("body", b""))

        await self.app(scope, receive, keep)
        half = bytes(body[: len(body) // 2])
        if not early_close:
            others = [pair for pair in start["headers"] if pair[0].lower() != b"content-length"]
            await send({**start, "headers": [*others, (b"content-length", str(len(half)).encode())]})
            await send({"type": "http.response.body", "body": half})
            return
        await send(start)
        await send({"type": "http.response.body", "body": half, "more_body": True})
        await self._cut(scope, receive)

    async def _cut(self, scope: Scope, receive: Receive) -> None:
        abort = (scope.get("extensions") or {}).get(ABORT)
        if abort is None:
            raise httpx.RemoteProtocolError("peer closed connection without sending complete message body")
        abort["transport"].close()  # what was written still leaves, unlike with an abort
        while (await receive())["type"] != "http.disconnect":
            pass


async def _swallow(message: Message) -> None:
    """Where an answer goes that nobody gets."""


# ---------------------------------------------------------------- control endpoints: no auth, no latency, no faults


def _control(double: Double) -> list[Route]:
    async def health(request: Request) -> Response:
        return Answer({"system": double.name, "now": double.time.now().isoformat()})

    async def state(request: Request) -> Response:
        return Answer(
            {
                "system": double.name,
                "seed": double.seed,
                "counts": double.counts(),
                "calls": dict(double.calls),
                "answers": {str(status): count for status, count in double.answers.items()},
                "faults": {"rules": [rule.show() for rule in double.faults.rules], "fired": dict(double.faults.fired)},
            }
        )

    async def faults(request: Request) -> Response:
        if request.method == "DELETE":
            double.faults.clear()
            return Answer({"rules": []})
        try:
            docs = orjson.loads(await request.body())
            if not isinstance(docs, list):
                raise ValueError("send a JSON list of faults")
            double.faults.add(*[Rule.read(doc) for doc in docs])
        except (ValueError, TypeError) as error:
            return Answer({"error": str(error)}, 400)
        return Answer({"rules": [rule.show() for rule in double.faults.rules]})

    async def limits(request: Request) -> Response:
        try:
            return Answer(double.limits(_object(await request.body())))
        except (ValueError, TypeError) as error:
            return Answer({"error": str(error)}, 400)

    async def write(request: Request) -> Response:
        try:
            return Answer({"result": await double.scripted(_object(await request.body()))})
        except (ValueError, TypeError) as error:
            return Answer({"error": str(error)}, 400)

    return [
        Route("/_rehearsal/health", health, methods=["GET"]),
        Route("/_rehearsal/state", state, methods=["GET"]),
        Route("/_rehearsal/faults", faults, methods=["POST", "DELETE"]),
        Route("/_rehearsal/limits", limits, methods=["POST"]),
        Route("/_rehearsal/write", write, methods=["POST"]),
    ]


def _object(body: bytes) -> dict[str, Any]:
    doc = orjson.loads(body)
    if not isinstance(doc, dict):
        raise ValueError("send a JSON object")
    return doc

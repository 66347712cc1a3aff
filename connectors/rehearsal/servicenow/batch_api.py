"""The Batch API: requests in one envelope, one after the other, each with its own status; no transaction."""

from __future__ import annotations

import base64
import binascii
import http
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route, Router
from starlette.types import Message

from connectors.rehearsal.servicenow.answers import CALLER, answer, body_of, guarded
from connectors.rehearsal.servicenow.auth import Caller
from connectors.rehearsal.servicenow.rules import Refusal
from connectors.rehearsal.servicenow.table_api import VERSIONS

if TYPE_CHECKING:
    from connectors.rehearsal.servicenow.double import ServiceNowDouble


class BatchApi:
    """`others` are the routes that a batch may reach; a batch in a batch is not one of them."""

    def __init__(self, double: ServiceNowDouble, others: list[Route]) -> None:
        self._double = double
        reachable: list[BaseRoute] = [*others]
        self._router = Router(reachable)

    def routes(self) -> list[Route]:
        return [
            Route(f"/api/now{version}/batch", guarded(self._double, self._batch), methods=["POST"])
            for version in VERSIONS
        ]

    async def _batch(self, request: Request, caller: Caller) -> Response:
        doc = await body_of(request)
        wanted = doc.get("rest_requests")
        if not isinstance(wanted, list) or not all(isinstance(item, dict) and item.get("id") for item in wanted):
            raise Refusal(400, "Invalid batch request", "rest_requests must be a list of requests, each with an id")
        settings = self._double.settings
        room = settings.batch_output
        if (most := request.headers.get("x-batchrequest-max-output-size", "")).isdigit():
            room = min(room, int(most))
        serviced: list[dict[str, Any]] = []
        unserviced: list[str] = []
        for item in wanted:
            if room <= 0 or (settings.batch_items is not None and len(serviced) >= settings.batch_items):
                unserviced.append(str(item["id"]))
                continue
            serviced.append(await self._service(item, request, caller))
            room -= len(serviced[-1]["body"])
        return answer(
            {
                "batch_request_id": str(doc.get("batch_request_id", "")),
                "serviced_requests": serviced,
                "unserviced_requests": unserviced,
            }
        )

    async def _service(self, item: dict[str, Any], outer: Request, caller: Caller) -> dict[str, Any]:
        started = self._double.time.monotonic()
        status, headers, body, problem = await self._call(item, outer, caller)
        quiet = bool(item.get("exclude_response_headers"))
        return {
            "id": str(item["id"]),
            "status_code": status,
            "status_text": http.HTTPStatus(status).phrase,
            "headers": [] if quiet else [{"name": name, "value": value} for name, value in headers],
            "body": base64.b64encode(body).decode(),
            "execution_time": round((self._double.time.monotonic() - started) * 1000),
            "error_message": problem,
            "redirect_url": None,
        }

    async def _call(
        self, item: dict[str, Any], outer: Request, caller: Caller
    ) -> tuple[int, list[tuple[str, str]], bytes, str | None]:
        url, method = str(item.get("url", "")), str(item.get("method", "GET")).upper()
        try:
            body = base64.b64decode(item.get("body") or "", validate=True)
        except (binascii.Error, ValueError):
            return 400, [], b"", "body is not Base64"
        if not url.startswith("/"):
            return 400, [], b"", "url must be relative to the instance"
        path, _, query = url.partition("?")
        headers = [
            (str(pair["name"]).lower().encode("latin-1"), str(pair["value"]).encode("latin-1"))
            for pair in item.get("headers") or []
        ]
        if not any(name == b"host" for name, _ in headers):
            headers.append((b"host", outer.headers.get("host", "instance").encode("latin-1")))
        scope = {
            **{name: outer.scope[name] for name in ("type", "asgi", "http_version", "scheme", "server", "client")},
            "method": method,
            "path": unquote(path),
            "raw_path": path.encode(),
            "root_path": "",
            "query_string": query.encode(),
            "headers": headers,
            CALLER: caller,
        }
        start: dict[str, Any] = {}
        out = bytearray()

        async def receive() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Message) -> None:
            if message["type"] == "http.response.start":
                start.update(message)
            else:
                out.extend(message.get("body", b""))

        await self._router(scope, receive, send)
        pairs = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in start["headers"]]
        return start["status"], pairs, bytes(out), None

"""The Table API."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from connectors.rehearsal.servicenow import rules
from connectors.rehearsal.servicenow.answers import (
    CANCELLED,
    answer,
    base_url,
    body_of,
    error,
    form_of,
    guarded,
    how_of,
    truth,
    whole,
)
from connectors.rehearsal.servicenow.auth import Caller
from connectors.rehearsal.servicenow.dictionary import SYS_ID
from connectors.rehearsal.servicenow.store import Table

if TYPE_CHECKING:
    from connectors.rehearsal.servicenow.double import ServiceNowDouble

VERSIONS = ("", "/v1", "/v2")


class TableApi:
    def __init__(self, double: ServiceNowDouble) -> None:
        self._double = double

    def routes(self) -> list[Route]:
        double, made = self._double, []
        for version in VERSIONS:
            path = f"/api/now{version}/table/{{table}}"
            made += [
                Route(path, guarded(double, self._list), methods=["GET"]),
                Route(path, guarded(double, self._create), methods=["POST"]),
                Route(f"{path}/{{sys_id}}", guarded(double, self._read), methods=["GET"]),
                Route(f"{path}/{{sys_id}}", guarded(double, self._update), methods=["PATCH", "PUT", "POST"]),
                Route(f"{path}/{{sys_id}}", guarded(double, self._delete), methods=["DELETE"]),
            ]
        return made

    async def _list(self, request: Request, caller: Caller) -> Response:
        double, params = self._double, request.query_params
        table = double.table(request.path_params["table"], caller)
        limit, offset = whole(request, "sysparm_limit", 10_000), whole(request, "sysparm_offset", 0)
        window = double.find(table, params.get("sysparm_query", ""), caller, offset, limit)
        if not window.total and "/v1/" in request.url.path:
            raise rules.no_record()
        view = double.views.of(table, form_of(request, caller))
        visible = double.visible(table, caller)
        encode = view.encode
        rows = [encode(row) for row in window.rows if visible is None or visible(row)]
        headers = {}
        counted = not truth(request, "sysparm_no_count")
        if counted:
            headers["X-Total-Count"] = str(window.total)
        if not truth(request, "sysparm_suppress_pagination_header") and limit:
            more = offset + limit < window.total if counted else len(window.rows) == limit
            link = _links(request, offset, limit, window.total if counted else None, more)
            if link:
                headers["Link"] = link
        most = double.settings.transaction_records
        if most is not None and len(window.rows) > most:
            return self._cancelled(rows[: most // 2], headers)
        return answer(b'{"result":[' + b",".join(rows) + b"]}", 200, headers)

    def _cancelled(self, rows: list[bytes], headers: dict[str, str]) -> Response:
        """Status 200 all the same: the answer had begun when its time was up."""
        started = b'{"result":[' + b",".join(rows)
        rest = orjson.dumps({"error": CANCELLED, "status": "failure"})[1:]
        if self._double.settings.transaction_truncates:
            return answer(started[:-2] + b"," + rest, 200, headers)
        return answer(started + b"]," + rest, 200, headers)

    async def _read(self, request: Request, caller: Caller) -> Response:
        table = self._double.table(request.path_params["table"], caller)
        return self._one(request, caller, table, request.path_params["sys_id"])

    def _one(self, request: Request, caller: Caller, table: Table, sys_id: str) -> Response:
        row = self._double.readable(table, sys_id, caller)
        return answer(b'{"result":' + self._double.views.of(table, form_of(request, caller)).encode(row) + b"}")

    async def _create(self, request: Request, caller: Caller) -> Response:
        double = self._double
        table = double.table(request.path_params["table"], caller)
        how = how_of(request, caller, double.settings.admin_only_sys_fields)
        row = rules.create(double, table, await body_of(request), caller, how)
        headers = {"Location": f"{base_url(request)}/api/now/table/{table.name}/{row[SYS_ID]}"}
        if request.headers.get("x-no-response-body", "").lower() == "true":
            return Response(None, 201, headers)
        body = double.views.of(table, form_of(request, caller)).encode(row)
        return answer(b'{"result":' + body + b"}", 201, headers)

    async def _update(self, request: Request, caller: Caller) -> Response:
        double, sys_id = self._double, request.path_params["sys_id"]
        if request.method == "POST":
            override = request.headers.get("x-http-method-override", "").upper()
            if override == "DELETE":
                return await self._delete(request, caller)
            if override == "GET":
                return await self._read(request, caller)
            if override not in ("PATCH", "PUT"):
                return error(405, "Method not supported", "POST needs X-HTTP-Method-Override here")
        table = double.table(request.path_params["table"], caller)
        body = await body_of(request)
        double.readable(table, sys_id, caller)
        how = how_of(request, caller, double.settings.admin_only_sys_fields)
        rules.update(double, table, sys_id, body, caller, how)
        if request.headers.get("x-no-response-body", "").lower() == "true":
            return Response(None, 204)
        return self._one(request, caller, table, sys_id)

    async def _delete(self, request: Request, caller: Caller) -> Response:
        double, sys_id = self._double, request.path_params["sys_id"]
        table = double.table(request.path_params["table"], caller)
        double.readable(table, sys_id, caller)
        rules.delete(double, table, sys_id, caller)
        return Response(None, 204)


def _links(request: Request, offset: int, limit: int, total: int | None, more: bool) -> str:
    """The Link header; empty when everything is on one page."""
    if not more and not offset:
        return ""
    params = {name: value for name, value in request.query_params.items() if name != "sysparm_offset"}
    at = f"{base_url(request)}{request.url.path}?"

    def link(start: int, rel: str) -> str:
        return f'<{at}{urlencode({**params, "sysparm_offset": start})}>;rel="{rel}"'

    made = []
    if more:
        made.append(link(offset + limit, "next"))
    if offset:
        made.append(link(max(0, offset - limit), "prev"))
    made.append(link(0, "first"))
    if total is not None:
        made.append(link(max(0, (total - 1) // limit * limit), "last"))
    return ",".join(made)

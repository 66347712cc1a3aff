"""The Attachment API: list, read, upload (raw and multipart), rename, delete."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

import orjson
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from connectors.rehearsal.servicenow import rules
from connectors.rehearsal.servicenow.answers import answer, base_url, body_of, guarded, whole
from connectors.rehearsal.servicenow.auth import Caller
from connectors.rehearsal.servicenow.dictionary import CREATED_BY, CREATED_ON, SYS_ID, UPDATED_BY, UPDATED_ON
from connectors.rehearsal.servicenow.load import describe
from connectors.rehearsal.servicenow.rules import Refusal
from connectors.rehearsal.servicenow.scripts import STAMP
from connectors.rehearsal.servicenow.store import Row, Table
from connectors.rehearsal.servicenow.table_api import VERSIONS

if TYPE_CHECKING:
    from connectors.rehearsal.servicenow.double import ServiceNowDouble

BLOCKED = ("exe", "bat", "com", "scr")
"""Extensions that the instance does not take."""


class AttachmentApi:
    def __init__(self, double: ServiceNowDouble) -> None:
        self._double = double

    @property
    def _table(self) -> Table:
        return self._double.store.tables["sys_attachment"]

    def routes(self) -> list[Route]:
        double, made = self._double, []
        for version in VERSIONS:
            path = f"/api/now{version}/attachment"
            made += [
                Route(path, guarded(double, self._list), methods=["GET"]),
                Route(f"{path}/file", guarded(double, self._upload_raw), methods=["POST"]),
                Route(f"{path}/upload", guarded(double, self._upload_form), methods=["POST"]),
                Route(f"{path}/{{sys_id}}", guarded(double, self._read), methods=["GET"]),
                Route(f"{path}/{{sys_id}}", guarded(double, self._rename), methods=["PATCH"]),
                Route(f"{path}/{{sys_id}}", guarded(double, self._delete), methods=["DELETE"]),
                Route(f"{path}/{{sys_id}}/file", guarded(double, self._file), methods=["GET"]),
            ]
        return made

    def _show(self, request: Request, row: Row) -> dict[str, str]:
        shown = dict(zip((column.name for column in self._table.columns), row, strict=True))
        shown["download_link"] = f"{base_url(request)}/api/now/attachment/{row[SYS_ID]}/file"
        return shown

    async def _list(self, request: Request, caller: Caller) -> Response:
        limit, offset = whole(request, "sysparm_limit", 1000), whole(request, "sysparm_offset", 0)
        query = request.query_params.get("sysparm_query", "")
        window = self._double.find(self._table, query, caller, offset, limit)
        visible = self._double.visible(self._table, caller)
        rows = [self._show(request, row) for row in window.rows if visible is None or visible(row)]
        return answer({"result": rows}, 200, {"X-Total-Count": str(window.total)})

    def _found(self, request: Request, caller: Caller) -> Row:
        return self._double.readable(self._table, request.path_params["sys_id"], caller)

    async def _read(self, request: Request, caller: Caller) -> Response:
        return answer({"result": self._show(request, self._found(request, caller))})

    async def _file(self, request: Request, caller: Caller) -> Response:
        row = self._found(request, caller)
        kind = row[self._table.at["content_type"]] or "application/octet-stream"
        name = quote(row[self._table.at["file_name"]])
        headers = {
            # headers are ASCII: other letters go as JSON escapes
            "X-Attachment-Metadata": _ascii(orjson.dumps(self._show(request, row)).decode()),
            "Content-Disposition": f"attachment;filename*=UTF-8''{name}",
            "Content-Type": kind,
        }
        return Response(self._double.content(row[SYS_ID]), 200, headers)

    async def _upload_raw(self, request: Request, caller: Caller) -> Response:
        params = request.query_params
        kind = request.headers.get("content-type", "application/octet-stream")
        table, target, name = (params.get(part, "") for part in ("table_name", "table_sys_id", "file_name"))
        return self._store(request, caller, table, target, name, kind, await request.body())

    async def _upload_form(self, request: Request, caller: Caller) -> Response:
        async with request.form() as form:
            file = form.get("uploadFile")
            if not isinstance(file, UploadFile):
                raise Refusal(400, "Failed to create the attachment", "The part uploadFile is missing")
            table, target = str(form.get("table_name", "")), str(form.get("table_sys_id", ""))
            kind = file.content_type or "application/octet-stream"
            return self._store(request, caller, table, target, file.filename or "", kind, await file.read())

    def _store(
        self, request: Request, caller: Caller, table_name: str, target: str, name: str, kind: str, content: bytes
    ) -> Response:
        double, table = self._double, self._table
        if not (table_name and target and name):
            raise Refusal(400, "Failed to create the attachment", "table_name, table_sys_id and file_name are required")
        parents = double.table(table_name.removeprefix("ZZ_YY"), caller)
        double.readable(parents, target, caller)
        if parents.name not in rules.WRITABLE and not caller.user.admin:
            raise Refusal(403, "Operation Failed", "ACL Exception Insert Failed due to security constraints")
        if name.rpartition(".")[2].lower() in BLOCKED:
            raise Refusal(403, "Failed to create the attachment", "The file extension is not allowed")
        if len(content) > double.settings.attachment_size:
            raise Refusal(
                413, "Failed to create the attachment", "The file is larger than com.glide.attachment.max_size"
            )
        row = list(table.template)
        now = double.now().strftime(STAMP)
        row[SYS_ID] = double.new_id()
        row[CREATED_ON] = row[UPDATED_ON] = now
        row[CREATED_BY] = row[UPDATED_BY] = caller.name
        for field, value in describe(name, kind, table_name, target, content).items():
            row[table.at[field]] = value
        double.keep(row[SYS_ID], content)
        double.commit(table, row)
        shown = self._show(request, row)
        location = f"{base_url(request)}/api/now/attachment/{row[SYS_ID]}"
        return answer({"result": shown}, 201, {"Location": location})

    def _writable(self, request: Request, caller: Caller) -> Row:
        row = self._found(request, caller)
        parent = row[self._table.at["table_name"]].removeprefix("ZZ_YY")
        if parent not in rules.WRITABLE and not caller.user.admin:
            raise Refusal(403, "Operation Failed", "ACL Exception Delete Failed due to security constraints")
        return row

    async def _rename(self, request: Request, caller: Caller) -> Response:
        row = list(self._writable(request, caller))
        row[self._table.at["file_name"]] = str((await body_of(request)).get("file_name", ""))
        self._double.commit(self._table, row)
        return Response(None, 204)

    async def _delete(self, request: Request, caller: Caller) -> Response:
        self._double.erase(self._table, self._writable(request, caller)[SYS_ID])
        return Response(None, 204)


def _ascii(text: str) -> str:
    return "".join(sign if sign < "\x7f" else _escaped(sign) for sign in text)


def _escaped(sign: str) -> str:
    units = sign.encode("utf-16-be")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))

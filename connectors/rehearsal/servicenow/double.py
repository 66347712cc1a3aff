"""The ServiceNow double: its state, its limits, and what a scripted user does to it."""

from __future__ import annotations

import base64
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import Scope

from connectors.rehearsal.base import Answer, Double, Time
from connectors.rehearsal.seed import Dataset, File
from connectors.rehearsal.servicenow import rules
from connectors.rehearsal.servicenow.answers import error, hibernating, rate_limited, unauthenticated
from connectors.rehearsal.servicenow.attachment_api import AttachmentApi
from connectors.rehearsal.servicenow.auth import USERS, Caller, Door, User, user_id
from connectors.rehearsal.servicenow.batch_api import BatchApi
from connectors.rehearsal.servicenow.dictionary import SYS_ID
from connectors.rehearsal.servicenow.import_api import ImportApi
from connectors.rehearsal.servicenow.limiter import Limiter
from connectors.rehearsal.servicenow.load import load
from connectors.rehearsal.servicenow.query import Query, compile_query
from connectors.rehearsal.servicenow.scripts import Asker
from connectors.rehearsal.servicenow.select import Window, everything, select
from connectors.rehearsal.servicenow.settings import Settings
from connectors.rehearsal.servicenow.stats_api import StatsApi
from connectors.rehearsal.servicenow.store import Row, Store, Table
from connectors.rehearsal.servicenow.table_api import TableApi
from connectors.rehearsal.servicenow.views import Views

_COMPILED = 64  # queries that are kept compiled
_SCRIPT = User("", ("admin",))  # a scripted user may write everything


class ServiceNowDouble(Double):
    """A ServiceNow instance with incidents, people, journals and attachments.

    Credentials of a double that is given no `users`: user `cutover`, password `rehearsal` (roles itil,
    rest_api_explorer, import_transformer; API key `rehearsal-key`), and `admin` with the same password. OAuth client
    `cutover-client`, secret `rehearsal`. `unwritable` names "table.column"s whose writes are ignored silently.
    """

    name = "servicenow"
    hint = "user cutover  try: curl -u cutover:rehearsal {url}/api/now/table/incident?sysparm_limit=1"

    def __init__(
        self,
        *,
        dataset: Dataset | None = None,
        users: Mapping[str, User] | None = None,
        settings: Settings | None = None,
        unwritable: Sequence[str] = (),
        seed: int = 1,
        time: Time | None = None,
        journal: Path | None = None,
        latency: float = 0.0,
    ) -> None:
        super().__init__(seed=seed, time=time, journal=journal, latency=latency)
        self.dataset = dataset or Dataset(seed)
        self.settings = settings or Settings()
        self.unwritable = frozenset(unwritable)
        self.door = Door(users or USERS, seed)
        self.limiter = Limiter(self.settings)
        self.store = Store()
        self._made: dict[str, File] = load(self.store, self.dataset, self.door.users)
        self._contents: dict[str, bytes] = {}
        self._compiled: OrderedDict[tuple[str, str, str], Query] = OrderedDict()
        self._replayed = 0
        self._given = 0
        self.views = Views(self.store)
        self.store.on_write = self.views.written
        self.recover()

    # ------------------------------------------------------------ the base's hooks

    def routes(self) -> Sequence[BaseRoute]:
        apis = (TableApi(self), AttachmentApi(self), StatsApi(self), ImportApi(self))
        vendor = [route for api in apis for route in api.routes()]
        return [
            *vendor,
            *BatchApi(self, vendor).routes(),
            Route("/oauth_token.do", self._token, methods=["POST"]),
            Route("/{rest:path}", self._nowhere, methods=["GET", "POST", "PUT", "PATCH", "DELETE"]),
        ]

    def identity(self) -> dict[str, Any]:
        data = self.dataset
        return {**super().identity(), "data": data.seed, "incidents": data.size, "plain": data.plain}

    def counts(self) -> dict[str, int]:
        counts = {name: len(table.own) for name, table in self.store.tables.items() if table.own}
        return {**counts, "sessions": self.door.sessions}

    def limits(self, settings: dict[str, Any]) -> dict[str, Any]:
        return self.settings.change(settings)

    def admit(self, scope: Scope) -> Response | None:
        settings = self.settings
        if settings.hibernating:
            return hibernating()
        if len(scope["path"]) + len(scope["query_string"]) > settings.url_length:
            return HTMLResponse("<html><body><h1>414 Request-URI Too Large</h1></body></html>", 414)
        if self.in_flight > settings.semaphores + settings.queue:
            return error(429, "Semaphore exhausted", "Maximum number of concurrent transactions reached",
                         {"Retry-After": "1"})  # fmt: skip
        if settings.per_hour is None or scope["path"] == "/oauth_token.do":
            return None
        now = self.time.now().timestamp()
        user = next((value for name, value in scope["headers"] if name == b"authorization"), b"")
        wait = self.limiter.take(user.decode("latin-1"), now)
        return rate_limited(wait, settings.per_hour, self.limiter.headers(now)) if wait else None

    def failure(self, status: int) -> Response:
        return error(status, "Internal server error", "The server failed to process the request")

    def throttled(self, seconds: float) -> Response:
        return rate_limited(seconds, self.settings.per_hour or 1000, self.limiter.headers(self.time.now().timestamp()))

    def unauthorized(self) -> Response:
        return unauthenticated()

    def page(self) -> Response:
        return hibernating()

    # ------------------------------------------------------------ writes

    def now(self) -> datetime:
        return self.time.now()

    def new_id(self) -> str:
        self._given += 1
        return rules.identifier("new", self.seed, self._replayed, self._given)

    def commit(self, table: Table, row: Row) -> None:
        """Write a row through: to the journal first, then to where readers see it."""
        self.record("row", {"table": table.name, "row": row})
        self.store.put(table, row)

    def erase(self, table: Table, sys_id: str) -> None:
        self.record("gone", {"table": table.name, "sys_id": sys_id})
        self.store.remove(table, sys_id)
        self._contents.pop(sys_id, None)

    def keep(self, sys_id: str, content: bytes) -> None:
        """Keep the bytes of an attachment."""
        self.record("file", {"sys_id": sys_id, "content": base64.b64encode(content).decode()})
        self._contents[sys_id] = content

    def content(self, sys_id: str) -> bytes:
        """The bytes of an attachment."""
        if sys_id in self._contents:
            return self._contents[sys_id]
        return self.dataset.content(self._made[sys_id])

    def replay(self, kind: str, doc: dict[str, Any]) -> None:
        self._replayed += 1
        match kind:
            case "row":
                self.store.put(self.store.tables[doc["table"]], doc["row"])
            case "gone":
                self.store.remove(self.store.tables[doc["table"]], doc["sys_id"])
                self._contents.pop(doc["sys_id"], None)
            case "file":
                self._contents[doc["sys_id"]] = base64.b64decode(doc["content"])

    async def scripted(self, doc: dict[str, Any]) -> Any:
        """{"action": insert | update | delete, "table", "sys_id", "fields", "user"}; `raw`: no rules and no stamps."""
        return self.write(
            str(doc.get("action", "update")),
            str(doc.get("table", "incident")),
            sys_id=str(doc.get("sys_id", "")),
            fields=doc.get("fields") or {},
            user=str(doc.get("user", "admin")),
            raw=bool(doc.get("raw")),
        )

    def write(
        self,
        action: str,
        table: str,
        *,
        sys_id: str = "",
        fields: Mapping[str, Any] | None = None,
        user: str = "admin",
        raw: bool = False,
    ) -> dict[str, str]:
        """What a person does in the instance's own screens. Returns the row; ValueError for what cannot be done."""
        if table not in self.store.tables:
            raise ValueError(f"no table {table}: use one of {', '.join(self.store.tables)}")
        rows, how = self.store.tables[table], rules.How(raw=raw)
        people = self.store.tables["sys_user"].lookup("user_name", (user,))
        caller = Caller(user, _SCRIPT, people[0][SYS_ID] if people else user_id(user))
        try:
            match action:
                case "insert":
                    given = {**(fields or {}), **({"sys_id": sys_id} if sys_id else {})}
                    row = rules.create(self, rows, given, caller, how)
                case "update":
                    row = rules.update(self, rows, sys_id, fields or {}, caller, how)
                case "delete":
                    rules.delete(self, rows, sys_id, caller)
                    return {"sys_id": sys_id}
                case _:
                    raise ValueError(f"action {action!r} is none of insert, update, delete")
        except rules.Refusal as refusal:
            raise ValueError(f"{refusal.message}: {refusal.detail}") from None
        return dict(zip((column.name for column in rows.columns), row, strict=False))

    def rows(self, table: str) -> list[dict[str, str]]:
        """All rows of a table as they are stored, for proofs."""
        names = [column.name for column in self.store.tables[table].columns]
        return [dict(zip(names, row, strict=False)) for row in self.store.tables[table].rows()]

    # ------------------------------------------------------------ reads, with the caller's rights

    def table(self, name: str, caller: Caller) -> Table:
        """A table by name. Raises Refusal when there is none, or when the caller may not reach it."""
        table = self.store.tables.get(name)
        if table is None:
            raise rules.Refusal(400, f"Invalid table {name}", "")
        if not table.definition.open:
            raise rules.Refusal(403, "Access to table not allowed", f"Table {name} is not open to web services")
        if name == "sys_audit" and not (caller.user.admin or self.settings.audit_readable):
            raise rules.Refusal(403, "Insufficient rights to query records", "ACL Exception: read on sys_audit")
        if name == "sys_security_acl" and not caller.user.admin:
            raise rules.Refusal(403, "Insufficient rights to query records", "ACL Exception: security_admin required")
        return table

    def visible(self, table: Table, caller: Caller) -> Callable[[Row], bool] | None:
        """Which rows the caller may read; None: all. Applied after limit and offset, as on the real thing."""
        if caller.user.admin:
            return None
        if table.name == "sys_journal_field" and not self.settings.journal_readable:
            return lambda row: False
        if not self.settings.hidden:
            return None
        parent = {"sys_journal_field": "element_id", "sys_attachment": "table_sys_id"}.get(table.name)
        if parent is None and "impact" not in table.at:
            return None
        place = table.at[parent] if parent else SYS_ID
        return lambda row: not self._hidden(row[place])

    def _hidden(self, sys_id: str) -> bool:
        """The hidden lie side by side in the order of sys_ids, so that whole pages come out empty."""
        try:
            return (int(sys_id[:6], 16) / 0x1000000 - 0.4) % 1 < self.settings.hidden
        except ValueError:
            return False

    def readable(self, table: Table, sys_id: str, caller: Caller) -> Row:
        """A row that the caller may read. Raises Refusal, the same for hidden and for missing."""
        row = table.get(sys_id)
        visible = self.visible(table, caller)
        if row is None or (visible is not None and not visible(row)):
            raise rules.no_record()
        return row

    def find(self, table: Table, query: str, caller: Caller, offset: int, limit: int) -> Window:
        """The rows of a page, before read rights."""
        compiled = self._compile(table, query, caller)
        if compiled.invalid and self.settings.invalid_query_returns_no_rows:
            return Window([], 0)
        key = None if "javascript:" in query else f"{caller.user.zone} {compiled.key}"
        return select(table, compiled, key, offset, limit)

    def all(self, table: Table, query: str, caller: Caller) -> list[Row]:
        compiled = self._compile(table, query, caller)
        return [] if compiled.invalid and self.settings.invalid_query_returns_no_rows else everything(table, compiled)

    def _compile(self, table: Table, text: str, caller: Caller) -> Query:
        key = (table.name, text, caller.user.zone)
        made = self._compiled.get(key)
        if made is None:
            asker = Asker(caller.sys_id, caller.name, caller.zone, self.now())
            made = compile_query(self.store, table, text, asker)
            if "javascript:" not in text:  # a script means something else for each caller and moment
                self._compiled[key] = made
                if len(self._compiled) > _COMPILED:
                    self._compiled.popitem(last=False)
        return made

    # ------------------------------------------------------------ what is not under /api/now

    async def _token(self, request: Request) -> Response:
        form = dict(parse_qsl((await request.body()).decode()))
        now = self.time.now().timestamp()
        basic = request.headers.get("authorization", "")
        if basic.lower().startswith("basic ") and "client_id" not in form:  # the client may show itself in the header
            client, _, secret = base64.b64decode(basic[6:]).decode().partition(":")
            form |= {"client_id": client, "client_secret": secret}
        name = self.door.grant(form, now)
        if name is None:
            return Answer({"error": "access_denied", "error_description": "access_denied"}, 401)
        made: dict[str, Any] = {
            "access_token": self.door.token("access", name, now + self.settings.token_seconds),
            "scope": "useraccount",
            "token_type": "Bearer",
            "expires_in": int(self.settings.token_seconds),
        }
        if form["grant_type"] != "client_credentials":
            made["refresh_token"] = self.door.token("refresh", name, now + self.settings.refresh_seconds)
        return Answer(made)

    async def _nowhere(self, request: Request) -> Response:
        if "/table/" in request.url.path:
            return error(405, "Method not supported", None)
        return error(400, "Requested URI does not represent any resource", None)

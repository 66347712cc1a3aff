"""The instance's REST interface: pages of rows, single calls, and batches of calls."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, NamedTuple

import orjson

from connectors.kit.auth import auth_for
from connectors.kit.contract import Connection, Ports
from connectors.kit.errors import ConnectorError, InDoubt, Misconfigured, Unavailable
from connectors.kit.http import Broken, Http, Reply, query_of
from connectors.servicenow.query import Filter, conjunction

TABLE = "/api/now/v2/table/"  # v1 answers an empty list with 404
ATTACHMENT = "/api/now/attachment"
LONGEST_URL = 8000
WIDEST = 10_000  # rows a page at most; the vendor's own default limit
BATCH_TRIES = 6
BULK = 50  # calls a batch: well within its 30 s and its 5 MB
_BATCH_HEADERS = [
    {"name": "Content-Type", "value": "application/json"},
    {"name": "Accept", "value": "application/json"},
]

Row = dict[str, Any]


class Rows(NamedTuple):
    """A page as the instance gave it. `total` counts hidden rows too; None when it was not asked for or not said."""

    rows: list[Row]
    total: int | None
    headers: Mapping[str, str]


class Window(NamedTuple):
    """Visible rows in order, and whether more may follow. Not `more`: the end is proven."""

    rows: list[Row]
    more: bool
    headers: Mapping[str, str]


class Item(NamedTuple):
    """One call of a batch: method, path with query, body."""

    method: str
    path: str
    body: Any = None


class ItemReply(NamedTuple):
    status: int
    body: Any
    headers: Mapping[str, str]


class Instance:
    """One ServiceNow instance."""

    def __init__(self, connection: Connection, ports: Ports) -> None:
        auth = auth_for(connection, ports.clock, token_url="/oauth_token.do", api_key_header="x-sn-apikey")
        self.http = Http(connection, ports, auth=auth)
        self.name = connection.name
        self._clock = ports.clock
        self._hiding: set[str] = set()  # paths with rows that we may not see

    async def close(self) -> None:
        await self.http.close()

    # ------------------------------------------------------------ reading

    async def window(self, path: str, query: str, fields: Sequence[str], limit: int, *, display: str = "") -> Window:
        """The first visible rows of an ordered query, at least one unless the end is proven; `limit` at most.

        The instance applies the limit before it hides what we may not read. A short or an empty page therefore proves
        nothing; X-Total-Count of the same answer does, because it counts the hidden rows as well: only when it lies
        within the window that was asked for has everything been seen. Rows hidden in front are passed by widening the
        window from its fixed beginning. Only past the widest window is an offset used, in steps that overlap by half,
        so that rows deleted meanwhile shift nothing out of sight.
        """
        counted = path in self._hiding
        size, offset = limit, 0
        while True:
            try:
                page = await self.page(path, query, fields, size, offset=offset, counted=counted, display=display)
            except Broken:
                # Its transaction quota ends a long page in the middle: ask for less.
                if size <= 10:
                    raise
                size = max(10, size // 2)
                continue
            if len(page.rows) >= min(size, limit):
                return Window(page.rows[:limit], True, page.headers)
            if not counted:
                counted = True
                continue
            if page.total is None:
                if page.rows or path.startswith(ATTACHMENT):
                    return Window(page.rows, bool(page.rows), page.headers)
                raise Misconfigured(
                    f"{self.name}: {path} gives no X-Total-Count, so the end of a table cannot be proven",
                    hint="A proxy between must pass this header on.",
                )
            if page.total <= offset + size:
                return Window(page.rows, False, page.headers)
            self._hiding.add(path)
            if page.rows:
                return Window(page.rows, True, page.headers)
            if size < WIDEST:
                size = min(WIDEST, size * 4)
            else:
                offset += size // 2

    async def everything(
        self,
        path: str,
        terms: str,
        fields: Sequence[str],
        *,
        filters: Sequence[Filter] = (),
        page: int = 1000,
        display: str = "",
    ) -> AsyncIterator[Row]:
        """All visible rows for which `terms` and `filters` hold, in order of sys_id, which `fields` must contain."""
        after = ""
        while True:
            query = conjunction(filters, "^".join(part for part in (after, terms) if part))
            window = await self.window(path, query, fields, page, display=display)
            for row in window.rows:
                yield row
            if not window.more:
                return
            after = f"sys_id>{key_of(window.rows[-1])}"

    async def page(
        self,
        path: str,
        query: str,
        fields: Sequence[str],
        limit: int,
        *,
        offset: int = 0,
        counted: bool = False,
        display: str = "",
    ) -> Rows:
        """One page, exactly as the instance gives it. Raises Misconfigured when the table may not be read at all."""
        params: dict[str, str | int] = {"sysparm_query": query, "sysparm_limit": limit}
        if fields:
            params["sysparm_fields"] = ",".join(fields)
        if offset:
            params["sysparm_offset"] = offset
        if not counted:
            params["sysparm_no_count"] = "true"
        params["sysparm_suppress_pagination_header"] = "true"
        params["sysparm_exclude_reference_link"] = "true"
        if display:
            params["sysparm_display_value"] = display
        reply: Reply | ItemReply
        text = query_of(params)
        if len(path) + len(text) > LONGEST_URL:
            (answer,) = await self.batch([Item("GET", f"{path}?{text}")], safe=True)
            if isinstance(answer, ConnectorError):
                raise answer
            reply = answer
        else:
            reply = await self.http.json("GET", path, scope="read", params=text)
        rows = self.result(reply, path)
        if not isinstance(rows, list):
            raise Unavailable(f"{self.name}: {path} gave no list")
        total = reply.headers.get("x-total-count", "")
        return Rows(rows, int(total) if total.isdigit() else None, reply.headers)

    async def get(self, path: str, params: Mapping[str, str | int]) -> Reply:
        """One read, judged by the caller or by `result`."""
        return await self.http.json("GET", path, scope="read", params=params)

    def result(self, reply: Reply | ItemReply, path: str) -> Any:
        """The `result` of a read, or the error that its status means."""
        body = reply.body if isinstance(reply.body, dict) else {}
        if reply.status == 200 and "error" in body:
            raise Broken(f"{self.name}: {path} was cancelled by the instance ({error_text(body)})")
        if reply.status == 200 and "result" in body:
            return body["result"]
        said = f"{self.name}: {path} answered {reply.status} ({error_text(body) or 'no reason given'})"
        if reply.status == 403:
            raise Misconfigured(
                said, hint="Grant the account read access: an ACL or role (itil), and web service access of the table."
            )
        if reply.status in (400, 404):
            raise Misconfigured(said, hint="Check the table's name, and that this instance has it.")
        raise Unavailable(said)

    # ------------------------------------------------------------ batches

    async def batch(self, items: Sequence[Item], *, safe: bool) -> list[ItemReply | ConnectorError]:
        """All items in order, in as many calls as it takes: what the instance left unserviced was not applied and is
        sent again. When a call fails, what earlier calls brought is kept: its own items get its error (InDoubt when it
        has no answer and is not `safe`), and those behind it were not sent. Raises what is the same for all items."""
        replies: dict[int, ItemReply] = {}
        sent: list[int] = []
        tries = 0
        try:
            while len(replies) < len(items):
                sent = [number for number in range(len(items)) if number not in replies][:BULK]
                served = await self._batch({number: items[number] for number in sent}, safe=safe)
                if not served:
                    tries += 1
                    if tries >= BATCH_TRIES:
                        raise Unavailable(f"{self.name}: the batch API serviced none of {len(sent)} calls")
                    await self._clock.sleep(min(30.0, 0.5 * 2.0**tries) * (0.5 + self._clock.random() / 2))
                replies |= served
        except ConnectorError as error:
            unsent = Unavailable(f"{self.name}: not sent, since the batch before it failed")
            behind = unsent if isinstance(error, InDoubt) else error
            if not replies and (behind is error or len(sent) == len(items)):
                raise
            return [replies.get(number) or (error if number in sent else behind) for number in range(len(items))]
        return [replies[number] for number in range(len(items))]

    async def _batch(self, items: Mapping[int, Item], *, safe: bool) -> dict[int, ItemReply]:
        requests = []
        for number, item in items.items():
            request = {"id": str(number), "method": item.method, "url": item.path, "headers": _BATCH_HEADERS}
            if item.body is not None:
                request["body"] = base64.b64encode(orjson.dumps(item.body)).decode()
            requests.append(request)
        envelope = {"batch_request_id": "1", "rest_requests": requests}
        reply = await self.http.json("POST", "/api/now/v1/batch", scope="batch", json=envelope, safe=safe)
        body = reply.body if isinstance(reply.body, dict) else {}
        if reply.status != 200 or "serviced_requests" not in body:
            said = f"{self.name}: the batch API answered {reply.status} ({error_text(body) or 'no list'})"
            if reply.status in (400, 403, 404):
                raise Misconfigured(said, hint="Allow the account the REST batch API.")
            # With status 200 it was cut off somewhere in the middle: some calls may have been made.
            raise Unavailable(said) if safe else InDoubt(said)
        served: dict[int, ItemReply] = {}
        for answer in body["serviced_requests"]:
            number, status = int(answer["id"]), int(answer["status_code"])
            if number not in items or status in (408, 429):
                continue  # not applied; it goes out again
            headers = {"date": reply.headers.get("date", "")}
            headers |= {header["name"].lower(): header["value"] for header in answer.get("headers") or ()}
            served[number] = ItemReply(status, _decoded(answer.get("body")), headers)
        return served


def key_of(row: Row) -> str:
    """The sys_id, also of a row with display values."""
    value = row["sys_id"]
    return str(value["value"]) if isinstance(value, dict) else str(value)


def error_text(body: Any) -> str:
    """The message of an error envelope (never its detail, which may quote values)."""
    error = body.get("error") if isinstance(body, dict) else None
    return str(error.get("message") or "") if isinstance(error, dict) else str(error or "")


def error_detail(body: Any) -> str:
    """The detail of an error envelope: to be classified, never shown."""
    error = body.get("error") if isinstance(body, dict) else None
    return str(error.get("detail") or "") if isinstance(error, dict) else ""


def _decoded(body: str | None) -> Any:
    if not body:
        return None
    try:
        return orjson.loads(base64.b64decode(body))
    except ValueError:
        return None

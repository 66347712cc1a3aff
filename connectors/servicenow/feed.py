"""The change feed: a cursor on sys_updated_on, and deletions from the audit.

Stamps have whole seconds, and a long transaction shows late under an early stamp. So the cursor never passes the
instance's clock minus the settle time, begins each round that far back again, and leaves out what the round before
already told. The order is (stamp, sys_id), so that a second with more rows than a page holds is walked through.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import orjson

from connectors.kit.contract import Change, Changes, Clock, Scope
from connectors.kit.errors import Misconfigured
from connectors.servicenow.instance import TABLE, Instance, Row, Window
from connectors.servicenow.query import conjunction
from connectors.servicenow.reading import ALWAYS, Reader, version

STAMP = "%Y-%m-%d %H:%M:%S"
PAGE = 1000
MOST_SEEN = 2000  # changes that a position remembers; past that some are told twice, which is harmless
_GONE = "9999999999"  # newer than any version


class Position(NamedTuple):
    """`since`: where the round began. `at`, `key`: the last row told. `seen`: {sys_id: version} told near its end."""

    since: str
    at: str
    key: str
    seen: dict[str, str]


class Feed:
    """What changed in a scope."""

    def __init__(self, instance: Instance, reader: Reader, clock: Clock, settle: float) -> None:
        self._instance = instance
        self._reader = reader
        self._clock = clock
        self._settle = timedelta(seconds=max(settle, 1.0))
        self._zone_ok = False
        self._audit = True

    async def now(self) -> datetime:
        """The instance's clock."""
        window = await self._instance.page(TABLE + "sys_user", "ORDERBYsys_id", ("sys_id",), 1)
        return self._instance.http.server_time(window.headers)

    async def position(self) -> str:
        await self.require_utc()
        since = (await self.now() - self._settle * 2).strftime(STAMP)
        return encode(Position(since, since, "", {}))

    async def changes(self, scope: Scope, position: str) -> Changes:
        await self.require_utc()
        start = decode(position)
        asked = self._clock.monotonic()
        window = await self._page(scope, start)
        # The Date header tells when the answer left, cut to the second; the rows were looked up while it was awaited.
        took = timedelta(seconds=self._clock.monotonic() - asked)
        horizon = self._instance.http.server_time(window.headers) - took - self._settle
        until = horizon.strftime(STAMP)
        rows = [row for row in window.rows if row["sys_updated_on"] <= until]
        changes = [Change(row["sys_id"], version(row)) for row in rows if start.seen.get(row["sys_id"]) != version(row)]
        if window.more and len(rows) == len(window.rows):
            last = rows[-1]
            after = Position(start.since, last["sys_updated_on"], last["sys_id"], _kept(start, rows, start.since))
            return Changes(changes, encode(after), False)
        until = max(until, start.since)
        gone = await self._gone(scope, start.since, until)
        changes += [change for change in gone if start.seen.get(change.key) != change.version]
        since = max(start.since, (datetime.strptime(until, STAMP) - self._settle).strftime(STAMP))
        seen = _kept(start, rows, since) | {change.key: change.version for change in gone}
        return Changes(changes, encode(Position(since, since, "", _bounded(seen))), True)

    async def _page(self, scope: Scope, start: Position) -> Window:
        later = f"sys_updated_on>{start.at}"
        same = f"sys_updated_on={start.at}^sys_id>{start.key}" if start.key else f"sys_updated_on={start.at}"
        query = conjunction(await self._reader.filters(scope), later, same, order=("sys_updated_on", "sys_id"))
        return await self._instance.window(TABLE + scope.entity, query, ALWAYS, PAGE)

    async def _gone(self, scope: Scope, since: str, until: str) -> list[Change]:
        """Deleted rows, where the table is audited and the audit may be read. Else only a sweep finds them."""
        if not self._audit:
            return []
        terms = f"tablename={scope.entity}^sys_created_on>={since}^sys_created_on<={until}"
        fields = ("sys_id", "documentkey", "sys_created_on")
        try:
            rows = [row async for row in self._instance.everything(TABLE + "sys_audit_delete", terms, fields)]
        except Misconfigured:
            self._audit = False
            return []
        return [Change(row["documentkey"], f"{_GONE} {row['sys_created_on']}", True) for row in rows]

    async def require_utc(self) -> None:
        """A stamp in a query means the zone of the account. Only in UTC it finds the row that it was read from."""
        if not (self._zone_ok or await self.in_utc()):
            raise Misconfigured(
                "the account's time zone is not UTC, so a query by time would miss changes",
                hint="Set the time zone of the integration user to GMT.",
            )

    async def in_utc(self) -> bool:
        """Whether a stamp as read, asked for, finds its row. Asks the instance, and remembers the answer."""
        self._zone_ok = await self._finds_by_stamp()
        return self._zone_ok

    async def _finds_by_stamp(self) -> bool:
        page = await self._instance.page(TABLE + "sys_user", "ORDERBYsys_id", ("sys_id", "sys_updated_on"), 20)
        for row in page.rows:
            if row.get("sys_updated_on"):
                query = conjunction((), f"sys_id={row['sys_id']}^sys_updated_on={row['sys_updated_on']}")
                found = await self._instance.page(TABLE + "sys_user", query, ("sys_id",), 1)
                return bool(found.rows)
        return True


def encode(position: Position) -> str:
    return orjson.dumps(list(position)).decode()


def decode(text: str) -> Position:
    try:
        position = Position(*orjson.loads(text))
        datetime.strptime(position.since, STAMP).replace(tzinfo=UTC)
    except (ValueError, TypeError):
        raise Misconfigured("a feed position that was not made here", hint="Start the feed anew.") from None
    return position


def _kept(start: Position, rows: list[Row], since: str) -> dict[str, str]:
    """What the next round will meet again: told now or before, with a stamp it begins at or after."""
    before = {key: told for key, told in start.seen.items() if told[11:] >= since}
    return _bounded(before | {row["sys_id"]: version(row) for row in rows if row["sys_updated_on"] >= since})


def _bounded(seen: dict[str, str]) -> dict[str, str]:
    return dict(list(seen.items())[-MOST_SEEN:])

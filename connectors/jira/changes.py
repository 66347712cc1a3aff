"""What changed: a cursor on `updated`, with all that makes one right on Jira.

JQL knows minutes, on the wall clock of our account's zone, and searches an index that lags. So a query starts minutes
early, and what it finds is filtered by the real stamp: not beyond the server's clock minus the settle horizon, and not
handed out twice where the caller has shown that it has it. Deleted issues do not show here.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from connectors.jira import jql, stamps
from connectors.jira.client import Client
from connectors.jira.meta import Meta
from connectors.jira.people import People
from connectors.jira.reading import LARGEST
from connectors.kit.contract import Change, Changes, Fields, Scope
from connectors.kit.errors import Misconfigured

OVERLAP = timedelta(minutes=2)
ENOUGH = 1_000  # changes after which a piece ends, if it got anywhere
REMEMBERED = 200_000

Now = Callable[[], Awaitable[datetime]]
Told = OrderedDict[tuple[str, str], str]


class ChangeFeed:
    def __init__(self, client: Client, meta: Meta, people: People, now: Now) -> None:
        self._client = client
        self._meta = meta
        self._people = people
        self._now = now
        # Changes handed out, each with the position that came with it. A call with that position (or a later one)
        # proves that they arrived; a call with an earlier one gets them again.
        self._told: dict[Scope, Told] = {}

    async def position(self) -> str:
        return stamps.iso(await self._now())

    async def changes(self, scope: Scope, position: str) -> Changes:
        start = _moment(position)
        position = stamps.iso(start)
        # Asked before the search: what the index lacks then is younger than the horizon.
        horizon = (await self._now()) - timedelta(seconds=self._client.options.search_settle)
        if horizon < start:
            return Changes([], position, True)
        found, complete = await self._since(scope, start)
        reached = stamps.iso(horizon)
        end = reached if complete else min(max(found.values()), reached)
        earliest = stamps.iso(start - OVERLAP)
        told = self._told.setdefault(scope, OrderedDict())
        changes = [
            Change(key, version)
            for key, version in found.items()
            if earliest <= version <= end and not ("" < told.get((key, version), "") <= position)
        ]
        if (
            end > position
        ):  # else the next call shows nothing: it is made with this position whether they arrived or not
            told.update(((change.key, change.version), end) for change in changes)
        while len(told) > REMEMBERED:
            told.popitem(last=False)
        return Changes(sorted(changes, key=lambda change: change.version), end, end == reached)

    async def _since(self, scope: Scope, start: datetime) -> tuple[dict[str, str], bool]:
        """Versions by id, of what changed since `start` and a little before; and whether that is all.

        Issues move to the end of this order while it is read: each counts once, with its newest stamp.
        """
        projects = await self._meta.projects()
        if not projects:
            return {}, True
        since = stamps.minute(start - OVERLAP, await self._people.zone())
        clauses = [jql.among("project", projects), *jql.accept(scope.filters), f"updated >= {jql.quote(since)}"]
        body: Fields = {
            "jql": jql.conjunction(clauses, "updated ASC, key ASC"),
            "maxResults": LARGEST,
            "fields": ["updated"],
        }
        found: dict[str, str] = {}
        used: set[str] = set()
        enough_after = stamps.iso(start + OVERLAP)
        while True:
            answer = await self._client.ask("/search/jql", body, scope="search")
            for issue in answer.get("issues") or ():
                version = stamps.version(issue["fields"]["updated"])
                found[str(issue["id"])] = max(version, found.get(str(issue["id"]), ""))
            token = str(answer.get("nextPageToken") or "")
            if not token or token in used:
                return found, True
            if len(found) >= ENOUGH and max(found.values()) > enough_after:
                return found, False
            used.add(token)
            body["nextPageToken"] = token


def _moment(position: str) -> datetime:
    try:
        return stamps.parse(position)
    except ValueError:
        raise Misconfigured("this is no position in a Jira feed", hint="Start the feed anew from `position`.") from None

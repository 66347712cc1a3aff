"""Who else changed an issue: its change log, and what the log does not tell (comments that came or were rewritten).

Every account but ours counts, automation included: what it changed is not what we wrote either.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from connectors.jira import fetch, stamps
from connectors.jira.attachments import attached
from connectors.jira.client import Client, together
from connectors.jira.comments import Comments
from connectors.jira.people import People
from connectors.jira.readback import account_of
from connectors.kit.contract import Fields, Touch
from connectors.kit.errors import Unavailable

ISSUES = 500  # of one call for change logs
CHANGES = 5_000
AT_ONCE = 4


class Others:
    def __init__(self, client: Client, people: People, comments: Comments) -> None:
        self._client = client
        self._people = people
        self._comments = comments
        self._slots = asyncio.Semaphore(AT_ONCE)

    async def of(self, targets: Sequence[str]) -> dict[str, Touch]:
        me = account_of(await self._people.me())
        there = await fetch.issues(self._client, list(targets), ["creator", "created", "attachment", "comment"])
        touches: list[tuple[str, Touch]] = []
        for start in range(0, len(there), ISSUES):
            touches += await self._logged([str(issue["id"]) for issue in there[start : start + ISSUES]])
        for some in await together(map(self._hung, there)):
            touches += some
        newest: dict[str, Touch] = {}
        for target, touch in touches:
            if touch.by != me and (target not in newest or touch.at > newest[target].at):
                newest[target] = touch
        return newest

    async def _logged(self, ids: Sequence[str]) -> list[tuple[str, Touch]]:
        body: Fields = {"issueIdsOrKeys": list(ids), "maxResults": CHANGES}
        found: list[tuple[str, Touch]] = []
        used: set[str] = set()
        while True:
            answer = await self._client.ask("/changelog/bulkfetch", body, scope="changelog")
            for log in answer.get("issueChangeLogs") or ():
                for change in log.get("changeHistories") or ():
                    touch = Touch(account_of(change.get("author")), _moment(change["created"]))
                    found.append((str(log["issueId"]), touch))
            token = str(answer.get("nextPageToken") or "")
            if not token:
                return found
            if token in used:
                raise Unavailable("the change log repeats a page; ask again")
            used.add(token)
            body["nextPageToken"] = token

    async def _hung(self, issue: Fields) -> list[tuple[str, Touch]]:
        """Who made the issue, and what hangs on it."""
        id, fields = str(issue["id"]), issue["fields"]
        found = [Touch(account_of(fields.get("creator")), _moment(fields["created"]))] if "created" in fields else []
        found += [Touch(account_of(one.get("author")), _moment(one["created"])) for one in attached(issue)]
        shown = fields.get("comment") or {}
        comments: Iterable[Fields] = shown.get("comments") or ()
        if int(shown.get("total", 0)) > len(shown.get("comments") or ()):  # an issue shows its first ones only
            async with self._slots:
                comments = await self._comments.of(id)
        found += [touch for comment in comments for touch in _written(comment)]
        return [(id, touch) for touch in found]


def _written(comment: Fields) -> Iterator[Touch]:
    yield Touch(account_of(comment.get("author")), _moment(comment["created"]))
    if comment.get("updated"):
        yield Touch(account_of(comment.get("updateAuthor") or comment.get("author")), _moment(comment["updated"]))


def _moment(stamp: Any) -> datetime:
    """Change logs in bulk count milliseconds; everything else has stamps."""
    if isinstance(stamp, int | float):
        return datetime.fromtimestamp(stamp / 1000, UTC)
    return stamps.parse(str(stamp))

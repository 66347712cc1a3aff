"""Has a lost create been applied? Walk the issue numbers, which do not lag, and ask the search as well.

A create gets the next number of its project. So from the highest number that existed before it, one after the other is
read by key until a row of keys is missing: what was created since is among them, or was not created.
Numbers are burnt by creates that fail and by issues that are deleted, so one missing key proves nothing: a whole window
of them, beyond every number known to exist, does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence

import orjson

from connectors.jira import fetch
from connectors.jira.client import Client
from connectors.jira.issues import label_of
from connectors.jira.jql import among, quote
from connectors.jira.meta import Meta, word
from connectors.kit.contract import Doubt, Fields, Write, Written

WITHOUT_MARK = 1_000  # numbers looked at below the highest one, for a doubt that has no mark
LABELS = 50  # of one search


class Walk:
    def __init__(self, client: Client, meta: Meta) -> None:
        self._client = client
        self._meta = meta
        self._options = client.options
        self._top: dict[str, int] = {}  # the highest number known to exist, by project
        self._looking = asyncio.Lock()

    def seen(self, key: str) -> None:
        """An issue with this key exists."""
        project, _, number = key.rpartition("-")
        if number.isdigit():
            self._top[project] = max(self._top.get(project, 0), int(number))

    async def mark(self, writes: Sequence[Write]) -> str:
        """`{"DESK": 120}`: the highest number known in every project that the writes go to."""
        named = {word(write.fields.get("project")) for write in writes}
        projects = {await self._meta.project_key(name) for name in named} - {""}
        for project in sorted(projects):
            if project not in self._top:
                async with self._looking:
                    await self._find_top(project)
        return orjson.dumps({project: self._top.get(project, 0) for project in sorted(projects)}).decode()

    async def _find_top(self, project: str) -> None:
        """The search may lag behind the newest issues; the walk goes on from what it says."""
        if project in self._top:
            return
        top = await self._searched_top(project)
        await self._walk(project, top, set())
        self._top.setdefault(project, top)

    async def _searched_top(self, project: str) -> int:
        body = {"jql": f"project = {quote(project)} ORDER BY key DESC", "maxResults": 1, "fields": ["updated"]}
        reply = await self._client.send("POST", "/search/jql", scope="search", body=body, safe=True)
        if reply.status == 400:  # no such project for us: the create will say so, record by record
            return 0
        found = self._client.expect(reply, "/search/jql").get("issues") or ()
        return int(str(found[0]["key"]).rpartition("-")[2]) if found else 0

    async def find(self, doubts: Sequence[Doubt]) -> dict[str, Written]:
        """The creates that were applied. Of two issues with one id the earliest counts."""
        missing = {doubt.xid for doubt in doubts}
        found: dict[str, Written] = {}
        for project, start in (await self._starts(doubts)).items():
            if not missing:
                break
            found |= await self._walk(project, start, missing)
        if missing and self._options.external_id.label:
            found |= await self._search(missing)
        return found

    async def _starts(self, doubts: Sequence[Doubt]) -> dict[str, int]:
        """Where to start, by project: the lowest mark of the doubts that may have gone there."""
        starts: dict[str, int] = {}
        for doubt in doubts:
            mark = orjson.loads(doubt.mark) if doubt.mark else {}
            for project in mark or self._options.projects:
                start = int(mark[project]) if mark else max(0, await self._searched_top(project) - WITHOUT_MARK)
                starts[project] = min(start, starts.get(project, start))
        return starts

    async def _walk(self, project: str, start: int, missing: set[str]) -> dict[str, Written]:
        """What of `missing` is among the numbers above `start`; takes it out of there. Empty `missing`: only looks how
        far the numbers go."""
        wanted = bool(missing)
        found: dict[str, Written] = {}
        number = start
        while number < max(start, self._top.get(project, 0)) + self._options.window and (missing or not wanted):
            keys = [f"{project}-{n}" for n in range(number + 1, number + 1 + fetch.SLICE)]
            number += fetch.SLICE
            issues = await fetch.issues(self._client, keys, ["labels"], [self._options.external_id.property])
            for issue in sorted(issues, key=lambda issue: int(issue["id"])):
                self.seen(str(issue["key"]))
                self._claim(issue, missing, found)
        return found

    async def _search(self, missing: set[str]) -> dict[str, Written]:
        """Belt and braces: issues that moved to another project since, or hide behind a wide gap of numbers.

        `reconcileIssues` would make the search strong for issues whose ids are known; here they are what is sought.
        """
        found: dict[str, Written] = {}
        xids = sorted(missing)
        for start in range(0, len(xids), LABELS):
            jql = among("labels", map(label_of, xids[start : start + LABELS]))
            body = {"jql": jql, "maxResults": 2 * LABELS, "fields": ["id"]}
            answer = await self._client.ask("/search/jql", body, scope="search")
            ids = [str(issue["id"]) for issue in answer.get("issues") or ()]
            issues = await fetch.issues(self._client, ids, ["labels"], [self._options.external_id.property])
            for issue in sorted(issues, key=lambda issue: int(issue["id"])):
                self._claim(issue, missing, found)
        return found

    def _claim(self, issue: Fields, missing: set[str], found: dict[str, Written]) -> None:
        for xid in self._signs(issue, missing):
            missing.discard(xid)
            found[xid] = Written(xid, str(issue["id"]))

    def _signs(self, issue: Fields, missing: Collection[str]) -> list[str]:
        """Which of these ids the issue carries. The property decides; a label may have been copied with a clone."""
        signed = ((issue.get("properties") or {}).get(self._options.external_id.property) or {}).get("x")
        if signed is not None:
            return [signed] if signed in missing else []
        labels = set((issue.get("fields") or {}).get("labels") or ())
        return [xid for xid in missing if label_of(xid) in labels] if labels else []

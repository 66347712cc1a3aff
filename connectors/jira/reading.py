"""Issues as a source: counted, cut into spans, read by keyset, fetched by id.

A record's key is the issue's id: it stays when the issue moves to another project, while its key changes. Order is by
number within a project, the only order JQL can compare in. An issue that the index shows late, behind a number already
passed, is not lost: it is in the change feed, which starts before the read.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from connectors.jira import fetch, jql, spans, stamps
from connectors.jira.client import Client
from connectors.jira.meta import Meta
from connectors.jira.spans import Range
from connectors.kit.contract import Fields, Page, Record, Scope
from connectors.kit.http import Reply

LARGEST = 5_000  # issues of one search
STALLS = 3  # queries in a row that bring nothing new, though they promise more
MOST_TOKENS = 10_000  # that one query may lead through


class Found(NamedTuple):
    """Issues in order of their numbers, and whether the range holds no more."""

    issues: list[tuple[int, Fields]]
    ended: bool


class Reading:
    def __init__(self, client: Client, meta: Meta) -> None:
        self._client = client
        self._meta = meta
        self.extra: Fields = {}  # what a search asks for beside fields

    async def count(self, scope: Scope) -> int:
        """What Jira calls an approximate count."""
        projects = await self._meta.projects()
        if not projects:
            return 0
        query = jql.conjunction([jql.among("project", projects), *jql.accept(scope.filters)])
        answer = await self._client.ask("/search/approximate-count", {"jql": query}, scope="count")
        return int(answer["count"])

    async def spans(self, scope: Scope, parts: int) -> list[str]:
        """By number, since numbers spread more evenly than anything else an issue has."""
        jql.accept(scope.filters)
        tops = {project: await self._top(project) for project in await self._meta.projects()}
        return [spans.encode(group) for group in spans.split(tops, parts)]

    async def _top(self, project: str) -> int:
        query = jql.conjunction([f"project = {jql.quote(project)}"], "key DESC")
        body = {"jql": query, "maxResults": 1, "fields": ["updated"]}
        answer = await self._client.ask("/search/jql", body, scope="search")
        return max((number_of(issue) for issue in answer.get("issues") or ()), default=0)

    async def read(self, scope: Scope, span: str, limit: int) -> Page:
        filters = jql.accept(scope.filters)
        fields = asked(scope)
        records: list[Record] = []
        slices: list[Range] = []
        ranges = spans.decode(span)
        while ranges and len(records) < limit:
            current = ranges.pop(0)
            found = await self._range(filters, fields, current, limit - len(records))
            records.extend(record(issue, scope.fields) for _, issue in found.issues)
            last = found.issues[-1][0] if found.issues else current.after
            if found.ended and current.until is not None:
                last = current.until
            slices.append(Range(current.project, current.after, last))
            if not found.ended:
                ranges.insert(0, Range(current.project, last, current.until))
        return Page(records, spans.encode(slices), spans.encode(ranges) if ranges else None)

    async def _range(self, filters: Sequence[str], fields: Sequence[str], wanted: Range, limit: int) -> Found:
        """The first `limit` issues of a range, by keyset; tokens only carry one query on from page to page.

        A token can repeat, expire, come with `isLast`, or lead to an empty page. So the end is believed only when an
        answer is of one mind about it (no token, and no `isLast: false`), or when asking anew behind the last number
        brought nothing several times over.
        """
        if wanted.until is not None and wanted.until <= wanted.after:
            return Found([], True)
        issues: dict[int, Fields] = {}
        bounds = wanted
        token, used, stalls, before = "", set[str](), 0, 0
        while len(issues) < limit:
            reply = await self._ask(filters, fields, bounds, limit - len(issues), token)
            if reply.status == 400 and not token and bounds == wanted:
                bounds = Range(wanted.project, await self._existing(wanted.project, wanted.after), None)
                reply = await self._ask(filters, fields, bounds, limit, token)
            expired = reply.status == 400 and bool(token)
            answer: Fields = {"isLast": False} if expired else self._client.expect(reply, "/search/jql")
            numbered = [(number_of(issue), issue) for issue in answer.get("issues") or ()]
            issues |= {number: issue for number, issue in numbered if _within(number, wanted)}
            beyond = wanted.until is not None and any(number > wanted.until for number, _ in numbered)
            token = str(answer.get("nextPageToken") or "")
            if beyond or (not token and answer.get("isLast") is not False):
                return _first(issues, limit, ended=True)
            if token and token not in used and len(used) < MOST_TOKENS:
                used.add(token)
                continue
            stalls = stalls + 1 if len(issues) == before else 0
            if stalls >= STALLS:
                return _first(issues, limit, ended=True)
            token, used, before = "", set(), len(issues)
            bounds = Range(wanted.project, max(issues, default=bounds.after), bounds.until)
        return _first(issues, limit, ended=False)

    async def _ask(self, filters: Sequence[str], fields: Sequence[str], bounds: Range, limit: int, token: str) -> Reply:
        clauses = [f"project = {jql.quote(bounds.project)}"]
        if bounds.after:
            clauses.append(f"key > {jql.quote(f'{bounds.project}-{bounds.after}')}")
        if bounds.until is not None:
            clauses.append(f"key <= {jql.quote(f'{bounds.project}-{bounds.until}')}")
        body = {
            "jql": jql.conjunction([*clauses, *filters], "key ASC"),
            "maxResults": min(limit, LARGEST),
            "fields": list(fields),
            **self.extra,
        }
        if token:
            body["nextPageToken"] = token
        return await self._client.send("POST", "/search/jql", scope="search", body=body, safe=True)

    async def _existing(self, project: str, number: int) -> int:
        """The highest number up to this one whose issue exists; 0 when there is none.

        UNSURE: whether JQL takes a key that no longer exists as a bound. Where it does not, the next lower one is the
        bound, and what was read already is left out here.
        """
        while number > 0:
            lowest = max(1, number - fetch.SLICE + 1)
            keys = [f"{project}-{n}" for n in range(lowest, number + 1)]
            there = [number_of(issue) for issue in await fetch.issues(self._client, keys, ["updated"])]
            below = [n for n in there if n <= number]
            if below:
                return max(below)
            number = lowest - 1
        return 0

    async def fetch(self, scope: Scope, keys: Sequence[str]) -> list[Record]:
        found = await fetch.issues(self._client, list(keys), asked(scope))
        return [record(issue, scope.fields) for issue in found]


def _first(issues: dict[int, Fields], limit: int, *, ended: bool) -> Found:
    ordered = sorted(issues.items())
    return Found(ordered[:limit], ended and len(ordered) <= limit)


def _within(number: int, wanted: Range) -> bool:
    return number > wanted.after and (wanted.until is None or number <= wanted.until)


def number_of(issue: Fields) -> int:
    return int(str(issue["key"]).rpartition("-")[2])


def asked(scope: Scope) -> list[str]:
    """The fields to ask Jira for: `priority.name` asks for `priority`."""
    if not scope.fields:
        return ["*all"]
    return sorted({name.partition(".")[0] for name in scope.fields} - {"key", "id"} | {"updated"})


def record(issue: Fields, fields: Sequence[str] = ()) -> Record:
    """An issue as a record; `key` and `id` are among its fields, dotted fields under their whole name."""
    values: Fields = issue.get("fields") or {}
    values["key"], values["id"] = issue["key"], str(issue["id"])
    for name in fields:
        if "." in name:
            values[name] = _at(values, name)
    return Record(str(issue["id"]), stamps.version(values["updated"]), values)


def _at(values: Any, path: str) -> Any:
    """A value inside of another; of a list, that of each of its items."""
    for part in path.split("."):
        if isinstance(values, list):
            values = [item.get(part) for item in values if isinstance(item, dict)]
        else:
            values = values.get(part) if isinstance(values, dict) else None
    return values

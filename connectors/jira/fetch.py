"""Issues by id or key: the read that does not lag.

UNSURE: Atlassian documents the search index as lagging, and says nothing of `bulkfetch`; it reads like `GET /issue`,
from the database. Where a site proves otherwise, `strong_reads: false` makes the engine wait out the lag of the search.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from connectors.jira.client import Client, together
from connectors.kit.contract import Fields
from connectors.kit.errors import Misconfigured

SLICE = 100


async def issues(
    client: Client, names: Sequence[str], fields: Sequence[str], properties: Sequence[str] = ()
) -> list[Fields]:
    """These issues, by id or key, in any order; what is gone (or hidden) is left out."""
    slices = [names[start : start + SLICE] for start in range(0, len(names), SLICE)]
    found = await together(_slice(client, some, fields, properties) for some in slices)
    return [issue for some in found for issue in some]


async def by_id(client: Client, ids: Collection[str], fields: Sequence[str]) -> dict[str, Fields]:
    """These issues by the id or key they were asked by."""
    found = await issues(client, sorted(ids), fields)
    return {name: issue for issue in found for name in (str(issue["id"]), str(issue["key"]))}


async def _slice(
    client: Client, names: Sequence[str], fields: Sequence[str], properties: Sequence[str]
) -> list[Fields]:
    body: dict[str, Any] = {"issueIdsOrKeys": list(names), "fields": list(fields)}
    if properties:
        body["properties"] = list(properties)
    answer = await client.ask("/issue/bulkfetch", body, scope="issue.bulkfetch")
    found: list[Fields] = list(answer.get("issues") or ())
    # `issueErrors` are issues that could not be read now, not issues that are gone: each is asked for by itself.
    unread = [str(error["id"]) for error in answer.get("issueErrors") or () if not _missing(error)]
    for name in unread:
        found.extend(await _one(client, name, fields, properties))
    return found


def _missing(error: Fields) -> bool:
    return "does not exist" in str(error.get("errorMessage", ""))


async def _one(client: Client, name: str, fields: Sequence[str], properties: Iterable[str]) -> list[Fields]:
    params = {"fields": ",".join(fields), "properties": ",".join(properties)}
    reply = await client.send("GET", f"/issue/{name}", scope="issue.get", params=params)
    if reply.status == 200:
        return [reply.body]
    if reply.status == 404:
        return []
    raise Misconfigured(
        f"Jira refuses to show an issue ({reply.status})", hint="Run `cutover check` for its permissions."
    )

"""A night with the commands of comparing, and a target that goes wrong behind the engine's back."""

from __future__ import annotations

import asyncio

from connectors.memory.store import ME
from engine.clock import Clock
from engine.comparing import Comparing
from engine.repair import Repairs
from engine.wire import Comparison, Reconcile
from tests.engine.memory_migration import Night

SECRET = b"s" * 32


def comparing(it: Night) -> Comparing:
    return Comparing(it.conductor, it.ledger, it.pacing, Clock(), SECRET)


def repairs(it: Night) -> Repairs:
    return Repairs(it.conductor, it.ledger, Clock())


async def compared(
    it: Night, by: Comparing, *, full: bool = False, sample: int | None = None, wave: str = "pilot"
) -> Comparison:
    """The comparison of this wave, when it has ended."""
    await by.reconcile(Reconcile(wave=wave, full=full, sample=sample, by="ana"))
    while by.busy:
        await asyncio.sleep(0.01)
    return next(one for one in (await by.state()).comparisons if one.wave == wave)


async def target_of(it: Night, key: str, entity: str = "incident") -> str:
    number = await it.ledger.entity(entity)
    return (await it.ledger.known(number, [key]))[key].target


async def drift(it: Night) -> list[tuple[str, str, str]]:
    return [
        (row.difference.key, str(row.difference.kind), row.difference.field) for row in await it.ledger.drifts.list()
    ]


async def soil(it: Night) -> None:
    """Everything is to be compared again."""
    number = await it.ledger.entity("incident")
    keys = [entry.key for entry in await it.ledger.drifts.synced(1, number, "", 10_000)]
    known = await it.ledger.known(number, keys)
    await it.ledger.settle(1, number, [known[key] for key in keys])


CORRUPTIONS = {
    "a record is dropped": ("missing", ""),
    "a field is cut": ("changed", "title"),
    "a value is stale": ("changed", "priority"),
    "a status is another": ("changed", "status"),
    "our id is gone": ("changed", "external id"),
    "two records swapped ids": ("changed", "title"),
    "a comment is lost": ("missing", ""),
    "a comment is cut": ("changed", "body"),
    "a comment hangs on another record": ("changed", "parent"),
    "a comment is there twice": ("duplicate", ""),
    "a link is lost": ("missing", "link Relates incident to I0052"),
}
"""What may go wrong: the class it is found under, and the field. Of I0040, which refers to I0052."""


async def corrupt(it: Night, how: str, key: str) -> None:
    issue = await target_of(it, key)
    right, comments = it.right, it.right.tables["comment"]
    there = right.get("issue", issue)
    assert there is not None
    comment = comments.hanging[issue][0] if comments.hanging.get(issue) else ""
    if how == "a record is dropped":
        for each in list(comments.hanging[issue]):  # as systems do: what hangs on it goes with it
            right.remove("comment", each, by=ME)
        for id in [id for id, row in right.tables["link"].rows.items() if issue in row.fields.values()]:
            right.remove("link", id, by=ME)
        right.remove("issue", issue, by=ME)
    elif how == "a field is cut":
        right.edit("issue", issue, {"title": str(there.fields["title"])[:5]}, by=ME)
    elif how == "a value is stale":
        right.edit("issue", issue, {"priority": "none of these"}, by=ME)
    elif how == "a status is another":
        right.edit("issue", issue, {"status": "odd"}, by=ME)
    elif how == "our id is gone":
        right.tables["issue"].sign(issue, "")
    elif how == "two records swapped ids":
        other = await target_of(it, "I0000")
        his = right.get("issue", other)
        assert his is not None
        right.put("issue", issue, his.fields, by=ME)
        right.put("issue", other, there.fields, by=ME)
    elif how == "a comment is lost":
        right.remove("comment", comment, by=ME)
    elif how == "a comment is cut":
        right.edit("comment", comment, {"body": "call"}, by=ME)
    elif how == "a comment hangs on another record":
        body, xid = right.get("comment", comment), comments.xids[comment]
        assert body is not None
        comments.remove(comment)
        right.put("comment", comment, body.fields, parent=await target_of(it, "I0008"), by=ME)
        comments.own(comment, xid)
    elif how == "a comment is there twice":
        body = right.get("comment", comment)
        assert body is not None
        right.put("comment", "twin", body.fields, parent=issue, by=ME)
        comments.own("twin", comments.xids[comment])
    elif how == "a link is lost":
        links = right.tables["link"]
        for id in [id for id, row in links.rows.items() if row.fields["from"] == issue]:
            right.remove("link", id, by=ME)

"""Attachments as a target: streamed up, and found again by what they are, since nothing of ours can hang on them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import orjson

from connectors.jira import answers, stamps
from connectors.jira.client import Client
from connectors.jira.fetch import by_id
from connectors.jira.issues import removed
from connectors.jira.people import People
from connectors.kit.contract import Content, Doubt, Fields, Outcome, Rejected, Write, Written
from connectors.kit.errors import InDoubt
from connectors.kit.multipart import multipart

# What a file's name, size and type are called: as Jira does, or as other systems do whose attachments come unmapped.
NAME = ("filename", "file_name", "name")
SIZE = ("size", "size_bytes")
TYPE = ("mimeType", "content_type")
SLACK = timedelta(seconds=2)  # between our clock and Jira's
REMEMBERED = 10_000


class Attachments:
    def __init__(self, client: Client, people: People) -> None:
        self._client = client
        self._people = people
        self._limit: int | None = None
        self._confirmed: dict[str, str] = {}  # id to xid, as answers told: nobody else's lost one is among them

    async def mark(self, writes: Sequence[Write]) -> str:
        """`{"10001": 55}`: the highest attachment id of every issue; what a lost upload made lies above."""
        there = await by_id(self._client, {write.parent for write in writes}, ["attachment"])
        tops = {write.parent: max(map(_number, attached(there.get(write.parent))), default=0) for write in writes}
        return orjson.dumps(tops).decode()

    async def create(self, writes: Sequence[Write]) -> list[Outcome]:
        limit = await self._upload_limit()

        async def upload(write: Write) -> Outcome:
            name = told(write.fields, NAME)
            if not name or write.content is None:
                return Rejected(write.xid, "an attachment needs a file name and content", "filename")
            size = told(write.fields, SIZE)
            if limit and size.isdigit() and int(size) > limit:
                return Rejected(write.xid, "the file is larger than this Jira takes", "size")
            return await self._upload(write, name, write.content)

        return await self._client.each(writes, lambda write: (write.parent,), upload)

    async def _upload_limit(self) -> int:
        """In bytes; 0 when Jira does not say."""
        if self._limit is None:
            reply = await self._client.send("GET", "/attachment/meta", scope="attachment.meta")
            self._limit = int(reply.body.get("uploadLimit") or 0) if reply.status == 200 else 0
        return self._limit

    async def _upload(self, write: Write, name: str, content: Content) -> Outcome:
        kind = told(write.fields, TYPE) or "application/octet-stream"
        headers, body = multipart(
            {}, content, file_field="file", file_name=name, content_type=kind, clock=self._client.ports.clock
        )
        reply = await self._client.send(
            "POST",
            f"/issue/{write.parent}/attachments",
            scope="attachment.create",
            content=body,
            headers=headers | {"X-Atlassian-Token": "no-check"},
        )
        if reply.status >= 300:
            return answers.rejected(write.xid, reply.status, reply.body, write.fields)
        if not reply.body:
            raise InDoubt("the answer to an upload names no attachment")
        target = str(reply.body[0]["id"])
        self._confirmed[target] = write.xid
        if len(self._confirmed) > REMEMBERED:
            del self._confirmed[next(iter(self._confirmed))]
        return Written(write.xid, target)

    async def find(self, doubts: Sequence[Doubt]) -> dict[str, Written]:
        """By name, size, author and time, above the mark. Two alike on one issue are told apart by their order."""
        me = str((await self._people.me())["accountId"])
        there = await by_id(self._client, {doubt.parent for doubt in doubts}, ["attachment"])
        found: dict[str, Written] = {}
        taken: set[str] = set()
        for doubt in sorted(doubts, key=lambda doubt: doubt.sent):
            for attachment in sorted(attached(there.get(doubt.parent)), key=_number):
                id = str(attachment["id"])
                known = self._confirmed.get(id, doubt.xid) == doubt.xid
                if known and id not in taken and _is(attachment, doubt, me):
                    taken.add(id)
                    found[doubt.xid] = Written(doubt.xid, id)
                    break
        return found

    async def delete(self, targets: Sequence[str]) -> list[Outcome]:
        async def remove(target: str) -> Outcome:
            return removed(
                target, await self._client.send("DELETE", f"/attachment/{target}", scope="attachment.delete")
            )

        return await self._client.each(targets, lambda target: (target,), remove)


def attached(issue: Fields | None) -> list[Fields]:
    return list(((issue or {}).get("fields") or {}).get("attachment") or ())


def told(fields: Fields, names: Sequence[str]) -> str:
    """The first of these fields that has a value; empty when none has."""
    return next((str(fields[name]) for name in names if fields.get(name) not in (None, "")), "")


def _number(attachment: Fields) -> int:
    return int(attachment["id"])


def _is(attachment: Fields, doubt: Doubt, me: str) -> bool:
    """Whether this may be what the lost upload made. Without the payload: any of ours since then."""
    mark = orjson.loads(doubt.mark).get(doubt.parent) if doubt.mark else None
    wanted = doubt.fields or {}
    name, size = told(wanted, NAME), told(wanted, SIZE)
    return (
        (_number(attachment) > mark if mark is not None else stamps.parse(attachment["created"]) >= doubt.sent - SLACK)
        and (attachment.get("author") or {}).get("accountId") == me
        and (not name or attachment.get("filename") == name)
        and (not size or str(attachment.get("size")) == size)
    )

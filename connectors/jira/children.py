"""What hangs on issues, as a source: comments, attachments, and the bytes of an attachment."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from urllib.parse import urljoin

from connectors.jira import fetch, stamps
from connectors.jira.attachments import attached
from connectors.jira.client import API, Client, refuse_strangers, together
from connectors.jira.comments import Comments
from connectors.kit.contract import Content, Fields, Record, Scope
from connectors.kit.errors import Unavailable
from connectors.kit.http import Download, Http

AT_ONCE = 4
REDIRECTS = (301, 302, 303, 307, 308)


class Children:
    def __init__(self, client: Client, comments: Comments) -> None:
        self._client = client
        self._comments = comments
        # Without credentials: Jira sends us to a signed address of its media store, and those are not for it.
        self._media = Http(client.connection, client.ports)
        self._slots = asyncio.Semaphore(AT_ONCE)

    async def close(self) -> None:
        await self._media.close()

    async def of(self, scope: Scope, parents: Sequence[str]) -> list[Record]:
        """Parent by parent, oldest first."""
        if scope.entity == "comment":
            found = await together(self._comments_of(parent) for parent in parents)
            return [record for records in found for record in records]
        there = await fetch.by_id(self._client, set(parents), ["attachment"])
        return [
            Record(str(one["id"]), stamps.version(one["created"]), one, parent)
            for parent in parents
            for one in sorted(
                attached(there.get(parent)), key=lambda one: (stamps.version(one["created"]), int(one["id"]))
            )
        ]

    async def _comments_of(self, parent: str) -> list[Record]:
        async with self._slots:
            comments = await self._comments.of(parent)
        return [_comment(comment, parent) for comment in comments]

    async def fetch(self, scope: Scope, keys: Sequence[str]) -> list[Record]:
        """Comments or attachments by key."""
        one = self._one_comment if scope.entity == "comment" else self._one_attachment
        found = await together(one(key) for key in keys)
        return [record for record in found if record is not None]

    async def _one_comment(self, key: str) -> Record | None:
        issue, _, comment = key.partition("/")
        body = await self._get(f"/issue/{issue}/comment/{comment}", "comment.get")
        return None if body is None else _comment(body, issue)

    async def _one_attachment(self, key: str) -> Record | None:
        body = await self._get(f"/attachment/{key}", "attachment.get")
        return None if body is None else Record(key, stamps.version(body["created"]), body)

    async def _get(self, path: str, scope: str) -> Fields | None:
        async with self._slots:
            reply = await self._client.send("GET", path, scope=scope)
        return None if reply.status == 404 else self._client.expect(reply, path)

    def content(self, record: Record) -> Content:
        """The bytes of an attachment; Unavailable when they are fewer or more than Jira said the file has."""

        async def read() -> AsyncIterator[bytes]:
            path = f"{API}/attachment/content/{record.key}"
            async with self._client.http.stream("GET", path, scope="attachment.get") as download:
                refuse_strangers(download.headers)
                if download.status in REDIRECTS:
                    place = urljoin(self._client.connection.url, download.headers.get("location", ""))
                else:
                    async with aclosing(_whole(download, record)) as pieces:
                        async for piece in pieces:
                            yield piece
                    return
            async with (
                self._media.stream("GET", place, scope="media.get", follow=True) as download,
                aclosing(_whole(download, record)) as pieces,
            ):
                async for piece in pieces:
                    yield piece

        return read


async def _whole(download: Download, record: Record) -> AsyncGenerator[bytes, None]:
    if download.status == 404:
        raise Unavailable(f"attachment {record.key} is gone; read its issue again")
    if download.status >= 300:
        raise Unavailable(f"attachment {record.key} cannot be read now (HTTP {download.status})")
    size = record.fields.get("size")
    read = 0
    async for piece in download:
        read += len(piece)
        yield piece
    if isinstance(size, int) and read != size:
        raise Unavailable(f"attachment {record.key}: {read:,} bytes came of {size:,}; read it again")


def _comment(comment: Fields, issue: str) -> Record:
    stamp = comment.get("updated") or comment["created"]
    return Record(f"{issue}/{comment['id']}", stamps.version(stamp), comment, issue)

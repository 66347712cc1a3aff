"""Comments as a target. Each carries our id in a property, so that a lost one can be found among its issue's.

A comment's id here is `ISSUE/COMMENT`: Jira's calls need both.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from connectors.jira import adf, answers
from connectors.jira.client import Client
from connectors.jira.issues import removed
from connectors.jira.people import People
from connectors.kit.contract import Doubt, Fields, Outcome, Rejected, Write, Written
from connectors.kit.errors import InDoubt, Misconfigured, Unavailable

PAGE = 100
RESTARTS = 3
CONFLICTS = 4


class Comments:
    def __init__(self, client: Client, people: People) -> None:
        self._client = client
        self._people = people
        self._property = client.options.external_id.property

    async def create(self, writes: Sequence[Write]) -> list[Outcome]:
        async def post(write: Write) -> Outcome:
            reply = await self._send("POST", f"/issue/{write.parent}/comment", write)
            if isinstance(reply, Rejected):
                return reply
            if not isinstance(reply, dict) or not reply.get("id"):
                raise InDoubt("the answer to a comment names no comment")
            return Written(write.xid, f"{write.parent}/{reply['id']}")

        return await self._client.each(writes, lambda write: (write.parent,), post)

    async def update(self, writes: Sequence[Write]) -> list[Outcome]:
        async def put(write: Write) -> Outcome:
            issue, comment = parts(write.target)
            reply = await self._send("PUT", f"/issue/{issue}/comment/{comment}", write)
            return reply if isinstance(reply, Rejected) else Written(write.xid, write.target, created=False)

        return await self._client.each(writes, lambda write: (parts(write.target)[0],), put)

    async def _send(self, method: str, path: str, write: Write) -> Any:
        """The body of a good answer, or Rejected."""
        content = write.fields.get("body")
        if not content:
            return Rejected(write.xid, "a comment needs a body", "body")
        body: Fields = {
            "body": content if adf.is_document(content) else adf.plain(str(content)),
            "properties": [{"key": self._property, "value": {"x": write.xid}}],
        }
        if write.fields.get("visibility"):
            body["visibility"] = write.fields["visibility"]
        scope = "comment.create" if method == "POST" else "comment.update"
        for attempt in range(CONFLICTS):
            reply = await self._client.send(method, path, scope=scope, body=body)
            if reply.status < 300:
                return reply.body
            if reply.status != 409:
                return answers.rejected(write.xid, reply.status, reply.body, write.fields)
            await self._client.wait(0.5 * 2**attempt)
        raise Unavailable(f"others keep changing the issue: {CONFLICTS} attempts at a comment met a conflict")

    async def find(self, doubts: Sequence[Doubt]) -> dict[str, Written]:
        """Reads the comments of each doubt's issue, which is a strong read."""
        found: dict[str, Written] = {}
        for issue in sorted({doubt.parent for doubt in doubts}):
            missing = {doubt.xid for doubt in doubts if doubt.parent == issue}
            for comment in await self.of(issue, properties=True):
                xid = await self.sign(comment)
                if xid in missing:
                    missing.discard(xid)
                    found[xid] = Written(xid, f"{issue}/{comment['id']}")
        return found

    async def sign(self, comment: Fields) -> str:
        """Our id on a comment; empty when it is not one of ours."""
        properties = comment.get("properties")
        if properties is not None:
            return next((_x(one.get("value")) for one in properties if one.get("key") == self._property), "")
        # UNSURE: whether the list always carries properties. Where it does not, each of our own is asked for.
        if (comment.get("author") or {}).get("accountId") != (await self._people.me())["accountId"]:
            return ""
        path = f"/comment/{comment['id']}/properties/{self._property}"
        reply = await self._client.send("GET", path, scope="comment.get")
        return _x(reply.body.get("value")) if reply.status == 200 else ""

    async def of(self, issue: str, *, properties: bool = False) -> list[Fields]:
        """All comments of an issue, oldest first; none when the issue is gone.

        The list is paged by offset. A comment deleted meanwhile would make it skip one, so it starts over when the
        total changes.
        """
        params = {"maxResults": str(PAGE), "orderBy": "created"} | ({"expand": "properties"} if properties else {})
        for _ in range(RESTARTS):
            comments: dict[str, Fields] = {}
            read, total = 0, -1
            while True:
                at = params | {"startAt": str(read)}
                reply = await self._client.send("GET", f"/issue/{issue}/comment", scope="comment.list", params=at)
                if reply.status == 404:
                    return []
                answer = self._client.expect(reply, "/issue/…/comment")
                if total not in (-1, answer["total"]):
                    break
                total = answer["total"]
                some = answer.get("comments") or ()
                comments |= {str(comment["id"]): comment for comment in some}
                read += len(some)
                if not some or read >= total:
                    if len(comments) == read:
                        return list(comments.values())
                    break
        raise Unavailable("the comments of an issue keep changing while they are read; read them again")

    async def delete(self, targets: Sequence[str]) -> list[Outcome]:
        async def remove(target: str) -> Outcome:
            issue, comment = parts(target)
            path = f"/issue/{issue}/comment/{comment}"
            return removed(target, await self._client.send("DELETE", path, scope="comment.delete"))

        return await self._client.each(targets, lambda target: (parts(target)[0],), remove)


def parts(target: str) -> tuple[str, str]:
    """Issue and comment of a comment's id."""
    issue, _, comment = target.partition("/")
    if not issue or not comment:
        raise Misconfigured("a comment's id is not of the form ISSUE/COMMENT", hint="Use the id that `create` gave.")
    return issue, comment


def _x(value: Any) -> str:
    return str(value.get("x", "")) if isinstance(value, dict) else ""

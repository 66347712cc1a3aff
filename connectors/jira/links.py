"""Links between issues as a target. Jira makes no second link of one type between the same two: a resend is safe.

A link's id here is `FROM/TYPE/TO`: creating one tells no id. `from` is the side that does ("blocks"), which is the
inward issue in Jira's request.
"""

from __future__ import annotations

from collections.abc import Sequence

from connectors.jira import answers
from connectors.jira.client import Client
from connectors.jira.fetch import issues
from connectors.jira.issues import removed
from connectors.kit.contract import Doubt, Fields, Outcome, Rejected, Write, Written
from connectors.kit.errors import Misconfigured, Unavailable

CONFLICTS = 4


class Links:
    def __init__(self, client: Client) -> None:
        self._client = client
        self.twins: frozenset[str] = frozenset()  # types (folded) whose two directions are one and the same
        self._learned = False

    async def types(self) -> list[Fields]:
        return list((await self._client.get("/issueLinkType", scope="link.types")).get("issueLinkTypes") or ())

    async def learn(self) -> None:
        """Which types are `twins`."""
        if not self._learned:
            alike = (kind for kind in await self.types() if kind.get("inward") == kind.get("outward"))
            self.twins, self._learned = frozenset(str(kind["name"]).casefold() for kind in alike), True

    async def create(self, writes: Sequence[Write]) -> list[Outcome]:
        return await self._client.each(writes, _ends, self._post)

    async def _post(self, write: Write) -> Outcome:
        ends = _ends(write)
        kind = str(write.fields.get("type") or "")
        for name, value in (("type", kind), ("from", ends[0]), ("to", ends[1])):
            if not value:
                return Rejected(write.xid, "a link needs a type and two issues", name)
        if ends[0] == ends[1]:
            return Rejected(write.xid, "a link from an issue to itself", "to")
        body = {"type": {"name": kind}, "inwardIssue": _named(ends[0]), "outwardIssue": _named(ends[1])}
        for attempt in range(CONFLICTS):
            reply = await self._client.send("POST", "/issueLink", scope="link.create", body=body, safe=True)
            if reply.status < 300:
                return Written(write.xid, "/".join((ends[0], kind, ends[1])))
            if reply.status != 409:
                return answers.rejected(write.xid, reply.status, reply.body, write.fields)
            await self._client.wait(0.5 * 2**attempt)
        raise Unavailable(f"others keep changing the issues: {CONFLICTS} attempts at a link met a conflict")

    async def find(self, doubts: Sequence[Doubt]) -> dict[str, Written]:
        """Those whose payload is known and whose link is there."""
        found: dict[str, Written] = {}
        for doubt in doubts:
            write = Write(doubt.xid, doubt.fields or {}, parent=doubt.parent)
            start, end = _ends(write)
            kind = str(write.fields.get("type") or "")
            if start and end and await self._id(start, kind, end):
                found[doubt.xid] = Written(doubt.xid, "/".join((start, kind, end)))
        return found

    async def _id(self, start: str, kind: str, end: str) -> str:
        """Jira's own id of a link, from the issue it starts at; empty when there is none."""
        for issue in await issues(self._client, [start], ["issuelinks"]):
            for link in (issue.get("fields") or {}).get("issuelinks") or ():
                other = link.get("outwardIssue") or {}
                same_type = str((link.get("type") or {}).get("name", "")).casefold() == kind.casefold()
                if same_type and end in (str(other.get("id")), str(other.get("key"))):
                    return str(link["id"])
        return ""

    async def delete(self, targets: Sequence[str]) -> list[Outcome]:
        async def remove(target: str) -> Outcome:
            start, kind, end = parts(target)
            id = await self._id(start, kind, end)
            if not id:
                return Written(target, target, created=False)
            return removed(target, await self._client.send("DELETE", f"/issueLink/{id}", scope="link.delete"))

        return await self._client.each(targets, lambda target: (parts(target)[0], parts(target)[2]), remove)


def _ends(write: Write) -> tuple[str, str]:
    return str(write.fields.get("from") or write.parent or ""), str(write.fields.get("to") or "")


def _named(issue: str) -> Fields:
    return {"id": issue} if issue.isdigit() else {"key": issue}


def parts(target: str) -> tuple[str, str, str]:
    start, _, rest = target.partition("/")
    kind, _, end = rest.rpartition("/")
    if not start or not kind or not end:
        raise Misconfigured("a link's id is not of the form FROM/TYPE/TO", hint="Use the id that `create` gave.")
    return start, kind, end

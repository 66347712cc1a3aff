"""What became of what we wrote: issues and what hangs on them, read back by id.

An issue and a comment carry our id in a property, and that alone tells: a label goes with a clone. Attachments and
links can carry none: they are ours when the ledger has their ids.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from connectors.jira import fetch, stamps
from connectors.jira.attachments import NAME, SIZE, attached
from connectors.jira.canonical import Forms, rich
from connectors.jira.client import Client, together
from connectors.jira.comments import Comments, parts
from connectors.jira.issues import label_of
from connectors.jira.links import Links
from connectors.jira.links import parts as link_parts
from connectors.kit.canonical import fields_of, number, text
from connectors.kit.contract import Fields, Standing

AT_ONCE = 4
COMMENTS = 1_000  # ids of one call


class Readback:
    def __init__(self, client: Client, forms: Forms, comments: Comments, links: Links) -> None:
        self._client = client
        self._forms = forms
        self._comments = comments
        self._links = links
        self._property = client.options.external_id.property
        self._slots = asyncio.Semaphore(AT_ONCE)

    # ------------------------------------------------------------ forms

    def canonical(self, entity: str, fields: Mapping[str, Any]) -> Fields:
        if entity == "issue":
            if not self._forms.learned:
                raise RuntimeError("await learn('issue') before canonical: the types of the fields are not known yet")
            return fields_of(fields, self._forms.value)
        shown = fields_of(fields, _FORMS[entity])
        if entity == "link" and shown.get("type") in self._links.twins:
            ends = sorted(end for end in (shown.get("from"), shown.get("to")) if end)
            shown |= dict(zip(("from", "to"), ends, strict=False))
        return shown

    # ------------------------------------------------------------ issues

    async def issues(self, targets: Sequence[str], names: Sequence[str]) -> dict[str, Standing]:
        await self._forms.learn(names)
        ids = {name: self._forms.id_of(name) for name in names}
        asked = sorted({*ids.values(), "status", "parent", "updated"})
        there = await fetch.issues(self._client, list(targets), asked, [self._property])
        return {str(issue["id"]): self._issue(issue, ids) for issue in there}

    def _issue(self, issue: Fields, ids: Mapping[str, str]) -> Standing:
        xid, fields = signed(issue, self._property), issue["fields"]
        shown = {name: _unmarked(fields.get(id), xid) if id == "labels" else fields.get(id) for name, id in ids.items()}
        return standing_of(issue, xid, self.canonical("issue", shown))

    # ------------------------------------------------------------ comments

    async def comments(self, targets: Sequence[str], names: Sequence[str]) -> dict[str, Standing]:
        wanted = set(targets)
        ids = sorted({int(comment) for _, comment in map(parts, targets) if comment.isdigit()})
        found: dict[str, Standing] = {}
        for start in range(0, len(ids), COMMENTS):
            body = {"ids": ids[start : start + COMMENTS]}
            path = "/comment/list?expand=properties"
            for comment in (await self._client.ask(path, body, scope="comment.list")).get("values") or ():
                issue = str(comment.get("self", "")).partition("/issue/")[2].partition("/")[0]
                target = f"{issue}/{comment['id']}"
                if target in wanted:  # the comment of another issue is not this one
                    found[target] = self._comment(comment, issue, await self._comments.sign(comment), names)
        return found

    async def comments_on(self, targets: Sequence[str]) -> list[Standing]:
        async def of(issue: str) -> list[Standing]:
            async with self._slots:
                there = await self._comments.of(issue, properties=True)
                return [self._comment(one, issue, await self._comments.sign(one), ("body",)) for one in there]

        return [standing for some in await together(map(of, targets)) for standing in some]

    def _comment(self, comment: Fields, issue: str, xid: str, names: Sequence[str]) -> Standing:
        return Standing(
            f"{issue}/{comment['id']}",
            xid,
            stamps.version(comment.get("updated") or comment["created"]),
            self.canonical("comment", {name: comment.get(name) for name in names}),
            parent=issue,
            by=account_of(comment.get("updateAuthor") or comment.get("author")),
        )

    # ------------------------------------------------------------ attachments

    async def attachments(self, targets: Sequence[str], names: Sequence[str]) -> dict[str, Standing]:
        async def one(target: str) -> Standing | None:
            path = f"/attachment/{target}"
            async with self._slots:
                reply = await self._client.send("GET", path, scope="attachment.get")
            return None if reply.status == 404 else self._file(self._client.expect(reply, path), "", names)

        found = await together(map(one, targets))
        return {standing.target: standing for standing in found if standing is not None}

    async def attachments_on(self, targets: Sequence[str]) -> list[Standing]:
        there = await fetch.by_id(self._client, set(targets), ["attachment"])
        return [
            self._file(one, target, ("filename", "size")) for target in targets for one in attached(there.get(target))
        ]

    def _file(self, one: Fields, parent: str, names: Sequence[str]) -> Standing:
        shown = {name: one.get("filename") if name in NAME else one.get("size") for name in names}
        return Standing(
            str(one["id"]),
            "",
            stamps.version(one["created"]),
            self.canonical("attachment", shown),
            parent=parent,
            by=account_of(one.get("author")),
        )

    # ------------------------------------------------------------ links

    async def links(self, targets: Sequence[str], names: Sequence[str]) -> dict[str, Standing]:
        there = {
            _ends(standing.fields): standing for standing in await self.links_on([link_parts(t)[0] for t in targets])
        }
        found: dict[str, Standing] = {}
        for target in targets:
            start, kind, end = link_parts(target)
            sides = self.canonical("link", {"type": kind, "from": start, "to": end})
            if (standing := there.get(_ends(sides))) is not None:
                shown = {name: sides[name] for name in names if name in sides}
                found[target] = standing._replace(target=target, parent=start, fields=shown)
        return found

    async def links_on(self, targets: Sequence[str]) -> list[Standing]:
        await self._links.learn()
        found: dict[str, Standing] = {}
        for issue in await fetch.issues(self._client, sorted(set(targets)), ["issuelinks"]):
            for link in issue["fields"].get("issuelinks") or ():
                near, kind = str(issue["id"]), str((link.get("type") or {}).get("name", ""))
                outward = link.get("outwardIssue")
                far = str((outward or link.get("inwardIssue") or {}).get("id", ""))
                start, end = (near, far) if outward else (far, near)
                fields = self.canonical("link", {"type": kind, "from": start, "to": end})
                found[str(link["id"])] = Standing(f"{start}/{kind}/{end}", "", "", fields, parent=start)
        return list(found.values())


def signed(issue: Mapping[str, Any], property: str) -> str:
    """Our id on an issue; empty when it carries none."""
    value = (issue.get("properties") or {}).get(property)
    return str(value.get("x") or "") if isinstance(value, Mapping) else ""


def standing_of(issue: Fields, xid: str, fields: Fields) -> Standing:
    """An issue that was read with its status, parent and stamp."""
    there = issue["fields"]
    return Standing(
        str(issue["id"]),
        xid,
        stamps.version(there["updated"]),
        fields,
        str((there.get("status") or {}).get("name", "")),
        str((there.get("parent") or {}).get("id", "")),
    )


def account_of(person: Any) -> str:
    return str(person.get("accountId") or "") if isinstance(person, Mapping) else ""


def _unmarked(labels: Any, xid: str) -> list[str]:
    """Labels without the one that is ours."""
    return [label for label in labels or () if not xid or label != label_of(xid)]


def _of_comment(name: str, value: Any) -> Any:
    return rich(value) if name == "body" else None


def _of_attachment(name: str, value: Any) -> Any:
    """What a file is called and how large it is. Its type Jira may judge for itself."""
    if name in NAME:
        return text(str(value))
    return number(value) if name in SIZE else None


def _of_link(name: str, value: Any) -> Any:
    if name == "type":
        return str(value).casefold()
    return str(value) if name in ("from", "to") else None


def _ends(link: Mapping[str, Any]) -> tuple[Any, ...]:
    return link.get("type"), link.get("from"), link.get("to")


_FORMS = {"comment": _of_comment, "attachment": _of_attachment, "link": _of_link}

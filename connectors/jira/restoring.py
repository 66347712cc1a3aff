"""Puts issues back as they were before we updated them: fields whole, and our mark with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from connectors.jira import answers, fetch
from connectors.jira.answers import GONE
from connectors.jira.canonical import Forms
from connectors.jira.client import Client
from connectors.jira.issues import Issues, differs, label_of
from connectors.jira.meta import Meta
from connectors.jira.people import People
from connectors.jira.readback import signed
from connectors.jira.shape import Misfit
from connectors.kit.contract import Fields, Outcome, Rejected, Write, Written

_PARTS = ("id", "accountId", "key", "name", "value")  # what names a value, best first


class Restoring:
    def __init__(self, client: Client, meta: Meta, people: People, forms: Forms, issues: Issues) -> None:
        self._client = client
        self._meta = meta
        self._people = people
        self._forms = forms
        self._issues = issues
        self._own = client.options.external_id

    async def image(self, targets: Sequence[str], names: Sequence[str]) -> dict[str, Fields]:
        await self._forms.learn(names)
        ids = {name: self._forms.id_of(name) for name in names}
        there = await fetch.issues(
            self._client, list(targets), sorted({*ids.values()}) or ["updated"], [self._own.property]
        )
        return {str(issue["id"]): {name: self._kept(issue, id) for name, id in ids.items()} for issue in there}

    def _kept(self, issue: Fields, id: str) -> Any:
        value = (issue.get("fields") or {}).get(id)
        if id == "labels":
            value = [label for label in value or () if label != label_of(signed(issue, self._own.property))]
        return reduced(value) or None

    async def restore(self, writes: Sequence[Write]) -> list[Outcome]:
        asked = ["project", "issuetype", "labels"]
        there = await fetch.issues(self._client, [write.target for write in writes], asked, [self._own.property])
        by_id = {str(issue["id"]): issue for issue in there}
        quiet = {"notifyUsers": "false"} if await self._people.may_be_quiet() else None

        async def put(write: Write) -> Outcome:
            issue = by_id.get(write.target)
            if issue is None:
                return Rejected(write.xid, GONE)
            try:
                body = await self._body(write, issue)
            except Misfit as misfit:
                return Rejected(write.xid, misfit.cause, misfit.field)
            outcome = await self._issues.put(write, body, quiet) if body else None
            if outcome is not None and isinstance(outcome, Rejected):
                return outcome
            return await self._unsigned(write, issue)

        return await self._client.each(writes, lambda write: (write.target,), put)

    async def _body(self, write: Write, issue: Fields) -> dict[str, Any]:
        fields = dict(write.fields)
        for name in ("project", "issuetype"):
            wanted = fields.pop(name, None)
            if differs(wanted, issue["fields"].get(name)):
                raise Misfit("the record would have to change its project or type", name)
        before = signed(issue, self._own.property)
        screen = await self._meta.edit_screen(issue, fields)
        shaped = screen.shape(fields)
        if "labels" in screen.fields and ("labels" in shaped or before != write.xid):
            labels = shaped["labels"] if "labels" in shaped else issue["fields"].get("labels")
            kept = [label for label in labels or () if not before or label != label_of(before)]
            ours = [label_of(write.xid)] if write.xid and self._own.label else []
            shaped["labels"] = list(dict.fromkeys([*kept, *ours]))
        if self._own.field and before != write.xid:
            shaped[self._own.field] = write.xid or None
        body: dict[str, Any] = {"fields": shaped} if shaped else {}
        if write.xid and before != write.xid:
            body["properties"] = [{"key": self._own.property, "value": {"x": write.xid}}]
        return body

    async def _unsigned(self, write: Write, issue: Fields) -> Outcome:
        """Take our property off last: until then the issue is known as ours, and this can be done again."""
        if not write.xid and signed(issue, self._own.property):
            path = f"/issue/{write.target}/properties/{self._own.property}"
            reply = await self._client.send("DELETE", path, scope="issue.update")
            if reply.status >= 300 and reply.status != 404:
                return answers.rejected(write.xid, reply.status, reply.body, {})
        return Written(write.xid, write.target, created=False)


def reduced(value: Any) -> Any:
    """A value as an update takes it: of what Jira shows of a choice, a person or a record, what names it."""
    if isinstance(value, list):
        return [reduced(item) for item in value]
    if not isinstance(value, Mapping) or value.get("type") == "doc":
        return value
    if "child" in value:
        return {"id": value["id"], "child": {"id": value["child"]["id"]}}
    return next(({part: value[part]} for part in _PARTS if value.get(part)), dict(value))

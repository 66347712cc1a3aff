"""Issues as a target: create in bulk, update, delete."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from connectors.jira import answers
from connectors.jira.answers import GONE
from connectors.jira.client import Client
from connectors.jira.fetch import by_id
from connectors.jira.meta import CreateScreen, Meta
from connectors.jira.people import People
from connectors.jira.shape import Misfit
from connectors.kit.contract import Failed, Fields, Outcome, Rejected, Write, Written
from connectors.kit.errors import ConnectorError, InDoubt, Misconfigured, Unavailable
from connectors.kit.http import Reply

BULK = 50
CONFLICTS = 4  # attempts at an update that meets another one


class Sending(NamedTuple):
    """One record on its way: its place among the writes, and the body that Jira gets."""

    number: int
    write: Write
    body: dict[str, Any]


def label_of(xid: str) -> str:
    return f"cutover-{xid.lower()}"


class Issues:
    def __init__(self, client: Client, meta: Meta, people: People) -> None:
        self._client = client
        self._meta = meta
        self._people = people
        options = client.options
        self._strong_reads = options.strong_reads
        self._label = options.external_id.label
        self._property = options.external_id.property
        self._field = options.external_id.field

    async def create(self, writes: Sequence[Write]) -> list[tuple[Outcome, str]]:
        """Outcomes in order, each with the key of the new issue (or "")."""
        outcomes: list[tuple[Outcome, str]] = [(Rejected("", ""), "")] * len(writes)
        sendings: list[Sending] = []
        for number, write in enumerate(writes):
            try:
                sendings.append(Sending(number, write, self._at_hand(write) or await self._new(write)))
            except Misfit as misfit:
                outcomes[number] = (Rejected(write.xid, misfit.cause, misfit.field), "")
        parts = [sendings[start : start + BULK] for start in range(0, len(sendings), BULK)]
        for sending, outcome in zip(sendings, await self._send_all(parts), strict=True):
            outcomes[sending.number] = outcome
        return outcomes

    async def look_ahead(self, writes: Sequence[Write]) -> None:
        """Read the screen that the first of these goes to, and with it nearly always all of them."""
        for write in writes[:1]:
            if self._meta.screen_at_hand(write.fields) is None:
                with suppress(Misfit):  # the create says so
                    await self._meta.create_screen(write.fields)

    def _at_hand(self, write: Write) -> dict[str, Any] | None:
        """The body of a create by what is known; None when a screen has to be read first, or proved stale."""
        screen = self._meta.screen_at_hand(write.fields)
        try:
            return None if screen is None else self._body(write, screen)
        except Misfit:
            return None

    async def _new(self, write: Write) -> dict[str, Any]:
        return self._body(write, await self._meta.create_screen(write.fields))

    def _body(self, write: Write, screen: CreateScreen) -> dict[str, Any]:
        shaped = screen.shape(write.fields)
        if self._label:
            if screen.labelled:
                shaped["labels"] = [*(shaped.get("labels") or ()), label_of(write.xid)]
            elif not self._strong_reads:
                raise Misfit(
                    "labels are not on the create screen, and without them a lost create cannot be found", "labels"
                )
        return {"fields": self._sign(shaped, write.xid), "properties": self._properties(write.xid)}

    def _sign(self, shaped: Fields, xid: str) -> Fields:
        if self._field:
            shaped[self._field] = xid
        return shaped

    def _properties(self, xid: str) -> list[dict[str, Any]]:
        return [{"key": self._property, "value": {"x": xid}}]

    async def _send_all(self, parts: Sequence[Sequence[Sending]]) -> list[tuple[Outcome, str]]:
        """A call for each part. Of several, an error is told of its own part alone: the others may have been created,
        and what is forgotten would be created again."""
        if len(parts) == 1:
            return await self._send(parts[0])
        outcomes: list[tuple[Outcome, str]] = []
        for part in parts:
            try:
                outcomes += await self._send(part)
            except ConnectorError as error:
                outcomes += [(Failed(sending.write.xid, error), "") for sending in part]
        return outcomes

    async def _send(self, sendings: Sequence[Sending]) -> list[tuple[Outcome, str]]:
        body = {"issueUpdates": [sending.body for sending in sendings]}
        reply = await self._client.send("POST", "/issue/bulk", scope="issue.create", body=body)
        if answers.off_screen(reply.body):
            self._meta.forget()
        if reply.status in (200, 201, 400):
            outcomes = answers.created(reply.body, [sending.write for sending in sendings])
            if outcomes is not None:
                return outcomes
        if reply.status < 300:
            raise InDoubt("the answer to a create names no issue")
        if reply.status not in (400, 413):
            raise Misconfigured(
                f"Jira refuses to create issues ({reply.status})",
                hint="Run `cutover check`: the account may lack 'Create issues' in a project.",
            )
        if len(sendings) == 1:
            write = sendings[0].write
            return [(answers.rejected(write.xid, reply.status, reply.body, write.fields), "")]
        # Nothing of this call was created, and the answer does not say whose fault that is: halves tell.
        middle = len(sendings) // 2
        return await self._send_all([sendings[:middle], sendings[middle:]])

    async def update(self, writes: Sequence[Write]) -> list[Outcome]:
        there = await by_id(self._client, {write.target for write in writes}, ["project", "issuetype"])
        quiet = {"notifyUsers": "false"} if await self._people.may_be_quiet() else None

        async def put(write: Write) -> Outcome:
            issue = there.get(write.target)
            if issue is None:
                return Rejected(write.xid, GONE)
            try:
                body = await self._edit(write, issue)
            except Misfit as misfit:
                return Rejected(write.xid, misfit.cause, misfit.field)
            return await self.put(write, body, quiet)

        return await self._client.each(writes, lambda write: (write.target,), put)

    async def _edit(self, write: Write, issue: Fields) -> dict[str, Any]:
        fields = dict(write.fields)
        if differs(fields.pop("project", None), issue["fields"].get("project")):
            raise Misfit("the record would have to move to another project", "project")
        if not differs(fields.get("issuetype"), issue["fields"].get("issuetype")):
            fields.pop("issuetype", None)
        screen = await self._meta.edit_screen(issue, fields)
        shaped = self._sign(screen.shape(fields), write.xid)
        labels = [str(label) for label in shaped.pop("labels", None) or ()]
        if self._label and "labels" in screen.fields:
            labels.append(label_of(write.xid))
        body: dict[str, Any] = {"fields": shaped, "properties": self._properties(write.xid)}
        if labels:
            # Added one by one: writing the field whole would take away what people put there.
            body["update"] = {"labels": [{"add": label} for label in dict.fromkeys(labels)]}
        return body

    async def put(self, write: Write, body: dict[str, Any], params: dict[str, str] | None) -> Outcome:
        path = f"/issue/{write.target}"
        for attempt in range(CONFLICTS):
            reply = await self._client.send("PUT", path, scope="issue.update", params=params, body=body)
            if reply.status < 300:
                return Written(write.xid, write.target, created=False)
            if reply.status != 409:
                break
            await self._client.wait(0.5 * 2**attempt)
        if answers.off_screen(reply.body):
            self._meta.forget()
        if reply.status == 409:
            raise Unavailable(f"others keep changing the issue: {CONFLICTS} updates met a conflict")
        return answers.rejected(write.xid, reply.status, reply.body, write.fields)

    async def delete(self, targets: Sequence[str]) -> list[Outcome]:
        async def remove(target: str) -> Outcome:
            return removed(target, await self._client.send("DELETE", f"/issue/{target}", scope="issue.delete"))

        return await self._client.each(targets, lambda target: (target,), remove)


def removed(target: str, reply: Reply) -> Outcome:
    """The outcome of a delete: gone already counts as removed."""
    if reply.status < 300 or reply.status == 404:
        return Written(target, target, created=False)
    return answers.rejected(target, reply.status, reply.body, {})


def differs(wanted: Any, there: Any) -> bool:
    """Whether a value names another project or type than the one that is there; absent: no."""
    if wanted is None or not isinstance(there, dict):
        return False
    known = {str(there.get(part)).casefold() for part in ("id", "key", "name") if there.get(part)}
    given = wanted.values() if isinstance(wanted, dict) else [wanted]
    return not any(str(value).casefold() in known for value in given)

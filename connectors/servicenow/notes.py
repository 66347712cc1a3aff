"""Writing what hangs on records: journal entries, each with a mark to know it by, and attachments."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import timedelta

from connectors.kit.contract import Content, Doubt, Failed, Outcome, Rejected, Write, Written
from connectors.kit.errors import ConnectorError, InDoubt, Misconfigured, Unavailable
from connectors.kit.streams import opened
from connectors.servicenow.children import ATTACHMENTS, ELEMENTS, JOURNAL
from connectors.servicenow.feed import STAMP
from connectors.servicenow.instance import ATTACHMENT, TABLE, Instance, Item, Row
from connectors.servicenow.query import one_of
from connectors.servicenow.values import cause, to_text
from connectors.servicenow.writing import Writer

NOTES = frozenset({JOURNAL, "comment", "comments", "work_note", "work_notes"})
_TEXTS = ("value", "body", "text")  # under which name the text may come
_SLACK = timedelta(seconds=2)  # stamps are whole seconds


def mark(xid: str) -> str:
    """What an entry ends with, so that it is found again: the journal has no field of its own for an external id."""
    return f"[cutover:{xid}]"


class Notes:
    """Journal entries and attachments, as a target."""

    def __init__(self, instance: Instance, writer: Writer) -> None:
        self._instance = instance
        self._writer = writer

    # ------------------------------------------------------------ journal entries

    async def add(self, entity: str, writes: Sequence[Write]) -> list[Outcome]:
        """Adds entries. The instance sets author and time, and a resend would add one more: never sent twice."""
        homes = await self._writer.homes([write.parent for write in writes])
        outcomes: dict[str, Outcome] = {}
        items: dict[str, Item] = {}
        for write in writes:
            text = next((to_text(write.fields[name]) for name in _TEXTS if write.fields.get(name)), None)
            element = str(write.fields.get("element") or ("work_notes" if entity.startswith("work") else "comments"))
            if element not in ELEMENTS:
                outcomes[write.xid] = Rejected(write.xid, "no such journal", "element")
            elif not text:
                outcomes[write.xid] = Rejected(write.xid, "an entry without text", "value")
            elif write.parent not in homes:
                outcomes[write.xid] = Rejected(write.xid, "its record is gone at target", "parent")
            else:
                path = f"{TABLE}{homes[write.parent]}/{write.parent}?sysparm_fields=sys_id"
                items[write.xid] = Item("PATCH", path, {element: f"{text}\n\n{mark(write.xid)}"})
        replies = await self._instance.batch(list(items.values()), safe=False)
        for xid, reply in zip(items, replies, strict=True):
            if isinstance(reply, ConnectorError):
                outcomes[xid] = Failed(xid, reply)
            elif 400 <= reply.status < 500:
                outcomes[xid] = Rejected(xid, cause(reply.status, reply.body, {}))
            elif reply.status != 200:
                outcomes[xid] = Failed(xid, InDoubt(f"a journal entry was answered with {reply.status}"))
        sent = [write for write in writes if write.xid not in outcomes]
        try:
            there = await self._by_mark({write.xid: write.parent for write in sent})
        except ConnectorError as error:
            # Written, but under an id that is not known yet: to be found, not to be sent again.
            doubt = InDoubt(f"journal entries were written and cannot be read back: {error}")
            return [outcomes.get(write.xid) or Failed(write.xid, doubt) for write in writes]
        # An entry that the journal does not show us is written all the same; it has no id that we could know.
        outcomes |= {write.xid: there.get(write.xid) or Written(write.xid, mark(write.xid)) for write in sent}
        return [outcomes[write.xid] for write in writes]

    async def find(self, entity: str, doubts: Sequence[Doubt]) -> dict[str, Written]:
        """Entries by their marks, files by name and hash or size: consistent reads among what hangs on the records."""
        if entity in ATTACHMENTS:
            return await self._find_files(doubts)
        return await self._by_mark({doubt.xid: doubt.parent for doubt in doubts})

    async def _by_mark(self, parents: Mapping[str, str]) -> dict[str, Written]:
        """The entries of these {xid: parent} that exist."""
        if not parents:
            return {}
        wanted = {(parent, mark(xid)): xid for xid, parent in parents.items()}
        terms = (
            f"{one_of('element_id', sorted(set(parents.values())))}^{one_of('element', ELEMENTS)}^valueLIKE[cutover:"
        )
        found: dict[str, Written] = {}
        async for row in self._instance.everything(TABLE + JOURNAL, terms, ("sys_id", "element_id", "value")):
            last_line = row["value"].rstrip().rpartition("\n")[2].strip()
            xid = wanted.get((row["element_id"], last_line))
            if xid:
                found.setdefault(xid, Written(xid, row["sys_id"]))
        return found

    # ------------------------------------------------------------ attachments

    async def attach(self, writes: Sequence[Write]) -> list[Outcome]:
        homes = await self._writer.homes([write.parent for write in writes])
        outcomes: list[Outcome] = []
        for write in writes:
            try:
                outcomes.append(await self._attach(write, homes.get(write.parent, "")))
            except ConnectorError as error:
                outcomes.append(Failed(write.xid, error))
        return outcomes

    async def _attach(self, write: Write, table: str) -> Outcome:
        name = str(write.fields.get("file_name") or write.fields.get("filename") or "")
        if not table:
            return Rejected(write.xid, "its record is gone at target", "parent")
        if not name or write.content is None:
            return Rejected(write.xid, "an attachment without name or content", "file_name")
        if there := await self._same(write, name):
            return Written(write.xid, there, False)
        counted = _Counted(write.content)
        params = {"table_name": table, "table_sys_id": write.parent, "file_name": name}
        kind = str(write.fields.get("content_type") or "application/octet-stream")
        reply = await self._instance.http.json(
            "POST",
            f"{ATTACHMENT}/file",
            scope="attachment",
            params=params,
            content=counted,
            headers={"Content-Type": kind.replace("\r", "").replace("\n", "")},
        )
        row = reply.body.get("result") if isinstance(reply.body, dict) else None
        if reply.status != 201 or not isinstance(row, dict):
            return Rejected(write.xid, cause(reply.status, reply.body, {"file_name": name}))
        if str(row.get("size_bytes")) != str(counted.size) or (row.get("hash") or counted.digest) != counted.digest:
            return Failed(write.xid, await self._remove_damaged(row["sys_id"]))
        return Written(write.xid, row["sys_id"])

    async def _remove_damaged(self, sys_id: str) -> ConnectorError:
        """What to say of a file that arrived damaged: to be sent again only when it is gone."""
        said = f"attachment {sys_id} arrived damaged"
        try:
            (gone,) = await self._writer.delete("", [sys_id], base=ATTACHMENT)
        except ConnectorError as error:
            return InDoubt(f"{said} and could not be removed: {error}")
        if isinstance(gone, Written):
            return Unavailable(f"{said} and was removed; send it again")
        return InDoubt(f"{said} and could not be removed")

    async def _same(self, write: Write, name: str) -> str:
        """The sys_id of the same file at the same record, when its hash is known before it is read."""
        wanted = write.fields.get("hash")
        if not wanted:
            return ""
        rows = await self._files([write.parent])
        return next((row["sys_id"] for row in rows if row["file_name"] == name and row.get("hash") == wanted), "")

    async def _find_files(self, doubts: Sequence[Doubt]) -> dict[str, Written]:
        """By record, name and hash or size, made since the call left. Two alike doubts take one file each."""
        rows = await self._files(sorted({doubt.parent for doubt in doubts if doubt.parent}))
        taken: set[str] = set()
        found: dict[str, Written] = {}
        for doubt in doubts:
            fields = doubt.fields or {}
            name, digest = fields.get("file_name") or fields.get("filename"), fields.get("hash")
            size, since = fields.get("size_bytes") or fields.get("size"), (doubt.sent - _SLACK).strftime(STAMP)
            for row in rows:
                fits = row["table_sys_id"] == doubt.parent and row["file_name"] == name and row["sys_id"] not in taken
                alike = row.get("hash") == digest if digest else size is None or str(size) == row.get("size_bytes")
                if fits and alike and row.get("sys_created_on", "") >= since:
                    taken.add(row["sys_id"])
                    found[doubt.xid] = Written(doubt.xid, row["sys_id"])
                    break
        return found

    async def _files(self, parents: Sequence[str]) -> list[Row]:
        return [row async for row in self._instance.everything(ATTACHMENT, one_of("table_sys_id", parents), ())]

    async def delete(self, entity: str, targets: Sequence[str]) -> list[Outcome]:
        if entity in ATTACHMENTS:
            return await self._writer.delete("", targets, base=ATTACHMENT)
        raise Misconfigured(
            f"{entity}: an entry cannot be removed (the journal of ServiceNow only grows)",
            hint="Its record can be; or let the entries stand, each with its mark.",
        )

    async def update(self, entity: str, writes: Sequence[Write]) -> list[Outcome]:
        raise Misconfigured(
            f"{entity} cannot be changed once written (the journal and the files of ServiceNow only grow)",
            hint="Delete it and create it anew.",
        )


class _Counted:
    """A body that counts and hashes what goes by; begins anew each time it is opened."""

    def __init__(self, content: Content) -> None:
        self._content = content
        self.size = 0
        self.digest = ""

    async def __call__(self) -> AsyncIterator[bytes]:
        self.size = 0
        running = hashlib.sha256()
        async with opened(self._content) as pieces:
            async for piece in pieces:
                self.size += len(piece)
                running.update(piece)
                yield piece
        self.digest = running.hexdigest()

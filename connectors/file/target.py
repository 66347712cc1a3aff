"""A folder of files as a target."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import orjson

from connectors.file.contents import Stored, store_content
from connectors.file.folder import Folder
from connectors.file.formats import Csv, Unreadable
from connectors.file.options import PEOPLE
from connectors.file.source import addresses
from connectors.file.table import DELETED
from connectors.file.writer import Entry, Writer
from connectors.kit.contract import Doubt, Failed, Fields, Move, Outcome, Rejected, Write, Written
from connectors.kit.errors import ConnectorError, Misconfigured

BULK = 500


class FileTarget:
    """Writes through a Folder."""

    folder: Folder

    async def mark(self, entity: str, writes: Sequence[Write]) -> str:
        return ""

    async def create(self, entity: str, writes: Sequence[Write]) -> list[Outcome]:
        if len(writes) > BULK:
            hint = f"Send at most {BULK} (traits.bulk)"
            raise Misconfigured(f"{entity}: {len(writes)} creates in one call", hint=hint)
        stored: dict[str, Stored] = {}
        failed: dict[str, Outcome] = {}
        for write in writes:
            if write.content is None:
                continue
            try:
                stored[write.xid] = await store_content(self.folder, entity, write.xid, write.content)
            except Misconfigured:
                raise
            except ConnectorError as error:
                failed[write.xid] = Failed(write.xid, error)
        good = [write for write in writes if write.xid not in failed]
        outcomes = iter(await self.folder.call("create", lambda: self._create(entity, good, stored)))
        return [failed[write.xid] if write.xid in failed else next(outcomes) for write in writes]

    async def update(self, entity: str, writes: Sequence[Write]) -> list[Outcome]:
        return await self.folder.call("update", lambda: self._update(entity, writes))

    async def find(self, entity: str, doubts: Sequence[Doubt]) -> dict[str, Written]:
        def work() -> dict[str, Written]:
            table = self.folder.perhaps(entity)
            if table is None:
                return {}
            return {doubt.xid: Written(doubt.xid, doubt.xid) for doubt in doubts if table.index.get(doubt.xid)}

        return await self.folder.call("find", work)

    async def move(self, entity: str, moves: Sequence[Move]) -> list[Outcome]:
        """A file has no workflow: any status can be reached, by writing it."""
        status = self.folder.options.layout(entity).status
        writes = [Write(move.xid, {**move.fields, status: move.status}, target=move.target) for move in moves]
        return await self.update(entity, writes)

    async def accounts(self, emails: Sequence[str]) -> dict[str, str]:
        def work() -> dict[str, str]:
            people = self.folder.perhaps(PEOPLE)
            if people is None:
                return {email: email for email in emails}
            known = addresses(people)
            return {email: known[email] for email in emails if email in known}

        return await self.folder.call("people", work)

    async def delete(self, entity: str, targets: Sequence[str]) -> list[Outcome]:
        """Files of attachments stay: others may have the same bytes."""

        def work() -> list[Outcome]:
            writer = self._changing(entity, "deletes")
            layout, index = writer.table.layout, writer.table.index
            gone = [target for target in dict.fromkeys(targets) if index.get(target) is not None]
            lines = [Entry(key, orjson.dumps({layout.key: key, DELETED: True}) + b"\n", removes=True) for key in gone]
            writer.append(lines, ())
            return [Written(target, target, created=False) for target in targets]

        return await self.folder.call("delete", work)

    # ------------------------------------------------------------ on the folder's thread

    def _create(self, entity: str, writes: Sequence[Write], stored: Mapping[str, Stored]) -> list[Outcome]:
        writer = self.folder.writable(entity)
        layout = writer.table.layout
        whole: list[Fields] = []
        for write in writes:
            fields = {layout.key: write.xid, **({layout.parent: write.parent} if write.parent else {}), **write.fields}
            if write.xid in stored:
                fields |= {layout.content: stored[write.xid].path, "size": stored[write.xid].size}
            whole.append(fields)
        form = writer.table.format
        if isinstance(form, Csv) and not form.header:
            form.header = list(dict.fromkeys(name for fields in whole for name in fields))
        batch = _Batch(writer)
        outcomes = [
            Rejected(
                write.xid, "the key field is the connector's own; map to another, or set the option key", layout.key
            )
            if layout.key in write.fields
            else batch.put(write.xid, write.xid, fields)
            for write, fields in zip(writes, whole, strict=True)
        ]
        batch.end()
        return outcomes

    def _update(self, entity: str, writes: Sequence[Write]) -> list[Outcome]:
        batch = _Batch(self._changing(entity, "updates"))
        outcomes = [
            batch.put(write.xid, write.target, write.fields)
            if batch.there(write.target) is not None
            else Rejected(write.xid, "gone at target")
            for write in writes
        ]
        batch.end()
        return outcomes

    def _changing(self, entity: str, what: str) -> Writer:
        writer = self.folder.writable(entity)
        if not writer.table.format.appended:
            hint = "Map what you need as fields of the create, or write to .jsonl (option format)"
            raise Misconfigured(f"{writer.table.path}: a CSV file takes no {what}", hint=hint)
        return writer


class _Batch:
    """Lines that are appended together."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._lines: list[Entry] = []
        self._names: set[str] = set()
        self._now: dict[str, Fields] = {}  # records as these lines leave them

    def there(self, key: str) -> Fields | None:
        if key not in self._now:
            record = self._writer.table.get(key)
            if record is None:
                return None
            self._now[key] = record.fields
        return self._now[key]

    def put(self, xid: str, key: str, fields: Fields) -> Outcome:
        """The record with these fields changed; a line only when that differs from what is there."""
        form = self._writer.table.format
        before = self.there(key)
        if before is not None and not form.appended:
            return Written(xid, key, created=False)
        if isinstance(form, Csv):
            odd = next((name for name in fields if name not in form.header), None)
            if odd is not None:
                return Rejected(xid, "the file has no such column; its first write fixed them", odd)
        after = {**(before or {}), **fields}
        try:
            raw = form.make(after)
        except Unreadable as reason:
            return Rejected(xid, str(reason))
        if after != before:
            self._lines.append(Entry(key, raw))
            self._names.update(fields)
            self._now[key] = after
        return Written(xid, key, created=before is None)

    def end(self) -> None:
        self._writer.append(self._lines, self._names)

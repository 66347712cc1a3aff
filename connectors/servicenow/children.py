"""What hangs on records: journal entries (comments, work notes) and attachments."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Sequence

from connectors.kit.contract import Content, Record, Scope
from connectors.kit.errors import Misconfigured, Unavailable
from connectors.servicenow.instance import ATTACHMENT, TABLE, Instance, Row
from connectors.servicenow.query import Filter, one_of, parse
from connectors.servicenow.reading import Reader, version

JOURNAL = "sys_journal_field"
ATTACHMENTS = frozenset({"attachment", "sys_attachment"})
ELEMENTS = ("comments", "work_notes")
SLICE = 200  # parents a call
_JOURNAL_FIELDS = ("sys_id", "element_id", "element", "name", "value", "sys_created_on", "sys_created_by")


class Children:
    """The children of records, oldest first."""

    def __init__(self, instance: Instance, reader: Reader) -> None:
        self._instance = instance
        self._reader = reader
        self._journal_open = False  # an entry was seen, so the journal may be read

    async def read(self, scope: Scope, parents: Sequence[str]) -> list[Record]:
        filters = tuple(parse(text, scope.entity) for text in scope.filters if text.strip())
        records: list[Record] = []
        for start in range(0, len(parents), SLICE):
            part = parents[start : start + SLICE]
            if scope.entity in ATTACHMENTS:
                records += await self._attachments(part, filters)
            elif scope.entity == JOURNAL:
                records += await self._entries(part, filters)
            else:
                raise Misconfigured(
                    f"{scope.entity} does not hang on records", hint=f"Children are {JOURNAL} and attachment."
                )
        return records

    async def _entries(self, parents: Sequence[str], filters: tuple[Filter, ...]) -> list[Record]:
        terms = f"{one_of('element_id', parents)}^{one_of('element', ELEMENTS)}"
        found = self._instance.everything(TABLE + JOURNAL, terms, _JOURNAL_FIELDS, filters=filters)
        rows = [row async for row in found]
        if rows:
            self._journal_open = True
        elif not self._journal_open and await self.hidden_journal(parents):
            raise Misconfigured(
                f"{JOURNAL} shows no entry of records that have comments: the history would be lost",
                hint=f"Grant the account read access to {JOURNAL} (an ACL on the table and on its field value).",
            )
        return [_child(row, row["element_id"]) for row in sorted(rows, key=_age)]

    async def hidden_journal(self, parents: Sequence[str]) -> bool:
        """Whether these records show comments to people while the journal shows none to us: without the right to it
        the instance answers with an empty list, not with an error."""
        for table in sorted(self._reader.tables) or ["task"]:
            fields = ("sys_id", *ELEMENTS)
            found = self._instance.everything(TABLE + table, one_of("sys_id", parents), fields, display="true")
            async for row in found:
                if any(row.get(element) for element in ELEMENTS):
                    return True
        return False

    async def _attachments(self, parents: Sequence[str], filters: tuple[Filter, ...]) -> list[Record]:
        found = self._instance.everything(ATTACHMENT, one_of("table_sys_id", parents), (), filters=filters)
        rows = [row async for row in found]
        return [_child(row, row["table_sys_id"]) for row in sorted(rows, key=_age)]

    def content(self, record: Record) -> Content:
        """The bytes; their count and their SHA-256 are compared with what the instance says."""

        async def read() -> AsyncIterator[bytes]:
            path = f"{ATTACHMENT}/{record.key}/file"
            size, digest = 0, hashlib.sha256()
            async with self._instance.http.stream("GET", path, scope="attachment", headers={"Accept": "*/*"}) as answer:
                if answer.status in (403, 404):
                    raise Misconfigured(
                        f"attachment {record.key} answered {answer.status}: gone, or not for this account",
                        hint="Grant read access to its record, or read the record anew.",
                    )
                if answer.status != 200:
                    raise Unavailable(f"attachment {record.key} answered {answer.status}")
                async for piece in answer:
                    size += len(piece)
                    digest.update(piece)
                    yield piece
            declared, wanted = str(record.fields.get("size_bytes") or ""), record.fields.get("hash")
            if declared.isdigit() and int(declared) != size:
                raise Unavailable(f"attachment {record.key}: {size:,} bytes came of {int(declared):,}")
            if wanted and wanted != digest.hexdigest():
                raise Unavailable(f"attachment {record.key}: its bytes do not match its SHA-256")

        return read


def _child(row: Row, parent: str) -> Record:
    return Record(row["sys_id"], version(row), row, parent)


def _age(row: Row) -> tuple[str, str]:
    return row.get("sys_created_on", ""), row["sys_id"]


def commented(rows: Sequence[Row]) -> list[str]:
    """The keys of rows, read with display values, that show a comment or a work note."""
    return [row["sys_id"] for row in rows if any(row.get(element) for element in ELEMENTS)]

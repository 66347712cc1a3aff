"""What became of what we wrote: records and what hangs on them, read back by id.

A record is ours when its sys_id is the one that its external id leads to, or when our account created it: other
integrations use correlation ids, too. A journal entry is ours by its mark. An attachment can carry none: it is ours
when the ledger has its id.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from connectors.kit.contract import Census, Fields, Outcome, Standing, Write
from connectors.kit.errors import Misconfigured
from connectors.servicenow.canonical import marked, of_child, of_table
from connectors.servicenow.children import ATTACHMENTS, ELEMENTS, JOURNAL
from connectors.servicenow.dictionary import Dictionary, Table
from connectors.servicenow.instance import ATTACHMENT, TABLE, Instance, Row
from connectors.servicenow.notes import NOTES
from connectors.servicenow.query import conjunction, one_of
from connectors.servicenow.reading import ALWAYS, SLICE, Reader, version
from connectors.servicenow.values import chosen_id, is_journal
from connectors.servicenow.writing import CORRELATION, Writer

_WHO = ("sys_created_by", "sys_updated_by")
_ENTRY = ("sys_id", "element_id", "element", "value", "sys_created_on", "sys_created_by")


class Readback:
    """Records and their children as they stand."""

    def __init__(
        self, instance: Instance, dictionary: Dictionary, reader: Reader, writer: Writer, status_field: str
    ) -> None:
        self._instance = instance
        self._dictionary = dictionary
        self._reader = reader
        self._writer = writer
        self._status_field = status_field
        self._learned: dict[str, Table] = {}
        self._me = ""

    async def me(self) -> str:
        """The name of our account, as the stamps of records tell it."""
        if not self._me:
            page = await self._instance.page(
                TABLE + "sys_user", "sys_id=javascript:gs.getUserID()", ("sys_id", "user_name"), 1
            )
            if not page.rows:
                raise Misconfigured(
                    "the account may not read its own user record, so its changes cannot be told from others'",
                    hint="Grant the account read access to sys_user.",
                )
            self._me = str(page.rows[0]["user_name"])
        return self._me

    async def learn(self, entity: str) -> None:
        if entity not in NOTES and entity not in ATTACHMENTS:
            self._learned[entity] = await self._dictionary.table(entity)

    def canonical(self, entity: str, fields: Mapping[str, Any]) -> Fields:
        if entity in NOTES or entity in ATTACHMENTS:
            return of_child(entity, fields)
        if entity not in self._learned:
            raise RuntimeError(f"await learn('{entity}') before canonical: the types of its columns are not known yet")
        return of_table(self._learned[entity], fields)

    async def stand(self, entity: str, targets: Sequence[str], names: Sequence[str]) -> dict[str, Standing]:
        if entity in NOTES:
            rows = await self._reader.rows(JOURNAL, "sys_id", targets, _ENTRY)
            return {row["sys_id"]: self._entry(row, names) for row in rows}
        if entity in ATTACHMENTS:
            files = [row for part in _parts(targets) for row in await self._files(one_of("sys_id", part))]
            return {row["sys_id"]: self._file(row, names) for row in files}
        await self.learn(entity)
        statuses = await self._statuses(entity)
        wanted = tuple(dict.fromkeys((*ALWAYS, *_WHO, *self._own(entity), *names)))
        rows = await self._reader.rows(entity, "sys_id", targets, wanted)
        me = await self.me()
        return {row["sys_id"]: self._record(entity, row, names, statuses, me) for row in rows}

    async def hanging(self, child: str, targets: Sequence[str]) -> list[Standing]:
        found: list[Standing] = []
        for part in _parts(targets):
            if child in ATTACHMENTS:
                names = ("file_name", "size_bytes", "hash")
                found += [self._file(row, names) for row in await self._files(one_of("table_sys_id", part))]
                continue
            terms = f"{one_of('element_id', part)}^{one_of('element', ELEMENTS)}"
            async for row in self._instance.everything(TABLE + JOURNAL, terms, _ENTRY):
                found.append(self._entry(row, ("value", "element")))
        return found

    async def census(self, entity: str, rest: str, limit: int) -> Census:
        """What our account created under a correlation id. A table without that column has no census: it is empty."""
        await self.learn(entity)
        if CORRELATION not in self._learned[entity].columns:
            return Census([], None)
        statuses, me = await self._statuses(entity), await self.me()
        terms = "^".join(part for part in (f"sys_id>{rest}" if rest else "", _mine(me)) if part)
        wanted = tuple(dict.fromkeys((*ALWAYS, *_WHO, *self._own(entity))))
        window = await self._instance.window(TABLE + entity, conjunction((), terms), wanted, limit)
        found = [self._record(entity, row, (), statuses, me) for row in window.rows]
        return Census(found, found[-1].target if found and window.more else None)

    async def tally(self, entity: str) -> int | None:
        await self.learn(entity)
        if CORRELATION not in self._learned[entity].columns:
            return None
        path = f"/api/now/stats/{entity}"
        query = conjunction((), _mine(await self.me()), order=())
        reply = await self._instance.get(path, {"sysparm_count": "true", "sysparm_query": query})
        return int(self._instance.result(reply, path)["stats"]["count"])

    # ------------------------------------------------------------ putting back

    async def image(self, entity: str, targets: Sequence[str], names: Sequence[str]) -> dict[str, Fields]:
        """Raw values, as a write takes them. Journals only grow: they are in no image."""
        table = await self._dictionary.table(entity)
        kept = [name for name in names if not is_journal(name, table.columns)]
        rows = await self._reader.rows(entity, "sys_id", targets, ("sys_id", *kept))
        return {row["sys_id"]: {name: row.get(name) or None for name in kept} for row in rows}

    async def restore(self, entity: str, writes: Sequence[Write]) -> list[Outcome]:
        table = await self._dictionary.table(entity)
        marks = [{CORRELATION: write.xid} if CORRELATION in table.columns else {} for write in writes]
        whole = [write._replace(fields={**write.fields, **mark}) for write, mark in zip(writes, marks, strict=True)]
        return await self._writer.update(entity, whole)

    # ------------------------------------------------------------ inside

    def _own(self, entity: str) -> tuple[str, ...]:
        columns = self._learned[entity].columns
        return tuple(name for name in (CORRELATION, self._status_field, "parent") if name in columns)

    async def _statuses(self, entity: str) -> dict[str, str]:
        if self._status_field not in self._learned[entity].columns:
            return {}
        return await self._dictionary.choices(entity, self._status_field)

    def _record(self, entity: str, row: Row, names: Sequence[str], statuses: Mapping[str, str], me: str) -> Standing:
        xid = str(row.get(CORRELATION) or "")
        ours = bool(xid) and (row.get("sys_created_by") == me or chosen_id(entity, xid) == row["sys_id"])
        status = str(row.get(self._status_field) or "")
        return Standing(
            row["sys_id"],
            xid if ours else "",
            version(row),
            self.canonical(entity, {name: row.get(name) for name in names}),
            statuses.get(status, status),
            str(row.get("parent") or ""),
            str(row.get("sys_updated_by") or ""),
        )

    def _entry(self, row: Row, names: Sequence[str]) -> Standing:
        shown = {name: row["element"] if name == "element" else row["value"] for name in names}
        fields = of_child(JOURNAL, shown)
        xid = marked(row["value"])
        by = "" if xid else str(row.get("sys_created_by") or "")  # who has changed one of ours, it does not tell
        return Standing(row["sys_id"], xid, version(row), fields, "", row["element_id"], by)

    def _file(self, row: Row, names: Sequence[str]) -> Standing:
        aliases = {"filename": "file_name", "size": "size_bytes"}
        shown = {name: row.get(aliases.get(name, name)) for name in names}
        by = str(row.get("sys_updated_by") or row.get("sys_created_by") or "")
        fields = of_child("attachment", shown)
        return Standing(row["sys_id"], "", version(row), fields, "", str(row.get("table_sys_id") or ""), by)

    async def _files(self, terms: str) -> list[Row]:
        return [row async for row in self._instance.everything(ATTACHMENT, terms, ())]


def _mine(me: str) -> str:
    return f"{CORRELATION}ISNOTEMPTY^sys_created_by={me}"


def _parts(targets: Sequence[str]) -> list[Sequence[str]]:
    return [targets[start : start + SLICE] for start in range(0, len(targets), SLICE)]

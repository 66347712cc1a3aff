"""A folder of files tells what became of our writes.

The key of a record that we wrote is its external id, so every record of a target's file stands under its key. A file
names nobody. So as soon as it holds anything that this process has not written, all of it may be somebody else's.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from connectors.file.folder import Folder
from connectors.file.formats import Unreadable, cell
from connectors.file.table import Table
from connectors.kit.canonical import fields_of, plain
from connectors.kit.contract import Census, Fields, Record, Standing, Touch

SOMEBODY = "somebody"


class FileReadback:
    """Reads through a Folder."""

    folder: Folder

    async def learn(self, entity: str) -> None:
        """There is nothing to know: the form of the file is in its name."""

    def canonical(self, entity: str, fields: Fields) -> Fields:
        path = self.folder.file_of(entity)
        rows = ".csv" in path.suffixes if path else self.folder.options.format == "csv"
        return fields_of(fields, _as_cell if rows else _as_value)

    async def stand(self, entity: str, targets: Sequence[str], fields: Sequence[str]) -> dict[str, Standing]:
        def work() -> dict[str, Standing]:
            table = self.folder.perhaps(entity)
            found = ((target, table.get(target)) for target in targets) if table else ()
            return {
                target: self._standing(entity, table, record, fields)
                for target, record in found
                if table is not None and record is not None
            }

        return await self.folder.call("stand", work)

    async def hanging(self, entity: str, child: str, targets: Sequence[str]) -> list[Standing]:
        def work() -> list[Standing]:
            table = self.folder.perhaps(child)
            if table is None:
                return []
            found = [record for target in targets for record in table.hanging(target)]
            return [self._standing(child, table, record, list(record.fields)) for record in found]

        return await self.folder.call("hanging", work)

    async def census(self, entity: str, rest: str, limit: int) -> Census:
        def work() -> Census:
            table = self.folder.perhaps(entity)
            if table is None:
                return Census([], None)
            records, last = table.slice(rest, "", limit)
            return Census([self._standing(entity, table, record, ()) for record in records], last or None)

        return await self.folder.call("census", work)

    async def tally(self, entity: str) -> int | None:
        def work() -> int:
            table = self.folder.perhaps(entity)
            return 0 if table is None else len(table.index)

        return await self.folder.call("tally", work)

    async def others(self, entity: str, targets: Sequence[str]) -> dict[str, Touch]:
        """Every record of a file that this process has not written alone, touched when that was found on disk."""

        def work() -> dict[str, Touch]:
            table = self.folder.perhaps(entity)
            if table is None or not table.foreign:
                return {}
            touch = Touch(SOMEBODY, datetime.fromtimestamp(table.foreign, UTC))
            return {target: touch for target in targets if table.index.get(target) is not None}

        return await self.folder.call("others", work)

    async def me(self) -> str:
        return "cutover"

    def _standing(self, entity: str, table: Table, record: Record, names: Sequence[str]) -> Standing:
        layout = table.layout
        place = table.index.get(record.key)
        # A later line of a key replaces an earlier one; the stamp of the whole file tells nothing of one record.
        line = f"{place.offset:020d}" if place is not None and table.format.appended else record.version
        return Standing(
            record.key,
            record.key,
            record.version if layout.version else line,
            self.canonical(entity, {name: record.fields[name] for name in names if name in record.fields}),
            str(record.fields.get(layout.status) or ""),
            record.parent,
        )


def _as_value(name: str, value: Any) -> Any:
    return plain(value)


def _as_cell(name: str, value: Any) -> Any:
    try:
        return plain(cell(value))
    except Unreadable:
        return None  # the file refuses it, too

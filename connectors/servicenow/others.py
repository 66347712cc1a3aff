"""Who else changed a record: its stamps, the audit of its fields, and what hangs on it.

The stamps tell the last one only, who may be us; the audit tells everyone. Where the audit may not be read, or the
table is not audited, a change by somebody that we wrote over later stays unseen. Every account but ours counts.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime

from connectors.kit.contract import Touch
from connectors.kit.errors import Misconfigured
from connectors.servicenow.children import JOURNAL
from connectors.servicenow.feed import STAMP
from connectors.servicenow.instance import ATTACHMENT, TABLE, Instance, Row
from connectors.servicenow.query import one_of
from connectors.servicenow.readback import Readback
from connectors.servicenow.reading import SLICE, Reader

AUDIT = "sys_audit"
_STAMPS = ("sys_id", "sys_created_on", "sys_created_by", "sys_updated_on", "sys_updated_by")


class Others:
    """The newest change of each record by any account but ours."""

    def __init__(self, instance: Instance, reader: Reader, readback: Readback) -> None:
        self._instance = instance
        self._reader = reader
        self._readback = readback
        self._audit = True

    async def of(self, entity: str, targets: Sequence[str]) -> dict[str, Touch]:
        me = await self._readback.me()
        newest: dict[str, Touch] = {}
        for start in range(0, len(targets), SLICE):
            part = targets[start : start + SLICE]
            async for target, by, stamp in self._changes(entity, part):
                if by in ("", me) or not stamp:
                    continue
                touch = Touch(by, datetime.strptime(stamp, STAMP).replace(tzinfo=UTC))
                if target not in newest or touch.at > newest[target].at:
                    newest[target] = touch
        return newest

    async def _changes(self, entity: str, targets: Sequence[str]) -> AsyncIterator[tuple[str, str, str]]:
        """(record, account, stamp) of every change that can be seen."""
        for row in await self._reader.rows(entity, "sys_id", targets, _STAMPS):
            yield row["sys_id"], row.get("sys_created_by", ""), row.get("sys_created_on", "")
            yield row["sys_id"], row.get("sys_updated_by", ""), row.get("sys_updated_on", "")
        for row in await self._audited(entity, targets):
            yield row["documentkey"], row.get("user", ""), row.get("sys_created_on", "")
        fields = ("sys_id", "element_id", "sys_created_by", "sys_created_on")
        async for row in self._instance.everything(TABLE + JOURNAL, one_of("element_id", targets), fields):
            yield row["element_id"], row.get("sys_created_by", ""), row.get("sys_created_on", "")
        async for row in self._instance.everything(ATTACHMENT, one_of("table_sys_id", targets), ()):
            for when in ("created", "updated"):
                yield row["table_sys_id"], row.get(f"sys_{when}_by", ""), row.get(f"sys_{when}_on", "")

    async def _audited(self, entity: str, targets: Sequence[str]) -> list[Row]:
        if not self._audit:
            return []
        me = await self._readback.me()
        terms = f"tablename={entity}^{one_of('documentkey', targets)}^user!={me}"
        fields = ("sys_id", "documentkey", "user", "sys_created_on")
        try:
            return [row async for row in self._instance.everything(TABLE + AUDIT, terms, fields)]
        except Misconfigured:
            self._audit = False
            return []

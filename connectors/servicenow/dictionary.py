"""What tables look like: columns along the chain of tables they extend, choices, and whether a field exists.

The instance drops a query term with an unknown field without a word and then returns more rows. So no filter goes out
before each of its fields was found here.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import NamedTuple

from connectors.kit.contract import FieldInfo
from connectors.kit.errors import Misconfigured
from connectors.servicenow.instance import TABLE, Instance, Row
from connectors.servicenow.query import Filter, conjunction, one_of

JOURNALS = frozenset({"journal", "journal_input"})
_DICTIONARY = (
    "sys_id",
    "name",
    "element",
    "column_label",
    "internal_type",
    "reference",
    "max_length",
    "mandatory",
    "read_only",
    "active",
    "choice",
)
_LEVELS = 8  # tables extend tables; the deepest of a CMDB are about six

_TYPES = {
    "boolean": "boolean",
    "glide_date": "date",
    "due_date": "datetime",
    "glide_date_time": "datetime",
    "glide_duration": "duration",
    "timer": "duration",
    "integer": "number",
    "long": "number",
    "float": "number",
    "decimal": "number",
    "currency": "number",
    "price": "number",
    "percent_complete": "number",
    "html": "rich_text",
    "translated_html": "rich_text",
    "glide_list": "list",
    "string_full_utf8": "text",
    "journal": "text",
    "journal_input": "text",
    "journal_list": "text",
    "GUID": "string",
    "document_id": "reference",
}


class Column(NamedTuple):
    name: str
    label: str
    type: str  # ServiceNow's own word
    reference: str = ""
    max_length: int = 0
    mandatory: bool = False
    read_only: bool = False
    choice: bool = False


@dataclass(slots=True)
class Table:
    """One table. `columns` include inherited ones. `guessed`: seen on a row, since the dictionary may not be read."""

    name: str
    lineage: tuple[str, ...]
    columns: dict[str, Column]
    guessed: bool = False
    web_access: bool = True
    choices: dict[str, dict[str, str]] = field(default_factory=dict)  # column: value: label


class Dictionary:
    """The tables of an instance, read when needed and kept."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance
        self._tables: dict[str, Table] = {}
        self._checked: set[tuple[str, str]] = set()
        self._lock = asyncio.Lock()

    async def table(self, name: str) -> Table:
        """Raises Misconfigured when there is no such table, or nothing about it may be read."""
        known = self._tables.get(name)
        if known is None:
            async with self._lock:
                known = self._tables.get(name)
                if known is None:
                    known = self._tables[name] = await self._read(name)
        return known

    async def require(self, entity: str, paths: tuple[str, ...]) -> None:
        """Every one of these fields exists; dotted paths follow references. Raises Misconfigured naming the nearest."""
        for path in paths:
            if (entity, path) not in self._checked:
                try:
                    await self._walk(entity, path)
                except Misconfigured:
                    # What is kept lives as long as the engine: the field may have been added since.
                    self._tables.clear()
                    await self._walk(entity, path)
                self._checked.add((entity, path))

    async def choices(self, entity: str, column: str) -> dict[str, str]:
        """{value: label} of a choice column, from the nearest table of the lineage that has any."""
        table = await self.table(entity)
        if column not in table.choices:
            terms = f"{one_of('name', table.lineage)}^element={column}^inactive=false^language=en"
            found = self._instance.everything(
                TABLE + "sys_choice", terms, ("sys_id", "name", "value", "label", "sequence")
            )
            rows = [row async for row in found]
            rows.sort(key=lambda row: (int(row.get("sequence") or 0), row["value"]))
            owners = [name for name in table.lineage if any(row["name"] == name for row in rows)]
            own = [row for row in rows if owners and row["name"] == owners[0]]
            table.choices[column] = {row["value"]: row["label"] for row in own}
        return table.choices[column]

    async def fields(self, entity: str) -> list[FieldInfo]:
        """The fields of a table in the words of the contract."""
        table = await self.table(entity)
        infos = []
        for column in table.columns.values():
            labels = await self.choices(entity, column.name) if column.choice else {}
            infos.append(
                FieldInfo(
                    column.name,
                    column.label,
                    _type(column),
                    required=column.mandatory,
                    writable=not column.read_only,
                    max_length=column.max_length or None,
                    choices=tuple(labels),
                    reference=column.reference,
                )
            )
        return infos

    async def _walk(self, entity: str, path: str) -> None:
        name = entity
        steps = path.split(".")
        for number, step in enumerate(steps):
            table = await self.table(name)
            column = table.columns.get(step)
            if column is None:
                near = get_close_matches(step, table.columns, n=3)
                where = f"{entity}: field {path}" if len(steps) > 1 else f"{entity}: field {step}"
                raise Misconfigured(
                    f"{where} does not exist ({name} has no {step})",
                    hint=f"Did you mean {' or '.join(near)}?" if near else "Look it up in sys_dictionary.",
                )
            if number == len(steps) - 1 or table.guessed:
                return
            if not column.reference:
                raise Misconfigured(
                    f"{entity}: field {path} cannot be followed: {step} is no reference",
                    hint="Name a field of its own.",
                )
            name = column.reference

    async def _read(self, name: str) -> Table:
        lineage, web_access = await self._lineage(name)
        terms = f"{one_of('name', lineage)}^elementISNOTEMPTY"
        columns: dict[str, Column] = {}
        rows: list[Row] = []
        with suppress(Misconfigured):  # the dictionary may be closed to us; then a row will tell
            rows = [row async for row in self._instance.everything(TABLE + "sys_dictionary", terms, _DICTIONARY)]
        # From the eldest table to the table itself, so that what a child says again about a column counts.
        rows.sort(key=lambda row: -lineage.index(row["name"]) if row["name"] in lineage else 0)
        for row in rows:
            if row.get("active") != "false":
                columns[row["element"]] = _column(row)
        if columns:
            return Table(name, lineage, columns, web_access=web_access)
        return Table(name, lineage, await self._seen(name), guessed=True, web_access=web_access)

    async def _seen(self, name: str) -> dict[str, Column]:
        """The columns that a row shows: all that exist and may be read, without their types."""
        window = await self._instance.window(TABLE + name, "ORDERBYsys_id", (), 1)
        if not window.rows:
            raise Misconfigured(
                f"nothing is known about the fields of {name}: sys_dictionary may not be read and no row is visible",
                hint=f"Grant the account read access to sys_dictionary, or to {name}.",
            )
        return {column: Column(column, column, "string") for column in window.rows[0]}

    async def _lineage(self, name: str) -> tuple[tuple[str, ...], bool]:
        """The table and those it extends, itself first; and whether web services may use it."""
        steps = ["super_class." * level + "name" for level in range(_LEVELS)]
        try:
            window = await self._instance.window(
                TABLE + "sys_db_object", conjunction((), f"name={name}"), ("sys_id", "ws_access", *steps), 1
            )
        except Misconfigured:
            return (name,), True
        if not window.rows:
            return (name,), True
        row = window.rows[0]
        return tuple(row[step] for step in steps if row.get(step)), row.get("ws_access") != "false"


def _column(row: dict[str, str]) -> Column:
    length = row.get("max_length") or "0"
    return Column(
        row["element"],
        row.get("column_label") or row["element"],
        row.get("internal_type") or "string",
        row.get("reference") or "",
        int(length) if length.isdigit() else 0,
        row.get("mandatory") == "true",
        row.get("read_only") == "true",
        (row.get("choice") or "0") not in ("0", ""),
    )


def _type(column: Column) -> str:
    if column.type == "reference":
        return "person" if column.reference == "sys_user" else "reference"
    if column.choice:
        return "choice"
    known = _TYPES.get(column.type)
    if known:
        return known
    return "text" if column.max_length > 255 else "string"


async def checked(dictionary: Dictionary, entity: str, filters: tuple[Filter, ...], fields: tuple[str, ...]) -> None:
    """Every field that filters and a field list name exists."""
    named = tuple(dict.fromkeys([*(name for one in filters for name in one.fields), *fields]))
    if named:
        await dictionary.require(entity, named)

"""What happens to a write on the server: defaults, business rules, data policies, rights, the stamps of the system."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple, Protocol

from connectors.rehearsal.seed import PRIORITIES
from connectors.rehearsal.servicenow.auth import Caller
from connectors.rehearsal.servicenow.dictionary import (
    CREATED_BY,
    CREATED_ON,
    MOD_COUNT,
    SYS_ID,
    UPDATED_BY,
    UPDATED_ON,
    Column,
)
from connectors.rehearsal.servicenow.scripts import STAMP, to_utc
from connectors.rehearsal.servicenow.store import Row, Store, Table

WRITABLE = frozenset({"incident", "problem", "change_request", "u_mig_incident"})
"""Tables that a user without the admin role may write."""
_SYS_ID = re.compile(r"[0-9a-f]{32}")
_STAMPS = ("sys_created_on", "sys_created_by", "sys_updated_on", "sys_updated_by")
_RESOLVED, _CLOSED = ("6", "7"), ("7", "8")


class Refusal(Exception):
    """A write that the instance refuses, in its own words."""

    def __init__(self, status: int, message: str, detail: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.detail = detail


class How(NamedTuple):
    """How a write is to be taken."""

    display_input: bool = False  # values are what people see
    keep_stamps: bool = False  # the body may set sys_created_on and its kin
    raw: bool = False  # no rules, no stamps: as a script with autoSysFields(false) would


class World(Protocol):
    """What the rules need from the double."""

    store: Store
    unwritable: frozenset[str]

    def now(self) -> datetime: ...

    def commit(self, table: Table, row: Row) -> None: ...

    def erase(self, table: Table, sys_id: str) -> None: ...

    def new_id(self) -> str: ...


def create(world: World, table: Table, body: Mapping[str, Any], caller: Caller, how: How = How()) -> Row:  # noqa: B008
    """Insert a row and return it as stored. Raises Refusal."""
    _may_write(table, caller, "Insert")
    row = list(table.template)
    given, notes = _values(world, table, body, caller, how)
    wanted = str(body.get("sys_id", ""))
    row[SYS_ID] = wanted if _SYS_ID.fullmatch(wanted) else world.new_id()
    now = world.now().strftime(STAMP)
    row[CREATED_ON] = row[UPDATED_ON] = now
    row[CREATED_BY] = row[UPDATED_BY] = caller.name
    _apply(table, row, given)
    if "number" in table.at and table.definition.prefix:
        taken = world.store.number(table)  # one is used up even when the body brings its own
        row[table.at["number"]] = given.get("number") or taken
    if "impact" in table.at and not how.raw:
        _task_rules(table, row, None, caller, now)
    if table.get(row[SYS_ID]) is not None:
        raise Refusal(
            403,
            "Operation Failed",
            f"Error during insert of {table.name}: Unique Key violation detected by database "
            f"(Duplicate entry '{row[SYS_ID]}' for key 'PRIMARY')",
        )
    world.commit(table, row)
    _journal(world, table, row[SYS_ID], notes, caller, now)
    return row


def update(world: World, table: Table, sys_id: str, body: Mapping[str, Any], caller: Caller, how: How = How()) -> Row:  # noqa: B008
    """Change what the body names and return the row as stored; nothing new leaves it alone. Raises Refusal."""
    _may_write(table, caller, "Update")
    home = table.home(sys_id)
    if home is None:
        raise no_record()
    before = home.own[sys_id]
    row = list(before)
    given, notes = _values(world, home, body, caller, how)
    _apply(home, row, given)
    now = world.now().strftime(STAMP)
    if "impact" in home.at and not how.raw:
        _task_rules(home, row, before, caller, now)
    if row == before and not notes:
        return before
    if not how.raw and not any(name in given for name in ("sys_updated_on", "sys_updated_by")):
        row[UPDATED_ON], row[UPDATED_BY] = now, caller.name
    if not how.raw:
        row[MOD_COUNT] = str(int(row[MOD_COUNT] or 0) + 1)
    world.commit(home, row)
    _journal(world, home, sys_id, notes, caller, now)
    if home.definition.audited and not how.raw:
        _audit(world, home, before, row, notes, caller, now)
    return row


def _audit(
    world: World, table: Table, before: Row, after: Row, notes: Mapping[str, str], caller: Caller, now: str
) -> None:
    """A row for each field that changed; of the stamps of the system none."""
    changed = {
        name: (before[place], after[place])
        for name, place in table.at.items()
        if before[place] != after[place] and name not in (*_STAMPS, "sys_mod_count")
    } | {name: ("", text) for name, text in notes.items()}
    audit = world.store.tables["sys_audit"]
    for name, (old, new) in changed.items():
        row = list(audit.template)
        row[SYS_ID] = world.new_id()
        row[CREATED_ON] = row[UPDATED_ON] = now
        row[CREATED_BY] = row[UPDATED_BY] = caller.name
        told = {"tablename": table.name, "documentkey": after[SYS_ID], "fieldname": name, "user": caller.name}
        told |= {"oldvalue": old, "newvalue": new, "record_checkpoint": after[MOD_COUNT]}
        _apply(audit, row, told)
        world.commit(audit, row)


def delete(world: World, table: Table, sys_id: str, caller: Caller) -> None:
    """Delete a row with its attachments; journal entries stay behind. Raises Refusal."""
    home = table.home(sys_id)
    if home is None:
        raise no_record()
    _may_write(home, caller, "Delete")
    files = world.store.tables["sys_attachment"]
    shown = home.own[sys_id][home.display]
    for file in files.lookup("table_sys_id", (sys_id,)):
        world.erase(files, file[SYS_ID])
    world.erase(home, sys_id)
    if home.definition.audited:
        audit = world.store.tables["sys_audit_delete"]
        row = list(audit.template)
        now = world.now().strftime(STAMP)
        row[SYS_ID] = world.new_id()
        row[CREATED_ON] = row[UPDATED_ON] = now
        row[CREATED_BY] = row[UPDATED_BY] = caller.name
        _apply(audit, row, {"tablename": home.name, "documentkey": sys_id, "display_value": shown})
        world.commit(audit, row)


def no_record() -> Refusal:
    return Refusal(404, "No Record found", "Record doesn't exist or ACL restricts the record retrieval")


def _may_write(table: Table, caller: Caller, what: str) -> None:
    if table.name not in WRITABLE and not caller.user.admin:
        detail = f"ACL Exception {what} Failed due to security constraints"
        raise Refusal(403, "Operation Failed", detail)


def _apply(table: Table, row: Row, given: Mapping[str, str]) -> None:
    for name, value in given.items():
        row[table.at[name]] = value


def _values(
    world: World, table: Table, body: Mapping[str, Any], caller: Caller, how: How
) -> tuple[dict[str, str], dict[str, str]]:
    """The fields that the body really sets, and its journal entries. What may not be written is dropped silently."""
    given: dict[str, str] = {}
    notes: dict[str, str] = {}
    for name, value in body.items():
        place = table.at.get(name)
        if place is None or name == "sys_id" or f"{table.name}.{name}" in world.unwritable:
            continue
        column = table.columns[place]
        text = _string(value)
        if column.type == "journal_input":
            if text:
                notes[name] = text
            continue
        stamp = how.keep_stamps and name in _STAMPS
        if column.read_only and not stamp and not how.raw:
            continue
        given[name] = _fit(world.store, column, text, caller, how)
    return given, notes


def _string(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):  # a reference as it was read
        value = value.get("value", "")
    return "" if value is None else str(value)


def _fit(store: Store, column: Column, text: str, caller: Caller, how: How) -> str:
    if how.display_input and text:
        text = _from_display(store, column, text, caller)
    if column.type == "boolean":
        return "true" if text.lower() in ("true", "1", "yes") else "false"
    return text[: column.length] if column.type == "string" else text


def _from_display(store: Store, column: Column, text: str, caller: Caller) -> str:
    if column.type == "glide_date_time":
        return to_utc(text, caller.zone)
    if column.type == "reference" and column.reference in store.tables:
        target = store.tables[column.reference]
        return next((row[SYS_ID] for row in target.rows() if row[target.display] == text), text)
    return next((value for value, label in column.choices if label == text), text)


def _task_rules(table: Table, row: Row, before: Row | None, caller: Caller, now: str) -> None:
    """The rules of tasks: priority, opening, closing, counting. They have the last word over the body."""
    at = table.at
    impact, urgency = row[at["impact"]], row[at["urgency"]]
    if before is None or (impact, urgency) != (before[at["impact"]], before[at["urgency"]]):
        known = impact.isdigit() and urgency.isdigit()
        row[at["priority"]] = PRIORITIES.get((int(impact), int(urgency)), "5") if known else "5"
    if before is None:
        row[at["opened_at"]] = row[at["opened_at"]] or now
        row[at["opened_by"]] = row[at["opened_by"]] or caller.sys_id
    elif before[at["assignment_group"]] not in ("", row[at["assignment_group"]]):
        row[at["reassignment_count"]] = str(int(row[at["reassignment_count"]] or 0) + 1)
    if table.name == "incident":
        _incident_rules(at, row, before, caller, now)


def _incident_rules(at: Mapping[str, int], row: Row, before: Row | None, caller: Caller, now: str) -> None:
    state, old = row[at["state"]], before[at["state"]] if before else ""
    if state in _RESOLVED:
        missing = [label for name, label in (("close_code", "Resolution code"), ("close_notes", "Resolution notes"))
                   if not row[at[name]]]  # fmt: skip
        if missing:
            detail = f"Data Policy Exception: The following fields are mandatory: {', '.join(missing)}"
            raise Refusal(403, "Operation Failed", detail)
    if state == old:
        return
    row[at["active"]] = "false" if state in _CLOSED else "true"
    if state in _RESOLVED and old not in _RESOLVED:
        row[at["resolved_at"]], row[at["resolved_by"]] = now, caller.sys_id
    if state == "7":
        row[at["closed_at"]], row[at["closed_by"]] = now, caller.sys_id
    if old in (*_RESOLVED, "8") and state in ("1", "2", "3"):
        row[at["reopen_count"]] = str(int(row[at["reopen_count"]] or 0) + 1)
        for name in ("resolved_at", "resolved_by", "closed_at", "closed_by"):
            row[at[name]] = ""


def _journal(world: World, table: Table, sys_id: str, notes: Mapping[str, str], caller: Caller, now: str) -> None:
    journal = world.store.tables["sys_journal_field"]
    for element, text in notes.items():
        row = list(journal.template)
        row[SYS_ID] = world.new_id()
        row[CREATED_ON] = row[UPDATED_ON] = now
        row[CREATED_BY] = row[UPDATED_BY] = caller.name
        _apply(journal, row, {"name": table.name, "element": element, "element_id": sys_id, "value": text})
        world.commit(journal, row)


def identifier(*parts: object) -> str:
    """A sys_id made from parts."""
    return hashlib.md5(":".join(map(str, parts)).encode(), usedforsecurity=False).hexdigest()

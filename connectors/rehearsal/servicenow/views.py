"""Rows as JSON bytes: one view per table, fields, display mode and reader; a row is encoded once until it changes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from operator import itemgetter
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import orjson

from connectors.rehearsal.servicenow.dictionary import CREATED_BY, CREATED_ON, SYS_ID, Column
from connectors.rehearsal.servicenow.query import Get, walk
from connectors.rehearsal.servicenow.scripts import to_local
from connectors.rehearsal.servicenow.store import Row, Store, Table

Show = Callable[[Row], Any]
_KEPT = 12  # views of a table that are kept
_JOURNALS = {"comments": ("comments",), "work_notes": ("work_notes",)}
_LABELS = {"comments": "Additional comments", "work_notes": "Work notes"}


class Form(NamedTuple):
    """How the reader wants rows. `fields` empty: all columns. `display`: false, true or all."""

    fields: tuple[str, ...]
    display: str
    links: bool
    base: str  # the instance's URL
    zone: ZoneInfo


class View:
    """The encoded rows of one table in one form."""

    def __init__(self, store: Store, table: Table, form: Form) -> None:
        self._store = store
        self._table = table
        self.walked: set[str] = set()  # tables whose every change may show in these rows
        self.named: set[str] = set()  # tables whose display values show in these rows
        names = form.fields or tuple(column.name for column in table.columns)
        plain = [name for name in dict.fromkeys(names) if self._plain(name, form)]
        self._plain_names = plain
        # with two places at least it gives a tuple, even where no column is plain
        self._plain_values = itemgetter(SYS_ID, SYS_ID, *(table.at[name] for name in plain))
        shows = ((name, self._show(name, form)) for name in dict.fromkeys(names) if name not in plain)
        self._shows = [(name, show) for name, show in shows if show is not None]
        self.encoded: dict[str, bytes] = {}

    def encode(self, row: Row) -> bytes:
        made = self.encoded.get(row[SYS_ID])
        if made is None:
            shown: dict[str, Any] = dict(zip(self._plain_names, self._plain_values(row)[2:], strict=True))
            for name, show in self._shows:
                shown[name] = show(row)
            # copied, since what orjson returns sits in a buffer several times its size
            made = self.encoded[row[SYS_ID]] = bytes(memoryview(orjson.dumps(shown)))
        return made

    def _plain(self, name: str, form: Form) -> bool:
        """Is it a column of the row itself, shown as it is kept?"""
        place = self._table.at.get(name)
        if place is None or form.display != "false":
            return False
        kind = self._table.columns[place].type
        return not kind.startswith("journal") and (kind != "reference" or not form.links)

    def _show(self, name: str, form: Form) -> Show | None:
        path = walk(self._store, self._table, name)
        if path is None:
            return None  # unknown fields are ignored
        self.walked |= path.tables
        column = path.column
        get: Get = (lambda row: "") if column.type.startswith("journal") else path.get
        link = self._link(column, get, form) if column.type == "reference" and form.links else None
        if form.display == "false":
            return link or get
        display = self._display(path.get, column, path.table, form.zone)
        if form.display == "all":
            return _all(get, display, link)
        if link is None:
            return display
        linked = link
        return lambda row: {"display_value": display(row), "link": linked(row)["link"]} if get(row) else ""

    def _link(self, column: Column, get: Get, form: Form) -> Show:
        prefix = f"{form.base}/api/now/table/{column.reference}" + ("?name=" if column.key == "name" else "/")

        def link(row: Row) -> Any:
            value = get(row)
            return {"link": prefix + value, "value": value} if value else ""

        return link

    def _display(self, get: Get, column: Column, at: Table, zone: ZoneInfo) -> Get:
        if column.type == "reference" and column.key == "sys_id" and column.reference in self._store.tables:
            target = self._store.tables[column.reference]
            self.named.add(target.name)
            find, place = target.finder, target.display

            def name(row: Row) -> str:
                there = find(get(row))
                return there[place] if there else ""

            return name
        if column.type == "glide_date_time":
            return lambda row: to_local(value, zone) if (value := get(row)) else ""
        if column.type.startswith("journal"):
            self.named.add("sys_user")
            elements = _JOURNALS.get(column.name, ("comments", "work_notes"))
            return lambda row: self._journal(row[SYS_ID], elements, zone)
        if column.type == "glide_duration":
            return lambda row: _duration(get(row))
        if column.choices:
            labels = dict(column.choices)
            return lambda row: labels.get(value := get(row), value)
        return get

    def _journal(self, sys_id: str, elements: tuple[str, ...], zone: ZoneInfo) -> str:
        """All entries, newest first, as a person reads them."""
        table, users = self._store.tables["sys_journal_field"], self._store.tables["sys_user"]
        element, value = table.at["element"], table.at["value"]
        rows = [row for row in table.lookup("element_id", (sys_id,)) if row[element] in elements]
        rows.sort(key=lambda row: row[CREATED_ON], reverse=True)
        parts = []
        for row in rows:
            author = users.lookup("user_name", (row[CREATED_BY],))
            name = author[0][users.display] if author else row[CREATED_BY]
            parts.append(f"{to_local(row[CREATED_ON], zone)} - {name} ({_LABELS[row[element]]})\n{row[value]}\n\n")
        return "".join(parts)


def _all(get: Get, display: Get, link: Show | None) -> Show:
    if link is None:
        return lambda row: {"display_value": display(row), "value": get(row)}

    def show(row: Row) -> Any:
        linked = link(row)
        shown = {"display_value": display(row), "value": get(row)}
        return {**shown, "link": linked["link"]} if linked else shown

    return show


def _duration(value: str) -> str:
    """1970-01-01 HH:MM:SS (days count from the first) as words."""
    if len(value) != 19:
        return value
    days = int(value[8:10]) - 1
    parts = (days, "Day"), (int(value[11:13]), "Hour"), (int(value[14:16]), "Minute")
    return " ".join(f"{count} {word}{'s' if count > 1 else ''}" for count, word in parts if count) or "0 Seconds"


class Views:
    """The views in use. Hears of every write and forgets what no longer holds."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._views: dict[str, OrderedDict[Form, View]] = {}

    def of(self, table: Table, form: Form) -> View:
        kept = self._views.setdefault(table.name, OrderedDict())
        view = kept.get(form)
        if view is None:
            view = kept[form] = View(self._store, table, form)
            if len(kept) > _KEPT:
                kept.popitem(last=False)
        else:
            kept.move_to_end(form)
        return view

    def written(self, table: Table, before: Row | None, after: Row | None) -> None:
        row = after or before
        if row is None:
            return
        names = {level.name for level in table.lineage}
        renamed = before is None or after is None or before[table.display] != after[table.display]
        shown_in = row[table.at["element_id"]] if table.name == "sys_journal_field" else ""
        for owner, kept in self._views.items():
            for view in kept.values():
                if owner in names:
                    view.encoded.pop(row[SYS_ID], None)
                if shown_in:
                    view.encoded.pop(shown_in, None)
                if not names.isdisjoint(view.walked) or (renamed and not names.isdisjoint(view.named)):
                    view.encoded.clear()

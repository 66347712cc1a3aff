"""Fill the tables at the start: the data set, the accounts, and the dictionary that describes the tables."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping

from connectors.rehearsal.seed import Dataset, Entry, File, Incident
from connectors.rehearsal.servicenow.auth import User, user_id
from connectors.rehearsal.servicenow.dictionary import DEFINITIONS, SYSTEM, owner
from connectors.rehearsal.servicenow.rules import identifier
from connectors.rehearsal.servicenow.store import Row, Store, Table

_BORN = "2024-01-01 00:00:00"


def _row(table: Table, values: Mapping[str, str]) -> Row:
    row = list(table.template)
    at = table.at
    for name, value in {**_stamps(_BORN, "admin"), **values}.items():
        row[at[name]] = value
    return row


def _flag(value: bool) -> str:
    return "true" if value else "false"


def load(store: Store, dataset: Dataset, users: Mapping[str, User]) -> dict[str, File]:
    """Load everything; returns the attachments whose bytes the data set makes on demand, by sys_id."""
    _dictionary(store)
    _accounts(store, users)
    _foundation(store, dataset)
    return _incidents(store, dataset)


def _fill(store: Store, name: str, rows: Iterator[dict[str, str]]) -> None:
    table = store.tables[name]
    store.load(table, (_row(table, values) for values in rows))


def _foundation(store: Store, dataset: Dataset) -> None:
    places = [place.sys_id for place in dataset.locations]
    _fill(store, "sys_user", ({
        "sys_id": p.sys_id, "user_name": p.user_name, "first_name": p.first_name, "last_name": p.last_name,
        "name": p.name, "email": p.email, "active": _flag(p.active), "time_zone": p.zone,
        "preferred_language": p.language, "location": places[n % len(places)],
    } for n, p in enumerate(dataset.people)))  # fmt: skip
    _fill(store, "sys_user_group", (g._asdict() for g in dataset.groups))
    _fill(store, "cmn_location", ({**place._asdict(), "city": place.name} for place in dataset.locations))
    machines = ({"sys_id": identifier("ci", n), "name": f"db-{n:02d}"} for n in range(12))
    _fill(store, "cmdb_ci", machines)


def _incidents(store: Store, dataset: Dataset) -> dict[str, File]:
    table, journal, files = store.tables["incident"], store.tables["sys_journal_field"], store.tables["sys_attachment"]
    places = [table.at[name] for name in Incident._fields]
    template = table.template
    entries: list[Row] = []
    attachments: list[Row] = []
    made: dict[str, File] = {}

    def rows() -> Iterator[Row]:
        for number, incident in enumerate(dataset.incidents()):
            row = template.copy()
            for place, value in zip(places, incident, strict=True):
                row[place] = value
            yield row
            entries.extend(_entry(journal, entry) for entry in dataset.entries(number, incident))
            for file in dataset.files(number, incident):
                made[file.sys_id] = file
                attachments.append(_attachment(files, file, dataset.content(file)))

    store.load(table, rows())
    store.load(journal, iter(entries))
    store.load(files, iter(attachments))
    return made


def _entry(table: Table, entry: Entry) -> Row:
    values = {"name": "incident", "element": entry.element, "element_id": entry.incident, "value": entry.value}
    return _row(table, {"sys_id": entry.sys_id, **values, **_stamps(entry.created_on, entry.created_by)})


def _attachment(table: Table, file: File, content: bytes) -> Row:
    values = describe(file.file_name, file.content_type, "incident", file.incident, content)
    return _row(table, {"sys_id": file.sys_id, **values, **_stamps(file.created_on, file.created_by)})


def _stamps(on: str, by: str) -> dict[str, str]:
    return {"sys_created_on": on, "sys_created_by": by, "sys_updated_on": on, "sys_updated_by": by}


def describe(name: str, content_type: str, table: str, table_id: str, content: bytes) -> dict[str, str]:
    """The columns of an attachment."""
    return {
        "file_name": name,
        "content_type": content_type,
        "size_bytes": str(len(content)),
        "size_compressed": str(len(content) * 9 // 10),
        "table_name": table,
        "table_sys_id": table_id,
        "hash": hashlib.sha256(content).hexdigest(),
    }


def _accounts(store: Store, users: Mapping[str, User]) -> None:
    roles = sorted({role for user in users.values() for role in user.roles})
    _fill(store, "sys_user_role", ({"sys_id": identifier("role", role), "name": role} for role in roles))
    _fill(store, "sys_user", ({
        "sys_id": user_id(name), "user_name": name, "name": f"{name} (API)", "email": f"{name}.api@example.com",
        "time_zone": user.zone,
    } for name, user in users.items()))  # fmt: skip
    held = ((name, role) for name, user in users.items() for role in user.roles)
    _fill(store, "sys_user_has_role", ({
        "sys_id": identifier("has", name, role), "user": user_id(name), "role": identifier("role", role),
        "inherited": "false",
    } for name, role in held))  # fmt: skip


def _dictionary(store: Store) -> None:
    types = sorted({column.type for table in store.tables.values() for column in table.columns})
    _fill(store, "sys_glide_object", (
        {"sys_id": identifier("type", name), "name": name, "label": name} for name in types
    ))  # fmt: skip
    _fill(store, "sys_db_object", ({
        "sys_id": identifier("table", d.name), "name": d.name, "label": d.label, "ws_access": _flag(d.open),
        "super_class": identifier("table", d.parent) if d.parent else "",
    } for d in DEFINITIONS.values()))  # fmt: skip
    _fill(store, "sys_dictionary", _entries())
    _fill(store, "sys_choice", _choices())
    _fill(store, "sys_properties", iter([
        {"sys_id": identifier("property", "size"), "name": "com.glide.attachment.max_size", "value": "1024"},
    ]))  # fmt: skip


def _entries() -> Iterator[dict[str, str]]:
    for definition in DEFINITIONS.values():
        yield {
            "sys_id": identifier("entry", definition.name), "name": definition.name, "internal_type": "collection",
            "column_label": definition.label,
        }  # fmt: skip
        for column in definition.columns if definition.parent else SYSTEM + definition.columns:
            yield {
                "sys_id": identifier("entry", definition.name, column.name),
                "name": definition.name,
                "element": column.name,
                "column_label": column.label,
                "internal_type": column.type,
                "max_length": str(column.length),
                "reference": column.reference,
                "mandatory": _flag(column.mandatory),
                "read_only": _flag(column.read_only),
                "unique": _flag(column.name == "sys_id"),
                "default_value": column.default,
                "choice": "3" if column.choices else "",
                "virtual": _flag(column.type == "journal_list"),
            }


def _choices() -> Iterator[dict[str, str]]:
    for definition in DEFINITIONS.values():
        for column in definition.columns:
            for sequence, (value, label) in enumerate(column.choices):
                table = owner(definition.name, column.name)
                yield {
                    "sys_id": identifier("choice", table, column.name, value), "name": table, "element": column.name,
                    "value": value, "label": label, "sequence": str(sequence),
                }  # fmt: skip

"""Values of ServiceNow's columns in one form, from what we send and from what a raw read shows.

Stamps have whole seconds, UTC. A false is what an empty boolean reads as, so it counts as empty. Journals, passwords
and money cannot be compared: they read back as something else.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from connectors.kit.canonical import fields_of, many, moment, number, text
from connectors.kit.contract import Fields
from connectors.servicenow.children import ATTACHMENTS
from connectors.servicenow.dictionary import JOURNALS, Table
from connectors.servicenow.values import to_text

_NEVER = JOURNALS | {"journal_list", "password", "password2", "currency", "currency2", "price"}
_NUMBERS = frozenset({"integer", "long", "float", "decimal", "percent_complete", "longint", "numeric"})
_STAMPS = frozenset({"glide_date_time", "due_date"})
_MARK = re.compile(r"\s*\[cutover:[^\[\]\s]+\]\s*\Z")
_TEXTS = frozenset({"value", "body", "text"})


def of_table(table: Table, fields: Mapping[str, Any]) -> Fields:
    """The fields of a record; a name that is no column is left out."""

    def form(name: str, value: Any) -> Any:
        column = table.columns.get(name)
        said = to_text(value.get("value") if isinstance(value, Mapping) else value)
        if column is None or said is None or column.type in _NEVER:
            return None
        return FORMS.get(column.type, _markup if "html" in column.type else _plain)(said)

    return fields_of(fields, form)


def of_child(entity: str, fields: Mapping[str, Any]) -> Fields:
    """The fields of a journal entry or an attachment, as far as the instance keeps them."""
    return fields_of(fields, _of_file if entity in ATTACHMENTS else _of_note)


def _of_note(name: str, value: Any) -> Any:
    if name in _TEXTS:
        return text(_MARK.sub("", to_text(value) or ""))
    return str(value) if name == "element" else None


def _of_file(name: str, value: Any) -> Any:
    if name in ("file_name", "filename"):
        return text(str(value))
    if name in ("size_bytes", "size"):
        return number(value)
    return str(value) if name == "hash" else None


def marked(value: str) -> str:
    """The external id in the mark that an entry ends with; empty when there is none."""
    match = _MARK.search(value)
    return match[0].strip().removeprefix("[cutover:").removesuffix("]") if match else ""


def _plain(said: str) -> str | None:
    return text(said) or None


def _boolean(said: str) -> bool | None:
    return True if said.strip().lower() in ("true", "1", "yes") else None


def _number(said: str) -> int | str | None:
    return number(said) if said.strip() else None


def _stamp(said: str) -> str | None:
    try:
        return moment(datetime.fromisoformat(said.strip()), timespec="seconds")
    except ValueError:
        return _plain(said)


def _day(said: str) -> str | None:
    return said.strip()[:10] or None


def _list(said: str) -> list[Any] | None:
    return many(part.strip() for part in said.split(",") if part.strip())


def _markup(said: str) -> str | None:
    """The words alone: the instance cleans markup as it likes."""
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", said)).split()) or None


FORMS: dict[str, Callable[[str], Any]] = (
    dict.fromkeys(_NUMBERS, _number)
    | dict.fromkeys(_STAMPS, _stamp)
    | {"boolean": _boolean, "glide_date": _day, "glide_list": _list}
)

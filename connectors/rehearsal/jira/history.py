"""Entries of the change log, in the API's shape."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connectors.rehearsal.jira.fields import FIELDS


def field_items(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What differs between two sets of kept fields."""
    return [
        _item(name, before.get(name), after.get(name))
        for name in dict.fromkeys((*before, *after))
        if before.get(name) != after.get(name)
    ]


def _item(name: str, before: Any, after: Any) -> dict[str, Any]:
    field = FIELDS[name]
    return {
        "field": name if not field.custom else field.name,
        "fieldtype": "custom" if field.custom else "jira",
        "fieldId": name,
        "from": _said(before) if field.kind in ("user", "named", "choice") else None,
        "fromString": _said(before),
        "to": _said(after) if field.kind in ("user", "named", "choice") else None,
        "toString": _said(after),
    }


def status_item(before: str, before_name: str, after: str, after_name: str) -> dict[str, Any]:
    return {
        "field": "status",
        "fieldtype": "jira",
        "fieldId": "status",
        "from": before,
        "fromString": before_name,
        "to": after,
        "toString": after_name,
    }


def hung_item(name: str, said: str, *, before: str | None = None, after: str | None = None) -> dict[str, Any]:
    """Something that hangs on the issue came (`after` is its id) or went (`before`); `said` is what people read."""
    return {
        "field": name,
        "fieldtype": "jira",
        "fieldId": _HUNG.get(name, ""),
        "from": before,
        "fromString": said if after is None else None,
        "to": after,
        "toString": None if after is None else said,
    }


_HUNG = {"Attachment": "attachment", "Link": "issuelinks", "Comment": "comment"}


def _said(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, bytes):
        return value.decode()
    return " ".join(value) if isinstance(value, tuple) else str(value)

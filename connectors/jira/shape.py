"""Plain values in the shapes that Jira wants, by the schema of a screen's field.

A mapping gives `priority: High`; Jira takes `{"name": "High"}`. A value that has Jira's shape already passes through.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from connectors.jira import adf, stamps
from connectors.kit.document import Document

Shaper = Callable[[Any], Any]

RICH_SYSTEM = {"description", "environment"}
RICH_CUSTOM = "textarea"
NAMED = {"priority", "resolution", "securitylevel", "version", "component", "group", "status"}
_DATE = re.compile(r"(\d{4}-\d{2}-\d{2})(?:[T ].*)?", re.DOTALL)


class Misfit(Exception):
    """A value that its field cannot take. `cause` carries no value."""

    def __init__(self, cause: str, field: str) -> None:
        super().__init__(f"{field}: {cause}")
        self.cause = cause
        self.field = field


class Slot(NamedTuple):
    """One field of a screen: where its value goes, and how it is shaped."""

    id: str
    shape: Shaper


class Screen:
    """The fields of one screen, compiled once. Fields are found by id, or by a name that only one of them has."""

    def __init__(self, fields: Sequence[Mapping[str, Any]], name: str) -> None:
        self.name = name
        self.fields = {field_id(meta): meta for meta in fields}
        self.slots = _names(fields)
        self.slots |= {id: Slot(id, shaper(meta.get("schema") or {})) for id, meta in self.fields.items()}

    def shape(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """The payload; raises Misfit for the first field that is not on the screen or has a value of the wrong kind.

        A null for a field that is not there loses nothing and is left out.
        """
        slots = self.slots
        shaped: dict[str, Any] = {}
        id = ""
        try:
            for name, value in fields.items():
                slot = slots.get(name)
                if slot is not None:
                    id, shape = slot
                    shaped[id] = None if value is None else shape(value)
                elif value is not None:
                    raise Misfit(f"field not on the {self.name} screen", name)
        except (ValueError, TypeError, KeyError, OverflowError) as error:
            raise Misfit(_cause(error), id) from None
        return shaped


def field_id(meta: Mapping[str, Any]) -> str:
    return str(meta.get("fieldId") or meta.get("key") or meta.get("id"))


def _names(fields: Sequence[Mapping[str, Any]]) -> dict[str, Slot]:
    """Team-managed projects have several fields of one name: such a name finds none."""
    names = [str(meta.get("name", "")) for meta in fields]
    return {
        str(meta["name"]): Slot(field_id(meta), shaper(meta.get("schema") or {}))
        for meta in fields
        if meta.get("name") and names.count(str(meta["name"])) == 1
    }


def _cause(error: Exception) -> str:
    # Only our own ValueErrors carry a text that is known to be free of values.
    return str(error) if isinstance(error, Unfit) else "not a value that the field can take"


class Unfit(ValueError):
    """Why a value does not fit, in words without the value."""


def shaper(schema: Mapping[str, Any]) -> Shaper:
    """How a plain value of this schema type is shaped."""
    kind = schema.get("type", "")
    if kind == "array":
        return _list_of(_SHAPERS.get(str(schema.get("items")), _unchanged))
    if kind == "string" and is_rich(schema):
        return _rich
    return _SHAPERS.get(str(kind), _unchanged)


def is_rich(schema: Mapping[str, Any]) -> bool:
    """A field that takes a document instead of a text."""
    return schema.get("system") in RICH_SYSTEM or str(schema.get("custom", "")).endswith(":" + RICH_CUSTOM)


def _unchanged(value: Any) -> Any:
    return value


def _string(value: Any) -> Any:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    raise Unfit("not a text")


def _rich(value: Any) -> Any:
    if type(value) is Document:
        return value.json
    return value if adf.is_document(value) else adf.plain(_string(value))


def _number(value: Any) -> Any:
    if isinstance(value, bool):
        raise Unfit("not a number")
    if isinstance(value, int | float):
        return value
    try:
        number = float(value)
    except (ValueError, TypeError):
        raise Unfit("not a number") from None
    if number != number or number in (float("inf"), float("-inf")):
        raise Unfit("not a number")
    return int(number) if number.is_integer() and abs(number) < 2**53 else number


def _date(value: Any) -> Any:
    match = _DATE.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise Unfit("not a date")
    return match[1]


def _moment(value: Any) -> Any:
    try:
        moment = value if isinstance(value, datetime) else stamps.parse(value)
    except (ValueError, TypeError):
        raise Unfit("not a date and time") from None
    return stamps.payload(moment if moment.tzinfo else moment.replace(tzinfo=UTC))


def _keyed(value: Any) -> Any:
    """A project, a parent issue: ids are digits, keys are not."""
    if not isinstance(value, str) and isinstance(value, Mapping):
        return value
    text = _string(value)
    return {"id": text} if text.isdigit() else {"key": text}


def _under(name: str) -> Shaper:
    def shape(value: Any) -> Any:
        if type(value) is str:  # asked first: a Mapping is slow to tell
            return {name: value}
        return value if isinstance(value, Mapping) else {name: _string(value)}

    return shape


def _cascade(value: Any) -> Any:
    """A choice with a second one below it: `[parent, child]`, or the parent alone."""
    if isinstance(value, list | tuple):
        if not 1 <= len(value) <= 2:
            raise Unfit("not a choice and one below it")
        parent = {"value": _string(value[0])}
        return parent if len(value) == 1 else parent | {"child": {"value": _string(value[1])}}
    return _under("value")(value)


def _list_of(shape: Shaper) -> Shaper:
    def shape_all(value: Any) -> Any:
        values = value if type(value) is list or isinstance(value, list | tuple | set | frozenset) else [value]
        return [shape(item) for item in values if item is not None]

    return shape_all


_SHAPERS: dict[str, Shaper] = {
    "string": _string,
    "number": _number,
    "date": _date,
    "datetime": _moment,
    "project": _keyed,
    "issuelink": _keyed,
    "issuetype": _under("name"),
    "user": _under("accountId"),
    "option": _under("value"),
    "option-with-child": _cascade,
    "option2": _under("value"),
    "timetracking": _under("originalEstimate"),
} | {kind: _under("name") for kind in NAMED}

"""One form for one value, however a system writes it down. What is empty is None, and left out of a record.

Values are what JSON can say: text, numbers, booleans, lists, mappings.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

import orjson

from connectors.kit.contract import Fields

_EMPTY: tuple[Any, ...] = ("", [], {}, ())


def text(value: str) -> str:
    """NFC, line ends as \\n, and no white space at the ends: systems strip it, or do not, as they like."""
    whole = unicodedata.normalize("NFC", value) if not value.isascii() else value
    return whole.replace("\r\n", "\n").replace("\r", "\n").strip()


def number(value: Any) -> int | str | None:
    """A whole number as int, any other exactly, as the shortest decimal text; None when it is no finite number."""
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, int):
        return value
    try:
        exact = Decimal(str(value).strip())
    except InvalidOperation:
        return None
    if not exact.is_finite() or abs(exact.adjusted()) > 400:
        return None
    return int(exact) if exact == exact.to_integral_value() else format(exact.normalize(), "f")


def moment(value: datetime, *, timespec: str = "milliseconds") -> str:
    """In UTC (no offset: it is UTC), cut to the precision."""
    aware = value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    return aware.isoformat(timespec=timespec).replace("+00:00", "Z")


def many(values: Iterable[Any]) -> list[Any] | None:
    """Several values without an order: sorted, each once."""
    there = {orjson.dumps(value, option=orjson.OPT_SORT_KEYS): value for value in values if value is not None}
    return [there[key] for key in sorted(there)] or None


def plain(value: Any) -> Any:
    """The form of a value whose type nobody tells."""
    if isinstance(value, str):
        return text(value) or None
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float | Decimal):
        return number(value)
    if isinstance(value, datetime):
        return moment(value)
    if isinstance(value, Mapping):
        inside = ((str(key), nested(part)) for key, part in value.items())
        return {key: part for key, part in inside if part is not None} or None
    if isinstance(value, list | tuple | set | frozenset):
        return many(plain(item) for item in value)
    return str(value)


def nested(value: Any) -> Any:
    """Inside of a mapping a list may be a sequence (the content of a document): its order is part of it."""
    if isinstance(value, list | tuple):
        return [nested(item) for item in value] or None
    return plain(value)


def fields_of(fields: Mapping[str, Any], form: Callable[[str, Any], Any]) -> Fields:
    """The fields in the form that `form(name, value)` gives them, without the empty ones."""
    formed = ((name, form(name, value)) for name, value in fields.items() if value is not None)
    return {name: value for name, value in formed if value or (value is not None and value not in _EMPTY)}

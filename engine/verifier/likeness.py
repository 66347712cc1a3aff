"""Whether a person would see the same: what the mapping asks for, beside what the target shows.

Written anew from that sentence, not from any connector's code: rich text by its words and addresses, people and
records by id, times as instants, choices by name, several values as a set.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from enum import Enum
from typing import Any

import orjson

from connectors.kit.document import decoded
from engine.verifier.words import is_document, readings, words

_PEOPLE = ("accountId", "id", "value", "name", "key")
_NAMES = ("name", "value", "key", "label", "displayName")
_IDS = ("id", "value", "key", "name")
_STAMPS = ("%Y-%m-%dT%H:%M:%S.%f%z", "%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%d %H:%M:%S")


class Likeness(Enum):
    SAME = "same"
    OTHER = "other"
    UNTOLD = "untold"  # it cannot be said: a choice that is asked for by its id and shown by its name, say


def is_nothing(value: Any) -> bool:
    """What a person sees as an empty field."""
    if isinstance(value, str):
        return not value.strip()
    if is_document(value):
        return not words(value)
    return value is None or value == [] or value == {} or value == ()


def likeness(wanted: Any, there: Any, kind: str = "", *, folds: bool = False) -> Likeness:
    """`kind`: the target's own word for the field's type (`FieldInfo.type`), "" when it has none.

    `folds`: case is no difference (the parts of a list of choices).
    """
    wanted, there = decoded(wanted), decoded(there)
    if type(wanted) is type(there) and wanted == there:
        return Likeness.SAME
    if kind == "boolean":  # a box that is not ticked and one that nobody touched look the same
        return _said(bool(_truth(wanted)) == bool(_truth(there)))
    if is_nothing(wanted) or is_nothing(there):
        return _said(is_nothing(wanted) and is_nothing(there))
    if kind == "list" or (isinstance(wanted, list | tuple | set) and kind != "choice"):
        whole = _sets(wanted, there, folds)
        if whole is Likeness.OTHER and isinstance(wanted, str) and "," in wanted:
            return _sets(wanted.split(","), there, folds)
        return whole
    if kind == "rich_text" or is_document(wanted) or is_document(there):
        return _said(not readings(wanted).isdisjoint(readings(there)))
    if kind == "choice":
        return _choices(wanted, there)
    if kind in ("person", "reference"):
        return _identities(wanted, there, _PEOPLE if kind == "person" else _IDS)
    if kind == "datetime":
        return _instants(wanted, there)
    if kind == "date":
        return _days(wanted, there)
    if kind == "duration" and (isinstance(wanted, Mapping) or isinstance(there, Mapping)):
        return Likeness.UNTOLD
    return _plain(wanted, there, folds)


# ---------------------------------------------------------------- kinds


def _said(same: bool) -> Likeness:
    return Likeness.SAME if same else Likeness.OTHER


def _plain(wanted: Any, there: Any, folds: bool) -> Likeness:
    if isinstance(wanted, bool) or isinstance(there, bool):
        return _said(_truth(wanted) is not None and _truth(wanted) == _truth(there))
    if isinstance(wanted, int | float | Decimal) or isinstance(there, int | float | Decimal):
        return _said(_number(wanted) is not None and _number(wanted) == _number(there))
    if isinstance(wanted, Mapping) and isinstance(there, Mapping):
        return _mappings(wanted, there)
    if isinstance(wanted, Mapping) or isinstance(there, Mapping):
        return _choices(wanted, there)
    if isinstance(there, list | tuple):
        return _sets([wanted], there, folds)
    if isinstance(wanted, datetime | date) or isinstance(there, datetime | date):
        return _instants(wanted, there)
    one, other = spelled(wanted), spelled(there)
    if one == other or (folds and one.casefold() == other.casefold()):
        return Likeness.SAME
    if _is_stamp(one) and _is_stamp(other):
        return _instants(one, other)
    return Likeness.OTHER


def _mappings(wanted: Mapping[str, Any], there: Mapping[str, Any]) -> Likeness:
    names = {name for each in (wanted, there) for name, value in each.items() if not is_nothing(value)}
    return _all(likeness(wanted.get(name), there.get(name)) for name in names)


def _choices(wanted: Any, there: Any) -> Likeness:
    """By the names that people see. A choice below a choice is a path of two."""
    asked, shown = _path(wanted), _path(there)
    if asked is None or shown is None:
        return Likeness.UNTOLD
    return _said([spelled(name).casefold() for name in asked] == [spelled(name).casefold() for name in shown])


def _path(value: Any) -> list[Any] | None:
    """The names of a choice, from the top; None when it comes without a name."""
    if isinstance(value, list | tuple):
        parts = [_path(part) for part in value]
        return None if None in parts else [name for part in parts if part for name in part]
    if not isinstance(value, Mapping):
        return [value]
    name = next((value[each] for each in _NAMES if not is_nothing(value.get(each))), None)
    if name is None:
        return None
    below = _path(value["child"]) if not is_nothing(value.get("child")) else []
    return None if below is None else [name, *below]


def _identities(wanted: Any, there: Any, names: tuple[str, ...]) -> Likeness:
    one, other = _identity(wanted, names), _identity(there, names)
    if one == other:
        return Likeness.SAME
    # An id and a key are two names of one record, and nobody here knows which belong together.
    return Likeness.UNTOLD if one.isdecimal() != other.isdecimal() and names is _IDS else Likeness.OTHER


def _identity(value: Any, names: tuple[str, ...]) -> str:
    if isinstance(value, Mapping):
        value = next((value[each] for each in names if not is_nothing(value.get(each))), "")
    return spelled(value)


def _sets(wanted: Any, there: Any, folds: bool) -> Likeness:
    asked, shown = _listed(wanted), _listed(there)
    left = [item for item in shown if not is_nothing(item)]
    untold = False
    for item in (item for item in asked if not is_nothing(item)):
        found = [likeness(item, other, folds=folds) for other in left]
        if Likeness.SAME in found:
            while Likeness.SAME in found:  # a value that is there twice counts once
                left.pop(found.index(Likeness.SAME))
                found.remove(Likeness.SAME)
        elif Likeness.UNTOLD in found:
            untold = True
        elif not any(likeness(item, other, folds=folds) is Likeness.SAME for other in shown):
            return Likeness.OTHER
    if untold:
        return Likeness.UNTOLD
    return _said(not left)


def _listed(value: Any) -> list[Any]:
    if isinstance(value, str) and value.lstrip().startswith("["):
        try:
            value = orjson.loads(value)
        except orjson.JSONDecodeError:
            return [value]
    return list(value) if isinstance(value, list | tuple | set | frozenset) else [value]


def _instants(wanted: Any, there: Any) -> Likeness:
    """To the second where either tells no parts of one."""
    one, other = instant(wanted), instant(there)
    if one is None or other is None:
        return _said(spelled(wanted) == spelled(there))
    if not (one.microsecond and other.microsecond):
        one, other = one.replace(microsecond=0), other.replace(microsecond=0)
    return _said(abs((one - other).total_seconds()) < 0.001)


def _days(wanted: Any, there: Any) -> Likeness:
    return _said(spelled(wanted)[:10] == spelled(there)[:10])


def _all(parts: Any) -> Likeness:
    found = Counter(parts)
    if found[Likeness.OTHER]:
        return Likeness.OTHER
    return Likeness.UNTOLD if found[Likeness.UNTOLD] else Likeness.SAME


# ---------------------------------------------------------------- single values


def spelled(value: Any) -> str:
    """Text as it meets the eye: composed characters, and white space as one blank."""
    if isinstance(value, str):
        return " ".join(unicodedata.normalize("NFC", value).split())
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float | Decimal):
        number = _number(value)
        return str(value) if number is None else format(number, "f")
    return str(value)


def instant(value: Any) -> datetime | None:
    """A moment, however it is written; one without an offset is UTC. None when it is no moment."""
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=UTC)
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        try:
            return datetime.fromtimestamp(value / 1000, UTC)
        except (ValueError, OverflowError, OSError):
            return None
    text = str(value).strip()
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        found = (_parsed(text, form) for form in _STAMPS)
        read = next((each for each in found if each is not None), None)  # type: ignore[assignment]
    if read is None:
        return None
    return read if read.tzinfo else read.replace(tzinfo=UTC)


def _parsed(text: str, form: str) -> datetime | None:
    try:
        return datetime.strptime(text, form)
    except ValueError:
        return None


def _is_stamp(text: str) -> bool:
    return len(text) >= 19 and text[:4].isdecimal() and text[4] == "-" and instant(text) is not None


def _number(value: Any) -> Decimal | None:
    try:
        read = Decimal(str(int(value) if isinstance(value, bool) else value).strip())
    except InvalidOperation:
        return None
    return read.normalize() + 0 if read.is_finite() else None


def _truth(value: Any) -> bool | None:
    if isinstance(value, bool):
        return value
    return {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}.get(
        str(value).strip().casefold()
    )

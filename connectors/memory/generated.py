"""Synthetic incidents, made on read from the number in their key: a million of them take no memory."""

from __future__ import annotations

from collections.abc import Sequence

from connectors.kit.contract import Fields, Record

VERSION = "0" * 12
_PREFIX = "INC"
_DIGITS = 9
_CATEGORIES = ("network", "hardware", "software", "inquiry", "database")
_GROUPS = ("Network", "Service Desk", "Field Services", "Database", "Hardware")
_REGIONS = ("EMEA", "APAC", "AMER")
_STATES = ("1", "2", "3", "6", "7")
_KINDS = 420  # a multiple of every list above, so that each combination of neighbours comes up


def _kind(number: int) -> Fields:
    return {
        "number": "",
        "short_description": "",
        "description": f"Steps to reproduce, case {number}.\nIt fails for everyone in the office since this morning.",
        "category": _CATEGORIES[number % 5],
        "priority": str(1 + number % 5),
        "severity": str(1 + number % 3),
        "state": _STATES[number % 5],
        "caller_id": f"person-{number % 97}",
        "assigned_to": f"person-{number % 89}",
        "assignment_group.name": _GROUPS[number % 5],
        "location.region": _REGIONS[number % 3],
        "due_date": f"2026-12-{1 + number % 28:02d} 12:00:00",
        "close_code": "",
        "reassignment_count": str(number % 4),
        "reopen_count": str(number % 2),
        "parent_incident": "",
    }


class Generated:
    """`count` incidents with the keys INC000000000, INC000000001, ...; records are numbered from 0."""

    def __init__(self, count: int) -> None:
        self.count = count
        self._kinds = [_kind(number) for number in range(_KINDS)]
        self.names = frozenset(self._kinds[0])
        self._narrow: dict[tuple[str, ...], list[Fields]] = {}

    def index(self, key: str) -> int | None:
        """The number of the record with this key."""
        digits = key.removeprefix(_PREFIX)
        if len(key) != len(_PREFIX) + _DIGITS or len(digits) != _DIGITS or not digits.isdecimal():
            return None
        number = int(digits)
        return number if number < self.count and key_of(number) == key else None

    def after(self, key: str) -> int:
        """How many records have a key <= `key`: the number of the first one after it."""
        low, high = 0, self.count
        while low < high:
            middle = (low + high) // 2
            if key_of(middle) <= key:
                low = middle + 1
            else:
                high = middle
        return low

    def records(self, first: int, end: int, names: Sequence[str] = ()) -> list[Record]:
        """The records numbered first <= n < end, with these fields (empty: all)."""
        kinds = self._kinds_of(tuple(names))
        numbered = not names or "number" in names
        titled = not names or "short_description" in names
        made = []
        for number in range(first, end):
            key = key_of(number)
            fields = kinds[number % _KINDS].copy()
            if numbered:
                fields["number"] = key
            if titled:
                fields["short_description"] = f"Incident {number}: the service does not answer"
            made.append(Record(key, VERSION, fields))
        return made

    def _kinds_of(self, names: tuple[str, ...]) -> list[Fields]:
        if not names:
            return self._kinds
        if names not in self._narrow:
            wanted = frozenset(names)
            self._narrow[names] = [
                {name: value for name, value in kind.items() if name in wanted} for kind in self._kinds
            ]
        return self._narrow[names]


def key_of(number: int) -> str:
    return f"{_PREFIX}{number:0{_DIGITS}d}"

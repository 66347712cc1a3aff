"""What goes in and comes out of a mapping, and how one source field is read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, Literal, NamedTuple

People = Mapping[str, str | None]
"""Source person id: account at the target, None when the target knows no such person."""

Getter = Callable[[Mapping[str, Any]], Any]


class Ref(NamedTuple):
    """A tie to another record, for the second pass."""

    name: str  # the target field, or the type of link
    kind: Literal["link", "field"]
    to_entity: str
    key: str  # of the other record, at the source

    @property
    def id(self) -> str:
        """Which tie of its entity this is: the same for all records."""
        return f"{self.kind} {self.name} {self.to_entity}"


Make = Callable[[Mapping[str, Any], People, list[Ref]], Any]
"""A compiled rule: (source fields, people, ties found so far) to a value, or ABSENT. Raises Refusal."""


class Mapped(NamedTuple):
    """A record as the target takes it. Values may be shared between records: never change them in place."""

    key: str
    fields: dict[str, Any]
    status: str | None
    status_fields: dict[str, Any]
    refs: tuple[Ref, ...]
    defects: tuple[str, ...] = ()  # names of those that the source had


class Refused(NamedTuple):
    """A record that a rule does not take. `cause` groups like cases and carries no value."""

    key: str
    cause: str
    field: str
    defects: tuple[str, ...] = ()


class Traced(NamedTuple):
    """How one target field came to be."""

    field: str
    rule: str  # in words
    sources: tuple[str, ...]
    where: str  # file:line:column of the rule
    value: Any  # an Absent: left out
    refusal: str = ""  # why the rule does not take this record


class Absent:
    """No value: the target field is left out."""

    def __repr__(self) -> str:
        return "absent"

    def __bool__(self) -> bool:
        return False


ABSENT: Final = Absent()
"""The source is empty: a default applies."""

DROPPED: Final = Absent()
"""A rule leaves the field out, default or not."""


class Refusal(Exception):
    """A rule does not take a record. The message is a cause: it carries no value."""


def is_empty(value: Any) -> bool:
    """Whether a source counts as empty: missing, null, no text, no items."""
    return value is None or isinstance(value, Absent) or value == "" or value == [] or value == {}


def getter(path: str) -> Getter:
    """Reads a source field; a missing one is "". A dotted name is a flat key, or a walk through nested maps."""
    if "." not in path:
        return lambda fields: fields.get(path, "")
    head, *rest = path.split(".")

    def walk(fields: Mapping[str, Any]) -> Any:
        value = fields.get(path, ABSENT)
        if value is not ABSENT:
            return value
        value = fields.get(head, "")
        for name in rest:
            if not isinstance(value, dict):
                return ""
            value = value.get(name, "")
        return value

    return walk


_IDENTITY = ("accountId", "value", "id", "key", "name")
_WORDS = ("displayName", "display_value", "name", "value", "key", "id")


def text_of(value: Any) -> str:
    """A value as text in a sentence: items by commas, a reference by the name people see."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        return ", ".join(text_of(item) for item in value)
    if isinstance(value, dict):
        return _first_of(value, _WORDS) if value else ""
    return str(value)


def identity_of(value: Any) -> str:
    """The id in a value that refers to a person or a record: the text itself, or the id of an object."""
    if isinstance(value, dict):
        return _first_of(value, _IDENTITY)
    return text_of(value)


def _first_of(value: Mapping[str, Any], names: tuple[str, ...]) -> str:
    for name in names:
        if isinstance(value.get(name), str | int) and value[name] != "":
            return text_of(value[name])
    raise Refusal("an object without a name or an id")

"""What the store holds. An Issue is a version: it is never changed, a write puts a new one in its place."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import orjson

from connectors.rehearsal.jira.catalogue import STATUSES, TYPES, Catalogue, IssueType, Project, Status
from connectors.rehearsal.jira.packing import packed

Properties = dict[str, bytes]
"""Entity properties: key to JSON bytes."""


@dataclass(slots=True)
class Issue:
    """Moments in milliseconds, UTC. `fields` holds what is set, as `fields.keeper` gives it; `parent` an issue id."""

    id: int
    project: Project
    number: int
    type: IssueType
    status: Status
    fields: dict[str, Any]
    properties: Properties | None
    creator: str
    created: int
    updated: int
    parent: int = 0
    archived: bool = False
    secured: bool = False  # a security level hides it from the API's user

    @property
    def key(self) -> str:
        return f"{self.project.key}-{self.number}"

    def pack(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "project": self.project.id,
            "number": self.number,
            "type": self.type.id,
            "status": self.status.id,
            "fields": {name: _pack(value) for name, value in self.fields.items()},
            "properties": _pack_properties(self.properties),
            "creator": self.creator,
            "created": self.created,
            "updated": self.updated,
            "parent": self.parent,
            "archived": self.archived,
            "secured": self.secured,
        }

    @classmethod
    def unpack(cls, doc: dict[str, Any], catalogue: Catalogue) -> Issue:
        project = catalogue.project(doc["project"])
        assert project, "the journal's identity covers the projects"
        return cls(
            **{
                **doc,
                "project": project,
                "type": TYPES[doc["type"]],
                "status": STATUSES[doc["status"]],
                "fields": {name: _unpack(value) for name, value in doc["fields"].items()},
                "properties": unpack_properties(doc["properties"]),
            }
        )


_KEPT = ("id", "issue", "author", "created", "updated", "visibility", "editor")


@dataclass(slots=True)
class Comment:
    id: int
    issue: int
    author: str
    body: bytes  # a document
    created: int
    updated: int
    visibility: dict[str, Any] | None = None
    properties: Properties | None = None
    editor: str = ""  # who changed it last, when that was not its author

    def pack(self) -> dict[str, Any]:
        return {
            **{name: getattr(self, name) for name in _KEPT},
            "body": orjson.Fragment(self.body),
            "properties": _pack_properties(self.properties),
        }

    @classmethod
    def unpack(cls, doc: dict[str, Any]) -> Comment:
        body = packed(doc["body"])
        return cls(**{**doc, "body": body, "properties": unpack_properties(doc["properties"])})


@dataclass(slots=True)
class Attachment:
    id: int
    issue: int
    author: str
    filename: str
    mime: str
    content: bytes
    created: int


@dataclass(frozen=True, slots=True)
class Link:
    """`inward` and `outward` are issue ids: inward "blocks" outward, for the type Blocks."""

    id: int
    type: str
    inward: int
    outward: int


@dataclass(slots=True)
class RemoteLink:
    id: int
    issue: int
    global_id: str
    doc: dict[str, Any]


@dataclass(slots=True)
class Worklog:
    id: int
    issue: int
    author: str
    seconds: int
    started: int
    created: int
    comment: bytes | None = None


@dataclass(slots=True)
class Change:
    """One entry of the change log; items in the API's own shape."""

    id: int
    issue: int
    author: str
    created: int
    items: list[dict[str, Any]] = field(default_factory=list)


def changed(issue: Issue, now: int, **changes: Any) -> Issue:
    """The next version of an issue."""
    return replace(issue, updated=max(now, issue.updated), **changes)


def _pack(value: Any) -> Any:
    return orjson.Fragment(value) if type(value) is bytes else value


def _unpack(value: Any) -> Any:
    if type(value) is dict:
        return packed(value)
    return tuple(value) if type(value) is list else value


def _pack_properties(properties: Properties | None) -> dict[str, Any] | None:
    return {key: orjson.Fragment(value) for key, value in properties.items()} if properties else None


def unpack_properties(doc: dict[str, Any] | None) -> Properties | None:
    return {key: packed(value) for key, value in doc.items()} if doc else None

"""The fields of each entity, in the contract's types."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Any

from connectors.jira.client import Client
from connectors.jira.links import Links
from connectors.jira.meta import Meta
from connectors.jira.shape import NAMED, RICH_CUSTOM, field_id, is_rich
from connectors.kit.contract import FieldInfo, Fields
from connectors.kit.errors import Misconfigured

TEXT_LIMIT = 32_767
SUMMARY_LIMIT = 255

_TYPES = {
    "number": "number",
    "date": "date",
    "datetime": "datetime",
    "user": "person",
    "option": "choice",
    "option2": "choice",
    "option-with-child": "choice",
    "issuetype": "choice",
    "project": "choice",
    "status": "choice",
    "issuelink": "reference",
    "timetracking": "duration",
    "array": "list",
} | dict.fromkeys(NAMED, "choice")

_FIXED = {
    "comment": [
        FieldInfo("body", "Body", "rich_text", required=True, max_length=TEXT_LIMIT),
        FieldInfo("visibility", "Visible to (type and value of a role or group)", "string"),
        FieldInfo("author", "Author", "person", writable=False),
        FieldInfo("created", "Created", "datetime", writable=False),
        FieldInfo("updated", "Updated", "datetime", writable=False),
    ],
    "attachment": [
        FieldInfo("filename", "File name", "string", required=True),
        FieldInfo("mimeType", "Content type", "string"),
        FieldInfo("size", "Size in bytes", "number", writable=False),
        FieldInfo("author", "Author", "person", writable=False),
        FieldInfo("created", "Created", "datetime", writable=False),
    ],
}


class Schema:
    def __init__(self, client: Client, meta: Meta, links: Links) -> None:
        self._client = client
        self._meta = meta
        self._links = links

    async def of(self, entity: str) -> list[FieldInfo]:
        if entity in _FIXED:
            return list(_FIXED[entity])
        if entity == "link":
            return await self._link()
        return await self._issue()

    async def _link(self) -> list[FieldInfo]:
        names = tuple(str(one["name"]) for one in await self._links.types())
        return [
            FieldInfo("type", "Type", "choice", required=True, choices=names),
            FieldInfo("from", "From", "reference", required=True, reference="issue"),
            FieldInfo("to", "To", "reference", required=True, reference="issue"),
        ]

    async def _issue(self) -> list[FieldInfo]:
        """Every field that an issue can have; writable are those on a create screen of the projects in use."""
        readable = await self._client.get("/field", scope="field")
        screens = [screen async for screen in self._screens()]
        if not screens:
            raise Misconfigured(
                "no project shows a create screen", hint="Check the option `projects` and the right to create issues."
            )
        infos = {info.name: info for info in map(_read_only, readable)}
        infos |= {"key": FieldInfo("key", "Key", "string", writable=False)}
        for id in {id for screen in screens for id in screen}:
            infos[id] = _merged([screen[id] for screen in screens if id in screen], everywhere=len(screens))
        return sorted(infos.values())

    async def _screens(self) -> AsyncIterator[dict[str, Fields]]:
        for project in await self._meta.projects():
            for kind in await self._meta.issue_types(project) or ():
                yield {field_id(meta): meta for meta in await self._meta.create_fields(project, str(kind["id"]))}


def _read_only(field: Fields) -> FieldInfo:
    return FieldInfo(str(field["id"]), str(field.get("name", "")), type_of(field.get("schema") or {}), writable=False)


def _merged(metas: list[Fields], *, everywhere: int) -> FieldInfo:
    """One field as several screens have it: required if it is wherever it is shown, with the choices of all."""
    first = metas[0]
    schema = first.get("schema") or {}
    kind = type_of(schema)
    choices = dict.fromkeys(choice for meta in metas for choice in _choices(meta.get("allowedValues") or ()))
    required = len(metas) == everywhere and all(
        meta.get("required") and not meta.get("hasDefaultValue") for meta in metas
    )
    return FieldInfo(
        name=field_id(first),
        label=str(first.get("name", "")),
        type=kind,
        required=required,
        max_length=_length(schema, kind),
        choices=tuple(choices),
        reference="issue" if kind == "reference" else "",
    )


def _choices(values: Iterable[Any]) -> Iterable[str]:
    for value in values:
        if isinstance(value, Mapping):
            name = value.get("key") if "projectTypeKey" in value else value.get("name") or value.get("value")
            if name:
                yield str(name)


def type_of(schema: Mapping[str, Any]) -> str:
    kind = str(schema.get("type", ""))
    if kind == "string" and is_rich(schema):
        return "rich_text"
    return _TYPES.get(kind, "string")


def _length(schema: Mapping[str, Any], kind: str) -> int | None:
    if schema.get("system") == "summary" or str(schema.get("custom", "")).endswith(":textfield"):
        return SUMMARY_LIMIT
    return TEXT_LIMIT if kind == "rich_text" or str(schema.get("custom", "")).endswith(":" + RICH_CUSTOM) else None

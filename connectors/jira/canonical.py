"""Values of Jira's fields in one form, from what we send and from what Jira shows.

Choices are told by the name that Jira shows, people by account, records by id. What is sent under another name (a
choice by its id, a parent by its key, a priority in another case) is told right once Jira has shown it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from connectors.jira import adf, stamps
from connectors.jira.client import Client
from connectors.jira.document import normal
from connectors.jira.shape import NAMED, Screen, field_id, is_rich, shaper
from connectors.kit.canonical import many, moment, number, text
from connectors.kit.contract import Fields
from connectors.kit.document import Document

Form = Callable[[Any], Any]

FRESH = 60.0  # seconds for which a field's absence is believed
REMEMBERED = 100_000  # names of choices and records

_BARE_IDS = ("project", "issuetype")  # for these a bare text may be an id

_OWN: dict[str, Fields] = {
    "project": {"type": "project", "system": "project"},
    "issuetype": {"type": "issuetype", "system": "issuetype"},
    "parent": {"type": "issuelink", "system": "parent"},
}


class Forms:
    """The fields of one site: ids by any name, and the form of each."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._ids: dict[str, str] = {}  # name or id: id
        self._forms: dict[str, Form | None] = {}  # None: what such a field holds cannot be compared
        self.schemas: dict[str, Fields] = {}
        self._names: dict[tuple[str, str], str] = {}  # (kind, another name): the one it is told by
        self._at = 0.0

    @property
    def learned(self) -> bool:
        return bool(self.schemas)

    async def learn(self, names: Sequence[str] = ()) -> None:
        """Read the site's fields; again when one of `names` is not among them, and what we know is old enough."""
        now = self._client.ports.clock.monotonic()
        strange = any(self.id_of(name) not in self.schemas for name in names)
        if self.learned and not (strange and now - self._at > FRESH):
            return
        self._at = now
        metas = [meta | {"schema": _schema(meta)} for meta in await self._client.get("/field", scope="field")]
        screen = Screen(metas, "site's")
        schemas = {field_id(meta): meta["schema"] for meta in metas} | _OWN
        self._ids = {name: slot.id for name, slot in screen.slots.items()} | {name: name for name in _OWN}
        self._forms = {id: self._form(id, schema) for id, schema in schemas.items()}
        await self._meet("issuetype", "/issuetype")
        await self._meet("priority", "/priority/search")
        self.schemas = schemas

    async def _meet(self, kind: str, path: str) -> None:
        """The names of choices that nearly every issue has; those of others are learned from issues."""
        reply = await self._client.send("GET", path, scope="field")
        found = reply.body.get("values") if isinstance(reply.body, Mapping) else reply.body
        for one in (found or ()) if reply.status == 200 else ():
            self._named(kind, one, "name")

    def id_of(self, name: str) -> str:
        """The id of a field by its id or its name; itself when no field is called so."""
        return self._ids.get(name, name)

    def value(self, name: str, value: Any) -> Any:
        """The form of one field's value; None when it is empty or cannot be compared."""
        form = self._forms.get(self.id_of(name))
        if value is None or form is None:
            return None
        try:
            return form(value)
        except (ValueError, TypeError, KeyError, AttributeError, OverflowError):
            return None  # no value of this field: Jira refuses it, too

    # ------------------------------------------------------------ inside

    def _form(self, id: str, schema: Mapping[str, Any]) -> Form | None:
        kind = str(schema.get("type", ""))
        if kind == "array":
            one = self._single(id, str(schema.get("items")))
            return None if one is None else lambda value: many(map(one, _listed(value)))
        if kind == "string" and is_rich(schema):
            return rich
        return self._single(id, kind)

    def _single(self, id: str, kind: str) -> Form | None:
        shape = shaper({"type": kind})
        forms: dict[str, Form] = {
            "string": lambda value: text(str(shape(value))) or None,
            "number": lambda value: number(float(shape(value))),
            "date": lambda value: shape(value),
            "datetime": lambda value: moment(stamps.parse(shape(value))),
            "project": lambda value: self._named(kind, value, "key"),
            "issuetype": lambda value: self._named(kind, value, "name"),
            "issuelink": lambda value: self._record(value),
            "user": _account,
            "option": lambda value: self._named(id, value, "value"),
            "option2": lambda value: self._named(id, value, "value"),
            "option-with-child": lambda value: self._cascade(id, value),
        }
        forms |= {named: lambda value: self._named(kind, value, "name") for named in NAMED}
        return forms.get(kind)

    def _named(self, kind: str, value: Any, label: str) -> str | None:
        """`kind` is whose names these are: of a type, or of one field with options."""
        folds = label != "value"  # the values of options are looked up as they are written
        if not isinstance(value, dict):
            said = str(value)
            by_id = self._names.get((kind, said)) if kind in _BARE_IDS else None
            return by_id or (self._names.get((kind, said.casefold())) if folds else None) or said
        name, id = value.get(label), value.get("id")
        if name is None:
            return self._names.get((kind, str(id)))
        if isinstance(id, str) and isinstance(name, str) and self._names.get((kind, id)) == name:
            return name  # nothing new
        if id is None:
            return (self._names.get((kind, str(name).casefold())) if folds else None) or str(name)
        self._remember(kind, str(id), str(name))
        if folds:
            self._remember(kind, str(name).casefold(), str(name))
        return str(name)

    def _record(self, value: Any) -> str | None:
        if not isinstance(value, Mapping):
            return self._names.get(("issue", str(value))) or str(value)
        id, key = value.get("id"), value.get("key")
        if id is None:
            return self._names.get(("issue", str(key))) or str(key)
        if key is not None:
            self._remember("issue", str(key), str(id))
        return str(id)

    def _remember(self, kind: str, other: str, name: str) -> None:
        self._names[kind, other] = name
        if len(self._names) > REMEMBERED:
            del self._names[next(iter(self._names))]

    def _cascade(self, id: str, value: Any) -> Any:
        upper, lower = value, None
        if isinstance(value, list | tuple):
            upper, lower = value[0], value[1] if len(value) > 1 else None
        elif isinstance(value, Mapping):
            lower = value.get("child")
        first = self._named(id, upper, "value")
        return [first] if lower is None else [first, self._named(id, lower, "value")]


def rich(value: Any) -> Any:
    """A document, or a text that is sent as one."""
    if isinstance(value, Document):
        return normal(value.content())
    return normal(value if adf.is_document(value) else adf.plain(str(value)))


def _account(value: Any) -> str | None:
    if isinstance(value, Mapping):
        value = value.get("accountId") or value.get("id")
    return str(value) if value else None


def _listed(value: Any) -> Sequence[Any]:
    values = value if isinstance(value, list | tuple | set | frozenset) else [value]
    return [item for item in values if item is not None]


def _schema(meta: Mapping[str, Any]) -> Fields:
    return dict(_OWN.get(str(meta.get("id"))) or meta.get("schema") or {})

"""Screens: which fields an issue of a (project, issue type) takes. Read once, and again when they prove stale."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from connectors.jira.client import Client
from connectors.jira.shape import Misfit, Screen, Slot
from connectors.kit.contract import Fields

FRESH = 60.0  # seconds for which a screen's "no such field" is believed without asking again
PAGE = 200


class CreateScreen(Screen):
    """The create screen of one issue type. Whatever a record calls its project and type: these are they."""

    def __init__(self, fields: list[Fields], project: Fields, issuetype: str) -> None:
        super().__init__(fields, "create")
        self.labelled = "labels" in self.fields
        type_by_id = {"id": issuetype}
        self.slots |= {
            "project": Slot("project", lambda value: project),
            "issuetype": Slot("issuetype", lambda value: type_by_id),
        }


class Meta:
    def __init__(self, client: Client) -> None:
        self._client = client
        self._clock = client.ports.clock
        self._reading = asyncio.Lock()
        self._create: dict[tuple[str, str], tuple[float, CreateScreen | Misfit]] = {}
        self._edit: dict[tuple[str, str], tuple[float, Screen]] = {}
        self._keys: dict[str, str] = {}
        self._at_hand: dict[tuple[str, str], CreateScreen] = {}  # as payloads name them: nothing left to look up

    def forget(self) -> None:
        """A screen has changed: the next call reads anew."""
        self._create.clear()
        self._edit.clear()
        self._at_hand.clear()

    def screen_at_hand(self, fields: Mapping[str, Any]) -> CreateScreen | None:
        """The create screen of a record, when it is known: the way of nearly every record."""
        project, issuetype = fields.get("project"), fields.get("issuetype")
        if type(project) is not str or type(issuetype) is not str:
            return None
        return self._at_hand.get((project, issuetype))

    async def create_screen(self, fields: Mapping[str, Any]) -> CreateScreen:
        """The create screen of a record, read anew when it lacks a field of it. Misfit when Jira has no such project
        or type for us."""
        project, issuetype = fields.get("project"), fields.get("issuetype")
        for value, name in ((project, "project"), (issuetype, "issuetype")):
            if not word(value):
                raise Misfit("no value, and an issue needs one", name)
        key = (word(project), word(issuetype).casefold())
        known = self._create.get(key)
        if known is None or self._doubtful(known[0], known[1], fields):
            async with self._reading:
                if self._create.get(key) is known:
                    self._create[key] = (self._clock.monotonic(), await self._read_create(*key))
            known = self._create[key]
        if isinstance(known[1], Misfit):
            raise known[1]
        if isinstance(project, str) and isinstance(issuetype, str):
            self._at_hand[project, issuetype] = known[1]
        return known[1]

    async def edit_screen(self, issue: Fields, fields: Mapping[str, Any]) -> Screen:
        """The edit screen of this issue's project and type, as any issue of that kind shows it."""
        there = issue["fields"]
        key = (str(there["project"]["id"]), str(there["issuetype"]["id"]))
        known = self._edit.get(key)
        if known is None or self._doubtful(*known, fields):
            async with self._reading:
                if self._edit.get(key) is known:
                    answer = await self._client.get(f"/issue/{issue['id']}/editmeta", scope="issue.editmeta")
                    metas = [{"fieldId": id} | meta for id, meta in (answer.get("fields") or {}).items()]
                    self._edit[key] = (self._clock.monotonic(), Screen(metas, "edit"))
            known = self._edit[key]
        return known[1]

    def _doubtful(self, at: float, screen: Screen | Misfit, fields: Mapping[str, Any]) -> bool:
        """Whether what we know would refuse these fields, and is old enough to ask again."""
        refuses = isinstance(screen, Misfit) or any(name not in screen.slots for name in fields)
        return refuses and self._clock.monotonic() - at > FRESH

    async def _read_create(self, project: str, issuetype: str) -> CreateScreen | Misfit:
        types = await self.issue_types(project)
        if types is None:
            return Misfit("no such project, or no right to create issues in it", "project")
        matches = [one for one in types if issuetype in (str(one.get("id")), str(one.get("name")).casefold())]
        if not matches:
            return Misfit("the project has no such issue type", "issuetype")
        fields = await self.create_fields(project, str(matches[0]["id"]))
        named = {"id": project} if project.isdigit() else {"key": project}
        return CreateScreen(fields, named, str(matches[0]["id"]))

    async def issue_types(self, project: str) -> list[Fields] | None:
        """The issue types that can be created in a project; None when there is no such project for us."""
        return await self._list(f"/issue/createmeta/{project}/issuetypes", "issueTypes")

    async def create_fields(self, project: str, issuetype: str) -> list[Fields]:
        return await self._list(f"/issue/createmeta/{project}/issuetypes/{issuetype}", "fields") or []

    async def _list(self, path: str, name: str) -> list[Fields] | None:
        items: list[Fields] = []
        while True:
            params = {"startAt": str(len(items)), "maxResults": str(PAGE)}
            reply = await self._client.send("GET", path, scope="createmeta", params=params)
            if reply.status in (400, 403, 404):
                return None
            answer = self._client.expect(reply, path)
            some = answer.get(name) or answer.get("values") or []
            items.extend(some)
            if not some or len(items) >= int(answer.get("total", 0)):
                return items

    async def project_key(self, project: Any) -> str:
        """The key of a project that a payload names by key or by id; empty when there is none."""
        name = word(project)
        if not name.isdigit():
            return name.upper()
        if name not in self._keys:
            reply = await self._client.send("GET", f"/project/{name}", scope="project")
            self._keys[name] = str(reply.body.get("key", "")) if reply.status == 200 else ""
        return self._keys[name]

    async def projects(self) -> list[str]:
        """The keys of the projects that this connection works on."""
        if self._client.options.projects:
            return list(self._client.options.projects)
        keys: list[str] = []
        while True:
            params = {"startAt": str(len(keys)), "maxResults": "50", "orderBy": "key"}
            reply = await self._client.send("GET", "/project/search", scope="project", params=params)
            if reply.status == 404:  # how Jira says that none matches
                return keys
            answer = self._client.expect(reply, "/project/search")
            some = [str(project["key"]) for project in answer.get("values") or ()]
            keys.extend(some)
            if not some or answer.get("isLast"):
                return keys


def word(value: Any) -> str:
    """What names a project or type in a payload: its id, key or name."""
    if type(value) is str:  # asked first: a Mapping is slow to tell
        return value
    if isinstance(value, Mapping):
        value = value.get("id") or value.get("key") or value.get("name")
    return "" if value is None else str(value)

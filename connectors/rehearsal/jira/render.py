"""An issue, and what hangs on it, in the API's JSON shapes for one reader."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple
from urllib.parse import quote

import orjson

from connectors.rehearsal.jira import adf, workflow
from connectors.rehearsal.jira.catalogue import LINK_TYPES, User
from connectors.rehearsal.jira.fields import CUSTOM_IDS, FIELDS, Field, fields_of
from connectors.rehearsal.jira.model import Attachment, Change, Comment, Issue, Link, Properties, RemoteLink, Worklog
from connectors.rehearsal.jira.rewriting import rewritten
from connectors.rehearsal.jira.shapes import Shapes
from connectors.rehearsal.jira.stamps import stamp
from connectors.rehearsal.jira.store import Store

EMBEDDED = 20  # comments and worklogs that a search result carries at most
ALL = ("*all",)


class Wanted(NamedTuple):
    """What a reader asks of an issue."""

    fields: tuple[str, ...]
    properties: tuple[str, ...] = ()
    expand: frozenset[str] = frozenset()


class Render:
    """`version` 2 shows documents as plain text."""

    def __init__(self, shapes: Shapes, store: Store, reader: User, version: int, *, rewrites: bool = False) -> None:
        self.shapes = shapes
        self.store = store
        self.zone = reader.zone
        self.version = version
        self._rewrites = rewrites
        self._selections: dict[tuple[str, ...], list[str]] = {}

    def rich(self, body: bytes) -> Any:
        if self.version != 3:
            return adf.to_text(orjson.loads(body))
        return rewritten(orjson.loads(body)) if self._rewrites else orjson.Fragment(body)

    def stamp(self, ms: int) -> str:
        return stamp(ms, self.zone)

    # ------------------------------------------------------------ issues

    def issue(self, issue: Issue, wanted: Wanted) -> dict[str, Any]:
        doc: dict[str, Any] = {
            "expand": "renderedFields,names,schema,operations,editmeta,changelog,versionedRepresentations",
            "id": str(issue.id),
            "self": f"{self.shapes.base}/issue/{issue.id}",
            "key": issue.key,
        }
        names = self._selected(wanted.fields)
        if names:
            doc["fields"] = {
                name: self.value(issue, name) for name in names if name not in CUSTOM_SET or self._has(issue, name)
            }
        if wanted.properties:
            held = issue.properties or {}
            doc["properties"] = {key: orjson.Fragment(held[key]) for key in wanted.properties if key in held}
        if wanted.expand:
            self._expand(doc, issue, names, wanted.expand)
        return doc

    def _has(self, issue: Issue, name: str) -> bool:
        return name in issue.fields or any(field.id == name for field in fields_of(issue.type.name))

    def _selected(self, wanted: tuple[str, ...]) -> list[str]:
        """Field ids for a list such as `*all,-comment`; unknown names are ignored, as the API does."""
        if wanted == ("id",) or wanted == ("key",):
            return []
        known = self._selections.get(wanted)
        if known is None:
            chosen: dict[str, None] = {}
            for name in wanted or ALL:
                if name in ("*all", "*navigable"):
                    heavy = {"comment", "attachment", "worklog"} if name == "*navigable" else set()
                    chosen |= dict.fromkeys(one for one in FIELDS if one not in heavy)
            if not chosen and all(name.startswith("-") for name in wanted):
                chosen = dict.fromkeys(FIELDS)
            chosen |= dict.fromkeys(name for name in wanted if name in FIELDS)
            for name in wanted:
                chosen.pop(name.removeprefix("-"), None) if name.startswith("-") else None
            known = self._selections[wanted] = list(chosen)
        return known

    def value(self, issue: Issue, name: str) -> Any:
        special = _SPECIAL.get(name)
        if special is not None:
            return special(self, issue)
        held = issue.fields.get(name)
        field = FIELDS[name]
        if held is None:
            return [] if name == "labels" else None
        return self._show(field, held)

    def _show(self, field: Field, held: Any) -> Any:
        match field.kind:
            case "rich":
                return self.rich(held)
            case "user":
                return self.shapes.user_fragment(held)
            case "named":
                return (self.shapes.priorities if field.id == "priority" else self.shapes.resolutions)[held]
            case "choice":
                return self._option(field, held)
            case "choices":
                return [self._option(field, one) for one in held]
            case "datetime":
                return self.stamp(held)
        if field.id == "resolutiondate":
            return self.stamp(held)
        return held

    def _option(self, field: Field, id_: str) -> dict[str, Any]:
        return self.shapes.option(field, next(choice for choice in field.allowed() if choice.id == id_))

    def _expand(self, doc: dict[str, Any], issue: Issue, names: Iterable[str], expand: frozenset[str]) -> None:
        if "names" in expand:
            doc["names"] = {name: FIELDS[name].name for name in names}
        if "schema" in expand:
            doc["schema"] = {name: FIELDS[name].schema for name in names}
        if "transitions" in expand:
            doc["transitions"] = self.steps(issue, False)
        if "editmeta" in expand:
            doc["editmeta"] = self.edit_screen(issue)
        if "renderedFields" in expand:
            doc["renderedFields"] = {name: self._rendered(issue, name) for name in names}
        if "changelog" in expand:
            changes = self.store.changes.get(issue.id, [])
            newest = [self.change(one) for one in reversed(changes[-100:])]
            doc["changelog"] = {"startAt": 0, "maxResults": len(newest), "total": len(changes), "histories": newest}

    def _rendered(self, issue: Issue, name: str) -> Any:
        held = issue.fields.get(name)
        return f"<p>{adf.to_text(orjson.loads(held))}</p>" if isinstance(held, bytes) else None

    def edit_screen(self, issue: Issue) -> dict[str, Any]:
        fields = fields_of(issue.type.name)
        return {"fields": {field.id: self._without_id(field) for field in fields}}

    def _without_id(self, field: Field) -> dict[str, Any]:
        doc = self.shapes.screen_field(field, field.id == "summary")
        del doc["fieldId"]
        return doc

    def steps(self, issue: Issue, with_fields: bool) -> list[dict[str, Any]]:
        steps = workflow.steps_from(issue.type.name, issue.status)
        return [self.shapes.step(step, with_fields) for step in steps]

    def small(self, issue: Issue) -> dict[str, Any]:
        """An issue inside another: a parent, a sub-task, the far end of a link."""
        return {
            "id": str(issue.id),
            "key": issue.key,
            "self": f"{self.shapes.base}/issue/{issue.id}",
            "fields": {
                "summary": issue.fields["summary"],
                "status": self.shapes.statuses[issue.status.id],
                "priority": self.value(issue, "priority"),
                "issuetype": self.shapes.types[issue.type.id],
            },
        }

    # ------------------------------------------------------------ what hangs on an issue

    def comment(self, comment: Comment, with_properties: bool = False) -> dict[str, Any]:
        doc: dict[str, Any] = {
            "self": f"{self.shapes.base}/issue/{comment.issue}/comment/{comment.id}",
            "id": str(comment.id),
            "author": self.shapes.user_fragment(comment.author),
            "body": self.rich(comment.body),
            "updateAuthor": self.shapes.user_fragment(comment.editor or comment.author),
            "created": self.stamp(comment.created),
            "updated": self.stamp(comment.updated),
            "jsdPublic": True,
        }
        if comment.visibility:
            doc["visibility"] = comment.visibility
        if with_properties:
            doc["properties"] = property_list(comment.properties)
        return doc

    def attachment(self, attachment: Attachment) -> dict[str, Any]:
        return {
            "self": f"{self.shapes.base}/attachment/{attachment.id}",
            "id": str(attachment.id),
            "filename": attachment.filename,
            "author": self.shapes.user_fragment(attachment.author),
            "created": self.stamp(attachment.created),
            "size": len(attachment.content),
            "mimeType": attachment.mime,
            "content": f"{self.shapes.base}/attachment/content/{attachment.id}",
        }

    def link(self, link: Link, near: Issue | None = None) -> dict[str, Any]:
        """Seen from one end, only the other end is shown."""
        doc: dict[str, Any] = {
            "id": str(link.id),
            "self": f"{self.shapes.base}/issueLink/{link.id}",
            "type": self.shapes.link_type(LINK_TYPES[link.type]),
        }
        if near is None or link.outward == near.id:
            doc["inwardIssue"] = self.small(self.store.issues[link.inward])
        if near is None or link.inward == near.id:
            doc["outwardIssue"] = self.small(self.store.issues[link.outward])
        return doc

    def remote_link(self, link: RemoteLink) -> dict[str, Any]:
        return {
            "id": link.id,
            "self": f"{self.shapes.base}/issue/{link.issue}/remotelink/{link.id}",
            **({"globalId": link.global_id} if link.global_id else {}),
            **link.doc,
        }

    def worklog(self, worklog: Worklog) -> dict[str, Any]:
        author = self.shapes.user_fragment(worklog.author)
        doc: dict[str, Any] = {
            "self": f"{self.shapes.base}/issue/{worklog.issue}/worklog/{worklog.id}",
            "id": str(worklog.id),
            "issueId": str(worklog.issue),
            "author": author,
            "updateAuthor": author,
            "created": self.stamp(worklog.created),
            "updated": self.stamp(worklog.created),
            "started": self.stamp(worklog.started),
            "timeSpent": spent(worklog.seconds),
            "timeSpentSeconds": worklog.seconds,
        }
        if worklog.comment:
            doc["comment"] = self.rich(worklog.comment)
        return doc

    def change(self, change: Change, epoch: bool = False) -> dict[str, Any]:
        return {
            "id": str(change.id),
            "author": self.shapes.user_fragment(change.author),
            "created": change.created if epoch else self.stamp(change.created),
            "items": change.items,
        }

    def _comments(self, issue: Issue) -> dict[str, Any]:
        ids = self.store.comments_of.get(issue.id, [])
        shown = [self.comment(self.store.comments[id_]) for id_ in ids[:EMBEDDED]]
        return {
            "comments": shown,
            "self": f"{self.shapes.base}/issue/{issue.id}/comment",
            "maxResults": EMBEDDED,
            "total": len(ids),
            "startAt": 0,
        }

    def _worklogs(self, issue: Issue) -> dict[str, Any]:
        ids = self.store.worklogs_of.get(issue.id, [])
        shown = [self.worklog(self.store.worklogs[id_]) for id_ in ids[:EMBEDDED]]
        return {"startAt": 0, "maxResults": EMBEDDED, "total": len(ids), "worklogs": shown}

    def _attachments(self, issue: Issue) -> list[dict[str, Any]]:
        return [self.attachment(self.store.attachments[id_]) for id_ in self.store.attachments_of.get(issue.id, ())]

    def _links(self, issue: Issue) -> list[dict[str, Any]]:
        return [self.link(self.store.links[id_], issue) for id_ in self.store.links_of.get(issue.id, ())]

    def _parent(self, issue: Issue) -> dict[str, Any] | None:
        parent = self.store.issues.get(issue.parent)
        return self.small(parent) if parent else None

    def _subtasks(self, issue: Issue) -> list[dict[str, Any]]:
        return [self.small(self.store.issues[id_]) for id_ in sorted(self.store.children.get(issue.id, ()))]


def _category_change(render: Render, issue: Issue) -> str:
    for change in reversed(render.store.changes.get(issue.id, [])):
        if any(item["field"] == "status" for item in change.items):
            return render.stamp(change.created)
    return render.stamp(issue.created)


CUSTOM_SET = frozenset(CUSTOM_IDS)
_SPECIAL: dict[str, Callable[[Render, Issue], Any]] = {
    "project": lambda render, issue: render.shapes.projects[issue.project.id],
    "issuetype": lambda render, issue: render.shapes.types[issue.type.id],
    "status": lambda render, issue: render.shapes.statuses[issue.status.id],
    "created": lambda render, issue: render.stamp(issue.created),
    "updated": lambda render, issue: render.stamp(issue.updated),
    "creator": lambda render, issue: render.shapes.user_fragment(issue.creator),
    "statuscategorychangedate": _category_change,
    "parent": Render._parent,
    "subtasks": Render._subtasks,
    "comment": Render._comments,
    "worklog": Render._worklogs,
    "attachment": Render._attachments,
    "issuelinks": Render._links,
}


def property_list(properties: Properties | None) -> list[dict[str, Any]]:
    return [{"key": key, "value": orjson.Fragment(value)} for key, value in (properties or {}).items()]


def property_keys(properties: Properties | None, url: str) -> dict[str, Any]:
    return {"keys": [{"self": f"{url}/{quote(key)}", "key": key} for key in properties or ()]}


def spent(seconds: int) -> str:
    """Seconds as the API writes time spent: `1d 2h 5m`, days of eight hours."""
    parts = []
    for size, unit in ((28_800, "d"), (3600, "h"), (60, "m")):
        amount, seconds = divmod(seconds, size)
        if amount:
            parts.append(f"{amount}{unit}")
    return " ".join(parts) or "0m"

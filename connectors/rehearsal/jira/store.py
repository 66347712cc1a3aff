"""The committed state: strong reads by id and key, and the one place where a write becomes durable and visible."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import Any

import orjson

from connectors.rehearsal.jira.catalogue import Catalogue, Project
from connectors.rehearsal.jira.index import Index
from connectors.rehearsal.jira.model import Attachment, Change, Comment, Issue, Link, RemoteLink, Worklog
from connectors.rehearsal.jira.packing import packed

Record = Callable[[str, dict[str, Any]], None]


class Store:
    """`record(kind, doc)` keeps a write; `journaled` False spares the making of docs that nobody keeps."""

    def __init__(self, catalogue: Catalogue, index: Index, record: Record, journaled: bool) -> None:
        self.catalogue = catalogue
        self.index = index
        self._record = record
        self._journaled = journaled
        self.issues: dict[int, Issue] = {}
        self._keys: dict[int, dict[int, int]] = {project.id: {} for project in catalogue.projects}
        self._last_number = dict.fromkeys(self._keys, 0)
        self._moved: dict[str, int] = {}  # a key that an issue once had
        self._last_id = 9_999
        self.comments: dict[int, Comment] = {}
        self.attachments: dict[int, Attachment] = {}
        self.links: dict[int, Link] = {}
        self.remote_links: dict[int, RemoteLink] = {}
        self.worklogs: dict[int, Worklog] = {}
        self.children: dict[int, set[int]] = {}  # issue id: ids of its sub-tasks
        self.changes: dict[int, list[Change]] = {}
        self.comments_of: dict[int, list[int]] = {}
        self.attachments_of: dict[int, list[int]] = {}
        self.links_of: dict[int, list[int]] = {}
        self.remote_links_of: dict[int, list[int]] = {}
        self.worklogs_of: dict[int, list[int]] = {}

    # ------------------------------------------------------------ reads

    def find(self, id_or_key: str) -> Issue | None:
        """By id, by key, or by a key that it had before it moved. Strongly consistent."""
        if id_or_key.isdigit():
            return self.issues.get(int(id_or_key))
        key, _, number = id_or_key.rpartition("-")
        project = self.catalogue.project(key) if not key.isdigit() else None
        if project is None or not number.isdigit():
            return None
        found = self._keys[project.id].get(int(number)) or self._moved.get(f"{project.key}-{number}")
        return self.issues.get(found) if found else None

    def last_number(self, project: Project) -> int:
        return self._last_number[project.id]

    # ------------------------------------------------------------ writes

    def next_id(self) -> int:
        """One sequence for everything, as gaps in real ids teach not to count on more."""
        self._last_id += 1
        return self._last_id

    def next_number(self, project: Project) -> int:
        self._last_number[project.id] += 1
        return self._last_number[project.id]

    def put(self, issue: Issue, now: float) -> None:
        """Commit a version of an issue: a new one, or the next of an old one."""
        if self._journaled:
            self._record("issue", issue.pack())
        self._place(issue)
        self.index.note(now, issue.id, issue)

    def _place(self, issue: Issue) -> None:
        before = self.issues.get(issue.id)
        if before is not None:
            if (before.project, before.number) != (issue.project, issue.number):
                del self._keys[before.project.id][before.number]
                self._moved[before.key] = issue.id
            if before.parent and before.parent != issue.parent:
                self.children[before.parent].discard(issue.id)
        self.issues[issue.id] = issue
        self._keys[issue.project.id][issue.number] = issue.id
        if issue.parent:
            self.children.setdefault(issue.parent, set()).add(issue.id)

    def remove(self, issue: Issue, now: float) -> None:
        """An issue goes, with all that hangs on it. Its key is never given again."""
        if self._journaled:
            self._record("issue gone", {"id": issue.id})
        self._drop(issue)
        self.index.note(now, issue.id, None)

    def _drop(self, issue: Issue) -> None:
        del self.issues[issue.id]
        del self._keys[issue.project.id][issue.number]
        if issue.parent:
            self.children[issue.parent].discard(issue.id)
        self.children.pop(issue.id, None)
        self.changes.pop(issue.id, None)
        for hanging, of in self._hangings():
            if hanging is not self.links:
                for id_ in of.pop(issue.id, ()):
                    del hanging[id_]
        for id_ in self.links_of.pop(issue.id, ()):
            link = self.links.pop(id_)
            other = link.outward if link.inward == issue.id else link.inward
            if other != issue.id:
                self.links_of[other].remove(id_)

    def _hangings(self) -> Iterator[tuple[dict[int, Any], dict[int, list[int]]]]:
        yield self.comments, self.comments_of
        yield self.attachments, self.attachments_of
        yield self.links, self.links_of
        yield self.remote_links, self.remote_links_of
        yield self.worklogs, self.worklogs_of

    def hang(self, item: Comment | Attachment | RemoteLink | Worklog) -> None:
        """Commit something that hangs on one issue: new, or changed."""
        if self._journaled:
            self._record(*_packed(item))
        self._hang(item)

    def _hang(self, item: Comment | Attachment | RemoteLink | Worklog) -> None:
        table: dict[int, Any]
        table, of = self._tables(item)
        if item.id not in table:
            of.setdefault(item.issue, []).append(item.id)
        table[item.id] = item
        self._last_id = max(self._last_id, item.id)

    def _tables(self, item: object) -> tuple[dict[int, Any], dict[int, list[int]]]:
        match item:
            case Comment():
                return self.comments, self.comments_of
            case Attachment():
                return self.attachments, self.attachments_of
            case RemoteLink():
                return self.remote_links, self.remote_links_of
            case _:
                return self.worklogs, self.worklogs_of

    def unhang(self, item: Comment | Attachment | RemoteLink | Worklog) -> None:
        if self._journaled:
            self._record("unhang", {"kind": type(item).__name__, "id": item.id})
        self._unhang(item)

    def _unhang(self, item: Comment | Attachment | RemoteLink | Worklog) -> None:
        table, of = self._tables(item)
        del table[item.id]
        of[item.issue].remove(item.id)

    def link(self, link: Link) -> None:
        if self._journaled:
            self._record("link", asdict(link))
        self._link(link)

    def _link(self, link: Link) -> None:
        self.links[link.id] = link
        for end in {link.inward, link.outward}:
            self.links_of.setdefault(end, []).append(link.id)
        self._last_id = max(self._last_id, link.id)

    def unlink(self, link: Link) -> None:
        if self._journaled:
            self._record("unlink", {"id": link.id})
        self._unlink(link)

    def _unlink(self, link: Link) -> None:
        del self.links[link.id]
        for end in {link.inward, link.outward}:
            self.links_of[end].remove(link.id)

    def log(self, change: Change) -> None:
        if self._journaled:
            self._record("change", asdict(change))
        self.changes.setdefault(change.issue, []).append(change)

    # ------------------------------------------------------------ after a restart

    def replay(self, kind: str, doc: dict[str, Any]) -> None:
        """Apply a recorded write. The index had all the time it needs: it sees the write at once."""
        match kind:
            case "issue":
                issue = Issue.unpack(doc, self.catalogue)
                self._place(issue)
                project = issue.project.id
                self._last_number[project] = max(self._last_number[project], issue.number)
                self._last_id = max(self._last_id, issue.id)
                self.index.note(float("-inf"), issue.id, issue)
            case "issue gone":
                self._drop(self.issues[doc["id"]])
                self.index.note(float("-inf"), doc["id"], None)
            case "link":
                self._link(Link(**doc))
            case "unlink":
                self._unlink(self.links[doc["id"]])
            case "change":
                self.changes.setdefault(doc["issue"], []).append(Change(**doc))
                self._last_id = max(self._last_id, doc["id"])
            case "unhang":
                tables: dict[str, dict[int, Any]] = {
                    "Comment": self.comments,
                    "Attachment": self.attachments,
                    "RemoteLink": self.remote_links,
                    "Worklog": self.worklogs,
                }
                self._unhang(tables[doc["kind"]][doc["id"]])
            case _:
                self._hang(_unpacked(kind, doc))


def _packed(item: Comment | Attachment | RemoteLink | Worklog) -> tuple[str, dict[str, Any]]:
    match item:
        case Comment():
            return "comment", item.pack()
        case Attachment():
            return "attachment", {**asdict(item), "content": base64.b64encode(item.content).decode()}
        case RemoteLink():
            return "remote link", asdict(item)
        case _:
            comment = orjson.Fragment(item.comment) if item.comment else None
            return "worklog", {**asdict(item), "comment": comment}


def _unpacked(kind: str, doc: dict[str, Any]) -> Comment | Attachment | RemoteLink | Worklog:
    match kind:
        case "comment":
            return Comment.unpack(doc)
        case "attachment":
            return Attachment(**{**doc, "content": base64.b64decode(doc["content"])})
        case "remote link":
            return RemoteLink(**doc)
        case "worklog":
            return Worklog(**{**doc, "comment": packed(doc["comment"]) if doc["comment"] else None})
        case _:
            raise ValueError(f"the journal holds an unknown write {kind!r}: it is of another version")

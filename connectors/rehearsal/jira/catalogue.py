"""What an administrator has set up: projects, issue types, statuses, priorities, resolutions, link types, users."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar
from zoneinfo import ZoneInfo

_PEOPLE = uuid.UUID("6f1f6f0e-58a1-5c5e-9a0b-0c4a5c1d7e11")


@dataclass(frozen=True, slots=True)
class Project:
    id: int
    key: str
    name: str


@dataclass(frozen=True, slots=True)
class IssueType:
    id: str
    name: str
    subtask: bool = False


@dataclass(frozen=True, slots=True)
class Category:
    id: int
    key: str
    name: str
    color: str


@dataclass(frozen=True, slots=True)
class Status:
    id: str
    name: str
    category: Category


@dataclass(frozen=True, slots=True)
class Named:
    """A priority or a resolution."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class LinkType:
    id: str
    name: str
    inward: str
    outward: str


@dataclass(frozen=True)
class User:
    email: str
    name: str
    account_id: str
    zone_name: str = "Etc/UTC"
    locale: str = "en_US"
    hidden_email: bool = False
    active: bool = True

    @cached_property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.zone_name)


def account_of(email: str) -> str:
    """An account id for an e-mail address: the same everywhere and always."""
    return f"712020:{uuid.uuid5(_PEOPLE, email.lower())}"


NEW = Category(2, "new", "To Do", "blue-gray")
DOING = Category(4, "indeterminate", "In Progress", "yellow")
DONE = Category(3, "done", "Done", "green")
CATEGORIES = (Category(1, "undefined", "No Category", "medium-gray"), NEW, DOING, DONE)

STATUSES = {
    status.id: status
    for status in (
        Status("10000", "To Do", NEW),
        Status("3", "In Progress", DOING),
        Status("10003", "On Hold", DOING),
        Status("10001", "Done", DONE),
        Status("4", "Reopened", NEW),
    )
}
TYPES = {
    kind.id: kind
    for kind in (
        IssueType("10010", "Incident"),
        IssueType("10002", "Task"),
        IssueType("10004", "Bug"),
        IssueType("10001", "Story"),
        IssueType("10003", "Sub-task", subtask=True),
    )
}
TYPE_NAMES = {kind.name.casefold(): kind for kind in TYPES.values()}
PRIORITIES = {
    str(number): Named(str(number), name)
    for number, name in enumerate(("Highest", "High", "Medium", "Low", "Lowest"), start=1)
}
DEFAULT_PRIORITY = "3"
RESOLUTIONS = {
    resolution.id: resolution
    for resolution in (
        Named("10000", "Done"),
        Named("10001", "Won't Do"),
        Named("10002", "Duplicate"),
        Named("10003", "Cannot Reproduce"),
    )
}
LINK_TYPES = {
    link.id: link
    for link in (
        LinkType("10000", "Blocks", "is blocked by", "blocks"),
        LinkType("10001", "Cloners", "is cloned by", "clones"),
        LinkType("10002", "Duplicate", "is duplicated by", "duplicates"),
        LinkType("10003", "Relates", "relates to", "relates to"),
    )
}

PERMISSIONS = {  # key: id, name, type
    "ADMINISTER": ("0", "Administer Jira", "GLOBAL"),
    "ADMINISTER_PROJECTS": ("23", "Administer Projects", "PROJECT"),
    "BROWSE_PROJECTS": ("10", "Browse Projects", "PROJECT"),
    "CREATE_ISSUES": ("11", "Create Issues", "PROJECT"),
    "EDIT_ISSUES": ("12", "Edit Issues", "PROJECT"),
    "ASSIGN_ISSUES": ("13", "Assign Issues", "PROJECT"),
    "ADD_COMMENTS": ("15", "Add Comments", "PROJECT"),
    "DELETE_ISSUES": ("16", "Delete Issues", "PROJECT"),
    "ASSIGNABLE_USER": ("17", "Assignable User", "PROJECT"),
    "CREATE_ATTACHMENTS": ("19", "Create Attachments", "PROJECT"),
    "WORK_ON_ISSUES": ("20", "Work On Issues", "PROJECT"),
    "LINK_ISSUES": ("21", "Link Issues", "PROJECT"),
    "MODIFY_REPORTER": ("30", "Modify Reporter", "PROJECT"),
    "BULK_CHANGE": ("33", "Bulk Change", "GLOBAL"),
    "EDIT_ALL_COMMENTS": ("34", "Edit All Comments", "PROJECT"),
    "DELETE_ALL_COMMENTS": ("36", "Delete All Comments", "PROJECT"),
    "DELETE_ALL_ATTACHMENTS": ("38", "Delete All Attachments", "PROJECT"),
    "TRANSITION_ISSUES": ("46", "Transition Issues", "PROJECT"),
    "SET_ISSUE_SECURITY": ("26", "Set Issue Security", "PROJECT"),
}


T = TypeVar("T", Status, IssueType, Named, LinkType)


class Catalogue:
    """The projects and people of one site, found by any name that the API takes."""

    def __init__(self, projects: Mapping[str, str], users: Iterable[User], denied: Iterable[str]) -> None:
        """`projects`: key to name. `denied`: permission keys that nobody has here."""
        self.projects = [Project(10_000 + number, key, name) for number, (key, name) in enumerate(projects.items())]
        self.users = {user.account_id: user for user in users}
        self.by_email = {user.email.lower(): user for user in self.users.values()}
        self.denied = frozenset(denied)
        unknown = self.denied - set(PERMISSIONS)
        if unknown:
            raise ValueError(f"unknown permission {', '.join(sorted(unknown))}: use keys such as EDIT_ISSUES")
        self._projects = {project.key: project for project in self.projects} | {
            str(project.id): project for project in self.projects
        }

    def project(self, key_or_id: object) -> Project | None:
        return self._projects.get(str(key_or_id)) or self._projects.get(str(key_or_id).upper())

    def may(self, permission: str) -> bool:
        return permission not in self.denied


def by_name(table: Mapping[str, T], name: str) -> T | None:
    """The entry of that name, whatever its case."""
    folded = name.casefold()
    return next((entry for entry in table.values() if entry.name.casefold() == folded), None)

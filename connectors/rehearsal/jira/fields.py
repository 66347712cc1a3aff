"""The fields of an issue: how a value is checked on its way in, kept, and shown on its way out.

What is kept is small and hashable where it can be: names of choices become ids, people become account ids, documents
become their JSON bytes, lists become tuples. The double holds hundreds of thousands of issues.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from connectors.rehearsal.jira import adf
from connectors.rehearsal.jira.catalogue import PRIORITIES, RESOLUTIONS, Catalogue, Named
from connectors.rehearsal.jira.packing import packed
from connectors.rehearsal.jira.stamps import parse_stamp

CUSTOM = "com.atlassian.jira.plugin.system.customfieldtypes:"
SUMMARY_LIMIT = 255
INVALID_INPUT = "INVALID_INPUT"
TOO_LONG = "CONTENT_LIMIT_EXCEEDED"

Keep = Callable[[Any], Any]
"""Checks a value as sent and gives what is kept; raises FieldError."""


class FieldError(ValueError):
    """The value is refused. `message` is what the API says under the field's name; INVALID_INPUT stands alone."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


@dataclass(frozen=True, slots=True)
class Field:
    """One field. `kind` decides how values are checked, kept and shown."""

    id: str
    name: str
    kind: str  # text, rich, number, date, datetime, user, labels, choice, choices, named, url, read_only
    type: str  # what the API's schema says
    items: str = ""
    custom: str = ""
    clauses: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    named: Mapping[str, Named] = field(default_factory=dict)

    @property
    def number(self) -> int:
        return int(self.id.removeprefix("customfield_"))

    @property
    def schema(self) -> dict[str, Any]:
        doc: dict[str, Any] = {"type": self.type}
        if self.items:
            doc["items"] = self.items
        if self.custom:
            doc |= {"custom": CUSTOM + self.custom, "customId": self.number}
        else:
            doc["system"] = self.id
        return doc

    @property
    def operations(self) -> list[str]:
        return ["add", "set", "remove"] if self.type == "array" else ["set"]

    def allowed(self) -> list[Named]:
        """Choices with their ids, for choice fields."""
        if self.options:
            return [Named(str(self.number * 100 + place), name) for place, name in enumerate(self.options)]
        return list(self.named.values())


def _custom(number: int, name: str, kind: str, type_: str, custom: str, **more: Any) -> Field:
    clauses = (f"cf[{number}]", name, f"{name}[{CUSTOM_WORDS[custom]}]")
    return Field(f"customfield_{number}", name, kind, type_, custom=custom, clauses=clauses, **more)


CUSTOM_WORDS = {
    "textfield": "Short text",
    "textarea": "Paragraph",
    "float": "Number",
    "select": "Dropdown",
    "multicheckboxes": "Checkboxes",
    "datepicker": "Date",
    "datetime": "Time stamp",
    "userpicker": "User Picker (single user)",
    "url": "URL Field",
}

ON_SCREEN = (
    Field("summary", "Summary", "text", "string", clauses=("summary",)),
    Field("description", "Description", "rich", "string", clauses=("description",)),
    Field("environment", "Environment", "rich", "string", clauses=("environment",)),
    Field("labels", "Labels", "labels", "array", "string", clauses=("labels",)),
    Field("priority", "Priority", "named", "priority", clauses=("priority",), named=PRIORITIES),
    Field("assignee", "Assignee", "user", "user", clauses=("assignee",)),
    Field("reporter", "Reporter", "user", "user", clauses=("reporter",)),
    Field("duedate", "Due date", "date", "date", clauses=("due", "duedate")),
    _custom(10050, "Source number", "text", "string", "textfield"),
    _custom(10051, "Counters", "text", "string", "textfield"),
    _custom(10052, "Reassignments", "number", "number", "float"),
    _custom(10053, "Impact", "choice", "option", "select", options=("Extensive", "Significant", "Moderate", "Minor")),
    _custom(10054, "Opened at", "datetime", "datetime", "datetime"),
    _custom(10055, "Close notes", "rich", "string", "textarea"),
    _custom(10056, "Approver", "user", "user", "userpicker"),
    _custom(
        10057, "Channels", "choices", "array", "multicheckboxes", items="option", options=("Phone", "E-mail", "Web")
    ),
    _custom(10058, "Follow up", "date", "date", "datepicker"),
    _custom(10059, "Source link", "url", "string", "url"),
)
RESOLUTION = Field("resolution", "Resolution", "named", "resolution", clauses=("resolution",), named=RESOLUTIONS)
PROJECT = Field("project", "Project", "read_only", "project", clauses=("project",))
ISSUE_TYPE = Field("issuetype", "Issue Type", "read_only", "issuetype", clauses=("issuetype", "type"))
PARENT = Field("parent", "Parent", "read_only", "issuelink", clauses=("parent",))
SYSTEM = (
    PROJECT,
    ISSUE_TYPE,
    PARENT,
    RESOLUTION,
    Field("status", "Status", "read_only", "status", clauses=("status",)),
    Field("statuscategorychangedate", "Status Category Changed", "read_only", "datetime"),
    Field("created", "Created", "read_only", "datetime", clauses=("created", "createdDate")),
    Field("updated", "Updated", "read_only", "datetime", clauses=("updated", "updatedDate")),
    Field("resolutiondate", "Resolved", "read_only", "datetime", clauses=("resolutiondate", "resolved")),
    Field("creator", "Creator", "read_only", "user", clauses=("creator",)),
    Field("attachment", "Attachment", "read_only", "array", "attachment", clauses=("attachments",)),
    Field("comment", "Comment", "read_only", "comments-page", clauses=("comment",)),
    Field("issuelinks", "Linked Issues", "read_only", "array", "issuelinks", clauses=("issueLink",)),
    Field("subtasks", "Sub-tasks", "read_only", "array", "issuelinks", clauses=("subtasks",)),
    Field("worklog", "Log Work", "read_only", "array", "worklog"),
)
FIELDS = {entry.id: entry for entry in (*ON_SCREEN, *SYSTEM)}
CUSTOM_IDS = tuple(entry.id for entry in ON_SCREEN if entry.custom)


def fields_of(type_name: str) -> tuple[Field, ...]:
    """What is on the create and edit screens of an issue type; incidents have all, others fewer."""
    if type_name == "Incident":
        return ON_SCREEN
    left_out = {"customfield_10056", "customfield_10057"}
    if type_name == "Sub-task":
        left_out |= {"environment", "customfield_10053"}
    return tuple(entry for entry in ON_SCREEN if entry.id not in left_out)


# ---------------------------------------------------------------- checking


def keeper(entry: Field, catalogue: Catalogue, version: int) -> Keep:
    """The check of one field, made once and run for each value. API version 2 takes text where 3 takes documents."""
    match entry.kind:
        case "text":
            return _summary if entry.id == "summary" else _short_text
        case "rich":
            return rich if version == 3 else rich_text
        case "number":
            return _number
        case "date":
            return _date
        case "datetime":
            return _datetime
        case "user":
            return _user(entry, catalogue)
        case "labels":
            return _labels
        case "choice":
            return _choice(entry)
        case "choices":
            one = _choice(entry)
            return lambda value: tuple(one(item) for item in _list(value))
        case "named":
            return _named(entry)
        case "url":
            return _url
        case _:
            raise ValueError(f"{entry.id} is never written as a field")


def _summary(value: Any) -> str:
    if type(value) is not str or not value.strip():
        raise FieldError("You must specify a summary of the issue.")
    if len(value) > SUMMARY_LIMIT:
        raise FieldError("Summary can't exceed 255 characters.")
    if "\n" in value or "\r" in value:
        raise FieldError("The summary is invalid because it contains newline characters.")
    return value


def _short_text(value: Any) -> str | None:
    if value is None:
        return None
    if type(value) is not str:
        raise FieldError("Operation value must be a string")
    if len(value) > SUMMARY_LIMIT:
        raise FieldError("The entered text is too long. It exceeds the allowed limit of 255 characters.")
    return value


def rich(value: Any) -> bytes | None:
    """A document, kept as JSON bytes."""
    if value is None:
        return None
    if type(value) is not dict:
        raise FieldError("Operation value must be an Atlassian Document (see the Atlassian Document Format)")
    try:
        length = adf.measure(value)
    except adf.BadDocument:
        raise FieldError(INVALID_INPUT) from None
    if length > adf.LIMIT:
        raise FieldError(TOO_LONG)
    return packed(value)


def rich_text(value: Any) -> bytes | None:
    """Plain text of the older API, kept as a document."""
    if value is None or value == "":
        return None
    if type(value) is not str:
        raise FieldError("Operation value must be a string")
    if len(value) > adf.LIMIT:
        raise FieldError(TOO_LONG)
    return packed(adf.from_text(value))


def _number(value: Any) -> float | None:
    if value is None:
        return None
    if type(value) not in (int, float):
        raise FieldError("Operation value must be a number")
    return float(value)


_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


def _date(value: Any) -> str | None:
    if value is None:
        return None
    try:
        if not _DAY.fullmatch(value):
            raise ValueError
        date.fromisoformat(value)
    except (TypeError, ValueError):
        raise FieldError('Operation value must be a string in the format "yyyy-MM-dd"') from None
    return str(value)


def _datetime(value: Any) -> int | None:
    if value is None:
        return None
    try:
        return parse_stamp(value)
    except (TypeError, ValueError):
        raise FieldError("Operation value must be a string in the format \"yyyy-MM-dd'T'HH:mm:ss.SSSZ\"") from None


def _user(entry: Field, catalogue: Catalogue) -> Keep:
    users = catalogue.users

    def keep(value: Any) -> str | None:
        if value is None:
            return None
        if type(value) is not dict or not ("accountId" in value or "id" in value):
            raise FieldError("Name the user by accountId: names and keys are no longer taken.")
        account = value["accountId"] if "accountId" in value else value["id"]
        if account in (None, "-1"):
            return None
        user = users.get(account)
        if user is None:
            wrong = "The reporter specified is not a user." if entry.id == "reporter" else "Specify a valid user."
            raise FieldError(wrong)
        if entry.id == "assignee" and not user.active:
            raise FieldError("The user cannot be assigned issues.")
        return user.account_id

    return keep


def _labels(value: Any) -> tuple[str, ...]:
    seen: dict[str, None] = {}
    for label in _list(value):
        if type(label) is not str or not label:
            raise FieldError("Operation value must be a string")
        if not label.isprintable() or " " in label:
            raise FieldError(f"The label '{label}' contains spaces which is invalid.")
        if len(label) > SUMMARY_LIMIT:
            raise FieldError("The label is too long: the maximum length is 255 characters.")
        seen[label] = None
    return tuple(seen)


def _list(value: Any) -> list[Any]:
    if value is None:
        return []
    if type(value) is not list:
        raise FieldError("data was not an array")
    return value


def _choice(entry: Field) -> Keep:
    ids = {choice.id: choice.id for choice in entry.allowed()}
    values = {choice.name: choice.id for choice in entry.allowed()}

    def keep(value: Any) -> str | None:
        if value is None:
            return None
        if type(value) is not dict:
            raise FieldError("Specify a valid 'id' or 'value' for the option")
        known = ids.get(str(value["id"])) if "id" in value else values.get(str(value.get("value")))
        if known is None:
            raise FieldError(f"Option {'id' if 'id' in value else 'value'} is not valid for {entry.name}")
        return known

    return keep


def _named(entry: Field) -> Keep:
    table = entry.named
    names = {one.name.casefold(): one for one in table.values()}

    def keep(value: Any) -> str | None:
        if value is None:
            return None
        if type(value) is not dict:
            raise FieldError(f"Specify a valid 'id' or 'name' for {entry.name}")
        found = table.get(str(value["id"])) if "id" in value else names.get(str(value.get("name")).casefold())
        if found is None:
            raise FieldError(f"The {entry.name.lower()} selected is invalid.")
        return found.id

    return keep


def _url(value: Any) -> str | None:
    if value is None:
        return None
    if type(value) is not str or not re.match(r"[a-z][a-z0-9+.-]*://\S+$", value):
        raise FieldError("Not a valid URL")
    return value

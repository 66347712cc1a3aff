"""Catalogue entries in the API's JSON shapes, encoded once for each base URL."""

from __future__ import annotations

from functools import cache, cached_property
from typing import Any

import orjson

from connectors.rehearsal.jira.catalogue import (
    PRIORITIES,
    RESOLUTIONS,
    STATUSES,
    TYPES,
    Catalogue,
    IssueType,
    LinkType,
    Named,
    Project,
    Status,
    User,
)
from connectors.rehearsal.jira.fields import FIELDS, Field, fields_of
from connectors.rehearsal.jira.workflow import Step


class Shapes:
    """`base` is the root of the URLs in answers, such as https://site.example/rest/api/3."""

    def __init__(self, base: str, catalogue: Catalogue) -> None:
        self.base = base
        self.catalogue = catalogue
        self.user_fragment = cache(lambda account: orjson.Fragment(orjson.dumps(self.account(account))))

    @cached_property
    def statuses(self) -> dict[str, orjson.Fragment]:
        return {key: _encoded(self.status(one)) for key, one in STATUSES.items()}

    @cached_property
    def types(self) -> dict[str, orjson.Fragment]:
        return {key: _encoded(self.type(one)) for key, one in TYPES.items()}

    @cached_property
    def projects(self) -> dict[int, orjson.Fragment]:
        return {one.id: _encoded(self.project(one)) for one in self.catalogue.projects}

    @cached_property
    def priorities(self) -> dict[str, orjson.Fragment]:
        return {key: _encoded(self.named("priority", one)) for key, one in PRIORITIES.items()}

    @cached_property
    def resolutions(self) -> dict[str, orjson.Fragment]:
        return {key: _encoded(self.named("resolution", one)) for key, one in RESOLUTIONS.items()}

    # ------------------------------------------------------------ shapes

    def user(self, user: User, full: bool = False) -> dict[str, Any]:
        """`emailAddress` is there only where the person shows it. `full`: with what a user resource has beyond."""
        doc: dict[str, Any] = {
            "self": f"{self.base}/user?accountId={user.account_id}",
            "accountId": user.account_id,
            "accountType": "atlassian",
            "displayName": user.name,
            "active": user.active,
            "timeZone": user.zone_name,
        }
        if not user.hidden_email:
            doc["emailAddress"] = user.email
        if full:
            doc["locale"] = user.locale
        return doc

    def account(self, account_id: str) -> dict[str, Any]:
        return self.user(self.catalogue.users[account_id])

    def status(self, status: Status) -> dict[str, Any]:
        category = status.category
        return {
            "self": f"{self.base}/status/{status.id}",
            "description": "",
            "iconUrl": "",
            "name": status.name,
            "id": status.id,
            "statusCategory": {
                "self": f"{self.base}/statuscategory/{category.id}",
                "id": category.id,
                "key": category.key,
                "colorName": category.color,
                "name": category.name,
            },
        }

    def type(self, kind: IssueType) -> dict[str, Any]:
        return {
            "self": f"{self.base}/issuetype/{kind.id}",
            "id": kind.id,
            "description": "",
            "iconUrl": "",
            "name": kind.name,
            "subtask": kind.subtask,
            "hierarchyLevel": -1 if kind.subtask else 0,
        }

    def project(self, project: Project) -> dict[str, Any]:
        return {
            "self": f"{self.base}/project/{project.id}",
            "id": str(project.id),
            "key": project.key,
            "name": project.name,
            "projectTypeKey": "software",
            "simplified": False,
        }

    def full_project(self, project: Project) -> dict[str, Any]:
        return {
            **self.project(project),
            "style": "classic",
            "isPrivate": False,
            "issueTypes": [self.type(kind) for kind in TYPES.values()],
        }

    def named(self, what: str, entry: Named) -> dict[str, Any]:
        doc: dict[str, Any] = {"self": f"{self.base}/{what}/{entry.id}", "name": entry.name, "id": entry.id}
        if what == "priority":
            doc |= {"iconUrl": "", "statusColor": "#999999", "description": ""}
        else:
            doc["description"] = ""
        return doc

    def option(self, field: Field, entry: Named) -> dict[str, Any]:
        return {"self": f"{self.base}/customFieldOption/{entry.id}", "value": entry.name, "id": entry.id}

    def link_type(self, kind: LinkType) -> dict[str, Any]:
        return {
            "self": f"{self.base}/issueLinkType/{kind.id}",
            "id": kind.id,
            "name": kind.name,
            "inward": kind.inward,
            "outward": kind.outward,
        }

    # ------------------------------------------------------------ metadata of fields

    def field(self, field: Field) -> dict[str, Any]:
        return {
            "id": field.id,
            "key": field.id,
            "name": field.name,
            "custom": bool(field.custom),
            "orderable": True,
            "navigable": True,
            "searchable": bool(field.clauses),
            "clauseNames": list(field.clauses),
            "schema": field.schema,
        }

    def screen_field(self, field: Field, required: bool) -> dict[str, Any]:
        """A field of a create, edit or transition screen."""
        doc: dict[str, Any] = {
            "required": required,
            "schema": field.schema,
            "name": field.name,
            "key": field.id,
            "fieldId": field.id,
            "hasDefaultValue": field.id in ("priority", "reporter"),
            "operations": field.operations,
        }
        if field.kind == "named":
            doc["allowedValues"] = [self.named(field.id, entry) for entry in field.allowed()]
        elif field.options:
            doc["allowedValues"] = [self.option(field, entry) for entry in field.allowed()]
        elif field.kind == "user":
            doc["autoCompleteUrl"] = f"{self.base}/user/search?query="
        return doc

    def create_screen(self, project: Project, kind: IssueType) -> list[dict[str, Any]]:
        """What POST /issue takes for a project and a type; the reporter only with the right to set it."""
        fields = [
            {**self.screen_field(FIELDS["project"], True), "allowedValues": [self.project(project)]},
            {**self.screen_field(FIELDS["issuetype"], True), "allowedValues": [self.type(kind)]},
            *(
                self.screen_field(field, field.id == "summary")
                for field in fields_of(kind.name)
                if field.id != "reporter" or self.catalogue.may("MODIFY_REPORTER")
            ),
        ]
        if kind.subtask:
            fields.append(self.screen_field(FIELDS["parent"], True))
        return fields

    def step(self, step: Step, with_fields: bool) -> dict[str, Any]:
        doc: dict[str, Any] = {
            "id": step.id,
            "name": step.name,
            "to": self.status(step.to),
            "hasScreen": step.screen,
            "isGlobal": False,
            "isInitial": False,
            "isAvailable": True,
            "isConditional": False,
            "looped": False,
        }
        if with_fields:
            resolution = self.screen_field(FIELDS["resolution"], True)
            del resolution["fieldId"]
            doc["fields"] = {"resolution": resolution} if step.screen else {}
        return doc


def _encoded(doc: dict[str, Any]) -> orjson.Fragment:
    return orjson.Fragment(orjson.dumps(doc))

"""Endpoints: what is set up on the site: projects, types, statuses, fields, screens."""

from __future__ import annotations

from typing import Any

from connectors.rehearsal.jira import workflow
from connectors.rehearsal.jira.catalogue import (
    CATEGORIES,
    LINK_TYPES,
    PRIORITIES,
    RESOLUTIONS,
    STATUSES,
    TYPES,
    IssueType,
    Project,
    by_name,
)
from connectors.rehearsal.jira.fields import FIELDS
from connectors.rehearsal.jira.problem import bad, missing
from connectors.rehearsal.jira.routing import Endpoint
from connectors.rehearsal.jira.site import Call, Result, sliced
from connectors.rehearsal.jira.stamps import millis, stamp

VERSION = "1001.0.0-SNAPSHOT"


async def server_info(call: Call) -> Result:
    now = millis(call.site.now())
    root = call.base[: call.base.index("/rest/api/")]
    return 200, {
        "baseUrl": root,
        "displayUrl": root,
        "version": VERSION,
        "versionNumbers": [1001, 0, 0],
        "deploymentType": "Cloud",
        "buildNumber": 100_287,
        "buildDate": "2026-03-01T00:00:00.000+0000",
        "serverTime": stamp(now, call.user.zone),
        "serverTimeZone": call.user.zone_name,
        "scmInfo": "rehearsal",
        "serverTitle": "Jira (rehearsal)",
    }


def bean(call: Call, page: list[Any], start: int, size: int, total: int) -> dict[str, Any]:
    """The page of most lists: `maxResults` is what was granted, which may be less than what was asked for."""
    last = start + len(page) >= total
    url = call.request.url.remove_query_params(["startAt", "maxResults"])
    doc: dict[str, Any] = {
        "self": str(url.include_query_params(startAt=start, maxResults=size)),
        "maxResults": size,
        "startAt": start,
        "total": total,
        "isLast": last,
        "values": page,
    }
    if not last:
        doc["nextPage"] = str(url.include_query_params(startAt=start + size, maxResults=size))
    return doc


# ---------------------------------------------------------------- projects


def visible_project(call: Call, key_or_id: str) -> Project:
    found = call.site.catalogue.project(key_or_id)
    if found is None or not call.site.catalogue.may("BROWSE_PROJECTS"):
        raise missing(f"No project could be found with key '{key_or_id}'.")
    return found


async def projects(call: Call) -> Result:
    return 200, [call.shapes.project(project) for project in call.site.catalogue.projects]


async def search_projects(call: Call) -> Result:
    """404 when none matches."""
    words, keys, ids = call.query("query").casefold(), call.listed("keys"), call.listed("id")
    found = [
        project
        for project in call.site.catalogue.projects
        if (not words or words in project.key.casefold() or words in project.name.casefold())
        and (not keys or project.key in keys)
        and (not ids or str(project.id) in ids)
        and call.site.catalogue.may("BROWSE_PROJECTS")
    ]
    if not found:
        raise missing("No projects matching the criteria were found.")
    start, size = call.number("startAt", 0), call.number("maxResults", 50, 100)
    page = [call.shapes.project(project) for project in sliced(found, start, size)]
    return 200, bean(call, page, start, size, len(found))


async def project(call: Call) -> Result:
    return 200, call.shapes.full_project(visible_project(call, call.path("project")))


async def project_statuses(call: Call) -> Result:
    visible_project(call, call.path("project"))
    return 200, [
        {
            "self": f"{call.base}/issuetype/{kind.id}",
            "id": kind.id,
            "name": kind.name,
            "subtask": kind.subtask,
            "statuses": [call.shapes.status(status) for status in workflow.statuses_of(kind.name)],
        }
        for kind in TYPES.values()
    ]


# ---------------------------------------------------------------- types, statuses, fields


async def issue_types(call: Call) -> Result:
    return 200, [call.shapes.type(kind) for kind in TYPES.values()]


def _type(call: Call, id_: str) -> IssueType:
    found = TYPES.get(id_)
    if found is None:
        raise missing(f"The issue type with id '{id_}' does not exist")
    return found


async def issue_type(call: Call) -> Result:
    return 200, call.shapes.type(_type(call, call.path("type")))


async def statuses(call: Call) -> Result:
    return 200, [call.shapes.status(status) for status in STATUSES.values()]


async def status(call: Call) -> Result:
    word = call.path("status")
    found = STATUSES.get(word) or by_name(STATUSES, word)
    if found is None:
        raise missing(f"The status with id or name '{word}' does not exist")
    return 200, call.shapes.status(found)


async def search_statuses(call: Call) -> Result:
    words, category = call.query("searchString").casefold(), call.query("statusCategory").upper()
    names = {"new": "TODO", "indeterminate": "IN_PROGRESS", "done": "DONE"}
    found = [
        {
            "id": one.id,
            "name": one.name,
            "statusCategory": names[one.category.key],
            "description": "",
            "scope": {"type": "GLOBAL"},
        }
        for one in STATUSES.values()
        if words in one.name.casefold() and category in ("", names[one.category.key])
    ]
    start, size = call.number("startAt", 0), call.number("maxResults", 200, 200)
    return 200, bean(call, sliced(found, start, size), start, size, len(found))


async def categories(call: Call) -> Result:
    return 200, [
        {
            "self": f"{call.base}/statuscategory/{one.id}",
            "id": one.id,
            "key": one.key,
            "colorName": one.color,
            "name": one.name,
        }
        for one in CATEGORIES
    ]


async def priorities(call: Call) -> Result:
    return 200, [call.shapes.named("priority", one) for one in PRIORITIES.values()]


async def search_priorities(call: Call) -> Result:
    found = [call.shapes.named("priority", one) for one in PRIORITIES.values()]
    start, size = call.number("startAt", 0), call.number("maxResults", 50, 50)
    return 200, bean(call, sliced(found, start, size), start, size, len(found))


async def resolutions(call: Call) -> Result:
    return 200, [call.shapes.named("resolution", one) for one in RESOLUTIONS.values()]


async def link_types(call: Call) -> Result:
    return 200, {"issueLinkTypes": [call.shapes.link_type(kind) for kind in LINK_TYPES.values()]}


async def fields(call: Call) -> Result:
    return 200, [call.shapes.field(field) for field in FIELDS.values()]


async def search_fields(call: Call) -> Result:
    words, kinds, ids = call.query("query").casefold(), call.listed("type"), call.listed("id")
    found = [
        {"id": field.id, "key": field.id, "name": field.name, "schema": field.schema, "description": ""}
        for field in FIELDS.values()
        if words in field.name.casefold()
        and (not kinds or ("custom" if field.custom else "system") in kinds)
        and (not ids or field.id in ids)
    ]
    start, size = call.number("startAt", 0), call.number("maxResults", 50, 100)
    return 200, bean(call, sliced(found, start, size), start, size, len(found))


# ---------------------------------------------------------------- create screens


def _page(call: Call, name: str, items: list[dict[str, Any]]) -> Result:
    start, size = call.number("startAt", 0), call.number("maxResults", 50, 200)
    return 200, {name: sliced(items, start, size), "startAt": start, "maxResults": size, "total": len(items)}


async def create_types(call: Call) -> Result:
    project = call.site.catalogue.project(call.path("project"))
    if project is None or not call.site.catalogue.may("CREATE_ISSUES"):
        raise bad("Project does not exist or you do not have permission to create issues in it.")
    return _page(call, "issueTypes", [call.shapes.type(kind) for kind in TYPES.values()])


async def create_fields(call: Call) -> Result:
    project = call.site.catalogue.project(call.path("project"))
    kind = TYPES.get(call.path("type"))
    if project is None or kind is None or not call.site.catalogue.may("CREATE_ISSUES"):
        raise bad("Project or issue type does not exist or you do not have permission to create issues in it.")
    return _page(call, "fields", call.shapes.create_screen(project, kind))


async def create_meta(call: Call) -> Result:
    """The old, deprecated, global one."""
    catalogue = call.site.catalogue
    wanted = set(call.listed("projectKeys")) | set(call.listed("projectIds"))
    names, ids = set(call.listed("issuetypeNames")), set(call.listed("issuetypeIds"))
    expanded = "projects.issuetypes.fields" in call.listed("expand")
    answer = []
    for project in catalogue.projects:
        if wanted and not wanted & {project.key, str(project.id)}:
            continue
        kinds = []
        for kind in TYPES.values():
            if (names and kind.name not in names) or (ids and kind.id not in ids):
                continue
            doc = call.shapes.type(kind)
            if expanded:
                doc["fields"] = {field.pop("fieldId"): field for field in call.shapes.create_screen(project, kind)}
            kinds.append(doc)
        shown = call.shapes.project(project)
        answer.append({**{name: shown[name] for name in ("self", "id", "key", "name")}, "issuetypes": kinds})
    return 200, {"expand": "projects", "projects": answer}


ENDPOINTS = [
    Endpoint("GET", "/serverInfo", server_info, "open"),
    Endpoint("GET", "/project/search", search_projects, "hidden"),
    Endpoint("GET", "/project/{project}/statuses", project_statuses, "hidden"),
    Endpoint("GET", "/project/{project}", project, "hidden"),
    Endpoint("GET", "/project", projects, "empty"),
    Endpoint("GET", "/issuetype/project", issue_types, "empty"),
    Endpoint("GET", "/issuetype/{type}", issue_type, "hidden"),
    Endpoint("GET", "/issuetype", issue_types, "empty"),
    Endpoint("GET", "/statuses/search", search_statuses),
    Endpoint("GET", "/status/{status}", status, "hidden"),
    Endpoint("GET", "/status", statuses, "empty"),
    Endpoint("GET", "/statuscategory", categories, "empty"),
    Endpoint("GET", "/priority/search", search_priorities),
    Endpoint("GET", "/priority", priorities, "empty"),
    Endpoint("GET", "/resolution", resolutions, "empty"),
    Endpoint("GET", "/issueLinkType", link_types, "empty", nothing={"issueLinkTypes": []}),
    Endpoint("GET", "/field/search", search_fields),
    Endpoint("GET", "/field", fields, "empty"),
    Endpoint("GET", "/issue/createmeta/{project}/issuetypes/{type}", create_fields, "denied"),
    Endpoint("GET", "/issue/createmeta/{project}/issuetypes", create_types, "denied"),
    Endpoint("GET", "/issue/createmeta", create_meta, "empty", nothing={"projects": []}),
]

"""Endpoints: what is set up on the site: who, which projects, types, fields, screens, permissions."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from connectors.rehearsal.jira import workflow
from connectors.rehearsal.jira.catalogue import (
    CATEGORIES,
    LINK_TYPES,
    PERMISSIONS,
    PRIORITIES,
    RESOLUTIONS,
    STATUSES,
    TYPES,
    IssueType,
    Project,
    User,
    by_name,
)
from connectors.rehearsal.jira.fields import FIELDS
from connectors.rehearsal.jira.problem import Problem, bad, missing
from connectors.rehearsal.jira.routing import Endpoint
from connectors.rehearsal.jira.site import BAD_PAYLOAD, Call, Result, sliced
from connectors.rehearsal.jira.stamps import millis, stamp

SEARCHABLE_USERS = 1000
VERSION = "1001.0.0-SNAPSHOT"

# ---------------------------------------------------------------- the site and its people


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


async def myself(call: Call) -> Result:
    return 200, {**call.shapes.user(call.user, full=True), "emailAddress": call.user.email}


def _matches(call: Call, words: str) -> list[User]:
    """Active people whose name, or e-mail address that they show, has a word that starts so."""
    folded = words.casefold().strip()
    users = list(call.site.catalogue.users.values())[:SEARCHABLE_USERS]
    return [user for user in users if user.active and _is_match(user, folded)]


def _is_match(user: User, folded: str) -> bool:
    if not folded:
        return True
    held = [user.name.casefold(), *user.name.casefold().split()]
    if not user.hidden_email:
        held.append(user.email.casefold())
    return any(one.startswith(folded) for one in held)


async def find_users(call: Call) -> Result:
    account = call.query("accountId")
    if not account and not call.query("query") and "query" not in call.request.query_params:
        raise bad("Either the query or the accountId parameter must be given.")
    users = call.site.catalogue.users
    found = [users[account]] if account in users else [] if account else _matches(call, call.query("query"))
    page = sliced(found, call.number("startAt", 0), call.number("maxResults", 50, 1000))
    return 200, [call.shapes.user(user) for user in page]


async def all_users(call: Call) -> Result:
    users = list(call.site.catalogue.users.values())
    page = sliced(users, call.number("startAt", 0), call.number("maxResults", 50, 1000))
    return 200, [call.shapes.user(user) for user in page]


async def assignable(call: Call) -> Result:
    keys = call.listed("projectKeys") or call.listed("project")
    if not keys and not call.query("issueKey"):
        raise bad("Name a project or an issue.")
    for key in keys:
        _project(call, key)
    page = sliced(_matches(call, call.query("query")), call.number("startAt", 0), call.number("maxResults", 50, 1000))
    return 200, [call.shapes.user(user) for user in page]


async def user(call: Call) -> Result:
    found = call.site.catalogue.users.get(call.query("accountId"))
    if found is None:
        raise missing("Specified user does not exist or you do not have required permissions")
    return 200, call.shapes.user(found, full=True)


async def users_bulk(call: Call) -> Result:
    accounts = call.request.query_params.getlist("accountId")
    if not 1 <= len(accounts) <= 200:
        raise bad("Name between 1 and 200 account ids.")
    users = call.site.catalogue.users
    found = [users[account] for account in accounts if account in users]
    start, size = call.number("startAt", 0), call.number("maxResults", 10, 200)
    page = [call.shapes.user(one) for one in sliced(found, start, size)]
    return 200, _bean(call, page, start, size, len(found))


def _bean(call: Call, page: list[Any], start: int, size: int, total: int) -> dict[str, Any]:
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


def _project(call: Call, key_or_id: str) -> Project:
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
    return 200, _bean(call, page, start, size, len(found))


async def project(call: Call) -> Result:
    return 200, call.shapes.full_project(_project(call, call.path("project")))


async def project_statuses(call: Call) -> Result:
    _project(call, call.path("project"))
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
    return 200, _bean(call, sliced(found, start, size), start, size, len(found))


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
    return 200, _bean(call, sliced(found, start, size), start, size, len(found))


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
    return 200, _bean(call, sliced(found, start, size), start, size, len(found))


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


# ---------------------------------------------------------------- permissions


async def my_permissions(call: Call) -> Result:
    asked = call.listed("permissions")
    if not asked:
        raise bad("The 'permissions' query parameter is required.")
    unknown = [key for key in asked if key not in PERMISSIONS]
    if unknown:
        raise bad(f"Unrecognized permissions: {', '.join(unknown)}")
    if call.query("projectKey"):
        _project(call, call.query("projectKey"))
    if call.query("issueKey") or call.query("issueId"):
        call.seen(call.query("issueKey") or call.query("issueId"))
    return 200, {"permissions": {key: _permission(call, key) for key in asked}}


def _permission(call: Call, key: str) -> dict[str, Any]:
    id_, name, kind = PERMISSIONS[key]
    return {
        "id": id_,
        "key": key,
        "name": name,
        "type": kind,
        "description": f"Ability to {name.lower()}.",
        "havePermission": call.site.catalogue.may(key),
    }


async def check_permissions(call: Call) -> Result:
    """Of what is asked, lists what is allowed."""
    doc = await call.doc()
    account = doc.get("accountId")
    if account and account != call.user.account_id and not call.site.catalogue.may("ADMINISTER"):
        raise Problem(403, ["Only administrators may check the permissions of others."])
    may, store = call.site.catalogue.may, call.site.store
    allowed: dict[str, tuple[set[int], set[int]]] = {}
    for part in doc.get("projectPermissions") or ():
        if type(part) is not dict:
            raise bad(BAD_PAYLOAD)
        projects = _numbers(part.get("projects"))
        issues = _numbers(part.get("issues"))
        for key in part.get("permissions") or ():
            if key not in PERMISSIONS:
                raise bad(f"Unrecognized permission: {key}")
            held = allowed.setdefault(key, (set(), set()))
            if may(key):
                held[0].update(id_ for id_ in projects if call.site.catalogue.project(id_))
                held[1].update(id_ for id_ in issues if (issue := store.issues.get(id_)) and not issue.secured)
    return 200, {
        "globalPermissions": [key for key in doc.get("globalPermissions") or () if key in PERMISSIONS and may(key)],
        "projectPermissions": [
            {"permission": key, "projects": sorted(projects_), "issues": sorted(issues_)}
            for key, (projects_, issues_) in allowed.items()
        ],
    }


def _numbers(listed: Iterable[Any] | None) -> list[int]:
    numbers = list(listed or ())
    if len(numbers) > 1000 or not all(type(number) is int for number in numbers):
        raise bad(BAD_PAYLOAD)
    return numbers


NO_PAGE: dict[str, Any] = {"values": [], "startAt": 0, "maxResults": 50, "total": 0, "isLast": True}
ENDPOINTS = [
    Endpoint("GET", "/serverInfo", server_info, "open"),
    Endpoint("GET", "/myself", myself),
    Endpoint("GET", "/user/search", find_users, "empty"),
    Endpoint("GET", "/user/bulk", users_bulk, "empty", nothing=NO_PAGE),
    Endpoint("GET", "/user/assignable/search", assignable, "empty"),
    Endpoint("GET", "/user/assignable/multiProjectSearch", assignable, "empty"),
    Endpoint("GET", "/user", user),
    Endpoint("GET", "/users/search", all_users, "empty"),
    Endpoint("GET", "/users", all_users, "empty"),
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
    Endpoint("GET", "/mypermissions", my_permissions),
    Endpoint("POST", "/permissions/check", check_permissions),
]

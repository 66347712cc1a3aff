"""Endpoints: who is there, and who may do what."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from connectors.rehearsal.jira.api_site import bean, visible_project
from connectors.rehearsal.jira.catalogue import PERMISSIONS, User
from connectors.rehearsal.jira.problem import Problem, bad, missing
from connectors.rehearsal.jira.routing import Endpoint
from connectors.rehearsal.jira.site import BAD_PAYLOAD, Call, Result, sliced

SEARCHABLE_USERS = 1000


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
        visible_project(call, key)
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
    return 200, bean(call, page, start, size, len(found))


# ---------------------------------------------------------------- permissions


async def my_permissions(call: Call) -> Result:
    asked = call.listed("permissions")
    if not asked:
        raise bad("The 'permissions' query parameter is required.")
    unknown = [key for key in asked if key not in PERMISSIONS]
    if unknown:
        raise bad(f"Unrecognized permissions: {', '.join(unknown)}")
    if call.query("projectKey"):
        visible_project(call, call.query("projectKey"))
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
    Endpoint("GET", "/myself", myself),
    Endpoint("GET", "/user/search", find_users, "empty"),
    Endpoint("GET", "/user/bulk", users_bulk, "empty", nothing=NO_PAGE),
    Endpoint("GET", "/user/assignable/search", assignable, "empty"),
    Endpoint("GET", "/user/assignable/multiProjectSearch", assignable, "empty"),
    Endpoint("GET", "/user", user),
    Endpoint("GET", "/users/search", all_users, "empty"),
    Endpoint("GET", "/users", all_users, "empty"),
    Endpoint("GET", "/mypermissions", my_permissions),
    Endpoint("POST", "/permissions/check", check_permissions),
]

"""Endpoints: issues, alone and in bulk, their transitions and change logs."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from connectors.rehearsal.jira.editor import Created, property_value
from connectors.rehearsal.jira.model import Issue, changed
from connectors.rehearsal.jira.problem import GONE, Problem, bad, bad_field
from connectors.rehearsal.jira.render import Wanted
from connectors.rehearsal.jira.routing import Endpoint
from connectors.rehearsal.jira.site import BAD_PAYLOAD, Call, Result, sliced
from connectors.rehearsal.jira.tasks import Task

BULK = 50
FETCH = 100
SEARCH_PROPERTIES = 5
BULK_DELETE = 1000


def _born(call: Call, created: Created) -> dict[str, Any]:
    issue = created.issue
    doc: dict[str, Any] = {"id": str(issue.id), "key": issue.key, "self": f"{call.base}/issue/{issue.id}"}
    if created.moved:
        problem = created.transition
        doc["transition"] = {
            "status": problem.status if problem else 204,
            "errorCollection": problem.body() if problem else Problem(204).body(),
        }
    return doc


async def create(call: Call) -> Result:
    editor = call.site.editor
    created = editor.create(await call.doc(), call.user, call.version, editor.millis())
    return 201, _born(call, created)


async def create_bulk(call: Call) -> Result:
    """At most 50; 201 when at least one was created. `issues` holds the created ones only, in order."""
    updates = (await call.doc()).get("issueUpdates")
    if type(updates) is not list or not updates:
        raise bad(BAD_PAYLOAD)
    if len(updates) > BULK:
        raise bad(f"The maximum number of issues that can be created in bulk is {BULK}.")
    editor, user, version = call.site.editor, call.user, call.version
    now = editor.millis()
    issues: list[dict[str, Any]] = []
    errors: list[dict[str, Any]] = []
    for number, update in enumerate(updates):
        try:
            issues.append(_born(call, editor.create(update, user, version, now)))
        except Problem as problem:
            errors.append({"status": problem.status, "elementErrors": problem.body(), "failedElementNumber": number})
    return 201 if issues else 400, {"issues": issues, "errors": errors}


def _wanted(call: Call, default: tuple[str, ...]) -> Wanted:
    properties = call.listed("properties")
    return Wanted(call.listed("fields") or default, properties, frozenset(call.listed("expand")))


async def read(call: Call) -> Result:
    return 200, call.render.issue(call.issue(), _wanted(call, ("*all",)))


async def fetch(call: Call) -> Result:
    """At most 100 issues by id or key, strongly consistent, in ascending order of ids."""
    doc = await call.doc()
    names = doc.get("issueIdsOrKeys")
    fields, properties, expand = (doc.get(name) or [] for name in ("fields", "properties", "expand"))
    if type(names) is not list or any(type(part) is not list for part in (fields, properties, expand)):
        raise bad(BAD_PAYLOAD)
    if not names:
        raise bad_field("issueIdsOrKeys", "Name at least one issue.")
    if len(names) > FETCH:
        raise bad_field("issueIdsOrKeys", f"The number of issues must not be more than {FETCH}.")
    if len(properties) > SEARCH_PROPERTIES:
        raise bad_field("properties", f"The number of properties must not be more than {SEARCH_PROPERTIES}.")
    wanted = Wanted(tuple(fields) or ("*navigable",), tuple(properties), frozenset(expand))
    store, render = call.site.store, call.render
    found: dict[int, Issue] = {}
    errors = []
    for name in names:
        issue = store.find(str(name))
        if issue is None or issue.secured:
            errors.append({"id": str(name), "errorMessage": GONE})
        else:
            found[issue.id] = issue
    return 200, {"issues": [render.issue(found[id_], wanted) for id_ in sorted(found)], "issueErrors": errors}


async def edit(call: Call) -> Result:
    issue = call.writing()
    if not call.flag("notifyUsers", True) and not (
        call.site.catalogue.may("ADMINISTER") or call.site.catalogue.may("ADMINISTER_PROJECTS")
    ):
        raise Problem(403, ["To discard the user notification either admin or project admin permissions are required."])
    update = await call.doc()
    issue = call.site.editor.edit(issue, update, call.user, call.version)
    if call.flag("returnIssue"):
        return 200, call.render.issue(issue, _wanted(call, ("*all",)))
    return 204, None


async def assign(call: Call) -> Result:
    issue = call.writing()
    call.require("ASSIGN_ISSUES", "You do not have permission to assign issues in this project.")
    call.site.editor.edit(issue, {"fields": {"assignee": await call.doc()}}, call.user, call.version)
    return 204, None


async def delete(call: Call) -> Result:
    call.site.editor.delete(call.writing(), call.flag("deleteSubtasks"))
    return 204, None


async def edit_screen(call: Call) -> Result:
    return 200, call.render.edit_screen(call.issue())


async def transitions(call: Call) -> Result:
    issue = call.issue()
    steps = call.render.steps(issue, "transitions.fields" in call.listed("expand"))
    wanted = call.query("transitionId")
    if wanted:
        steps = [step for step in steps if step["id"] == wanted]
    if not call.site.catalogue.may("TRANSITION_ISSUES"):
        steps = []
    return 200, {"expand": "transitions", "transitions": steps}


async def transition(call: Call) -> Result:
    call.site.editor.transition(call.writing(), await call.doc(), call.user, call.version)
    return 204, None


# ---------------------------------------------------------------- change logs


async def changelog(call: Call) -> Result:
    issue = call.issue()
    start, size = call.number("startAt", 0), call.number("maxResults", 100, 100)
    changes = call.site.store.changes.get(issue.id, [])
    page = sliced(changes, start, size)
    return 200, {
        "self": f"{call.base}/issue/{issue.id}/changelog?startAt={start}&maxResults={size}",
        "maxResults": size,
        "startAt": start,
        "total": len(changes),
        "isLast": start + len(page) >= len(changes),
        "values": [call.render.change(change) for change in page],
    }


async def changelogs(call: Call) -> Result:
    """Change logs of many issues, oldest first, with moments in epoch milliseconds."""
    doc = await call.doc()
    names, size = doc.get("issueIdsOrKeys"), doc.get("maxResults") or 1000
    wanted = set(doc.get("fieldIds") or ())
    if type(names) is not list or not 1 <= len(names) <= 1000 or type(size) is not int or not 1 <= size <= 10_000:
        raise bad(BAD_PAYLOAD)
    try:
        start = int(doc.get("nextPageToken") or 0)
    except ValueError:
        raise bad("The provided next page token is invalid.") from None
    store = call.site.store
    issues = {issue.id: issue for name in names if (issue := store.find(str(name))) and not issue.secured}
    changes = [
        change
        for id_ in sorted(issues)
        for change in store.changes.get(id_, ())
        if not wanted or any(item["fieldId"] in wanted for item in change.items)
    ]
    page = sliced(changes, start, size)
    logs: dict[int, list[Any]] = {}
    for change in page:
        logs.setdefault(change.issue, []).append(call.render.change(change, epoch=True))
    answer: dict[str, Any] = {
        "issueChangeLogs": [{"issueId": str(id_), "changeHistories": histories} for id_, histories in logs.items()]
    }
    if start + len(page) < len(changes):
        answer["nextPageToken"] = str(start + len(page))
    return 200, answer


# ---------------------------------------------------------------- in the background, and away


async def delete_bulk(call: Call) -> Result:
    """Accepted at once, done by a task: watch it at /bulk/queue/{taskId}."""
    call.require("BULK_CHANGE", "You do not have permission to make bulk changes.")
    names = (await call.doc()).get("selectedIssueIdsOrKeys")
    if type(names) is not list or not 1 <= len(names) <= BULK_DELETE:
        raise bad(f"Select between 1 and {BULK_DELETE} issues.")
    site = call.site

    def work(task: Task) -> None:
        for name in names:
            issue = site.store.find(str(name))
            if issue is None or issue.secured:
                task.unknown += 1
                continue
            try:
                site.editor.delete(issue, True)
                task.done.append(issue.id)
            except Problem as problem:
                task.failed[str(issue.id)] = problem.messages

    task = site.tasks.start(site.store.next_id(), call.user, len(names), work)
    return 201, {"taskId": str(task.id)}


async def queue(call: Call) -> Result:
    return 200, _task(call).show()


def _task(call: Call) -> Task:
    word = call.path("task")
    task = call.site.tasks.held.get(int(word)) if word.isdigit() else None
    if task is None:
        raise Problem(404, ["The task was not found."])
    return task


async def task(call: Call) -> Result:
    task = _task(call)
    done = task.status == "COMPLETE"
    return 200, {
        "self": f"{call.base}/task/{task.id}",
        "id": str(task.id),
        "status": task.status,
        "progress": 100 if done else 0,
        "submitted": task.created,
        "submittedBy": 10_000,
        "started": task.started,
        "lastUpdate": task.updated,
        "elapsedRuntime": max(0, task.updated - task.started),
    }


async def archive(call: Call) -> Result:
    return await _set_archived(call, True)


async def unarchive(call: Call) -> Result:
    return await _set_archived(call, False)


async def _set_archived(call: Call, archived: bool) -> Result:
    call.require("ADMINISTER", "You do not have permission to archive issues.")
    names = (await call.doc()).get("issueIdsOrKeys")
    if type(names) is not list or len(names) > BULK_DELETE:
        raise bad(f"Name at most {BULK_DELETE} issues.")
    store, now = call.site.store, call.site.editor.millis()
    lost: list[str] = []
    subtasks: list[str] = []
    count = 0
    for name in names:
        issue = store.find(str(name))
        if issue is None or issue.secured:
            lost.append(str(name))
        elif issue.type.subtask:
            subtasks.append(str(name))
        else:
            family = [issue, *(store.issues[id_] for id_ in store.children.get(issue.id, ()))]
            for one in family:
                store.put(changed(one, now, archived=archived), now / 1000)
            count += len(family)
    errors = {}
    if lost:
        errors["issuesNotFound"] = _group(lost, "Issue not found.")
    if subtasks:
        errors["issueIsSubtask"] = _group(subtasks, "Issue is subtask.")
    return 200, {"numberOfIssuesUpdated": count, "errors": errors}


def _group(names: list[str], message: str) -> dict[str, Any]:
    return {"count": len(names), "issueIdsOrKeys": names, "message": message}


async def set_many_properties(call: Call) -> Result:
    """Entity properties of up to 100 issues; what is done can be watched at the task that the answer points to."""
    listed = (await call.doc()).get("issues")
    if type(listed) is not list or not 1 <= len(listed) <= 100:
        raise bad("Name between 1 and 100 issues.")
    changes: list[tuple[str, dict[str, bytes]]] = []
    for entry in listed:
        properties = entry.get("properties") if type(entry) is dict else None
        if type(properties) is not dict or not 1 <= len(properties) <= 10:
            raise bad("Each issue takes between 1 and 10 properties.")
        kept = {key: property_value(key, value) for key, value in properties.items()}
        changes.append((str(entry.get("issueID")), kept))
    site = call.site

    def work(task: Task) -> None:
        for name, properties in changes:
            issue = site.store.find(name)
            if issue is None or issue.secured:
                task.unknown += 1
            else:
                site.editor.set_properties(issue, {**(issue.properties or {}), **properties})
                task.done.append(issue.id)

    task = site.tasks.start(site.store.next_id(), call.user, len(changes), work)
    return Response(status_code=303, headers={"Location": f"{call.base}/task/{task.id}"})


ENDPOINTS = [
    Endpoint("POST", "/issue/bulk", create_bulk, points=10),
    Endpoint("POST", "/issue/bulkfetch", fetch, points=5),
    Endpoint("POST", "/issue", create),
    Endpoint("PUT", "/issue/archive", archive),
    Endpoint("PUT", "/issue/unarchive", unarchive),
    Endpoint("POST", "/issue/properties/multi", set_many_properties, points=10),
    Endpoint("GET", "/issue/{issue}/transitions", transitions, "hidden"),
    Endpoint("POST", "/issue/{issue}/transitions", transition),
    Endpoint("GET", "/issue/{issue}/changelog", changelog, "hidden"),
    Endpoint("GET", "/issue/{issue}/editmeta", edit_screen, "hidden"),
    Endpoint("PUT", "/issue/{issue}/assignee", assign),
    Endpoint("GET", "/issue/{issue}", read, "hidden"),
    Endpoint("PUT", "/issue/{issue}", edit),
    Endpoint("DELETE", "/issue/{issue}", delete),
    Endpoint("POST", "/changelog/bulkfetch", changelogs, points=5),
    Endpoint("POST", "/bulk/issues/delete", delete_bulk, points=10),
    Endpoint("GET", "/bulk/queue/{task}", queue),
    Endpoint("GET", "/task/{task}", task),
]

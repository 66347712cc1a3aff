"""Endpoints: what hangs on an issue: comments, properties, work logs."""

from __future__ import annotations

import re
from typing import Any

from connectors.rehearsal.base import Answer
from connectors.rehearsal.jira.editor import properties_of, property_value
from connectors.rehearsal.jira.model import Comment, Issue, Properties, Worklog
from connectors.rehearsal.jira.problem import bad, bad_field, missing
from connectors.rehearsal.jira.render import property_keys
from connectors.rehearsal.jira.routing import Endpoint
from connectors.rehearsal.jira.site import BAD_PAYLOAD, Call, Result, sliced
from connectors.rehearsal.jira.stamps import parse_stamp

PAGE = 100
PAGE_MOST = 5000
LIST_MOST = 1000

# ---------------------------------------------------------------- comments


def _comments(call: Call, issue: Issue) -> list[Comment]:
    store = call.site.store
    return [store.comments[id_] for id_ in store.comments_of.get(issue.id, ())]


async def comments(call: Call) -> Result:
    issue = call.issue()
    start, size = call.number("startAt", 0), call.number("maxResults", PAGE, PAGE_MOST)
    held = _comments(call, issue)
    order = call.query("orderBy")
    if order.lstrip("+-") not in ("", "created"):
        raise bad("Comments can be ordered by created, +created or -created only.")
    if order.startswith("-"):
        held.reverse()
    expanded = "properties" in call.listed("expand")
    return 200, {
        "startAt": start,
        "maxResults": size,
        "total": len(held),
        "comments": [call.render.comment(comment, expanded) for comment in sliced(held, start, size)],
    }


async def add_comment(call: Call) -> Result:
    issue = call.writing()
    call.require("ADD_COMMENTS", "You do not have permission to comment on issues in this project.")
    store, editor = call.site.store, call.site.editor
    call.room("comment", len(store.comments_of.get(issue.id, ())))
    doc = await call.doc()
    body = editor.body(doc.get("body"), call.version)
    editor.comment(issue, body, call.user, _visibility(doc), properties_of(doc.get("properties")))
    made = store.comments[store.comments_of[issue.id][-1]]
    return 201, call.render.comment(made, "properties" in call.listed("expand"))


def _visibility(doc: dict[str, Any]) -> dict[str, Any] | None:
    asked = doc.get("visibility")
    if asked is None:
        return None
    if (
        type(asked) is not dict
        or asked.get("type") not in ("role", "group")
        or not (asked.get("value") or asked.get("identifier"))
    ):
        raise bad_field("commentLevel", "Name a role or a group that may see the comment.")
    return {name: asked[name] for name in ("type", "value", "identifier") if name in asked}


def _comment(call: Call) -> tuple[Issue, Comment]:
    issue, comment = call.issue(), call.comment_at("comment")
    if comment.issue != issue.id:
        raise missing(f"Can not find a comment for the id: {comment.id}.")
    return issue, comment


async def comment(call: Call) -> Result:
    return 200, call.render.comment(_comment(call)[1], "properties" in call.listed("expand"))


async def edit_comment(call: Call) -> Result:
    issue, held = _comment(call)
    call.count_write(issue)
    doc = await call.doc()
    editor = call.site.editor
    body, properties = editor.body(doc.get("body"), call.version), properties_of(doc.get("properties"))
    held = editor.edit_comment(held, body, call.user, _visibility(doc), properties)
    return 200, call.render.comment(held, "properties" in call.listed("expand"))


async def delete_comment(call: Call) -> Result:
    issue, held = _comment(call)
    call.count_write(issue)
    call.require("DELETE_ALL_COMMENTS", "You do not have permission to delete this comment.")
    call.site.editor.delete_comment(held, call.user)
    return 204, None


async def comment_list(call: Call) -> Result:
    """Comments by id; unknown ids are left out."""
    ids = (await call.doc()).get("ids")
    if type(ids) is not list or len(ids) > LIST_MOST or not all(type(id_) is int for id_ in ids):
        raise bad(BAD_PAYLOAD)
    store = call.site.store
    found = [held for id_ in ids if (held := store.comments.get(id_)) and not store.issues[held.issue].secured]
    expanded = "properties" in call.listed("expand")
    return 200, {
        "startAt": 0,
        "maxResults": LIST_MOST,
        "total": len(found),
        "isLast": True,
        "values": [call.render.comment(one, expanded) for one in found],
    }


# ---------------------------------------------------------------- entity properties


async def issue_properties(call: Call) -> Result:
    issue = call.issue()
    return 200, property_keys(issue.properties, f"{call.base}/issue/{issue.id}/properties")


async def issue_property(call: Call) -> Result:
    return _property(call, call.issue().properties)


def _property(call: Call, held: Properties | None) -> Result:
    key = call.path("key")
    if key not in (held or {}):
        raise missing(f"The property with key '{key}' does not exist.")
    return Answer(b'{"key":%s,"value":%s}' % (Answer(key).body, (held or {})[key]))


async def _changed_properties(call: Call, held: Properties | None) -> tuple[Properties, int]:
    """The properties after a PUT or DELETE of one, and the status to answer."""
    key, after = call.path("key"), dict(held or {})
    if call.request.method == "DELETE":
        if after.pop(key, None) is None:
            raise missing(f"The property with key '{key}' does not exist.")
        return after, 204
    status = 200 if key in after else 201
    after[key] = property_value(key, await call.body())
    return after, status


def _property_answer(call: Call, status: int) -> Result:
    return (204, None) if status == 204 else (status, {"self": str(call.request.url)})


async def change_issue_property(call: Call) -> Result:
    issue = call.writing()
    after, status = await _changed_properties(call, issue.properties)
    call.site.editor.set_properties(call.issue(), after)
    return _property_answer(call, status)


async def comment_properties(call: Call) -> Result:
    held = call.comment_at("comment")
    return 200, property_keys(held.properties, f"{call.base}/comment/{held.id}/properties")


async def comment_property(call: Call) -> Result:
    return _property(call, call.comment_at("comment").properties)


async def change_comment_property(call: Call) -> Result:
    held = call.comment_at("comment")
    call.count_write(call.site.store.issues[held.issue])
    after, status = await _changed_properties(call, held.properties)
    held.properties = after or None
    call.site.store.hang(held)
    return _property_answer(call, status)


# ---------------------------------------------------------------- work logs


async def worklogs(call: Call) -> Result:
    issue = call.issue()
    start, size = call.number("startAt", 0), call.number("maxResults", PAGE_MOST, PAGE_MOST)
    store = call.site.store
    held = [store.worklogs[id_] for id_ in store.worklogs_of.get(issue.id, ())]
    page = [call.render.worklog(one) for one in sliced(held, start, size)]
    return 200, {"startAt": start, "maxResults": size, "total": len(held), "worklogs": page}


async def add_worklog(call: Call) -> Result:
    issue = call.writing()
    call.require("WORK_ON_ISSUES", "You do not have permission to log work on issues in this project.")
    store, editor = call.site.store, call.site.editor
    call.room("worklog", len(store.worklogs_of.get(issue.id, ())))
    doc = await call.doc()
    seconds = _seconds(doc)
    now = editor.millis()
    try:
        started = parse_stamp(doc["started"]) if doc.get("started") else now
    except (TypeError, ValueError):
        raise bad_field("started", "Write the time as 2026-11-21T09:00:00.000+0000.") from None
    comment = editor.body(doc["comment"], call.version) if doc.get("comment") else None
    made = Worklog(store.next_id(), issue.id, call.user.account_id, seconds, started, now, comment)
    store.hang(made)
    editor.touch(issue)
    return 201, call.render.worklog(made)


def _seconds(doc: dict[str, Any]) -> int:
    if type(doc.get("timeSpentSeconds")) is int and doc["timeSpentSeconds"] > 0:
        return int(doc["timeSpentSeconds"])
    sizes = {"w": 144_000, "d": 28_800, "h": 3600, "m": 60}
    words = str(doc.get("timeSpent") or "").split()
    if not words or not all(re.fullmatch(r"\d+[wdhm]", word) for word in words):
        raise bad_field("timeLogged", "Invalid time entered: write it as 3h 20m.")
    return sum(int(word[:-1]) * sizes[word[-1]] for word in words)


async def delete_worklog(call: Call) -> Result:
    issue = call.writing()
    word = call.path("worklog")
    held = call.site.store.worklogs.get(int(word)) if word.isdigit() else None
    if held is None or held.issue != issue.id:
        raise missing(f"Cannot find worklog with id: '{word}'.")
    call.site.store.unhang(held)
    call.site.editor.touch(issue)
    return 204, None


PROPERTY = "/issue/{issue}/properties/{key}"
COMMENT_PROPERTY = "/comment/{comment}/properties/{key}"
ENDPOINTS = [
    Endpoint("POST", "/issue/{issue}/comment", add_comment),
    Endpoint("GET", "/issue/{issue}/comment", comments, "hidden"),
    Endpoint("GET", "/issue/{issue}/comment/{comment}", comment, "hidden"),
    Endpoint("PUT", "/issue/{issue}/comment/{comment}", edit_comment),
    Endpoint("DELETE", "/issue/{issue}/comment/{comment}", delete_comment),
    Endpoint("POST", "/comment/list", comment_list),
    Endpoint("GET", "/comment/{comment}/properties", comment_properties, "hidden"),
    Endpoint("GET", COMMENT_PROPERTY, comment_property, "hidden"),
    Endpoint("PUT", COMMENT_PROPERTY, change_comment_property),
    Endpoint("DELETE", COMMENT_PROPERTY, change_comment_property),
    Endpoint("GET", "/issue/{issue}/properties", issue_properties, "hidden"),
    Endpoint("GET", PROPERTY, issue_property, "hidden"),
    Endpoint("PUT", PROPERTY, change_issue_property),
    Endpoint("DELETE", PROPERTY, change_issue_property),
    Endpoint("GET", "/issue/{issue}/worklog", worklogs, "hidden"),
    Endpoint("POST", "/issue/{issue}/worklog", add_worklog),
    Endpoint("DELETE", "/issue/{issue}/worklog/{worklog}", delete_worklog),
]

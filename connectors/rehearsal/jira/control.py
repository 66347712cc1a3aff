"""Beside the API: a scripted user's writes, and the whole truth about every issue for proofs."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any

import orjson

from connectors.rehearsal.jira import workflow
from connectors.rehearsal.jira.catalogue import LINK_TYPES, RESOLUTIONS, User, by_name
from connectors.rehearsal.jira.editor import property_value
from connectors.rehearsal.jira.model import Issue, Link, Properties
from connectors.rehearsal.jira.problem import Problem
from connectors.rehearsal.jira.site import Site

VERSION = 2  # a script writes plain text


def dump(site: Site, issue: Issue, fields: list[str] | None = None) -> dict[str, Any]:
    """{id, key, project, type, status, created, updated, fields, properties, comments, attachments, links}.

    Field values as they are kept: ids for choices, account ids for people, documents decoded. Moments in milliseconds.
    """
    store = site.store
    comments = [store.comments[id_] for id_ in store.comments_of.get(issue.id, ())]
    attachments = [store.attachments[id_] for id_ in store.attachments_of.get(issue.id, ())]
    links = [store.links[id_] for id_ in store.links_of.get(issue.id, ())]
    return {
        "id": str(issue.id),
        "key": issue.key,
        "project": issue.project.key,
        "type": issue.type.name,
        "status": issue.status.name,
        "created": issue.created,
        "updated": issue.updated,
        "parent": str(issue.parent) if issue.parent else None,
        "fields": {name: _plain(held) for name, held in issue.fields.items() if fields is None or name in fields},
        "properties": _properties(issue.properties),
        "comments": [
            {"id": str(one.id), "author": one.author, "body": orjson.loads(one.body)}
            | {"properties": _properties(one.properties), "created": one.created}
            for one in comments
        ],
        "attachments": [
            {"id": str(one.id), "filename": one.filename, "mime": one.mime, "size": len(one.content)}
            | {"sha256": hashlib.sha256(one.content).hexdigest()}
            for one in attachments
        ],
        "links": [
            {"id": str(one.id), "type": one.type, "inward": str(one.inward), "outward": str(one.outward)}
            for one in links
        ],
    }


def _plain(held: Any) -> Any:
    if isinstance(held, bytes):
        return orjson.loads(held)
    return list(held) if isinstance(held, tuple) else held


def _properties(held: Properties | None) -> dict[str, Any]:
    return {key: orjson.loads(value) for key, value in (held or {}).items()}


def perform(site: Site, doc: dict[str, Any]) -> Any:
    """One write of a scripted user: {op, issue, user (an e-mail), ...}. Raises ValueError that says what is wrong.

    create {fields} · edit {fields, update} · status {to} · delete · move {project} · secure {on} · archive {on} ·
    comment {body} · edit_comment {comment, body} · delete_comment {comment} · attach {name, content} ·
    detach {attachment} · link {type, to} · property {key, value} · expire_tokens
    """
    try:
        return _perform(site, doc)
    except Problem as problem:
        said = "; ".join([*problem.messages, *(f"{name}: {message}" for name, message in problem.errors.items())])
        raise ValueError(said) from None
    except KeyError as error:
        raise ValueError(f"a scripted write {doc.get('op')!r} needs {error}") from None


def _perform(site: Site, doc: dict[str, Any]) -> Any:
    editor, store = site.editor, site.store
    op = doc.get("op")
    user = _user(site, doc)
    if op == "expire_tokens":
        return site.auth.expire()
    if op == "create":
        issue = editor.create({"fields": doc["fields"]}, user, VERSION, editor.millis()).issue
        return {"id": str(issue.id), "key": issue.key}
    found = store.find(str(doc["issue"]))
    if found is None:
        raise ValueError("no such issue: name it by id or key")
    match op:
        case "edit":
            found = editor.edit(found, {"fields": doc.get("fields"), "update": doc.get("update")}, user, VERSION)
        case "status":
            found = _bring(site, found, str(doc["to"]), user)
        case "comment" | "edit_comment" | "delete_comment" | "attach" | "detach" | "link":
            found = _hang(site, found, user, doc)
        case "property":
            after = {**(found.properties or {}), doc["key"]: property_value(doc["key"], doc["value"])}
            found = editor.set_properties(found, after)
        case "delete":
            editor.delete(found, True)
        case "move":
            project = site.catalogue.project(doc["project"])
            if project is None:
                raise ValueError("no such project: name it by key or id")
            found = editor.move(found, project)
        case "secure":
            found = replace(found, secured=bool(doc.get("on", True)))
            store.put(found, editor.millis() / 1000)
        case "archive":
            found = replace(found, archived=bool(doc.get("on", True)))
            store.put(found, editor.millis() / 1000)
        case _:
            raise ValueError(f"op is one of {', '.join(_OPERATIONS)}")
    return {"id": str(found.id), "key": found.key}


_OPERATIONS = (
    *("create", "edit", "status", "delete", "move", "secure", "archive", "comment", "edit_comment", "delete_comment"),
    *("attach", "detach", "link", "property", "expire_tokens"),
)


def _hang(site: Site, issue: Issue, user: User, doc: dict[str, Any]) -> Issue:
    """What hangs on the issue comes, changes or goes."""
    editor, store = site.editor, site.store
    match doc["op"]:
        case "comment":
            editor.comment(issue, editor.body(doc["body"], VERSION), user)
        case "edit_comment":
            editor.edit_comment(
                store.comments[int(doc["comment"])], editor.body(doc["body"], VERSION), user, None, None
            )
        case "delete_comment":
            editor.delete_comment(store.comments[int(doc["comment"])], user)
        case "attach":
            editor.attach(issue, [(doc["name"], "text/plain", str(doc.get("content", "")).encode())], user)
        case "detach":
            editor.detach(store.attachments[int(doc["attachment"])], user)
        case "link":
            kind, other = by_name(LINK_TYPES, str(doc["type"])), store.find(str(doc["to"]))
            if kind is None or other is None:
                raise ValueError("no such link type, or no such issue to link to")
            editor.link(Link(store.next_id(), kind.id, issue.id, other.id), user)
    return store.issues[issue.id]


def _user(site: Site, doc: dict[str, Any]) -> User:
    if "user" not in doc:
        return site.auth.owner
    user = site.catalogue.by_email.get(str(doc["user"]).lower())
    if user is None:
        raise ValueError("no such user: name one by e-mail address")
    return user


def _bring(site: Site, issue: Issue, status: str, user: User) -> Issue:
    """Along the shortest way through the workflow, as a person with patience would."""
    ways: dict[str, tuple[workflow.Step, ...]] = {issue.status.name: ()}
    ahead = [issue.status.name]
    steps = workflow.workflow_of(issue.type.name)
    while ahead and status not in ways:
        origin = ahead.pop(0)
        for step in steps:
            if step.origin == origin and step.target not in ways:
                ways[step.target] = (*ways[origin], step)
                ahead.append(step.target)
    if status not in ways:
        raise ValueError("the workflow does not lead to that status")
    for step in ways[status]:
        asked: dict[str, Any] = {"transition": {"id": step.id}}
        if step.screen:
            asked["fields"] = {"resolution": {"id": next(iter(RESOLUTIONS))}}
        issue = site.editor.transition(issue, asked, user, VERSION)
    return issue

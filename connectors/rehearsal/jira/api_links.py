"""Endpoints: links between issues, and links to elsewhere."""

from __future__ import annotations

from typing import Any

from connectors.rehearsal.jira.catalogue import LINK_TYPES, by_name
from connectors.rehearsal.jira.model import Issue, Link, RemoteLink
from connectors.rehearsal.jira.problem import bad, bad_field, missing
from connectors.rehearsal.jira.routing import Endpoint
from connectors.rehearsal.jira.site import BAD_PAYLOAD, Call, Result


async def add_link(call: Call) -> Result:
    """201 without a body; a link that is there already answers the same, and stays one."""
    call.require("LINK_ISSUES", "No Link Issue Permission for issue.")
    doc = await call.doc()
    asked = doc.get("type")
    if type(asked) is not dict:
        raise bad(BAD_PAYLOAD)
    kind = LINK_TYPES.get(str(asked.get("id"))) or by_name(LINK_TYPES, str(asked.get("name")))
    if kind is None:
        raise missing("No issue link type with the given name found.")
    inward, outward = (_end(call, doc.get(name)) for name in ("inwardIssue", "outwardIssue"))
    if inward.id == outward.id:
        raise bad("You cannot link an issue to itself.")
    for issue in (inward, outward):
        call.count_write(issue)
    store = call.site.store
    comment = doc.get("comment")
    body = call.site.editor.body(comment.get("body"), call.version) if type(comment) is dict else None
    mine = [store.links[id_] for id_ in store.links_of.get(inward.id, ())]
    symmetric = kind.inward == kind.outward
    there = any(
        link.type == kind.id
        and (
            (link.inward, link.outward) == (inward.id, outward.id)
            or (symmetric and (link.outward, link.inward) == (inward.id, outward.id))
        )
        for link in mine
    )
    if not there:
        for issue in (inward, outward):
            call.room("issuelink", len(store.links_of.get(issue.id, ())))
        call.site.editor.link(Link(store.next_id(), kind.id, inward.id, outward.id), call.user)
    if body:
        call.site.editor.comment(store.issues[inward.id], body, call.user)
    return 201, None


def _end(call: Call, asked: Any) -> Issue:
    if type(asked) is not dict or not (asked.get("id") or asked.get("key")):
        raise bad("Name both the inwardIssue and the outwardIssue, each with an id or a key.")
    return call.seen(str(asked.get("id") or asked.get("key")))


def _link(call: Call) -> Link:
    word = call.path("link")
    link = call.site.store.links.get(int(word)) if word.isdigit() else None
    if link is None:
        raise missing(f"No issue link with id '{word}' exists.")
    return link


async def link(call: Call) -> Result:
    return 200, call.render.link(_link(call))


async def delete_link(call: Call) -> Result:
    held = _link(call)
    store = call.site.store
    for end in (held.inward, held.outward):
        call.count_write(store.issues[end])
    call.require("LINK_ISSUES", "No Link Issue Permission for issue.")
    call.site.editor.unlink(held, call.user)
    return 204, None


# ---------------------------------------------------------------- links to elsewhere


def _remote_links(call: Call, issue: Issue) -> list[RemoteLink]:
    store = call.site.store
    return [store.remote_links[id_] for id_ in store.remote_links_of.get(issue.id, ())]


async def remote_links(call: Call) -> Result:
    issue, wanted = call.issue(), call.query("globalId")
    held = [one for one in _remote_links(call, issue) if not wanted or one.global_id == wanted]
    if wanted:
        if not held:
            raise missing("The remote link with the given globalId does not exist.")
        return 200, call.render.remote_link(held[0])
    return 200, [call.render.remote_link(one) for one in held]


async def put_remote_link(call: Call) -> Result:
    """A globalId that is there already is replaced whole (200); any other is new (201)."""
    issue = call.writing()
    call.require("LINK_ISSUES", "No Link Issue Permission for issue.")
    doc = await call.doc()
    target = doc.get("object")
    if type(target) is not dict or not target.get("url") or not target.get("title"):
        raise bad_field("object", "'url' and 'title' are required.")
    global_id = str(doc.get("globalId") or "")
    if len(global_id) > 255:
        raise bad_field("globalId", "The global ID must not be longer than 255 characters.")
    store = call.site.store
    mine = _remote_links(call, issue)
    same = next((one for one in mine if global_id and one.global_id == global_id), None)
    if same is None:
        call.room("remotelink", len(mine))
    kept = {name: doc[name] for name in ("application", "relationship", "object") if doc.get(name)}
    made = RemoteLink(same.id if same else store.next_id(), issue.id, global_id, kept)
    store.hang(made)
    return 200 if same else 201, {
        "id": made.id,
        "self": f"{call.base}/issue/{issue.id}/remotelink/{made.id}",
    }


async def delete_remote_link(call: Call) -> Result:
    """By `globalId`, or by the id in the path."""
    issue = call.writing()
    wanted = call.query("globalId")
    id_ = call.request.path_params.get("link", "")
    if not wanted and not id_:
        raise bad("Name the globalId of the remote link.")
    held = next((one for one in _remote_links(call, issue) if one.global_id == wanted or str(one.id) == id_), None)
    if held is None:
        raise missing("The remote link does not exist.")
    call.site.store.unhang(held)
    return 204, None


async def remote_link(call: Call) -> Result:
    issue, id_ = call.issue(), call.path("link")
    held = next((one for one in _remote_links(call, issue) if str(one.id) == id_), None)
    if held is None:
        raise missing("The remote link does not exist.")
    return 200, call.render.remote_link(held)


ENDPOINTS = [
    Endpoint("POST", "/issueLink", add_link),
    Endpoint("GET", "/issueLink/{link}", link, "hidden"),
    Endpoint("DELETE", "/issueLink/{link}", delete_link),
    Endpoint("GET", "/issue/{issue}/remotelink", remote_links, "hidden"),
    Endpoint("POST", "/issue/{issue}/remotelink", put_remote_link),
    Endpoint("DELETE", "/issue/{issue}/remotelink", delete_remote_link),
    Endpoint("GET", "/issue/{issue}/remotelink/{link}", remote_link, "hidden"),
    Endpoint("DELETE", "/issue/{issue}/remotelink/{link}", delete_remote_link),
]

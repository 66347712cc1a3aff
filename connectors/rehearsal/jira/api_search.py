"""Endpoints: searching, counting, parsing queries."""

from __future__ import annotations

from typing import Any

from connectors.rehearsal.jira import jql
from connectors.rehearsal.jira.problem import Problem, bad
from connectors.rehearsal.jira.render import Wanted
from connectors.rehearsal.jira.routing import Endpoint
from connectors.rehearsal.jira.search import check_text
from connectors.rehearsal.jira.site import BAD_PAYLOAD, Call, Result

MOST = 5000  # issues a page, of ids and keys alone
RECONCILE = 50
PROPERTIES = 5
REMOVED = (
    "The requested API has been removed. Please migrate to the /rest/api/3/search/jql API. "
    "A full migration guideline is available at https://developer.atlassian.com/changelog/#CHANGE-2046"
)
_LIGHT = frozenset({("id",), ("key",), ("id", "key"), ("key", "id")})


async def search_get(call: Call) -> Result:
    try:
        reconcile = [int(word) for word in call.listed("reconcileIssues")]
    except ValueError:
        raise bad(BAD_PAYLOAD) from None
    wanted = Wanted(call.listed("fields") or ("id",), call.listed("properties"), frozenset(call.listed("expand")))
    return _search(
        call, call.query("jql"), call.number("maxResults", 50), call.query("nextPageToken"), wanted, reconcile
    )


async def search_post(call: Call) -> Result:
    doc = await call.doc()
    text, size, token = doc.get("jql") or "", doc.get("maxResults"), doc.get("nextPageToken") or ""
    fields, properties, reconcile = (doc.get(name) or [] for name in ("fields", "properties", "reconcileIssues"))
    expand = doc.get("expand") or ""
    if (
        type(text) is not str
        or type(token) is not str
        or type(expand) is not str
        or type(size) not in (int, type(None))
        or any(type(part) is not list for part in (fields, properties, reconcile))
        or any(type(part) is not int for part in reconcile)
    ):
        raise bad(BAD_PAYLOAD)
    wanted = Wanted(tuple(fields) or ("id",), tuple(properties), frozenset(filter(None, expand.split(","))))
    return _search(call, text, 50 if size is None else size, token, wanted, reconcile)


def _search(call: Call, text: str, size: int, token: str, wanted: Wanted, reconcile: list[int]) -> Result:
    if len(reconcile) > RECONCILE:
        raise bad(f"The number of issues to reconcile must not be more than {RECONCILE}.")
    if len(wanted.properties) > PROPERTIES:
        raise bad(f"The number of properties must not be more than {PROPERTIES}.")
    light = wanted.fields in _LIGHT and not wanted.properties and not wanted.expand
    size = max(1, min(size, MOST if light else call.site.options.page_cap))
    site, reader = call.site, call.reader
    site.store.index.settle(reader.now.timestamp())
    found = site.search.page(text, reader, size, token or None, reconcile)
    render = call.render
    answer: dict[str, Any] = {"issues": [render.issue(issue, wanted) for issue in found.issues]}
    if found.token:
        answer["nextPageToken"] = found.token
    answer["isLast"] = found.token is None
    return 200, answer


async def count(call: Call) -> Result:
    text = (await call.doc()).get("jql")
    if type(text) is not str:
        raise bad(BAD_PAYLOAD)
    site, reader = call.site, call.reader
    site.store.index.settle(reader.now.timestamp())
    return 200, {"count": site.search.count(text, reader)}


async def parse(call: Call) -> Result:
    texts = (await call.doc()).get("queries")
    if type(texts) is not list or not texts or not all(type(text) is str for text in texts):
        raise bad(BAD_PAYLOAD)
    return 200, {"queries": [_parsed(call, text) for text in texts]}


def _parsed(call: Call, text: str) -> dict[str, Any]:
    query, errors = check_text(text, call.site.store, call.reader)
    if errors and call.query("validation", "strict") != "strict":
        try:
            query = jql.parse(text)
        except Problem:
            query = None
    doc: dict[str, Any] = {"query": text}
    if query is not None:
        doc["structure"] = jql.structure(query)
    if errors:
        doc["errors"] = errors
    return doc


async def removed(call: Call) -> Result:
    return 410, {"errorMessages": [REMOVED], "errors": {}}


NOTHING: dict[str, Any] = {"issues": [], "isLast": True}
ENDPOINTS = [
    Endpoint("GET", "/search/jql", search_get, "empty", points=5, nothing=NOTHING),
    Endpoint("POST", "/search/jql", search_post, "empty", points=5, nothing=NOTHING),
    Endpoint("POST", "/search/approximate-count", count, "empty", points=5, nothing={"count": 0}),
    Endpoint("POST", "/jql/parse", parse),
    Endpoint("GET", "/search", removed, "open"),
    Endpoint("POST", "/search", removed, "open"),
]

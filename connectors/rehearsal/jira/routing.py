"""From a table of endpoints to routes: authentication, limits, versions and the shape of refusals in one place."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from connectors.rehearsal.base import Answer
from connectors.rehearsal.jira.limits import Refusal
from connectors.rehearsal.jira.problem import GONE, Problem
from connectors.rehearsal.jira.site import Anonymous, Call, Limited, Result, Site

ROOTS = ("/rest/api/{api}", "/ex/jira/{cloud}/rest/api/{api}")
VERSIONS = {"3": 3, "2": 2, "latest": 2}
DENIED = "Client must be authenticated to access this resource."

Handler = Callable[[Call], Awaitable[Result]]


class Endpoint(NamedTuple):
    """`anonymous`: what a caller without (good) credentials gets: 401, 404, nothing in 200, or the answer itself."""

    method: str
    path: str
    handler: Handler
    anonymous: Anonymous = "denied"
    points: int = 1
    nothing: Any = ()  # the body for `empty`


def routes(site: Site, endpoints: list[Endpoint]) -> list[Route]:
    return [
        Route(root + endpoint.path, _bound(site, endpoint), methods=[endpoint.method])
        for root in ROOTS
        for endpoint in endpoints
    ]


def _bound(site: Site, endpoint: Endpoint) -> Callable[[Request], Awaitable[Response]]:
    name = f"{endpoint.method} {endpoint.path}"
    limits, settings, auth = site.limits, site.limits.settings, site.auth
    handler, points = endpoint.handler, endpoint.points

    async def call(request: Request) -> Response:
        api = request.path_params["api"]
        version = VERSIONS.get(api)
        if version is None:
            return Answer({"errorMessages": [], "errors": {}, "message": "null for uri"}, 404)
        refusal = limits.enter(name, points)
        if refusal:
            return _throttled(limits.headers(refusal))
        given = request.headers.get("authorization")
        user = auth.who(given)
        if user is None and endpoint.anonymous != "open":
            return _anonymous(endpoint, bool(given))
        url = request.url
        prefix = url.path[: url.path.index("/rest/api/")]
        base = f"{url.scheme}://{url.netloc}{prefix}/rest/api/{3 if version == 3 else 2}"
        try:
            if not request.headers.get("content-type", "").startswith("multipart/"):
                await request.body()  # now, so that a handler runs through on one state without giving way
            result = await handler(Call(site, request, user or site.auth.owner, version, base))
        except Problem as problem:
            return refused(problem)
        except Limited as limited:
            return _throttled(limits.headers(limited.refusal))
        if isinstance(result, Response):
            return result
        status, body = result
        headers = limits.headers() if settings.quota else None
        if body is None:
            return Response(status_code=status, headers=headers)
        return Answer(body, status, headers)

    return call


def refused(problem: Problem) -> Response:
    if problem.text:
        return PlainTextResponse(problem.text, problem.status)
    return Answer(problem.body(), problem.status)


def throttled(site: Site, seconds: float, reason: str = "jira-burst-based") -> Response:
    return _throttled(site.limits.headers(Refusal(reason, seconds)))


def _throttled(headers: dict[str, str]) -> Response:
    return Answer({"errorMessages": ["Rate limit exceeded."], "errors": {}}, 429, headers)


def _anonymous(endpoint: Endpoint, tried: bool) -> Response:
    """Bad credentials count as none: only the header tells that somebody tried."""
    answer: Response
    match endpoint.anonymous:
        case "empty":
            answer = Answer(endpoint.nothing)
        case "hidden":
            answer = Answer({"errorMessages": [GONE], "errors": {}}, 404)
        case _:
            answer = PlainTextResponse(DENIED, 401, {"WWW-Authenticate": 'OAuth realm="jira"'})
    if tried:
        answer.headers["X-Seraph-LoginReason"] = "AUTHENTICATED_FAILED"
    return answer

"""The shapes that every API of the instance shares: errors, who may call, what a caller wants to see."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

import orjson
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from connectors.rehearsal.base import Time
from connectors.rehearsal.servicenow.auth import Caller, Door
from connectors.rehearsal.servicenow.limiter import Limiter
from connectors.rehearsal.servicenow.rules import How, Refusal
from connectors.rehearsal.servicenow.views import Form

Handler = Callable[[Request, Caller], Awaitable[Response]]
JSON = "application/json;charset=UTF-8"
CALLER = "cutover.caller"  # where a batch leaves its caller for its own requests
CANCELLED = {
    "message": "Transaction cancelled: maximum execution time exceeded",
    "detail": "maximum execution time exceeded Check logs for error trace or enable glide.rest.debug property",
}


def answer(content: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    body = content if isinstance(content, bytes) else orjson.dumps(content)
    return Response(body, status, headers, media_type=JSON)


def error(status: int, message: str, detail: str | None = None, headers: Mapping[str, str] | None = None) -> Response:
    return answer({"error": {"message": message, "detail": detail}, "status": "failure"}, status, headers)


def unauthenticated() -> Response:
    return error(
        401,
        "User Not Authenticated",
        "Required to provide Auth information",
        {"WWW-Authenticate": 'BASIC realm="Service-now"'},
    )


def rate_limited(seconds: float, limit: int, headers: Mapping[str, str]) -> Response:
    detail = f"Rate limit of {limit} requests per hour for Table API exceeded"
    return error(429, "Rate limit exceeded", detail, {**headers, "Retry-After": str(max(1, round(seconds)))})


def hibernating() -> Response:
    return HTMLResponse(
        "<!DOCTYPE html><html><head><title>Instance Hibernating page</title></head>"
        "<body><h1>Your instance is hibernating</h1><p>Sign in to the developer site to wake it up.</p></body></html>"
    )


class Guard(Protocol):
    """What a guarded call needs from the double."""

    door: Door
    time: Time
    limiter: Limiter


def guarded(guard: Guard, handler: Handler) -> Callable[[Request], Awaitable[Response]]:
    """Let only callers with good credentials in; turn refusals into answers."""

    async def endpoint(request: Request) -> Response:
        now = guard.time.now().timestamp()
        caller = request.scope.get(CALLER) or guard.door.caller(request.headers, request.method, now)
        if caller is None:
            return unauthenticated()
        if not _acceptable(request):
            return error(406, "Not acceptable", "The double answers with application/json only")
        try:
            made = await handler(request, caller)
        except Refusal as refusal:
            made = error(refusal.status, refusal.message, refusal.detail)
        made.headers["X-Is-Logged-In"] = "true"
        for name, value in guard.limiter.headers(now).items():
            made.headers[name] = value
        if caller.cookie:
            made.headers.append("Set-Cookie", f"JSESSIONID={caller.cookie}; Path=/; HttpOnly")
        return made

    return endpoint


def _acceptable(request: Request) -> bool:
    accept = request.headers.get("accept", "*/*")
    return any(kind in accept for kind in ("application/json", "*/*", "application/*")) or "/file" in request.url.path


async def body_of(request: Request) -> dict[str, Any]:
    """The JSON object of a write. A list counts as its first record. Raises Refusal."""
    kind = request.headers.get("content-type", "")
    raw = await request.body()
    if raw and "json" not in kind:
        raise Refusal(415, "Unsupported media type", "Send Content-Type: application/json")
    try:
        doc = orjson.loads(raw or b"{}")
    except orjson.JSONDecodeError:
        raise Refusal(400, "Exception while reading request", "The payload is not valid JSON") from None
    if isinstance(doc, list):
        doc = doc[0] if doc else {}
    if not isinstance(doc, dict):
        raise Refusal(400, "Exception while reading request", "The payload is no JSON object")
    return doc


def base_url(request: Request) -> str:
    return f"{request.url.scheme}://{request.headers.get('host', 'instance')}"


def truth(request: Request, name: str) -> bool:
    return request.query_params.get(name, "").lower() == "true"


def form_of(request: Request, caller: Caller) -> Form:
    """How the caller wants rows."""
    params = request.query_params
    display = params.get("sysparm_display_value", "false").lower()
    fields = tuple(name.strip() for name in params.get("sysparm_fields", "").split(",") if name.strip())
    links = not truth(request, "sysparm_exclude_reference_link")
    mode = display if display in ("true", "all") else "false"
    return Form(fields, mode, links, base_url(request), caller.zone)


def how_of(request: Request, caller: Caller, admin_only: bool) -> How:
    """How the caller's body is to be taken."""
    keep = truth(request, "sysparm_suppress_auto_sys_field") and (caller.user.admin or not admin_only)
    return How(truth(request, "sysparm_input_display_value"), keep)


def whole(request: Request, name: str, default: int) -> int:
    """A number >= 0 from the query string. Raises Refusal."""
    text = request.query_params.get(name, "")
    if not text:
        return default
    try:
        number = int(text)
    except ValueError:
        return default
    if number < 0:
        raise Refusal(400, "Invalid parameter", f"{name} must not be negative")
    return number

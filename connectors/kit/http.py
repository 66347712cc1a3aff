"""Every call to a vendor: signed, paced, judged, and retried only where that is safe.

What a failure means (design: errors of a connector):
| what happened | means | here |
|---|---|---|
| refused, DNS, TLS handshake, 408 | not applied | tried again |
| 429, 503 with Retry-After | not applied; wait | waits as told, costs no attempt; too long: Throttled |
| timeout or reset after sending, 5xx, broken answer | applied or not | `safe`: tried again; else InDoubt |
| 401 | token or credentials | token renewed once; then Misconfigured |
| other 4xx | the connector's to judge | returned |
`safe` says that making the call twice does no harm. An Unavailable after a safe call leaves open whether it was
applied; making it again is right either way. Bodies and values are never logged and never part of an error.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Mapping
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Any, NamedTuple, TypeVar

import httpx
import orjson

from connectors.kit import ratelimit, transport
from connectors.kit.auth import Auth, Fixed
from connectors.kit.contract import Answer, Connection, Content, Pacer, Ports
from connectors.kit.document import encoded
from connectors.kit.errors import InDoubt, Misconfigured, Throttled, Unavailable
from connectors.kit.ratelimit import RateSignal
from connectors.kit.retry import ATTEMPTS, Budget, Retriable, retry
from connectors.kit.streams import Upload

Result = TypeVar("Result")
Params = Mapping[str, str | int] | str
"""Of a query; a text is one that `query_of` made."""

Limits = Callable[[Iterable[tuple[bytes, bytes]], datetime], RateSignal]

OK: Collection[int] = frozenset({200, 201, 202, 204})
_RESERVED = re.compile(r"[^A-Za-z0-9_.~-]")
LONGEST_THROTTLE = 120.0  # seconds that one call waits for a limit before it says Throttled
_SAFE = frozenset({"GET", "HEAD", "PUT", "DELETE", "OPTIONS"})
_UNASKED_WAIT = 5.0  # a 429 that does not say how long

# Whose turn the upload holds that is just being sent. What it reads from the same system goes on that turn: with one
# more for each download, all uploads of a system could hold every turn there is and wait for each other for ever.
_uploading: ContextVar[Pacer | None] = ContextVar("uploading", default=None)


def query_of(params: Mapping[str, str | int]) -> str:
    """These, as they stand behind the `?`. A query may hold hundreds of keys: only what has to be is touched."""
    return "&".join(f"{name}={_RESERVED.sub(_percent, str(value))}" for name, value in params.items())


def _percent(found: re.Match[str]) -> str:
    return "".join(f"%{byte:02X}" for byte in found[0].encode())


class Broken(Unavailable):
    """A success whose body was no whole JSON, time after time: asking for less may help."""


class Reply(NamedTuple):
    """`body` is the parsed JSON; None when there was none, or (outside `ok`) when it was no JSON."""

    status: int
    body: Any
    headers: httpx.Headers


class Download:
    """An open answer. Iterate it for its bytes; a body shorter or longer than declared raises Unavailable."""

    def __init__(self, response: httpx.Response, subject: str) -> None:
        self.status = response.status_code
        self.headers = response.headers
        self._response = response
        self._subject = subject

    async def __aiter__(self) -> AsyncIterator[bytes]:
        declared = self.headers.get("content-length", "")
        plain = not self.headers.get("content-encoding")
        read = 0
        try:
            async for piece in self._response.aiter_bytes(65536):
                read += len(piece)
                yield piece
        except transport.FAILURES as error:
            raise Unavailable(
                f"{self._subject}: the stream broke after {read:,} bytes ({type(error).__name__}); read it again"
            ) from error
        if plain and declared.isdigit() and int(declared) != read:
            raise Unavailable(f"{self._subject}: {read:,} bytes came of {int(declared):,}; read it again")


@dataclass(frozen=True, slots=True)
class _Call:
    """One call, ready to be made as often as needed."""

    method: str
    url: httpx.URL
    subject: str  # for messages: system, method and path; no parameters, since they may hold values
    scope: str
    body: bytes | Content | None
    headers: dict[str, str]
    safe: bool
    ok: Collection[int]
    follow: bool = False
    on_loan: bool = False  # goes on the turn of the upload that it feeds


class Http:
    """The door to one system. Safe for many tasks at once; `close` it."""

    def __init__(
        self,
        connection: Connection,
        ports: Ports,
        *,
        auth: Auth | None = None,
        limits: Limits = ratelimit.read,
        headers: Mapping[str, str] | None = None,
        stranger: Callable[[httpx.Headers], bool] | None = None,
    ) -> None:
        """`auth`: see `kit.auth.auth_for`. `headers` go with every call. `stranger` tells an answer that was given to
        an anonymous caller although we signed, for vendors that do so instead of a 401.

        Options: see `kit.transport.line`, and `attempts` (5); of the limits `retry_wait` (120 s)."""
        self.ports = ports
        self.name = connection.name
        self._clock = ports.clock
        self._pacer = ports.pacer
        self._auth = auth or Fixed({})
        self._limits = limits
        self._stranger = stranger if not isinstance(self._auth, Fixed) else None  # a token can be renewed
        self._line = transport.line(connection)
        self._budget = Budget(ports.clock)
        self._attempts = int(connection.options.get("attempts", ATTEMPTS))
        self._patience = float(connection.limits.get("retry_wait", LONGEST_THROTTLE))
        self._base = connection.url.rstrip("/")
        self._headers = {
            "Accept": "application/json",
            "Accept-Encoding": "gzip, deflate",
            "User-Agent": "cutover/0.1",
            **(headers or {}),
        }
        self._urls: dict[str, httpx.URL] = {}
        try:
            base = httpx.URL(self._base)
        except httpx.InvalidURL:
            base = httpx.URL()
        if base.scheme not in ("http", "https") or not base.host:
            raise Misconfigured(
                f"system {connection.name}: its url is no http(s) address", hint="Write `url: https://host`."
            )

    async def json(
        self,
        method: str,
        path: str,
        *,
        scope: str,
        params: Params | None = None,
        json: Any = None,
        content: bytes | Content | None = None,
        headers: Mapping[str, str] | None = None,
        safe: bool | None = None,
        ok: Collection[int] = OK,
    ) -> Reply:
        """One call whose answer is JSON or nothing.

        `json` is encoded here (or handed over encoded, as bytes); `content` is sent as it is, a callable is streamed
        and opened anew for a resend. Statuses in `ok` must carry whole JSON or an empty body; other 4xx come back too.
        Raises Throttled, Unavailable, InDoubt (only if not `safe`), Misconfigured (401).
        """
        call = self._call(method, path, scope, params, json, content, headers, safe, ok)
        return await self._persist(partial(self._json, call))

    @asynccontextmanager
    async def stream(
        self,
        method: str,
        path: str,
        *,
        scope: str,
        params: Params | None = None,
        headers: Mapping[str, str] | None = None,
        ok: Collection[int] = OK,
        follow: bool = False,
    ) -> AsyncIterator[Download]:
        """An answer read piece by piece, for downloads; opening it is retried, reading it is not.

        `follow` follows redirects; the Authorization header does not go to another host. A status outside `ok` is
        yours to judge, as with `json`.
        """
        call = self._call(method, path, scope, params, None, None, headers, True, ok, follow)
        response, started = await self._persist(partial(self._open, call))
        status = 0
        try:
            yield Download(response, call.subject)
            status = response.status_code
        finally:
            self._done(call, started, status, self._signal(response))
            await response.aclose()

    async def close(self) -> None:
        await self._line.close()

    def server_time(self, headers: Mapping[str, str]) -> datetime:
        """The system's clock, from the Date header of an answer (whole seconds, UTC)."""
        try:
            return parsedate_to_datetime(headers["date"]).astimezone(UTC)
        except (KeyError, ValueError, TypeError):
            raise Misconfigured(
                f"{self.name}: its answers carry no Date header, so its clock is unknown",
                hint="A proxy between must pass the Date header on.",
            ) from None

    # ------------------------------------------------------------ one call

    def _call(
        self,
        method: str,
        path: str,
        scope: str,
        params: Params | None,
        json: Any,
        content: bytes | Content | None,
        headers: Mapping[str, str] | None,
        safe: bool | None,
        ok: Collection[int],
        follow: bool = False,
    ) -> _Call:
        url = self._urls.get(path)
        if url is None:
            url = httpx.URL(path if path.startswith(("http://", "https://")) else self._base + path)
            if len(self._urls) < 512:  # paths with ids in them are many
                self._urls[path] = url
        if params:
            query = params if isinstance(params, str) else query_of(params)
            url = url.copy_with(query=query.encode("ascii"))
        merged = self._headers | (dict(headers) if headers else {})
        if json is not None:
            content = json if isinstance(json, bytes) else orjson.dumps(json, encoded)
            merged.setdefault("Content-Type", "application/json")
        merged["X-Correlation-Id"] = f"{int(self._clock.random() * 2**52):013x}"
        subject = f"{self.name}: {method} {url.path}"
        safe = method in _SAFE if safe is None else safe
        on_loan = _uploading.get() is self._pacer
        return _Call(method, url, subject, scope, content, merged, safe, ok, follow, on_loan)

    async def _persist(self, attempt: Callable[[], Awaitable[Result]]) -> Result:
        """Plainly first, since nearly every call succeeds; the machinery of retrying only after a failure."""
        self._budget.earn()
        try:
            return await attempt()
        except Retriable as first:
            return await retry(attempt, first, attempts=self._attempts, budget=self._budget, clock=self._clock)

    async def _json(self, call: _Call) -> Reply:
        response, started = await self._open(call)
        status = 0
        try:
            raw = await response.aread()
            status = response.status_code
        except transport.FAILURES as error:
            raise self._lost(call, error, sent=True, kind=Broken) from error
        finally:
            self._done(call, started, status, self._signal(response))
            await _close(response)
        if status == 204 or (not raw and response.headers.get("content-length") == "0"):
            return Reply(status, None, response.headers)
        try:
            return Reply(status, orjson.loads(raw), response.headers)
        except orjson.JSONDecodeError:
            if status not in call.ok:
                return Reply(status, None, response.headers)
        kind = response.headers.get("content-type", "").partition(";")[0] or "nothing"
        what = "its JSON is not complete" if "json" in kind else f"it is {kind}, not JSON; a login or sleeping page?"
        raise self._unclear(call, f"answered {status}, but {what}", Broken)

    async def _open(self, call: _Call) -> tuple[httpx.Response, float]:
        """The answer to one attempt, not read yet, and when it was asked for. Waits out limits; the pacer's turn of
        the answer that is returned stays with the caller, who gives it back by `_done`."""
        waited = 0.0
        renewed = False
        while True:
            response, started = await self._send(call)
            status = response.status_code
            unknown = not renewed and self._taken_for_a_stranger(call, response)
            if not unknown and (status < 400 or status in call.ok):
                return response, started
            signal = self._signal(response)
            if status == 429 or (status == 503 and signal.retry_after is not None):
                await self._dismiss(response, call, started, signal)
                waited += await self._wait(call, signal, waited)
            elif status == 401 or unknown:
                signed = response.request.extensions["signed"]
                await self._dismiss(response, call, started, signal)
                if renewed or not await self._renew(signed):
                    raise Misconfigured(
                        f"{call.subject} answered 401: the credentials are refused",
                        hint="Check `auth` of this system: user, secret, and that the account is active.",
                    )
                renewed = True
            elif status == 408:
                await self._dismiss(response, call, started, signal)
                raise Retriable(Unavailable(f"{call.subject} answered 408; it was not applied"))
            elif status >= 500 and status != 501:
                await self._dismiss(response, call, started, signal)
                raise self._unclear(call, f"answered {status}")
            else:
                return response, started

    async def _send(self, call: _Call) -> tuple[httpx.Response, float]:
        """Sends once. Takes a turn; gives it back only when no answer comes."""
        while not self._auth.fresh():
            await self._renew(self._auth.headers)
        signed = self._auth.headers
        body = call.body if call.body is None or isinstance(call.body, bytes) else Upload(call.body)
        upload = body if isinstance(body, Upload) else None
        request = httpx.Request(
            call.method,
            call.url,
            headers=call.headers | signed,
            content=body,
            extensions={"timeout": self._line.timeout, "signed": signed, "upload": upload},
        )
        if not call.on_loan:
            await self._pacer.turn(call.scope)
        before = _uploading.set(self._pacer if upload is not None else _uploading.get())
        started = self._clock.monotonic()
        answered = False
        try:
            response = await self._line.send(request, follow=call.follow)
            answered = True
            return response, started
        except transport.FAILURES as error:
            if upload is not None and upload.failure is not None:
                # The body's own source failed: the vendor never got a whole request, and the fault is not its.
                raise upload.failure from None
            raise self._lost(call, error) from error
        except httpx.TooManyRedirects as error:
            raise Misconfigured(f"{call.subject} redirects in circles", hint="Check `url` of this system.") from error
        finally:
            _uploading.reset(before)
            if not answered:
                self._done(call, started, 0, ratelimit.NONE)
                if upload is not None:
                    await upload.aclose()

    async def _renew(self, used: Mapping[str, str]) -> bool:
        try:
            return await self._auth.renew(used, self._line.client.send)
        except Unavailable as error:
            raise Retriable(error) from error

    # ------------------------------------------------------------ judging

    def _taken_for_a_stranger(self, call: _Call, response: httpx.Response) -> bool:
        """Whether the token ran out unsaid. What an anonymous caller managed to write is not written again."""
        if self._stranger is None or not self._stranger(response.headers):
            return False
        return call.safe or response.status_code >= 400

    def _lost(
        self, call: _Call, error: Exception, *, sent: bool = False, kind: type[Unavailable] = Unavailable
    ) -> Exception:
        name = type(error.__cause__ or error).__name__
        if transport.certificate_refused(error):
            return Misconfigured(
                f"{call.subject}: the server's certificate is not trusted",
                hint="Set `ca_file` in this system's options to the issuer's certificate (PEM).",
            )
        if not sent and transport.not_sent(error):
            return Retriable(Unavailable(f"{call.subject}: no connection ({name}); it was not sent"))
        return self._unclear(call, f"was sent and no whole answer came ({name})", kind)

    def _unclear(self, call: _Call, what: str, error: type[Unavailable] = Unavailable) -> Exception:
        message = f"{call.subject} {what} [correlation {call.headers['X-Correlation-Id']}]"
        return Retriable(error(message)) if call.safe else InDoubt(message)

    async def _wait(self, call: _Call, signal: RateSignal, waited: float) -> float:
        """Sleeps as long as the system asked, plus a little chance so that not all wake at once."""
        asked = signal.retry_after
        if asked is None:
            asked = _UNASKED_WAIT if signal.reset is None else min(signal.reset, self._patience)
        seconds = max(asked, 0.05) * (1 + 0.1 * self._clock.random())
        if waited + seconds > self._patience:
            reason = f" ({signal.reason})" if signal.reason else ""
            raise Throttled(
                f"{call.subject}: limit reached{reason}; it asks to wait {asked:.0f} s",
                retry_after=asked,
                scope=call.scope,
            )
        await self._clock.sleep(seconds)
        return seconds

    # ------------------------------------------------------------ the pacer

    def _signal(self, response: httpx.Response) -> RateSignal:
        signal = self._limits(response.headers.raw, self._clock.now())
        if signal is ratelimit.NONE or "date" not in response.headers:
            return signal
        # What it says as a date is by its own clock, which need not agree with ours.
        return self._limits(response.headers.raw, self.server_time(response.headers))

    async def _dismiss(self, response: httpx.Response, call: _Call, started: float, signal: RateSignal) -> None:
        """An answer nobody will read: read to its end, so that its connection can serve the next call."""
        try:
            await response.aread()
        except transport.FAILURES:
            pass  # its status said all
        finally:
            self._done(call, started, response.status_code, signal)
            await _close(response)

    def _done(self, call: _Call, started: float, status: int, signal: RateSignal) -> None:
        if call.on_loan:
            return
        latency = self._clock.monotonic() - started
        self._pacer.done(Answer(call.scope, latency, status, *signal))


async def _close(response: httpx.Response) -> None:
    """Ends an answer and, only then, what was sent to get it."""
    await response.aclose()
    upload = response.request.extensions.get("upload")
    if upload is not None:
        await upload.aclose()

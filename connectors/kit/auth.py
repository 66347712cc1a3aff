"""How a system is signed in to: `auth.kind` is basic, bearer, api_key, oauth2 (or oauth_ and the grant) or none.

A fixed credential is headers, built once. OAuth2 renews its token shortly before it expires, and once after a 401: by
one call, however many calls are in flight. Secrets never show in a repr or a message.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Protocol
from urllib.parse import quote, urlencode, urljoin

import httpx
import orjson

from connectors.kit import ratelimit
from connectors.kit.contract import Clock, Connection
from connectors.kit.errors import Misconfigured, Throttled, Unavailable
from connectors.kit.transport import FAILURES

EARLY = 30.0  # seconds before its expiry that a token is renewed
KINDS = ("basic", "bearer", "api_key", "oauth2", "none")
GRANTS = ("client_credentials", "password", "refresh_token")

Send = Callable[[httpx.Request], Awaitable[httpx.Response]]


class Auth(Protocol):
    """What `Http` needs to sign a call."""

    @property
    def headers(self) -> dict[str, str]:
        """The headers that sign a call now. A new dict after each renewal."""

    def fresh(self) -> bool:
        """Whether `headers` may be used; else `renew` comes first."""

    async def renew(self, used: Mapping[str, str], send: Send) -> bool:
        """After a 401 for `used`, or when no longer fresh. False: there is nothing to renew."""


class Fixed:
    """A credential that never changes."""

    def __init__(self, headers: dict[str, str]) -> None:
        self.headers = headers

    def fresh(self) -> bool:
        return True

    async def renew(self, used: Mapping[str, str], send: Send) -> bool:
        return False


class OAuth2:
    """Tokens by `auth.grant`: client_credentials, password or refresh_token."""

    def __init__(self, connection: Connection, clock: Clock, token_url: str) -> None:
        auth = connection.auth
        self.headers: dict[str, str] = {}
        self._name = connection.name
        self._clock = clock
        self._url = urljoin(connection.url.rstrip("/") + "/", auth.get("token_url") or token_url)
        self._grant = auth.get("grant") or ("password" if auth.get("user") else "client_credentials")
        if self._grant not in GRANTS:
            raise Misconfigured(
                f"system {connection.name}: auth.grant {self._grant!r} is unknown", hint=f"Use {', '.join(GRANTS)}."
            )
        needed = {"password": ("user", "password"), "refresh_token": ("refresh_token",)}.get(self._grant, ())
        need(connection, "client_id", *needed)
        self._form = {"client_id": auth["client_id"]}
        for name in ("client_secret", "scope"):
            if auth.get(name):
                self._form[name] = auth[name]
        self._user = {"username": auth.get("user", ""), "password": auth.get("password", "")}
        self._refresh = auth.get("refresh_token", "")
        self._until = float("-inf")  # on the clock's monotonic scale
        self._renewing = asyncio.Lock()

    def __repr__(self) -> str:
        return f"OAuth2({self._name}, {self._grant})"

    def fresh(self) -> bool:
        return self._clock.monotonic() < self._until

    async def renew(self, used: Mapping[str, str], send: Send) -> bool:
        async with self._renewing:
            if self.headers is not used and self.fresh():
                return True  # another call renewed it while this one waited
            response = await self._ask(send)
            if response.status_code in (400, 401, 403) and self._refresh and self._grant != "refresh_token":
                self._refresh = ""  # a refresh token ends too; the first grant still works
                response = await self._ask(send)
            self._take(response)
            return True

    async def _ask(self, send: Send) -> httpx.Response:
        if self._refresh:
            form = self._form | {"grant_type": "refresh_token", "refresh_token": self._refresh}
        elif self._grant == "password":
            form = self._form | self._user | {"grant_type": "password"}
        else:
            form = self._form | {"grant_type": "client_credentials"}
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
        body = urlencode(form, quote_via=quote).encode()
        try:
            return await send(httpx.Request("POST", self._url, content=body, headers=headers))
        except FAILURES as error:
            raise Unavailable(
                f"{self._name}: no token from {self._url} ({type(error).__name__}); the call itself was not sent"
            ) from error

    def _take(self, response: httpx.Response) -> None:
        status = response.status_code
        if status == 429:
            signal = ratelimit.read(response.headers.raw, self._clock.now())
            raise Throttled(
                f"{self._name}: too many token requests", retry_after=signal.retry_after or 30.0, scope="token"
            )
        if status >= 500:
            raise Unavailable(f"{self._name}: {self._url} answered {status}; no token")
        try:
            answer = orjson.loads(response.content)
            token, lifetime = str(answer["access_token"]), float(answer.get("expires_in") or 1800)
        except (orjson.JSONDecodeError, KeyError, TypeError, ValueError, AttributeError):
            raise Misconfigured(
                f"{self._name}: {self._url} gave no token (HTTP {status})",
                hint="Check auth.client_id, client_secret and grant of this system, and that the grant is enabled.",
            ) from None
        if answer.get("refresh_token"):
            self._refresh = str(answer["refresh_token"])
        self.headers = {"Authorization": f"Bearer {token}"}
        self._until = self._clock.monotonic() + max(lifetime - EARLY, lifetime / 2)


def auth_for(connection: Connection, clock: Clock, *, token_url: str = "", api_key_header: str = "") -> Auth:
    """The credential of a connection. `token_url` and `api_key_header` are the vendor's defaults.

    Raises Misconfigured when something that the kind needs is missing.
    """
    auth = connection.auth
    kind = auth.get("kind") or ("basic" if auth.get("user") else "none")
    if kind.removeprefix("oauth_") in GRANTS:  # the short form: kind oauth_password
        connection = replace(connection, auth={**auth, "grant": kind.removeprefix("oauth_")})
        kind = "oauth2"
    if kind == "none":
        return Fixed({})
    if kind == "basic":
        need(connection, "user", "password")
        pair = f"{auth['user']}:{auth['password']}".encode()
        return Fixed({"Authorization": f"Basic {base64.b64encode(pair).decode()}"})
    if kind == "bearer":
        need(connection, "token")
        return Fixed({"Authorization": f"Bearer {auth['token']}"})
    if kind == "api_key":
        need(connection, "key")
        return Fixed({auth.get("header") or api_key_header or "X-Api-Key": auth["key"]})
    if kind == "oauth2":
        return OAuth2(connection, clock, token_url)
    raise Misconfigured(
        f"system {connection.name}: auth.kind {kind!r} is unknown", hint=f"Use one of {', '.join(KINDS)}."
    )


def need(connection: Connection, *names: str) -> None:
    """Raises Misconfigured when one of these is missing from the connection's `auth`."""
    missing = [name for name in names if not connection.auth.get(name)]
    if missing:
        raise Misconfigured(
            f"system {connection.name}: auth lacks {', '.join(missing)}",
            hint="Add it under `auth`, as ${env:NAME} or ${file:/path}; never the secret itself.",
        )

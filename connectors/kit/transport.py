"""Which HTTP client carries the calls: chosen here and nowhere else.

`httpx` is the interface everywhere. Below it works aiohttp, which costs about a third of the CPU of httpx's own
transport; `transport: httpx` in a system's options chooses the stock one.
"""

from __future__ import annotations

import logging
import ssl
from collections.abc import Mapping
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import aiohttp
import httpx
from httpx_aiohttp import AiohttpTransport

from connectors.kit.contract import Connection
from connectors.kit.errors import Misconfigured

# httpx logs each URL with its parameters, httpcore the headers: queries hold values of records, headers hold secrets.
for _name in ("httpx", "httpcore"):
    logging.getLogger(_name).setLevel(logging.WARNING)

# Servers drop idle connections after 5 s and more; letting go first avoids sending into a connection that just died,
# which for an unsafe call would be a needless doubt.
KEEPALIVE = 4.0
CONNECTIONS = 200

_BEFORE_SENDING = (
    aiohttp.ClientConnectorError,
    aiohttp.ConnectionTimeoutError,
    aiohttp.ServerFingerprintMismatch,
    aiohttp.InvalidURL,
    aiohttp.NonHttpUrlClientError,
)
_STOCK_BEFORE_SENDING = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)

FAILURES = (httpx.TransportError, httpx.DecodingError, aiohttp.ClientError, OSError)
"""Everything a transport may raise when no whole answer came."""


def not_sent(error: Exception) -> bool:
    """Whether the request certainly never left.

    The bridge to aiohttp names every lost connection a ConnectTimeout, those after sending included; its cause tells
    the truth.
    """
    cause = error if isinstance(error, aiohttp.ClientError) else error.__cause__
    if isinstance(cause, aiohttp.ClientError):
        return isinstance(cause, _BEFORE_SENDING)
    return isinstance(error, _STOCK_BEFORE_SENDING)


def certificate_refused(error: BaseException | None) -> bool:
    """Whether the TLS handshake failed because the server's certificate is not trusted: retrying cannot help."""
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError | aiohttp.ClientConnectorCertificateError):
            return True
        error = error.__cause__ or error.__context__
    return False


class Line:
    """The way to one system: an httpx client, past which calls go straight to its transport where they can.

    The client binds every answer to its stream in a cycle, so that bodies wait for the cycle collector, and makes a
    cookie jar's question of every answer: together a third of what a call costs beyond the transport.
    """

    def __init__(self, client: httpx.AsyncClient, direct: httpx.AsyncBaseTransport | None = None) -> None:
        """`direct`: the client's transport for all URLs; None where the client itself has to choose one."""
        self.client = client
        self._direct = direct
        self.timeout = client.timeout.as_dict()

    async def send(self, request: httpx.Request, *, follow: bool) -> httpx.Response:
        """The answer, not read yet. Cookies are kept and sent; `follow` follows redirects."""
        cookies = self.client.cookies
        if len(cookies.jar):
            # A vendor that keeps sessions opens a new one for each call that brings no cookie, until none is left.
            cookies.set_cookie_header(request)
        if follow or self._direct is None:
            return await self.client.send(request, stream=True, follow_redirects=follow)
        response = await self._direct.handle_async_request(request)
        response.request = request
        if "set-cookie" in response.headers:
            cookies.extract_cookies(response)
        return response

    async def close(self) -> None:
        await self.client.aclose()


def line(connection: Connection) -> Line:
    """The way to one system. Options: `transport` (aiohttp, httpx, or a transport object), `timeout` (seconds to
    wait for bytes, 60), `connect_timeout` (10), `verify`, `ca_file`, `proxy`, `trust_env`."""
    options = connection.options
    trust_env = bool(options.get("trust_env", False))
    timeout = httpx.Timeout(
        _seconds(options, "timeout", 60.0), connect=_seconds(options, "connect_timeout", 10.0), pool=None
    )
    context = _context(bool(options.get("verify", True)), str(options.get("ca_file", "")))
    proxy = httpx.Proxy(str(options["proxy"])) if options.get("proxy") else None
    limits = httpx.Limits(
        max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS, keepalive_expiry=KEEPALIVE
    )
    chosen: object = options.get("transport", "aiohttp")
    if chosen == "httpx":
        return Line(httpx.AsyncClient(timeout=timeout, verify=context, limits=limits, proxy=proxy, trust_env=trust_env))
    if chosen == "aiohttp":
        session = partial(_session, context, trust_env)
        chosen = AiohttpTransport(verify=context, proxy=proxy, client=session)
    if isinstance(chosen, httpx.AsyncBaseTransport):  # a given one: in process, doubles without sockets
        return Line(httpx.AsyncClient(timeout=timeout, transport=chosen, trust_env=False), chosen)
    raise Misconfigured(
        f"system {connection.name}: transport {chosen!r} is unknown", hint="Write `transport: aiohttp` or `httpx`."
    )


def _session(context: ssl.SSLContext, trust_env: bool) -> aiohttp.ClientSession:
    session = aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(ssl=context, limit=CONNECTIONS, keepalive_timeout=KEEPALIVE),
        cookie_jar=aiohttp.DummyCookieJar(),  # httpx keeps the cookies; two jars would send each twice
        trust_env=trust_env,
    )
    # aiohttp resends PUT and DELETE by itself when a kept connection was dead. Retries are counted, so they are ours.
    session._retry_connection = False
    return session


@lru_cache(maxsize=32)
def _context(verify: bool, ca_file: str) -> ssl.SSLContext:
    """Shared, because building one costs 30 ms."""
    if not verify:
        return httpx.create_ssl_context(verify=False)
    context = httpx.create_ssl_context()
    if ca_file:
        try:
            context.load_verify_locations(Path(ca_file).expanduser())
        except (OSError, ssl.SSLError) as error:
            raise Misconfigured(
                f"the certificate file {ca_file} cannot be read: {error}",
                hint="Set `ca_file` to a PEM file with the issuer's certificate.",
            ) from error
    return context


def _seconds(options: Mapping[str, Any], name: str, default: float) -> float:
    try:
        value = float(options.get(name, default))
    except (TypeError, ValueError):
        value = 0.0
    if value <= 0:
        raise Misconfigured(f"option {name} must be seconds above 0", hint=f"Write for example `{name}: {default:g}`.")
    return value

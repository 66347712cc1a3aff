"""A vendor made of raw bytes: each test says what the server does with its connections, byte for byte."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import orjson

from connectors.kit.auth import Auth
from connectors.kit.contract import Connection, Ports
from connectors.kit.http import Http


@dataclass
class Request:
    """One request as it came over the socket."""

    line: str
    headers: dict[str, str]
    body: bytes

    @property
    def method(self) -> str:
        return self.line.split()[0]

    @property
    def target(self) -> str:
        return self.line.split()[1]


@dataclass
class Server:
    """`url`, and what it saw: `connections` accepted, `requests` read whole."""

    url: str = ""
    connections: int = 0
    requests: list[Request] = field(default_factory=list)


Behaviour = Callable[[Server, Request, asyncio.StreamWriter], Awaitable[None]]
Accepting = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[bool]]


def answer(status: int, body: Any = None, **headers: str) -> bytes:
    """A whole HTTP answer. bytes are sent as they are, anything else as JSON."""
    raw = body if isinstance(body, bytes) else b"" if body is None else orjson.dumps(body)
    fields = {"Content-Type": "application/json", "Content-Length": str(len(raw))}
    fields |= {name.replace("_", "-"): value for name, value in headers.items()}
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items() if value != "-")
    return f"HTTP/1.1 {status} Word\r\n{head}\r\n".encode() + raw


@contextlib.asynccontextmanager
async def serving(
    behaviour: Behaviour, *, accepting: Accepting | None = None, tls: ssl.SSLContext | None = None
) -> AsyncIterator[Server]:
    """Serves on a port of its own. `accepting` sees the connection first; False from it ends the connection."""
    server = Server()
    writers: set[asyncio.StreamWriter] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server.connections += 1
        writers.add(writer)
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            if accepting is None or await accepting(reader, writer):
                while not writer.is_closing():
                    request = await _read(reader)
                    server.requests.append(request)
                    await behaviour(server, request, writer)
        with contextlib.suppress(OSError):
            writer.close()
            await writer.wait_closed()
        writers.discard(writer)

    listener = await asyncio.start_server(handle, "127.0.0.1", 0, ssl=tls)
    port = listener.sockets[0].getsockname()[1]
    server.url = f"{'https' if tls else 'http'}://127.0.0.1:{port}"
    try:
        yield server
    finally:
        listener.close()
        for writer in list(writers):
            writer.transport.abort()
        await listener.wait_closed()
        await asyncio.sleep(0)


async def _read(reader: asyncio.StreamReader) -> Request:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
    body = b""
    if headers.get("transfer-encoding") == "chunked":
        while size := int(await reader.readline(), 16):
            body += (await reader.readexactly(size + 2))[:-2]
        await reader.readline()
    elif "content-length" in headers:
        body = await reader.readexactly(int(headers["content-length"]))
    return Request(head[0], headers, body)


def always(*answers: bytes) -> Behaviour:
    """Answers in this order; the last one again and again."""

    async def behave(server: Server, request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(answers[min(len(server.requests), len(answers)) - 1])
        await writer.drain()

    return behave


@contextlib.asynccontextmanager
async def http_to(url: str, ports: Ports, *, auth: Auth | None = None, **options: Any) -> AsyncIterator[Http]:
    http = Http(Connection("vendor", "test", url, options=options), ports, auth=auth)
    try:
        yield http
    finally:
        await http.close()

"""Bytes on their way from one system to another: no call outlives its reading, and no two wait for each other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextvars import ContextVar

import pytest

from connectors.kit.contract import Answer, Content, Ports
from connectors.kit.errors import ConnectorError
from connectors.kit.http import Http
from connectors.kit.multipart import multipart
from connectors.kit.streams import opened
from tests.kit.ports import NarrowPacer, OpenPacer, RealClock
from tests.kit.sockets import always, answer, http_to, serving

TRANSPORTS = ["aiohttp", "httpx"]
LARGE = b"x" * 8_000_000  # more than sockets and readers hold
WAVE: ContextVar[str] = ContextVar("wave", default="none")


class WavePacer(OpenPacer):
    """Remembers for which wave each turn came back."""

    def __init__(self) -> None:
        super().__init__()
        self.waves: list[str] = []

    def done(self, answer: Answer) -> None:
        super().done(answer)
        self.waves.append(WAVE.get())


def file_of(source: Http) -> Content:
    async def read() -> AsyncIterator[bytes]:
        async with source.stream("GET", "/file", scope="attachment") as download:
            async for piece in download:
                yield piece

    return read


async def reads_a_little(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
    await reader.readexactly(100_000)
    return False


async def refuses_early(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
    await reader.readexactly(100_000)
    writer.write(answer(413, {}, Connection="close"))
    await writer.drain()
    return False


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("accepting", [reads_a_little, refuses_early])
def test_an_upload_that_ends_early_gives_the_turn_of_its_source_back_at_once(accepting, transport):
    async def run():
        WAVE.set("ours")
        pacer = WavePacer()
        async with (
            serving(always(answer(200, LARGE, Content_Type="x/y"))) as source,
            serving(always(answer(201, {})), accepting=accepting) as target,
            http_to(source.url, Ports(RealClock(), pacer), transport=transport) as reading,
            http_to(target.url, Ports(RealClock(), OpenPacer()), transport=transport) as writing,
        ):
            _, body = multipart({}, file_of(reading), file_field="f", file_name="n", clock=RealClock())
            try:
                reply = await asyncio.wait_for(writing.json("POST", "/file", scope="write", content=body), 10)
                assert reply.status == 413
            except ConnectorError:
                pass  # the connection broke before the answer was read
            assert pacer.waves == ["ours"]

    asyncio.run(run())


@pytest.mark.parametrize("wrapped", [False, True])
def test_a_download_that_is_not_read_to_its_end_gives_its_turn_back_at_once(wrapped):
    async def run():
        WAVE.set("ours")
        pacer = WavePacer()
        async with (
            serving(always(answer(200, LARGE, Content_Type="x/y"))) as source,
            http_to(source.url, Ports(RealClock(), pacer)) as reading,
        ):
            content = file_of(reading)
            if wrapped:
                _, content = multipart({}, content, file_field="f", file_name="n", clock=RealClock())
            async with opened(content) as pieces:
                size = 0
                async for piece in pieces:
                    size += len(piece)
                    if size > 70_000:
                        break
                assert pacer.waves == []
            assert pacer.waves == ["ours"]

    asyncio.run(run())


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("width", [1, 3])
def test_uploads_of_what_the_same_system_holds_do_not_wait_for_each_other(width, transport):
    async def run():
        pacer = NarrowPacer(width)
        ports = Ports(RealClock(), pacer)
        async with (
            serving(always(answer(200, b"x" * 300_000, Content_Type="x/y"))) as server,
            http_to(server.url, ports, transport=transport) as reading,
            serving(always(answer(201, {}))) as target,
            http_to(target.url, ports, transport=transport) as writing,
        ):

            async def upload() -> int:
                _, body = multipart({}, file_of(reading), file_field="f", file_name="n", clock=RealClock())
                return (await writing.json("POST", "/file", scope="write", content=body)).status

            async with asyncio.timeout(10):
                assert await asyncio.gather(*(upload() for _ in range(6))) == [201] * 6
            assert all(b"x" * 300_000 in request.body for request in target.requests)
            assert len(server.requests) == 6
            assert (pacer.running, pacer.most) == (0, width)

    asyncio.run(run())


def test_a_download_from_another_system_takes_a_turn_of_its_own_there():
    async def run():
        source_pacer, target_pacer = NarrowPacer(1), NarrowPacer(1)
        async with (
            serving(always(answer(200, b"x" * 300_000, Content_Type="x/y"))) as source,
            serving(always(answer(201, {}))) as target,
            http_to(source.url, Ports(RealClock(), source_pacer)) as reading,
            http_to(target.url, Ports(RealClock(), target_pacer)) as writing,
        ):
            async with asyncio.timeout(10):
                await asyncio.gather(
                    *(writing.json("POST", "/file", scope="write", content=file_of(reading)) for _ in range(3))
                )
                await writing.json("GET", "/thing", scope="read")
        assert source_pacer.taken == ["attachment"] * 3
        assert target_pacer.taken == ["write"] * 3 + ["read"]

    asyncio.run(run())

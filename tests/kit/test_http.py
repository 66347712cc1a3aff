"""Calls over real sockets: what left, what came back, and what may be made again."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from connectors.kit.contract import Answer, Connection, Ports
from connectors.kit.errors import InDoubt, Misconfigured, Throttled, Unavailable
from connectors.kit.http import Http
from tests.kit.ports import OpenPacer, RealClock
from tests.kit.sockets import Request, Server, always, answer, http_to, serving

TRANSPORTS = ["aiohttp", "httpx"]


class QuickClock(RealClock):
    """Sleeps pass at once and are counted, and move its own time."""

    def __init__(self) -> None:
        super().__init__()
        self.slept: list[float] = []

    def now(self) -> datetime:
        return super().now() + timedelta(seconds=sum(self.slept))

    def monotonic(self) -> float:
        return super().monotonic() + sum(self.slept)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await asyncio.sleep(0)


def quick_ports() -> tuple[Ports, QuickClock, OpenPacer]:
    clock, pacer = QuickClock(), OpenPacer()
    return Ports(clock, pacer), clock, pacer


async def close_at_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
    return False


async def hang_up(server: Server, request: Request, writer: asyncio.StreamWriter) -> None:
    writer.close()


async def reset(server: Server, request: Request, writer: asyncio.StreamWriter) -> None:
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def half_an_answer(server: Server, request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"result":')
    await writer.drain()
    writer.close()


async def half_a_head(server: Server, request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Ty")
    await writer.drain()
    writer.close()


async def cut_json(server: Server, request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n{"result":[1,')
    await writer.drain()
    writer.close()


async def no_http_at_all(server: Server, request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(b"SSH-2.0-OpenSSH_9.2p1 Debian\r\n\r\n")
    await writer.drain()
    writer.close()


async def silence(server: Server, request: Request, writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(30)


LOST = [hang_up, reset, half_an_answer, half_a_head, cut_json, no_http_at_all]


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("behaviour", LOST)
def test_an_unsafe_call_without_a_whole_answer_is_in_doubt_and_sent_once(behaviour, transport):
    async def run():
        ports, _, pacer = quick_ports()
        async with serving(behaviour) as server, http_to(server.url, ports, transport=transport) as http:
            with pytest.raises(InDoubt):
                await http.json("POST", "/things", scope="write", json={"a": 1})
            assert len(server.requests) == 1
            assert len(pacer.taken) == len(pacer.answers) == 1

    asyncio.run(run())


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("behaviour", LOST)
def test_a_safe_call_without_a_whole_answer_is_made_again_and_then_unavailable(behaviour, transport):
    async def run():
        ports, clock, pacer = quick_ports()
        async with serving(behaviour) as server, http_to(server.url, ports, transport=transport, attempts=3) as http:
            with pytest.raises(Unavailable):
                await http.json("PUT", "/things", scope="write", json={"a": 1})
            assert len(server.requests) == 3, "the transport must not retry on its own"
            assert len(pacer.taken) == len(pacer.answers) == 3
            assert len(clock.slept) == 2

    asyncio.run(run())


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_connection_closed_before_reading_is_in_doubt_since_nobody_can_tell(transport):
    async def run():
        ports, _, _ = quick_ports()
        async with serving(hang_up, accepting=close_at_once) as server:
            async with http_to(server.url, ports, transport=transport) as http:
                with pytest.raises(InDoubt):
                    await http.json("POST", "/things", scope="write", json={"a": 1})
            assert server.connections == 1

    asyncio.run(run())


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_refused_connection_was_not_sent_and_is_tried_again(transport):
    async def run():
        ports, clock, pacer = quick_ports()
        with socket.create_server(("127.0.0.1", 0)) as closed:
            port = closed.getsockname()[1]
        async with http_to(f"http://127.0.0.1:{port}", ports, transport=transport, attempts=3) as http:
            with pytest.raises(Unavailable, match="not sent"):
                await http.json("POST", "/things", scope="write", json={"a": 1})
        assert [a.status for a in pacer.answers] == [0, 0, 0]
        assert len(clock.slept) == 2

    asyncio.run(run())


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_an_unknown_host_was_not_sent(transport):
    async def run():
        ports, _, _ = quick_ports()
        async with http_to("http://no-such-host.invalid", ports, transport=transport, attempts=2) as http:
            with pytest.raises(Unavailable, match="not sent"):
                await http.json("POST", "/things", scope="write", json={})

    asyncio.run(run())


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_broken_tls_handshake_was_not_sent(transport):
    async def run():
        ports, _, _ = quick_ports()
        async with serving(no_http_at_all, accepting=close_at_once) as server:
            url = server.url.replace("http:", "https:")
            async with http_to(url, ports, transport=transport, attempts=2) as http:
                with pytest.raises(Unavailable, match="not sent"):
                    await http.json("POST", "/things", scope="write", json={})
            assert server.connections == 2

    asyncio.run(run())


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_silence_after_sending_is_in_doubt_for_a_write_and_retried_for_a_read(transport):
    async def run():
        ports, _, _ = quick_ports()
        async with serving(silence) as server:
            async with http_to(server.url, ports, transport=transport, timeout=0.15, attempts=2) as http:
                with pytest.raises(InDoubt):
                    await http.json("POST", "/things", scope="write", json={})
                with pytest.raises(Unavailable):
                    await http.json("GET", "/things", scope="read")
            assert [r.method for r in server.requests] == ["POST", "GET", "GET"]

    asyncio.run(run())


@pytest.mark.parametrize("status", [500, 502, 503, 504, 520])
def test_a_server_error_leaves_a_write_in_doubt_and_is_retried_for_a_read(status):
    async def run():
        ports, _, _ = quick_ports()
        behaviour = always(answer(status, {"error": "x"}), answer(status), answer(200, {"ok": 1}))
        async with serving(behaviour) as server, http_to(server.url, ports) as http:
            with pytest.raises(InDoubt, match=str(status)):
                await http.json("POST", "/things", scope="write", json={})
            reply = await http.json("GET", "/things", scope="read")
            assert reply.body == {"ok": 1}
            assert len(server.requests) == 3

    asyncio.run(run())


def test_408_was_not_applied_and_even_an_unsafe_call_is_made_again():
    async def run():
        ports, _, _ = quick_ports()
        async with serving(always(answer(408), answer(201, {"id": 1}))) as server, http_to(server.url, ports) as http:
            reply = await http.json("POST", "/things", scope="write", json={})
            assert (reply.status, reply.body) == (201, {"id": 1})
            assert len(server.requests) == 2

    asyncio.run(run())


@pytest.mark.parametrize(
    ("header", "low", "high"),
    [
        ("3", 3, 3.31),
        ("0", 0, 0.06),
        ("garbage", 5, 5.51),
        (format_datetime(datetime.now(UTC) + timedelta(seconds=20), usegmt=True), 0, 22),
    ],
    ids=["seconds", "zero", "garbage", "date"],
)
def test_429_waits_as_told_and_costs_no_attempt(header, low, high):
    async def run():
        ports, clock, pacer = quick_ports()
        limited = answer(429, {"error": "slow down"}, Retry_After=header, RateLimit_Reason="burst")
        behaviour = always(limited, answer(201, {}))
        async with serving(behaviour) as server, http_to(server.url, ports, attempts=1) as http:
            reply = await http.json("POST", "/things", scope="write", json={})
        assert reply.status == 201
        assert low <= clock.slept[0] <= high
        assert [a.status for a in pacer.answers] == [429, 201]
        assert pacer.answers[0].reason == "burst"

    asyncio.run(run())


def test_503_with_retry_after_is_a_limit_and_not_a_failure():
    async def run():
        ports, clock, _ = quick_ports()
        behaviour = always(answer(503, {}, Retry_After="2"), answer(201, {}))
        async with serving(behaviour) as server, http_to(server.url, ports) as http:
            await http.json("POST", "/things", scope="write", json={})
        assert 2 <= clock.slept[0] <= 2.21

    asyncio.run(run())


def test_a_limit_longer_than_the_patience_is_throttled_at_once():
    async def run():
        ports, clock, _ = quick_ports()
        behaviour = always(answer(429, {}, Retry_After="3600", X_RateLimit_Rule="r1"))
        async with serving(behaviour) as server, http_to(server.url, ports) as http:
            with pytest.raises(Throttled, match="r1") as caught:
                await http.json("POST", "/things", scope="write", json={})
        assert caught.value.retry_after == 3600
        assert caught.value.scope == "write"
        assert clock.slept == []

    asyncio.run(run())


def test_a_page_of_html_instead_of_json_is_no_answer():
    async def run():
        ports, _, _ = quick_ports()
        page = answer(200, b"<html>Your instance is hibernating</html>", Content_Type="text/html;charset=UTF-8")
        async with serving(always(page)) as server, http_to(server.url, ports, attempts=2) as http:
            with pytest.raises(Unavailable, match="text/html"):
                await http.json("GET", "/things", scope="read")
            with pytest.raises(InDoubt, match="text/html"):
                await http.json("POST", "/things", scope="write", json={})

    asyncio.run(run())


def test_an_error_status_comes_back_to_be_judged_with_or_without_json():
    async def run():
        ports, _, _ = quick_ports()
        answers = always(answer(403, {"why": 1}), answer(404, b"plain text", Content_Type="text/plain"), answer(204))
        async with serving(answers) as server, http_to(server.url, ports) as http:
            replies = [await http.json("POST", "/things", scope="write", json={}) for _ in range(3)]
        assert [(r.status, r.body) for r in replies] == [(403, {"why": 1}), (404, None), (204, None)]

    asyncio.run(run())


def test_a_connection_is_used_again():
    async def run():
        ports, _, _ = quick_ports()
        async with serving(always(answer(200, {}))) as server, http_to(server.url, ports) as http:
            for _ in range(5):
                await http.json("GET", "/things", scope="read")
            assert server.connections == 1

    asyncio.run(run())


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_parameters_arrive_as_they_were_given(transport):
    from urllib.parse import parse_qs, urlsplit

    text = "a^b=c&d+e%20f/g?h#i;j@k,l'm\"n<o>p{q}|r\\s~t!u*v(w)x:y $z München 日本 🙂"

    async def run():
        ports, _, _ = quick_ports()
        async with serving(always(answer(200, {}))) as server, http_to(server.url, ports, transport=transport) as http:
            await http.json("GET", "/things/a%2Fb", scope="read", params={"q": text, "n": 3})
        target = urlsplit(server.requests[0].target)
        assert parse_qs(target.query) == {"q": [text], "n": ["3"]}
        assert target.path == "/things/a%2Fb"

    asyncio.run(run())


def test_each_call_carries_its_own_correlation_id_and_the_accept_header():
    async def run():
        ports, _, _ = quick_ports()
        async with serving(always(answer(200, {}))) as server, http_to(server.url, ports) as http:
            for _ in range(2):
                await http.json("GET", "/things", scope="read")
        ids = {r.headers["x-correlation-id"] for r in server.requests}
        assert len(ids) == 2
        assert server.requests[0].headers["accept"] == "application/json"

    asyncio.run(run())


def test_no_value_of_a_body_is_in_an_error():
    async def run():
        ports, _, _ = quick_ports()
        async with serving(always(answer(500, {"echo": "CANARY"}))) as server, http_to(server.url, ports) as http:
            with pytest.raises(InDoubt) as caught:
                await http.json("POST", "/things", scope="write", json={"x": "CANARY"}, params={"q": "CANARY"})
        assert "CANARY" not in str(caught.value) + repr(caught.value)

    asyncio.run(run())


def test_a_cancelled_call_gives_its_turn_back_and_leaves_the_client_usable():
    arrived = asyncio.Event()

    async def quiet_first(server: Server, request: Request, writer: asyncio.StreamWriter) -> None:
        arrived.set()
        if len(server.requests) == 1:
            await asyncio.sleep(30)
        writer.write(answer(200, {}))

    async def run():
        ports, _, pacer = quick_ports()
        async with serving(quiet_first) as server, http_to(server.url, ports) as http:
            task = asyncio.create_task(http.json("GET", "/things", scope="read"))
            await asyncio.wait_for(arrived.wait(), 5)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert pacer.answers == [Answer("read", pacer.answers[0].latency, 0)]
            assert (await http.json("GET", "/things", scope="read")).status == 200

    asyncio.run(run())


def test_retries_end_when_the_budget_is_spent():
    async def run():
        ports, clock, _ = quick_ports()

        async def no_time(seconds: float) -> None:
            await asyncio.sleep(0)

        clock.sleep = no_time  # time stands still: nothing is earned back
        async with serving(always(answer(500, {}))) as server, http_to(server.url, ports, attempts=5) as http:
            for _ in range(60):
                with pytest.raises(Unavailable):
                    await http.json("GET", "/things", scope="read")
            retries = len(server.requests) - 60
        assert 100 <= retries <= 150, "60 calls could have been 240 retries"

    asyncio.run(run())


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_download_checks_its_declared_length(transport):
    async def cut(server: Server, request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nContent-Length: 100000\r\n\r\n" + b"x" * 70000)
        await writer.drain()
        writer.close()

    async def run():
        ports, _, pacer = quick_ports()
        async with serving(cut) as server, http_to(server.url, ports, transport=transport) as http:
            got = 0
            with pytest.raises(Unavailable, match="read it again"):
                async with http.stream("GET", "/file", scope="read") as download:
                    async for piece in download:
                        got += len(piece)
        assert 0 < got <= 70000
        assert len(pacer.answers) == 1

    asyncio.run(run())


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_an_upload_is_streamed_and_opened_anew_for_a_resend(transport):
    opened = 0

    async def content() -> AsyncIterator[bytes]:
        nonlocal opened
        opened += 1
        for _ in range(4):
            yield b"z" * 1000

    async def run():
        ports, _, _ = quick_ports()
        async with serving(always(answer(408), answer(201, {}))) as server:
            async with http_to(server.url, ports, transport=transport) as http:
                await http.json("POST", "/file", scope="write", content=content)
            assert [r.body for r in server.requests] == [b"z" * 4000] * 2
            assert server.requests[0].headers["transfer-encoding"] == "chunked"
        assert opened == 2

    asyncio.run(run())


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_an_upload_whose_source_breaks_says_so_and_is_not_in_doubt(transport):
    async def content() -> AsyncIterator[bytes]:
        yield b"z" * 1000
        raise Unavailable("the other system went away")

    async def run():
        ports, _, _ = quick_ports()
        async with serving(always(answer(201, {}))) as server:
            async with http_to(server.url, ports, transport=transport) as http:
                with pytest.raises(Unavailable, match="the other system"):
                    await http.json("POST", "/file", scope="write", content=content)
            assert server.requests == []

    asyncio.run(run())


def test_a_url_without_a_scheme_is_misconfigured():
    ports, _, _ = quick_ports()
    with pytest.raises(Misconfigured, match="https://host"):
        Http(Connection("vendor", "test", "example.com"), ports)

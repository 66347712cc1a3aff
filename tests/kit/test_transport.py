"""The way to a system: cookies, and nothing left behind for the cycle collector."""

from __future__ import annotations

import asyncio
import gc

import httpx
import pytest

from tests.kit.ports import plain_ports
from tests.kit.sockets import always, answer, http_to, serving


@pytest.mark.parametrize("transport", ["aiohttp", "httpx"])
def test_a_session_that_the_vendor_opens_is_used_by_the_calls_behind(transport):
    async def run():
        opening = answer(200, {}, Set_Cookie="session=abc; Path=/")
        behaviour = always(opening, answer(200, {}))
        async with serving(behaviour) as server, http_to(server.url, plain_ports(), transport=transport) as http:
            for _ in range(3):
                await http.json("GET", "/things", scope="read")
        assert [request.headers.get("cookie") for request in server.requests] == [None, "session=abc", "session=abc"]

    asyncio.run(run())


def test_an_answer_is_freed_without_the_cycle_collector():
    async def run():
        async with serving(always(answer(200, {"a": 1}))) as server, http_to(server.url, plain_ports()) as http:
            await http.json("POST", "/things", scope="write", json={"a": 1})  # connections and caches stay
            gc.collect()
            before = _answers()
            gc.disable()
            try:
                for _ in range(5):
                    await http.json("POST", "/things", scope="write", json={"a": 1})
                assert _answers() == before
            finally:
                gc.enable()

    asyncio.run(run())


def _answers() -> int:
    return sum(isinstance(one, httpx.Response) for one in gc.get_objects())

"""Serve a double on a real socket, in a thread of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvloop

from connectors.rehearsal.base import Double
from connectors.rehearsal.serve import serve
from connectors.rehearsal.tls import Certificate, self_signed


@contextmanager
def running(double: Double, tls: bool = False, folder: Path | None = None) -> Iterator[str]:
    """Yields the base URL. With `tls`, the certificate is made in `folder` (see `certificate`)."""
    if tls and folder is None:
        raise ValueError("running(..., tls=True) needs a folder for the certificate, such as tmp_path")
    chain: Certificate | None = self_signed(folder) if tls and folder else None
    up = threading.Event()
    urls: list[str] = []
    inside: dict[str, object] = {}

    async def body() -> None:
        stop = inside["stop"] = asyncio.Event()
        inside["loop"] = asyncio.get_running_loop()

        def ready(_name: str, url: str) -> None:
            urls.append(url)
            up.set()

        await serve({double.name: double}, {double.name: 0}, tls=chain, ready=ready, stop=stop)

    thread = threading.Thread(target=lambda: uvloop.run(body()), name=f"double {double.name}")
    thread.start()
    try:
        assert up.wait(20), "the double did not start"
        yield urls[0]
    finally:
        loop, stop = inside.get("loop"), inside.get("stop")
        if isinstance(loop, asyncio.AbstractEventLoop) and isinstance(stop, asyncio.Event):
            loop.call_soon_threadsafe(stop.set)
        thread.join(20)
        assert not thread.is_alive(), "the double did not stop"


def certificate(folder: Path) -> str:
    """The CA bundle of a double that runs with `tls=True` and this folder."""
    return str(folder / "rehearsal-cert.pem")

"""Serve rehearsal systems over real sockets: `python -m connectors.rehearsal.serve --servicenow 8801 --jira 8802`."""

from __future__ import annotations

import argparse
import asyncio
import gc
import signal
import socket
import sys
import tempfile
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from pathlib import Path

import orjson
import uvicorn
import uvloop
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from connectors.rehearsal.base import ABORT, Double
from connectors.rehearsal.faults import Rule
from connectors.rehearsal.tls import Certificate, self_signed


class _Line(HttpToolsProtocol):
    """An HTTP connection that lets the app cut it, as a faulty network would."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["extensions"] = {ABORT: {"transport": self.transport}}


class _Server(uvicorn.Server):
    """A server that tells when it is ready and leaves the signals to `main`."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


async def serve(
    doubles: Mapping[str, Double],
    ports: Mapping[str, int],
    *,
    host: str = "127.0.0.1",
    tls: Certificate | None = None,
    ready: Callable[[str, str], None] | None = None,
    stop: asyncio.Event | None = None,
) -> None:
    """Serve each double on its port (0: any free one) until `stop` is set; calls `ready(name, url)` for each.

    Raises OSError when a port is taken.
    """
    stop = stop or asyncio.Event()
    servers: list[_Server] = []
    tasks: list[asyncio.Task[None]] = []
    try:
        for name, double in doubles.items():
            listener = _listen(host, ports[name])
            server = _Server(_config(double, tls))
            task = asyncio.create_task(server.serve(sockets=[listener]))
            servers.append(server)
            tasks.append(task)
            up = asyncio.create_task(server.ready.wait())
            await asyncio.wait({up, task}, return_when=asyncio.FIRST_COMPLETED)
            up.cancel()
            if ready and server.ready.is_set():
                ready(name, f"{'https' if tls else 'http'}://{host}:{listener.getsockname()[1]}")
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait({stopping, *tasks}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
    finally:
        for server in servers:
            server.should_exit = True
        await asyncio.gather(*tasks)
        for double in doubles.values():
            double.close()


def _listen(host: str, port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(2048)
    except OSError:
        listener.close()
        raise
    listener.setblocking(False)
    return listener


def _config(double: Double, tls: Certificate | None) -> uvicorn.Config:
    return uvicorn.Config(
        double.app,
        http=_Line,
        lifespan="off",
        access_log=False,
        log_level="warning",
        date_header=False,  # the double's own clock says the date
        server_header=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=2,
        ssl_certfile=tls.cert if tls else None,
        ssl_keyfile=tls.key if tls else None,
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="cutover rehearse", description="Serve doubles of the vendors' systems.")
    parser.add_argument("--servicenow", type=int, metavar="PORT", help="serve a ServiceNow here (0: any free port)")
    parser.add_argument("--jira", type=int, metavar="PORT", help="serve a Jira Cloud here (0: any free port)")
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen at (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="one seed gives one set of data and faults")
    parser.add_argument("--records", type=int, default=500, help="incidents in the ServiceNow (default: %(default)s)")
    parser.add_argument("--plain", action="store_true", help="no journals and attachments, for benchmarks")
    parser.add_argument("--state", type=Path, metavar="DIR", help="keep every write here: it outlives kill -9")
    parser.add_argument("--latency-ms", type=float, default=0.0, help="added to every call")
    parser.add_argument("--tls", action="store_true", help="serve https with a self-signed certificate")
    parser.add_argument("--faults", type=Path, metavar="FILE.json", help="a list of faults, for every double")
    arguments = parser.parse_args()
    if arguments.servicenow is None and arguments.jira is None:
        parser.error("nothing to serve: give --servicenow PORT, --jira PORT, or both")
    return arguments


def _doubles(arguments: argparse.Namespace) -> dict[str, Double]:
    from connectors.rehearsal.seed import Dataset  # here, since a help text should not wait for the vendors

    dataset = Dataset(arguments.seed, incidents=arguments.records, plain=arguments.plain)
    state: Path | None = arguments.state
    common = {"seed": arguments.seed, "latency": arguments.latency_ms / 1000}
    doubles: dict[str, Double] = {}
    if arguments.servicenow is not None:
        from connectors.rehearsal.servicenow import ServiceNowDouble

        doubles["servicenow"] = ServiceNowDouble(
            dataset=dataset, journal=state / "servicenow.jsonl" if state else None, **common
        )
    if arguments.jira is not None:
        from connectors.rehearsal.jira import JiraDouble

        doubles["jira"] = JiraDouble(people=dataset.people, journal=state / "jira.jsonl" if state else None, **common)
    if arguments.faults:
        docs = orjson.loads(arguments.faults.read_bytes())
        if not isinstance(docs, list):
            raise ValueError(f"{arguments.faults} must hold a JSON list of faults")
        for double in doubles.values():
            double.faults.add(*[Rule.read(doc) for doc in docs])
    return doubles


async def _run(arguments: argparse.Namespace) -> None:
    gc.disable()
    doubles = _doubles(arguments)
    gc.enable()
    gc.freeze()  # the starting data stays for good: looking through it again and again would only cost time
    tls = None
    if arguments.tls:
        tls = self_signed(arguments.state or Path(tempfile.mkdtemp(prefix="rehearsal-")))
        print(f"certificate: {tls.cert} (use it as the CA bundle)", flush=True)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)

    def ready(name: str, url: str) -> None:
        print(f"{name}: {url}  {doubles[name].hint.format(url=url)}", flush=True)

    ports = {"servicenow": arguments.servicenow, "jira": arguments.jira}
    await serve(doubles, ports, host=arguments.host, tls=tls, ready=ready, stop=stop)


def main() -> int:
    """Exit codes: 0 stopped by a signal, 1 could not start."""
    try:
        uvloop.run(_run(_arguments()))
    except (OSError, ValueError) as error:
        print(f"rehearsal: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

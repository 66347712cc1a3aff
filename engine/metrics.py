"""Figures for monitoring: Prometheus text and a health check, on a TCP port of their own when a migration asks for it.

Nothing can be steered here, and no label carries a key, a value or a person's words: names of waves, entities and
systems, buckets and kinds of waiting only. The text is written by hand: every figure is counted elsewhere already, and
a client library would count it once more.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import NamedTuple

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from engine.telemetry import Telemetry
from engine.trouble import describe
from engine.wire import Buckets, Live
from runbooks.migration import Metrics

_TEXT = "text/plain; version=0.0.4; charset=utf-8"

log = logging.getLogger(__name__)

Figures = Mapping[tuple[tuple[str, str], ...], float]
"""Labels -> value."""


class _Family(NamedTuple):
    name: str
    kind: str  # gauge | counter
    help: str
    figures: Figures


def exposition(live: Live, telemetry: Telemetry) -> str:
    """One picture as Prometheus text."""
    return "".join(_text(family) for family in _families(live, telemetry))


def _families(live: Live, telemetry: Telemetry) -> list[_Family]:
    status, totals = live.status, telemetry.totals
    records: Figures = {
        (("wave", wave.wave), ("entity", entity.entity), ("bucket", bucket)): float(getattr(entity.buckets, bucket))
        for wave in status.waves
        for entity in wave.entities
        for bucket in Buckets.model_fields
    }
    now, lost = defaultdict[str, float](float), defaultdict[str, float](float)
    for waiting in status.waiting:
        now[_kind(waiting.reason)] += waiting.now
        lost[_kind(waiting.reason)] += waiting.seconds
    levels = Counter(alert.level for alert in live.alerts if not alert.acknowledged_by)
    alerts: Figures = {(("level", level),): float(levels[level]) for level in ("alarm", "warning", "note")}
    states: Figures = {(("wave", wave.wave), ("state", wave.state)): 1.0 for wave in status.waves}
    ends: Figures = {
        (("end", end),): at for end, at in (("low", status.eta_low), ("high", status.eta_high)) if at is not None
    }
    margin: Figures = {(): live.window_margin} if live.window_margin is not None else {}
    calls: Figures = {(("system", system),): float(n) for system, (n, _) in telemetry.spent.items()}
    seconds: Figures = {(("system", system),): spent for system, (_, spent) in telemetry.spent.items()}
    return [
        _Family("cutover_running", "gauge", "1 while a run goes on", {(): float(status.engine == "running")}),
        _Family("cutover_records", "gauge", "Records by wave, entity and bucket", records),
        _Family("cutover_wave_state", "gauge", "The state each wave is in", states),
        _Family("cutover_written_total", "counter", "Records written", {(): float(totals["written"])}),
        _Family("cutover_rate", "gauge", "Records a second, written in the last ten seconds", {(): status.rate}),
        _Family("cutover_calls_total", "counter", "Calls by system", calls),
        _Family("cutover_call_seconds_total", "counter", "Seconds that calls took, by system", seconds),
        _Family("cutover_calls_failed_total", "counter", "Calls without a good answer", {(): float(totals["failed"])}),
        _Family("cutover_calls_again_total", "counter", "Calls to be made again", {(): float(totals["again"])}),
        _Family("cutover_waiting", "gauge", "Tasks that wait now, by kind", _by_kind(now)),
        _Family("cutover_waited_seconds_total", "counter", "Seconds lost to waiting, by kind", _by_kind(lost)),
        _Family("cutover_holds", "gauge", "Hands on the brake", {(): float(len(status.holds))}),
        _Family("cutover_alerts", "gauge", "Alerts that nobody has acknowledged, by level", alerts),
        _Family("cutover_eta_seconds", "gauge", "Until the running waves are copied", ends),
        _Family("cutover_window_margin_seconds", "gauge", "From the likely end to the window's", margin),
    ]


def _kind(reason: str) -> str:
    """Reasons name calls, and calls name records; of those, their kind is told."""
    if reason.startswith("hold by "):
        return "hold"
    if reason == "window closed":
        return "window"
    if reason.startswith("retry: "):
        return "retry"
    return "limit"


def _by_kind(sums: Mapping[str, float]) -> Figures:
    return {(("kind", kind),): float(sums.get(kind, 0)) for kind in ("hold", "window", "retry", "limit")}


def _text(family: _Family) -> str:
    lines = [f"# HELP {family.name} {family.help}", f"# TYPE {family.name} {family.kind}"]
    for labels, value in family.figures.items():
        said = ",".join(f'{name}="{_escaped(text)}"' for name, text in labels)
        lines.append(f"{family.name}{'{' + said + '}' if said else ''} {value:.15g}")
    return "\n".join(lines) + "\n"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


# ---------------------------------------------------------------- the port


@contextlib.asynccontextmanager
async def served(
    asked: Metrics | None, take: Callable[[], Awaitable[Live]], telemetry: Telemetry
) -> AsyncIterator[None]:
    """Serve `/metrics` and `/healthz` until the block ends; nothing when nobody asked. A port that cannot be had is
    said in the log, and the engine works without: a night must not fail for its graphs."""
    listening = _listen(asked) if asked is not None else None
    if listening is None:
        yield
        return

    async def metrics(_: Request) -> Response:
        return Response(exposition(await take(), telemetry), media_type=_TEXT)

    async def healthz(_: Request) -> Response:
        try:
            status = (await take()).status
        except Exception as error:  # noqa: BLE001 - that it cannot tell how it is, is the answer
            log.error("no health to tell: %s", describe(error))
            return PlainTextResponse("the ledger cannot be read; see the engine's log\n", 503)
        return JSONResponse({"engine": status.engine, "at": status.at})

    app = Starlette(routes=[Route("/metrics", metrics), Route("/healthz", healthz)])
    server = uvicorn.Server(
        uvicorn.Config(app, log_config=None, access_log=False, lifespan="off", timeout_graceful_shutdown=1)
    )
    server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
    with listening:
        task = asyncio.create_task(server.serve(sockets=[listening]), name="metrics")
        try:
            yield
        finally:
            server.should_exit = True
            await task


def _listen(asked: Metrics) -> socket.socket | None:
    try:
        family = socket.AF_INET6 if ":" in asked.host else socket.AF_INET
        return socket.create_server((asked.host, asked.port), family=family)
    except OSError as error:
        log.error(
            "no metrics: port %s of %s cannot be had (%s). Give `metrics` another one in migration.yaml, or free it; "
            "then start the engine again",
            asked.port,
            asked.host,
            error.strerror or type(error).__name__,
        )
        return None

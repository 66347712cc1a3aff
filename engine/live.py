"""The live picture: taken once, put into bytes once, and handed to everybody who watches."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence

from engine.charts import Line
from engine.clock import Clock
from engine.snapshot import Snapshots
from engine.telemetry import Telemetry
from engine.trouble import describe
from engine.window import Windows
from engine.wire import Alert, Chart, Drift, Live, RunbookStatus, Status

_BETWEEN = 0.5  # seconds between two pictures
_LEAST = 0.25  # seconds between two pictures, whatever happens
_HEARTBEAT = 2.0  # seconds after which a picture is sent although nothing changed
_CHARTS = (("written", "written", "records/s", 1), ("errors", "failed", "/min", 60), ("retries", "again", "/min", 60))

Runbook = Callable[[Status], Awaitable[RunbookStatus | None]]
Drifted = Callable[[], Awaitable[Drift | None]]
Alerts = Callable[[Status], Awaitable[Sequence[Alert]]]

log = logging.getLogger(__name__)


class Pictures:
    """Takes live pictures."""

    def __init__(
        self,
        snapshots: Snapshots,
        telemetry: Telemetry,
        windows: Windows,
        *,
        alerts: Alerts | None = None,
        runbook: Runbook | None = None,
        drift: Drifted | None = None,
    ) -> None:
        self._snapshots = snapshots
        self._telemetry = telemetry
        self._windows = windows
        self._alerts = alerts
        self._runbook = runbook
        self._drift = drift
        self._number = 0

    async def take(self) -> Live:
        status = await self._snapshots.take()
        alerts = list(await self._alerts(status)) if self._alerts else []
        self._number += 1
        telemetry = self._telemetry
        return Live(
            number=self._number,
            status=status,
            charts=_charts(telemetry),
            alerts=alerts,
            drift=await self._drift() if self._drift else None,
            runbook=await self._runbook(status) if self._runbook else None,
            error_share=round(telemetry.error_share(), 4),
            average=round(telemetry.average("written"), 1),
            window_ends=self._windows.ends(),
            window_margin=self._windows.margin(status.eta_high),
        )


class Broadcast:
    """One picture for all who watch, at most four a second, and none while nobody does. Call `close` before the end.

    Who reads slowly gets the newest picture next and none of those between: nothing piles up.
    """

    def __init__(self, take: Callable[[], Awaitable[Live]], clock: Clock) -> None:
        self._take = take
        self._clock = clock
        self._watching = 0
        self._closed = False
        self._something_took_effect = asyncio.Event()
        self._published = asyncio.Event()  # replaced by a new one at each publication
        self._latest: Live | None = None
        self._line = b""
        self._sent = float("-inf")
        self._task: asyncio.Task[None] | None = None

    def poke(self) -> None:
        """Something took effect: who watches shall see it at once."""
        self._something_took_effect.set()

    async def once(self) -> bytes:
        """One line."""
        return _line(await self._take())

    async def lines(self) -> AsyncGenerator[bytes, None]:
        """A line for every picture, from now until the engine ends."""
        self._watching += 1
        try:
            if not self._closed and (self._task is None or self._task.done()):
                self._line = b""
                self._task = asyncio.create_task(self._watch(), name="live")
            seen = b""  # the one that was handed over last: more than one may come while it is read
            while not self._closed:
                if self._line is seen:
                    await self._published.wait()
                else:
                    seen = self._line
                    yield seen
        finally:
            self._watching -= 1

    async def close(self) -> None:
        """End every stream."""
        self._closed = True
        self._published.set()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    # ------------------------------------------------------------ inside

    async def _watch(self) -> None:
        self._latest = None
        while self._watching:
            self._something_took_effect.clear()
            try:
                await self._look()
            except Exception as error:  # noqa: BLE001 - a picture that fails must not end those that may succeed
                log.error("no live picture: %s", describe(error))
            await self._clock.sleep(_LEAST)
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._something_took_effect.wait(), _BETWEEN - _LEAST)

    async def _look(self) -> None:
        live = await self._take()
        now = self._clock.monotonic()
        if now - self._sent < _HEARTBEAT and self._latest is not None and _same(live, self._latest):
            return
        self._latest, self._line, self._sent = live, _line(live), now
        published, self._published = self._published, asyncio.Event()
        published.set()


def _line(live: Live) -> bytes:
    return live.model_dump_json().encode() + b"\n"


def _same(one: Live, other: Live) -> bool:
    """Whether nothing but the time is different."""
    status = one.status.model_copy(update={"at": other.status.at})
    margin = {"window_margin": other.window_margin}
    return one.model_copy(update={"number": other.number, "status": status, **margin}) == other


def _charts(telemetry: Telemetry) -> list[Chart]:
    charts = []
    for name, what, unit, per in _CHARTS:
        for span, line in (("recent", telemetry.recent(what)), ("run", telemetry.whole(what))):
            charts.append(Chart(name=name, unit=unit, span=span, step=line.step, values=_rounded(line, per)))
    for span, take in (("recent", telemetry.recent), ("run", telemetry.whole)):
        compared, differing = take("sampled"), take("differing")
        charts.append(
            Chart(
                name="drift", unit="%", span=span, step=compared.step, values=_share(differing.values, compared.values)
            )
        )
    return charts


def _share(parts: Sequence[float | None], of: Sequence[float | None]) -> list[float | None]:
    """What the samples said up to each point, in per cent; None before the first."""
    shares: list[float | None] = []
    part = whole = 0.0
    for one, other in zip(parts, of, strict=True):
        part, whole = part + (one or 0.0), whole + (other or 0.0)
        shares.append(round(100 * part / whole, 3) if whole else None)
    return shares


def _rounded(line: Line, per: int) -> list[float | None]:
    return [None if value is None else round(value * per, 1) for value in line.values]

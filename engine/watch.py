"""Looks at the engine every few seconds, and says what a person should know. People's acknowledgements are durable."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import shutil
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path

from engine.alerts import Alarms, Sample, Standing
from engine.batches import anomalies
from engine.clock import Clock
from engine.errors import Refused
from engine.ledger import Ledger
from engine.model import LOADED, UNCHECKED, UNDONE, WaveState
from engine.pacing import Pacing
from engine.snapshot import Snapshots
from engine.telemetry import Telemetry
from engine.thresholds import THRESHOLDS
from engine.trends import TRENDS
from engine.trouble import describe
from engine.window import Windows
from engine.wire import Acknowledge, Alert, Receipt, Status

_BETWEEN = 2.0  # seconds between two samples, at least
_UNWATCHED = 5.0  # seconds between two looks when no screen asks
_FORGET = 60.0  # seconds after the start in which an alert may come back and find its acknowledgement
_PAST = UNCHECKED | UNDONE | {WaveState.SIGNED_OFF}  # whose batches nobody looks at

log = logging.getLogger(__name__)


class Watch:
    """Keeps watch over one engine. `folder` is where its ledger lies."""

    def __init__(
        self,
        snapshots: Snapshots,
        telemetry: Telemetry,
        pacing: Pacing,
        ledger: Ledger,
        windows: Windows,
        clock: Clock,
        folder: Path,
    ) -> None:
        self._snapshots = snapshots
        self._telemetry = telemetry
        self._pacing = pacing
        self._ledger = ledger
        self._windows = windows
        self._clock = clock
        self._folder = folder
        self._alarms = Alarms((*THRESHOLDS, *TRENDS))
        self._began = clock.monotonic()
        self._looked = float("-inf")
        self._acknowledged: dict[str, str] | None = None  # alert -> who; None until it was read
        self._causes: dict[str, tuple[int, str]] = {}  # wave -> (records then, cause of most)

    async def alerts(self, status: Status) -> list[Alert]:
        """What stands now: worst first, among equals the newest."""
        if self._acknowledged is None:
            self._acknowledged = await self._ledger.acknowledged()
        now = self._clock.monotonic()
        if now - self._looked >= _BETWEEN:
            self._looked = now
            self._alarms.look(await self._sample(status, now))
            await self._forget(now)
        return [self._alert(standing) for standing in self._alarms.standing()]

    async def acknowledge(self, command: Acknowledge) -> Receipt:
        """A person has seen it. Raises Refused for an alert that does not stand."""
        await self.alerts(await self._snapshots.take())
        standing = next((one for one in self._alarms.standing() if one.finding.id == command.alert), None)
        if standing is None:
            raise Refused(f"There is no alert {command.alert} any more: its cause is gone. See: cutover status")
        assert self._acknowledged is not None
        await self._ledger.acknowledge(command.alert, command.by, standing.finding.wave, standing.finding.sentence)
        self._acknowledged[command.alert] = command.by
        message = "Acknowledged. It stays until its cause is gone."
        return Receipt(accepted=True, durable=True, effective=True, message=message)

    @contextlib.asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        """While the block goes on, look now and then although nobody asks: a trend is seen by who looked before."""
        task = asyncio.create_task(self._keep(), name="watch")
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _keep(self) -> None:
        while True:
            await self._clock.sleep(_UNWATCHED)
            if self._clock.monotonic() - self._looked < _UNWATCHED:
                continue
            try:
                await self.alerts(await self._snapshots.take())
            except Exception as error:  # noqa: BLE001 - a look that fails must not end the watch
                log.error("no look at the engine: %s", describe(error))

    # ------------------------------------------------------------ inside

    async def _forget(self, now: float) -> None:
        """An alert that is gone and comes again calls again."""
        assert self._acknowledged is not None
        if now - self._began < _FORGET:
            return
        standing = {each.finding.id for each in self._alarms.standing()}
        if gone := [alert for alert in self._acknowledged if alert not in standing]:
            await self._ledger.forget_acknowledged(gone)
            for alert in gone:
                del self._acknowledged[alert]

    def _alert(self, standing: Standing) -> Alert:
        finding = standing.finding
        return Alert(
            id=finding.id,
            level=finding.level,
            wave=finding.wave,
            sentence=finding.sentence,
            verb=finding.verb,
            since=standing.since,
            acknowledged_by=(self._acknowledged or {}).get(finding.id, ""),
        )

    async def _sample(self, status: Status, now: float) -> Sample:
        totals = self._telemetry.totals
        waves = status.waves
        quarantined = {wave.wave: sum(entity.buckets.quarantined for entity in wave.entities) for wave in waves}
        running = [wave for wave in waves if wave.wave in status.run]
        return Sample(
            at=now,
            now=status.at,
            busy=status.engine == "running",
            begun=any(wave.started for wave in waves),
            copying=next((wave.wave for wave in running if wave.state == WaveState.COPYING), ""),
            to_do=sum(wave.buckets.to_do for wave in running),
            not_loaded=sum(wave.state not in LOADED for wave in waves),
            written=totals["written"],
            settled=totals["settled"],
            calls=totals["calls"],
            failed=totals["failed"],
            again=totals["again"],
            latency=dict(self._telemetry.spent),
            quarantined=quarantined,
            cause={wave: await self._cause(wave, n) for wave, n in quarantined.items() if n},
            in_doubt={wave.wave: sum(entity.buckets.in_doubt for entity in wave.entities) for wave in waves},
            stuck={
                wave.wave: wave.cause
                for wave in waves
                if wave.state in (WaveState.FAILED, WaveState.NEEDS_HUMAN) and wave.wave not in status.run
            },
            unlike={
                wave.wave: [one.sentence for one in await anomalies(self._ledger, wave.wave)]
                for wave in waves
                if wave.state not in _PAST
            },
            holds=[(hold.wave, hold.by, hold.reason, self._age(hold.since)) for hold in status.holds],
            waiting=self._pacing.waits.reasons(),
            margin=self._windows.margin(status.eta_high) if running else None,
            disk=await asyncio.to_thread(_free, self._folder),  # a file system over a network may take its time
        )

    async def _cause(self, wave: str, n: int) -> str:
        """The cause of most of what is quarantined there; asked for only when their number has changed."""
        known = self._causes.get(wave)
        if known is None or known[0] != n:
            row = (await self._ledger.waves())[wave]
            worst = await self._ledger.worst_causes(row.id, 1)
            known = self._causes[wave] = (n, worst[0][0] if worst else "")
        return known[1]

    def _age(self, since: str) -> float:
        try:
            return (self._clock.now() - datetime.fromisoformat(since)).total_seconds()
        except (TypeError, ValueError):
            return 0.0


def _free(folder: Path) -> int | None:
    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return None

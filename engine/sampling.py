"""While a wave runs, a few of its settled records are compared all the time: from them comes the estimate of its drift.

One look is a small batch, evenly spread over what is settled. After it comes a rest many times as long as the look, so
that it takes a small share of the calls, however slow a system is. What differs is looked at again when it may no
longer be on its way; only then is it drift. What is equal stays to be compared at the end of the wave.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import NamedTuple, ParamSpec, TypeVar

from connectors.kit.errors import ConnectorError
from engine.assembly import PlannedWave
from engine.clock import Clock
from engine.compare import Difference, at_most
from engine.conductor import Conductor
from engine.errors import EngineError
from engine.flow import Flow
from engine.ledger import Ledger
from engine.logbook import WaveRow
from engine.model import UNDONE, Bucket, Entry, WaveState
from engine.pacing import Pacing
from engine.people import People
from engine.reconcile import lag
from engine.rulings import DRIFT, last_drift
from engine.sides import Sides, readable
from engine.telemetry import Telemetry
from engine.trouble import describe
from engine.wire import Drift

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")

_FEW = 20  # records a look
_REST = 20  # after a look comes a rest so many times as long
_WALK = 400  # records of one walk over all that is settled
_COPYING = (WaveState.COPYING, WaveState.CATCHING_UP)

log = logging.getLogger(__name__)


class Suspect(NamedTuple):
    """A record that differed at its first look."""

    due: float  # when it may be looked at again
    fields: frozenset[tuple[str, str, str]]  # (flow, key, field) of what differed


class Sampler:
    """Samples the waves of the run that goes on."""

    def __init__(
        self,
        conductor: Conductor,
        ledger: Ledger,
        pacing: Pacing,
        telemetry: Telemetry,
        clock: Clock,
        secret: bytes,
        *,
        every: float = 2.0,
    ) -> None:
        """`every`: seconds between two looks, at least."""
        self._conductor = conductor
        self._ledger = ledger
        self._pacing = pacing
        self._telemetry = telemetry
        self._clock = clock
        self._secret = secret
        self._every = every
        self._forget(0)

    def _forget(self, run: int) -> None:
        """Another run: other records may be settled, and people may have changed."""
        self._run = run
        self._people = People()
        self._after: dict[tuple[int, int], str] = {}  # where the walk over an entity of a wave is
        self._suspects: dict[tuple[int, int, str], Suspect] = {}
        self._sampled: dict[str, tuple[int, int]] = {}  # wave: (records compared, of them drift)

    @contextlib.asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        """While the block goes on."""
        task = asyncio.create_task(self._keep(), name="sampling")
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def drift(self) -> Drift | None:
        """Of all waves: what is confirmed, and what the newest comparison of each says. None before any."""
        rows = await self._ledger.waves()
        known = [await last_drift(self._ledger, name) for name, row in rows.items() if row.state not in UNDONE]
        said = [each for each in known if each is not None]
        if not said:
            return None
        sampled = sum(each.sampled for each in said)
        differing = sum(round((each.estimate or 0.0) * each.sampled) for each in said)
        counts = await self._ledger.drifts.counts()
        return Drift(
            confirmed=sum(sum(counts.get(name, {}).values()) for name in rows),
            sampled=sampled,
            estimate=differing / sampled if sampled else None,
            upper=at_most(differing, sampled),
            at=max(each.at for each in said),
        )

    # ------------------------------------------------------------ inside

    async def _keep(self) -> None:
        while True:
            began = self._clock.monotonic()
            try:
                for planned, row in await self._running():
                    await self._look(planned, row)
            except (ConnectorError, EngineError):
                pass  # the run itself meets it, waits and says so
            except Exception as error:  # noqa: BLE001 - an estimate that fails must end nothing
                log.error("no sample: %s", describe(error))
            await self._clock.sleep(max(self._every, _REST * (self._clock.monotonic() - began)))

    async def _running(self) -> list[tuple[PlannedWave, WaveRow]]:
        conductor = self._conductor
        if conductor.number != self._run:
            self._forget(conductor.number)
        names = list(conductor.running)
        rows = await self._ledger.waves() if names else {}
        waves = [(conductor.assembly.waves[name], rows[name]) for name in names if rows[name].state in _COPYING]
        return [(planned, row) for planned, row in waves if planned.prove != "none"]

    async def _look(self, planned: PlannedWave, row: WaveRow) -> None:
        """One batch of one entity, the entities by turns according to their size."""
        tally = await self._ledger.tally()
        sizes = {
            part.flow.entity: tally.get((row.id, part.flow.entity), {}).get(Bucket.SYNCED, 0)
            for part in planned.parts
            if readable(part.flow)
        }
        drawn = self._clock.random() * sum(sizes.values())
        for part in planned.parts:
            size = sizes.get(part.flow.entity, 0)
            if drawn < size:
                await self._compare(planned.name, row.id, part.flow, size)
                return
            drawn -= size

    async def _compare(self, name: str, wave: int, flow: Flow, size: int) -> None:
        now, drifts = self._clock.monotonic(), self._ledger.drifts
        due = {key: one for (w, e, key), one in self._suspects.items() if (w, e) == (wave, flow.entity)}
        again = [key for key, one in due.items() if one.due <= now][:_FEW]
        known = await self._ledger.known(flow.entity, again)
        entries = {entry.key: entry for entry in await self._some(wave, flow, size) if entry.key not in due}
        entries |= {key: e for key, e in known.items() if e.bucket is Bucket.SYNCED and e.wave == wave}
        for key in again:
            del self._suspects[wave, flow.entity, key]
        if not entries:
            return
        found = await self._sides(name).compare(flow, list(entries.values()))
        differing: dict[str, list[Difference]] = {}
        for one in found.differing:
            differing.setdefault(one.root, []).append(one)
        drift: list[Difference] = []
        for key, all_of_it in differing.items():
            same = [one for one in all_of_it if key in again and (one.flow, one.key, one.field) in due[key].fields]
            drift += same
            if not same:
                fields = frozenset((one.flow, one.key, one.field) for one in all_of_it)
                self._suspects[wave, flow.entity, key] = Suspect(now + lag(flow), fields)
        confirmed = {one.root for one in drift}
        if confirmed:
            await drifts.found(wave, flow.entity, [], sorted(confirmed), drift)
        # What waits for its second look is not counted yet, neither way.
        await self._count(name, len(found.equal) + len(confirmed), len(confirmed))

    async def _some(self, wave: int, flow: Flow, size: int) -> list[Entry]:
        """The next records of the walk: at random distances, so that every record is as likely as any other."""
        place = (wave, flow.entity)
        after, begun_anew = self._after.get(place, ""), False
        distance = max(1, size // _WALK)
        found: dict[str, Entry] = {}
        while len(found) < _FEW:
            skip = int(self._clock.random() * (2 * distance - 1))
            entries = await self._ledger.drifts.synced(wave, flow.entity, after, 1, skip=skip)
            if entries:
                after = entries[0].key
                found[after] = entries[0]
            elif begun_anew:
                break
            else:
                after, begun_anew = "", True
        self._after[place] = after
        return list(found.values())

    async def _count(self, name: str, compared: int, differing: int) -> None:
        self._telemetry.count("sampled", compared)
        self._telemetry.count("differing", differing)
        before = self._sampled.get(name, (0, 0))
        sampled, drift = before[0] + compared, before[1] + differing
        if not sampled:
            return
        self._sampled[name] = (sampled, drift)
        counts = await self._ledger.drifts.counts()
        said = Drift(
            confirmed=sum(counts.get(name, {}).values()),
            sampled=sampled,
            estimate=drift / sampled,
            upper=at_most(drift, sampled),
            at=self._clock.now().isoformat(timespec="seconds"),
        )
        await self._ledger.set_meta(DRIFT + name, said.model_dump_json())

    def _sides(self, name: str) -> Sides:
        async def ask(
            call: Callable[Arguments, Awaitable[Result]], *args: Arguments.args, **kwargs: Arguments.kwargs
        ) -> Result:
            async with self._pacing.step(name):
                return await call(*args, **kwargs)

        return Sides(self._ledger, self._people, self._secret, ask)

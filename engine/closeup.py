"""One wave, looked at closely: its chunks, how fast its calls are, what it waits for, what goes wrong."""

from __future__ import annotations

import math

from engine.assembly import PlannedWave
from engine.clock import Clock
from engine.conductor import Conductor
from engine.errors import Refused
from engine.ledger import Ledger
from engine.logbook import WaveRow
from engine.model import ASIDE
from engine.pacing import Pacing
from engine.telemetry import Telemetry
from engine.wire import ChunkMap, ErrorGroup, Latency, Waiting, WaveDetail

_GROUPS = 20  # of errors that are told
_MOST_CELLS = 2000
_FRESH = 0.5  # seconds that an answer is good for: many may look at one wave


class CloseUps:
    """Takes them."""

    def __init__(
        self, conductor: Conductor, ledger: Ledger, pacing: Pacing, telemetry: Telemetry, clock: Clock
    ) -> None:
        self._conductor = conductor
        self._ledger = ledger
        self._pacing = pacing
        self._telemetry = telemetry
        self._clock = clock
        self._last: tuple[float, str, int, WaveDetail] | None = None

    async def take(self, name: str, cells: int) -> WaveDetail:
        """At most `cells` letters for the chunks of each entity. Raises Refused for a wave that does not exist."""
        wave = self._conductor.assembly.waves.get(name)
        if wave is None:
            raise Refused(f"There is no wave {name}. Waves: {', '.join(self._conductor.assembly.waves)}.")
        cells = max(1, min(_MOST_CELLS, cells))
        now = self._clock.monotonic()
        if self._last is not None and self._last[1:3] == (name, cells) and now - self._last[0] < _FRESH:
            return self._last[3]
        row = (await self._ledger.waves())[name]
        latencies = self._telemetry.latencies.of(now, name)
        detail = WaveDetail(
            wave=name,
            chunks=await self._chunks(wave, row, cells),
            latencies=[Latency(system=key[0], operation=key[1], **of._asdict()) for key, of in latencies.items()],
            retries={reason: again.calls for reason, again in self._telemetry.again(name).items()},
            waits=self._waits(name),
            errors=await self._errors(row),
        )
        self._last = (now, name, cells, detail)
        return detail

    async def _chunks(self, wave: PlannedWave, row: WaveRow, most: int) -> list[ChunkMap]:
        planned, tally = await self._ledger.planned(), await self._ledger.tally()
        maps = []
        for part in wave.parts:
            place = (row.id, part.flow.entity)
            chunks = self._ledger.chunks_of(*place)
            # What is not read yet is known by its number only, so the chunks it will make are an estimate.
            unread = planned.get(place, 0) - chunks.records if not row.ended else 0
            to_do = math.ceil(max(0, unread) / min(wave.chunk, part.flow.reads.page))
            aside = any(tally.get(place, {}).get(bucket) for bucket in ASIDE) or any(
                tally.get((row.id, child.entity), {}).get(bucket) for child in part.flow.children for bucket in ASIDE
            )
            per, letters = chunks.cells(to_do, most, with_aside=aside)
            maps.append(ChunkMap(entity=part.flow.name, per=per, cells=letters))
        return maps

    def _waits(self, wave: str) -> list[Waiting]:
        now, lost = self._pacing.waits.reasons(wave), self._pacing.waits.lost(wave)
        return [
            Waiting(reason=reason, now=now.get(reason, 0), seconds=round(lost.get(reason, 0.0), 1))
            for reason in sorted({*now, *lost}, key=lambda reason: (-lost.get(reason, 0.0), reason))
        ]

    async def _errors(self, row: WaveRow) -> list[ErrorGroup]:
        """Records that were set aside, by cause, most first; then calls that failed."""
        groups = [
            ErrorGroup(cause=cause, field=field, records=n, last=last, key=key)
            for cause, field, n, last, key in await self._ledger.worst_causes(row.id, _GROUPS)
        ]
        for reason, again in list(self._telemetry.again(row.name).items())[: _GROUPS - len(groups)]:
            groups.append(ErrorGroup(cause=reason, field="", records=0, calls=again.calls, last=again.last, key=""))
        return groups

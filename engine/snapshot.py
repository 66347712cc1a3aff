"""The engine's word about itself: one snapshot from counters, never from counting rows."""

from __future__ import annotations

import os

from engine.assembly import PlannedWave
from engine.clock import Clock
from engine.conductor import Conductor
from engine.ledger import Ledger
from engine.logbook import WaveRow
from engine.model import LOADED, Bucket, Hold
from engine.pacing import Pacing
from engine.telemetry import Telemetry
from engine.wire import Buckets, EntityStatus, HoldStatus, Status, Waiting, WaveStatus


class Snapshots:
    """Takes snapshots for screens and scripts."""

    def __init__(
        self, conductor: Conductor, ledger: Ledger, pacing: Pacing, telemetry: Telemetry, clock: Clock
    ) -> None:
        self._conductor = conductor
        self._ledger = ledger
        self._pacing = pacing
        self._telemetry = telemetry
        self._clock = clock
        self._began = clock.now().isoformat(timespec="seconds")

    async def take(self) -> Status:
        conductor, ledger = self._conductor, self._ledger
        # The run first: whoever reads that it is over must find beside it what it left.
        word, running, busy = conductor.word, list(conductor.running), conductor.busy
        last = await ledger.last_run()
        outcome = (last[5] or conductor.last_words or ("" if busy or conductor.busy else "interrupted")) if last else ""
        rows = await ledger.waves()
        tally, planned = await ledger.tally(), await ledger.planned()
        loose, defects = await ledger.loose_references(), await ledger.defects.counts()
        drift = await ledger.drifts.by_wave()
        waves = []
        for wave in conductor.assembly.waves.values():
            row = rows[wave.name]
            entities = [
                EntityStatus(
                    entity=flow.name,
                    child=flow is not part.flow,
                    buckets=_buckets(
                        tally.get((row.id, flow.entity), {}),
                        planned.get((row.id, flow.entity)),
                    ),
                    defects=defects.get((row.id, flow.entity), {}),
                )
                for part in wave.parts
                for flow in (part.flow, *part.flow.children)
            ]
            counted = ledger.chunks(row.id), loose.get(row.id, 0), drift.get(wave.name)
            waves.append(self._wave(wave, row, entities, *counted))
        total = _once(_add([wave.buckets for wave in waves]))
        rate = self._telemetry.rate("written")
        low, high = self._eta(waves)
        now, lost = self._pacing.waits.reasons(), self._pacing.waits.lost()
        return Status(
            migration=conductor.assembly.migration.name,
            at=self._clock.now().isoformat(timespec="milliseconds"),
            engine=word,
            pid=os.getpid(),
            began=self._began,
            run=running,
            run_by=last[1] if last else "",
            run_outcome=outcome,
            rate=round(rate, 1),
            retried=self._telemetry.totals["retried"],
            in_doubt_seen=self._telemetry.totals["in_doubt"],
            eta_low=low,
            eta_high=high,
            holds=[self._hold(hold) for hold in await ledger.holds()],
            waiting=[
                Waiting(reason=reason, now=now.get(reason, 0), seconds=round(lost.get(reason, 0.0), 1))
                for reason in sorted({*now, *lost})
            ],
            waves=waves,
            total=total,
        )

    def _wave(
        self,
        wave: PlannedWave,
        row: WaveRow,
        entities: list[EntityStatus],
        chunks: tuple[int, int],
        loose: int,
        drift: int | None,
    ) -> WaveStatus:
        held = self._pacing.held(wave.name)
        return WaveStatus(
            wave=wave.name,
            about=wave.about,
            after=list(wave.after),
            state=row.state,
            cause=row.cause,
            hold=self._hold(held) if held and row.state not in LOADED else None,
            playbook=row.playbook,
            approved_by=row.approved,
            started=row.started,
            ended=row.ended,
            chunks_done=chunks[0],
            chunks_opened=chunks[1],
            loose_references=loose,
            buckets=_add([entity.buckets for entity in entities if not entity.child]),
            entities=entities,
            drift=drift,
        )

    def _hold(self, hold: Hold) -> HoldStatus:
        return HoldStatus(
            wave=hold.wave,
            reason=hold.reason,
            by=hold.by,
            since=hold.since,
            effective=self._pacing.at_rest(hold.wave),
        )

    def _eta(self, waves: list[WaveStatus]) -> tuple[float | None, float | None]:
        """Seconds until the running waves are copied, as an interval."""
        left = sum(wave.buckets.to_do for wave in waves if wave.wave in self._conductor.running)
        interval = self._telemetry.left(left)
        return (round(interval.low, 1), round(interval.high, 1)) if interval else (None, None)


def _buckets(counts: dict[Bucket, int], planned: int | None) -> Buckets:
    """Children are not counted ahead: what is planned of them is what was seen."""
    seen = sum(n for bucket, n in counts.items() if bucket is not Bucket.LEFT)
    words = {bucket.word: n for bucket, n in counts.items()}
    known = seen if planned is None else planned
    return Buckets(planned=known, to_do=max(0, known - seen), **words)


def _once(total: Buckets) -> Buckets:
    """A record that several waves find is one record: it counts where it moved."""
    return total.model_copy(update={"planned": total.planned - total.overlap, "overlap": 0})


def _add(parts: list[Buckets]) -> Buckets:
    return Buckets(**{name: sum(getattr(part, name) for part in parts) for name in Buckets.model_fields})

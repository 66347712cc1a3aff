"""What a run would do: counts by wave and entity, in the order of their dependencies, and how long it may take."""

from __future__ import annotations

import asyncio
import math

from engine.assembly import Assembly, PlannedWave
from engine.ledger import Ledger
from engine.wire import Plan, PlanEntity, PlanWave

_SLOWER, _FASTER = 1.5, 0.8  # a wave may differ so much from the one before it: records are not alike


async def plan(assembly: Assembly, ledger: Ledger) -> Plan:
    """Count at the source what each wave would move. Nothing is written anywhere."""
    rows = await ledger.waves()
    measured = float(await ledger.get_meta("rate") or 0)
    waves = []
    for wave in assembly.waves.values():
        entities = await asyncio.gather(*(_entity(wave, at) for at in range(len(wave.parts))))
        records = sum(entity.records for entity in entities)
        seconds = records / measured if measured else None
        waves.append(
            PlanWave(
                wave=wave.name,
                about=wave.about,
                after=list(wave.after),
                state=rows[wave.name].state,
                playbook=wave.playbook,
                records=records,
                entities=list(entities),
                seconds_low=None if seconds is None else round(seconds * _FASTER, 1),
                seconds_high=None if seconds is None else round(seconds * _SLOWER, 1),
            )
        )
    return Plan(migration=assembly.migration.name, waves=waves, records=sum(wave.records for wave in waves))


async def _entity(wave: PlannedWave, at: int) -> PlanEntity:
    part = wave.parts[at]
    records = await part.flow.source.count(part.scope)
    return PlanEntity(
        entity=part.flow.name,
        source=f"{part.flow.source_system}:{part.flow.source_entity}",
        target=f"{part.flow.target_system}:{part.flow.target_entity}",
        records=records,
        chunks=math.ceil(records / wave.chunk),
        existing=part.flow.existing.match if part.flow.existing else "",
    )

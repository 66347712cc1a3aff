"""Known defects are remedied on the way, and the records that had them are counted: once, whatever happens."""

from __future__ import annotations

from pathlib import Path

from engine.model import WaveState
from tests.engine.memory_migration import PLAYBOOK, Night, fill, go, night, write

BOOK = PLAYBOOK.replace(
    "    fields:\n",
    """    defects:
      - { defect: p5, about: counts as low, when: { priority: P5 }, set: { priority: "5" } }
    fields:
""",
    1,
)


async def counted(one: Night) -> dict[str, int]:
    status = await one.snapshots.take()
    return {wave.wave: entity.defects.get("p5", 0) for wave in status.waves for entity in wave.entities[:1]}


def test_what_would_be_set_aside_is_moved_and_its_defect_counted_by_wave(tmp_path: Path) -> None:
    async def work() -> None:
        write(tmp_path, playbook=BOOK)
        async with night(tmp_path) as one:
            fill(one.left, bad=3)
            status = await one.run()
            assert all(wave.state == WaveState.AWAITING_SIGN_OFF for wave in status.waves), status.waves
            assert status.total.quarantined == 0
            assert await counted(one) == {"pilot": 1, "rest": 2}

    go(work)


def test_a_record_that_is_carried_again_counts_once_and_not_at_all_when_the_source_mends_it(tmp_path: Path) -> None:
    async def work() -> None:
        write(tmp_path, playbook=BOOK)
        async with night(tmp_path) as one:
            fill(one.left, bad=2)
            await one.run()
            await one.run("pilot")
            assert await counted(one) == {"pilot": 1, "rest": 1}
            record = one.left.get("incident", "I0000")
            assert record is not None
            one.left.put("incident", "I0000", {**record.fields, "priority": "1"})
            await one.run("pilot")
            assert await counted(one) == {"pilot": 0, "rest": 1}

    go(work)

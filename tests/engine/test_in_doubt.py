"""What nobody can look up: a person says whether it exists, and what changed meanwhile is still carried."""

from __future__ import annotations

import asyncio
from pathlib import Path

from engine.model import WaveState
from engine.wire import Resolve, Run
from tests.engine.test_rollback_native import HASTE, At, engine, given, state, world


def test_an_edit_of_what_was_in_doubt_is_carried_once_a_person_has_found_it(tmp_path: Path) -> None:
    async def work() -> None:
        async with world(tmp_path, creates="none") as (left, right, clock):
            assert not await given(tmp_path, clock, Run(waves=["pilot"], by="ana"), At("settle"))
            sent = {one.fields["body"]: one.key for one in right.records("comment")}
            assert sorted(sent) == [f"call {i}" for i in range(4)]
            left.edit("comment", "C2", {"text": "call 2, and once more"})
            assert await given(tmp_path, clock, Run(waves=["pilot"], by="ana"), HASTE)
            assert await state(tmp_path, clock) is WaveState.NEEDS_HUMAN
            async with engine(tmp_path, clock, HASTE) as it:
                for row in await it.ledger.aside():
                    there = sent[f"call {row.key[1:]}"]
                    await it.conductor.resolve(Resolve(key=row.key, target=there, by="ana"))
            assert await given(tmp_path, clock, Run(waves=["pilot"], by="ana"), HASTE)
            assert await state(tmp_path, clock) is WaveState.AWAITING_SIGN_OFF
            bodies = [one.fields["body"] for one in right.records("comment")]
            assert bodies == ["call 0", "call 1", "call 2, and once more", "call 3"]

    asyncio.run(work())

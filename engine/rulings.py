"""What the rules of the playbook said last about each wave, as the ledger keeps it."""

from __future__ import annotations

from engine.ledger import Ledger
from engine.wire import Drift, Message, RuleResult

GATE = "gate: "
"""How the cause begins when a wave needs a person because a gate fails."""

DRIFTED = "drift: "
"""How it begins when the sides differ."""

NOTES = " The proof says: "
"""What comes in that cause before the notes of the wave's proof."""

DRIFT = "drift:"
"""A name in `meta`, with the wave's behind it: what the last comparison of the sides said, a `Drift` as JSON."""

_NAME = "rules:"  # in `meta`, with the wave's name behind it


class Ruling(Message):
    """Every rule's result for one wave, and the version of the playbook that they stand in."""

    playbook: str
    results: list[RuleResult]

    @property
    def failing_gates(self) -> list[RuleResult]:
        return [result for result in self.results if result.gate and not result.holds]


async def last_ruling(ledger: Ledger, wave: str) -> Ruling | None:
    kept = await ledger.get_meta(_NAME + wave)
    return Ruling.model_validate_json(kept) if kept else None


async def last_drift(ledger: Ledger, wave: str) -> Drift | None:
    said = await ledger.get_meta(DRIFT + wave)
    return Drift.model_validate_json(said) if said else None


async def keep_ruling(ledger: Ledger, wave: str, ruling: Ruling) -> None:
    await ledger.set_meta(_NAME + wave, ruling.model_dump_json())

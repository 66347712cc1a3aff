"""What the rooms of one wave share. Values only."""

from __future__ import annotations

from dataclasses import dataclass

from engine.batches import Batches
from engine.clock import Clock
from engine.ledger import Ledger
from engine.pacing import Pacing
from engine.people import People
from engine.telemetry import Telemetry
from engine.vault import Vault


@dataclass(frozen=True, slots=True)
class Context:
    """One wave and the engine around it."""

    wave: int
    name: str
    ledger: Ledger
    pacing: Pacing
    clock: Clock
    people: People
    telemetry: Telemetry
    secret: bytes  # the key of the fingerprints
    last_end: float  # monotonic: what earlier runs sent had left by then; -inf: there were none
    cut_off: float  # the same, of runs that did not come to their end: a call of theirs may have no answer
    batches: Batches
    vault: Vault

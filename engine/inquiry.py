"""What a rule may ask, and what it finds. Values only."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ParamSpec, Protocol, TypeVar

from connectors.kit.contract import Clock, Scope
from engine.flow import Flow
from engine.ledger import Ledger

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


class Ask(Protocol):
    """One call to a system. A wave's own waits and tries again; a person's question fails at once."""

    async def __call__(
        self, call: Callable[Arguments, Awaitable[Result]], *args: Arguments.args, **kwargs: Arguments.kwargs
    ) -> Result: ...


@dataclass(frozen=True, slots=True)
class Inquiry:
    """One wave, and whom to ask about it."""

    wave: int
    wave_name: str
    playbook: str  # the version that the rules stand in
    ledger: Ledger
    clock: Clock
    ask: Ask
    scopes: Mapping[str, tuple[Flow, Scope]]  # by entity: what of it is in this wave
    entities_by_wave: Mapping[str, Sequence[Flow]]  # of the whole migration


@dataclass(slots=True)
class Found:
    """How many were judged, and how many of them fail. `skipped` could not be judged now, or wait for others."""

    checked: int = 0
    failed: int = 0
    skipped: int = 0
    whole: bool = True
    sample: list[str] = field(default_factory=list)  # keys of some that fail
    note: str = ""

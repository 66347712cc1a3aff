"""What the verifier is given: a wave, the ledger's word about it, and patience with two systems."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import ParamSpec, Protocol, TypeVar

from connectors.kit.contract import Clock, Scope
from connectors.kit.errors import Throttled, Unavailable
from engine.flow import Flow
from engine.model import Entry

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")

_TRIES = 6
_FIRST_WAIT, _LONGEST_WAIT = 1.0, 60.0  # seconds


class Books(Protocol):
    """What the ledger says: which records were set aside and which version was written. Not whether they are equal."""

    async def known(self, entity: int, keys: Sequence[str]) -> dict[str, Entry]: ...

    async def entries(self, wave: int, entity: int, after: str, limit: int) -> list[Entry]: ...

    async def position(self, wave: int, entity: int) -> str | None: ...


@dataclass(frozen=True, slots=True)
class WaveUnderTest:
    """One wave, and the migration around it."""

    id: int
    name: str
    loaded: bool  # everything in its scope should be there; else what the ledger does not know is still to come
    scopes: tuple[tuple[Flow, Scope], ...]
    flows: Mapping[str, Flow]  # of the whole migration, by name
    waves: tuple[int, ...]  # all of the migration
    loaded_waves: frozenset[int]
    undone: tuple[tuple[Flow, Scope], ...] = ()  # scopes of the waves that were rolled back


class Hearing:
    """Asks the systems. What is busy or away is asked again; what will never work is raised at once."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock

    async def ask(
        self, call: Callable[Arguments, Awaitable[Result]], *args: Arguments.args, **kwargs: Arguments.kwargs
    ) -> Result:
        """Reads may be repeated. Raises ConnectorError after so many tries."""
        tries = 0
        while True:
            try:
                return await call(*args, **kwargs)
            except Throttled as error:  # it said when: that costs no try
                await self.clock.sleep(max(error.retry_after, _FIRST_WAIT))
            except Unavailable:
                tries += 1
                if tries == _TRIES:
                    raise
                wait = min(_LONGEST_WAIT, _FIRST_WAIT * 2 ** (tries - 1))
                await self.clock.sleep(wait * (0.7 + 0.6 * self.clock.random()))

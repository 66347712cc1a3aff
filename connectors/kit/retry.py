"""When a failed call may be made again: jittered back-off, few attempts, and a budget over all calls of a system.

The budget is Finagle's: each call earns a fifth of a retry, and a few a second are always free, so that retries help
with a hiccup and cannot turn an outage into a storm.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type

from connectors.kit.contract import Clock
from connectors.kit.errors import ConnectorError

Result = TypeVar("Result")

ATTEMPTS = 5
FIRST_WAIT = 0.25
LONGEST_WAIT = 15.0


class Retriable(Exception):
    """A failure after which the same call may be made again. `error` is what to raise when it is not."""

    def __init__(self, error: ConnectorError) -> None:
        super().__init__(str(error))
        self.error = error


class Budget:
    """How many retries a system can bear."""

    def __init__(self, clock: Clock, *, ratio: float = 0.2, floor: float = 10.0, seconds: float = 10.0) -> None:
        """`ratio` retries earned a call, `floor` free a second; what is not used in `seconds` is lost."""
        self._clock = clock
        self._ratio = ratio
        self._floor = floor
        self._cap = floor * seconds
        self._balance = self._cap
        self._at = clock.monotonic()

    def earn(self) -> None:
        """A call was made."""
        self._balance = min(self._cap, self._balance + self._ratio)

    def spend(self) -> bool:
        """Take one retry; False when there is none left."""
        now = self._clock.monotonic()
        self._balance = min(self._cap, self._balance + (now - self._at) * self._floor)
        self._at = now
        if self._balance < 1:
            return False
        self._balance -= 1
        return True


async def retry(
    call: Callable[[], Awaitable[Result]], first: Retriable, *, attempts: int, budget: Budget, clock: Clock
) -> Result:
    """Make `call` again after its failure `first`: `attempts` in all. Raises the last failure's error."""

    def enough(state: RetryCallState) -> bool:
        return state.attempt_number >= attempts - 1 or not budget.spend()

    def wait(state: RetryCallState) -> float:
        return min(LONGEST_WAIT, FIRST_WAIT * 2.0**state.attempt_number) * (0.5 + clock.random() / 2)

    plan = AsyncRetrying(
        retry=retry_if_exception_type(Retriable),
        stop=enough,
        wait=wait,
        sleep=clock.sleep,
        reraise=True,
    )
    if attempts < 2 or not budget.spend():
        raise first.error
    await clock.sleep(FIRST_WAIT * (0.5 + clock.random() / 2))
    try:
        return await plan(call)
    except Retriable as last:
        raise last.error from last.__cause__

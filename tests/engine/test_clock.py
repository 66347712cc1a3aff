"""Time as the engine takes it."""

from __future__ import annotations

import asyncio

from engine.clock import Clock


class Restless(Clock):
    """Wakes at half of each wait."""

    def __init__(self) -> None:
        super().__init__(1)
        self.passed = 0.0

    def monotonic(self) -> float:
        return self.passed

    async def sleep(self, seconds: float) -> None:
        self.passed += seconds / 2 if seconds > 0.001 else seconds


def test_a_moment_has_come_when_it_was_waited_for_even_if_each_wait_ends_too_soon() -> None:
    clock = Restless()
    asyncio.run(clock.until(10.0))
    assert clock.passed >= 10.0


def test_a_moment_that_has_passed_is_not_waited_for() -> None:
    clock = Restless()
    clock.passed = 10.0
    asyncio.run(clock.until(9.0))
    assert clock.passed == 10.0

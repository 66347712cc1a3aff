"""The world for a connector under test: real time, and a pacer that lets everything pass."""

from __future__ import annotations

import asyncio
import random
import time
from datetime import UTC, datetime

from connectors.kit.contract import Answer, Ports


class RealClock:
    def __init__(self, seed: int = 1) -> None:
        self._chance = random.Random(seed)

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def random(self) -> float:
        return self._chance.random()


class OpenPacer:
    """Nobody waits. Remembers what it was told: `taken` turns, `answers` given back."""

    def __init__(self) -> None:
        self.taken: list[str] = []
        self.answers: list[Answer] = []

    async def turn(self, scope: str) -> None:
        self.taken.append(scope)

    def done(self, answer: Answer) -> None:
        self.answers.append(answer)


class NarrowPacer(OpenPacer):
    """Lets `width` calls run at a time; `most` ran at once."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self._free = asyncio.Semaphore(width)
        self.running = self.most = 0

    async def turn(self, scope: str) -> None:
        await self._free.acquire()
        await super().turn(scope)
        self.running += 1
        self.most = max(self.most, self.running)

    def done(self, answer: Answer) -> None:
        super().done(answer)
        self.running -= 1
        self._free.release()


def plain_ports(seed: int = 1) -> Ports:
    return Ports(RealClock(seed), OpenPacer())

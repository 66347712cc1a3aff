"""The only source of time, sleep, randomness and ids; a test or a simulation hands in another one."""

from __future__ import annotations

import asyncio
import os
import random
import time
from datetime import UTC, datetime


class Clock:
    """The machine's own time. Implements `connectors.kit.contract.Clock`."""

    def __init__(self, seed: int | None = None) -> None:
        self._random = random.Random(seed)

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def until(self, moment: float) -> None:
        """Until this moment of `monotonic` has come, even where a sleep ends before its time."""
        while (left := moment - self.monotonic()) > 0:
            await self.sleep(left)

    def random(self) -> float:
        return self._random.random()

    def secret(self, size: int) -> bytes:
        """Bytes nobody can guess."""
        return os.urandom(size)

"""Python's cycle collector, run on a timer instead of at every few hundred objects.

A chunk is some hundred thousand small objects and no cycle: looking through them again and again cost a third of the
engine's CPU. A call that succeeds leaves no cycle behind; an error does, and may hold the bodies of its call: so the
young objects are looked through every 5 s, all of them every 30 s.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
from collections.abc import Iterator

from engine.clock import Clock

_YOUNG = 5.0  # seconds
_ALL = 6  # times that
_MANY = 2_000_000  # objects more than at the last look: then the collector comes by itself, timer or not


@contextlib.contextmanager
def collected_seldom(clock: Clock) -> Iterator[None]:
    """What exists by now is never looked at again; the rest on the timer."""
    gc.collect()
    gc.freeze()
    before = gc.get_threshold()
    gc.set_threshold(_MANY, 5, 1000)
    timer = asyncio.get_running_loop().create_task(_collect_on(clock), name="collector")
    try:
        yield
    finally:
        timer.cancel()
        gc.set_threshold(*before)
        gc.unfreeze()


async def _collect_on(clock: Clock) -> None:
    while True:
        for _ in range(_ALL):
            await clock.sleep(_YOUNG)
            gc.collect(1)
        gc.collect()

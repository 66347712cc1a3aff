"""Trying again when a system is away; after enough of it, the wave is held and a person is asked."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import ParamSpec, TypeVar

from connectors.kit.errors import InDoubt, Throttled, Unavailable
from engine.context import Context
from engine.model import Hold

_PATIENCE = 6  # tries before the wave is held
_FIRST_WAIT, _LONGEST_WAIT = 1.0, 60.0  # seconds between tries, doubling

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")

Brake = Callable[[Hold], Awaitable[None]]
"""Places a durable hold on behalf of the engine."""


class Patience:
    """Repeats work of one wave that may safely be repeated."""

    def __init__(self, context: Context, brake: Brake) -> None:
        self._context = context
        self._brake = brake

    async def ask(
        self, call: Callable[Arguments, Awaitable[Result]], *args: Arguments.args, **kwargs: Arguments.kwargs
    ) -> Result:
        """One call to a system, as a step of the wave."""

        async def step() -> Result:
            async with self._context.pacing.step(self._context.name):
                return await call(*args, **kwargs)

        return await self.persist(step)

    async def persist(
        self, work: Callable[Arguments, Awaitable[Result]], *args: Arguments.args, **kwargs: Arguments.kwargs
    ) -> Result:
        """`work` until it succeeds; it takes its own steps."""
        context = self._context
        tries = 0
        while True:
            try:
                return await work(*args, **kwargs)
            except Throttled as error:  # it is there, and it said when: that costs no try
                wait = max(error.retry_after, _FIRST_WAIT)
                await context.pacing.wait(f"limit: {_in_short(error)}", context.clock.sleep(wait), context.name)
            except (Unavailable, InDoubt) as error:
                context.telemetry.count("retried")
                tries += 1
                if tries == _PATIENCE:
                    await self._hold(error)
                    tries = 0
                    await context.pacing.clear(context.name)
                    continue
                wait = min(_LONGEST_WAIT, _FIRST_WAIT * 2 ** (tries - 1)) * (0.7 + 0.6 * context.clock.random())
                await context.pacing.wait(f"retry: {_in_short(error)}", context.clock.sleep(wait), context.name)

    async def _hold(self, error: Exception) -> None:
        context = self._context
        if context.pacing.held(context.name) is None:
            since = context.clock.now().isoformat(timespec="milliseconds")
            reason = f"{error}; {_PATIENCE} tries. When it is back: cutover resume --wave {context.name}"
            await self._brake(Hold(context.name, reason, "engine", since))


def _in_short(error: Exception) -> str:
    """Without what is another at every call."""
    return str(error).partition(" [correlation ")[0]

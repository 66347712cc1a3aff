"""An event loop without a machine: no sockets, no threads; time jumps to the next timer, and nothing waits for real."""

from __future__ import annotations

import asyncio
from asyncio import Handle, TimerHandle
from collections import deque
from collections.abc import Callable, Coroutine
from contextvars import Context, ContextVar
from heapq import heappop, heappush
from typing import Any, TypeVar

Result = TypeVar("Result")

LIFE: ContextVar[int] = ContextVar("life", default=0)
"""The life of the engine that a task belongs to; 0: the world around it."""


class Stuck(Exception):
    """Nothing will ever happen again, or things happen without end: the night cannot come to its end."""


_DAY = 86_400.0  # the longest that time passes at once
_TICK = 1e-9  # timers that are so near to each other are due together


class Task(asyncio.Task[Result]):
    """Hashes by its number: a set of tasks is walked in the same order in every process."""

    def __init__(self, number: int, coroutine: Coroutine[Any, Any, Result], **kwargs: Any) -> None:
        self.number = number  # first of all: what registers it asks for the hash at once
        super().__init__(coroutine, **kwargs)

    def __hash__(self) -> int:
        return self.number

    def __eq__(self, other: object) -> bool:
        return self is other


class Loop(asyncio.BaseEventLoop):
    """Runs until nothing is left. `steps` bounds the rounds of one night."""

    def __init__(self, steps: int) -> None:
        super().__init__()
        self._now = 0.0
        self._steps = steps
        self._tasks = 0
        self._ready: deque[Handle]
        self._scheduled: list[TimerHandle]
        self.lives: dict[int, list[Task[Any]]] = {}
        self.set_task_factory(self._task)  # type: ignore[arg-type]
        self.broken: list[str] = []  # what nobody awaited
        self.set_exception_handler(self._note)

    def time(self) -> float:
        return self._now

    # A night is some thousand rounds of one or two callbacks. The base class looks for sockets, signals and debugging
    # in each of them; that was a third of the night.

    def _run_once(self) -> None:
        """One round: what is ready, after time has passed until something is."""
        ready, scheduled = self._ready, self._scheduled
        while scheduled and scheduled[0]._cancelled:
            heappop(scheduled)
        self._steps -= 1
        if self._steps < 0:
            raise Stuck("too many rounds of the loop: something turns in a circle")
        if not ready and not self._stopping:
            if not scheduled:
                raise Stuck("nobody waits for anything that can still happen")
            self._now += min(max(0.0, scheduled[0].when() - self._now), _DAY)
        due = self._now + _TICK
        while scheduled and scheduled[0].when() < due:
            ready.append(heappop(scheduled))
        for _ in range(len(ready)):
            handle = ready.popleft()
            if not handle._cancelled:
                handle._run()

    def call_soon(self, callback: Callable[..., Any], *args: Any, context: Context | None = None) -> Handle:  # type: ignore[override]
        handle = Handle(callback, args, self, context)
        self._ready.append(handle)
        return handle

    def call_at(  # type: ignore[override]
        self, when: float, callback: Callable[..., Any], *args: Any, context: Context | None = None
    ) -> TimerHandle:
        timer = TimerHandle(when, callback, args, self, context)
        heappush(self._scheduled, timer)
        return timer

    def call_later(  # type: ignore[override]
        self, delay: float, callback: Callable[..., Any], *args: Any, context: Context | None = None
    ) -> TimerHandle:
        return self.call_at(self._now + delay, callback, *args, context=context)

    def _timer_handle_cancelled(self, handle: TimerHandle) -> None:
        """It is left out when its time comes."""

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:  # type: ignore[override]
        """There are no threads: done at once."""
        future = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:  # noqa: BLE001 - it belongs to whoever awaits
            future.set_exception(error)
        return future

    def _task(
        self, loop: Loop, coroutine: Coroutine[Any, Any, Any], *, context: Context | None = None, **kwargs: Any
    ) -> Task[Any]:
        self._tasks += 1
        task: Task[Any] = Task(self._tasks, coroutine, loop=self, context=context, **kwargs)
        life = context.get(LIFE, 0) if context is not None else LIFE.get()
        if life:
            self.lives.setdefault(life, []).append(task)
        return task

    def _note(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        self.broken.append(f"{context.get('message')}: {type(error).__name__}: {error}")

    def _write_to_self(self) -> None:
        return None

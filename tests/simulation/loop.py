"""An event loop without a machine: no sockets, no threads; time jumps to the next timer, and nothing waits for real."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextvars import Context, ContextVar
from typing import Any, TypeVar

Result = TypeVar("Result")

LIFE: ContextVar[int] = ContextVar("life", default=0)
"""The life of the engine that a task belongs to; 0: the world around it."""


class Stuck(Exception):
    """Nothing will ever happen again, or things happen without end: the night cannot come to its end."""


class _Nothing:
    """Stands where a selector stands. Waiting for sockets is where time passes."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop

    def select(self, timeout: float | None) -> list[Any]:
        self._loop.pass_time(timeout)
        return []


class Task(asyncio.Task[Result]):
    """Hashes by its number: a set of tasks is walked in the same order in every process."""

    number = 0

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
        self._selector = _Nothing(self)
        self._clock_resolution = 1e-9  # type: ignore[assignment]
        self.lives: dict[int, list[Task[Any]]] = {}
        self.set_task_factory(self._task)  # type: ignore[arg-type]
        self.broken: list[str] = []  # what nobody awaited
        self.set_exception_handler(self._note)

    def time(self) -> float:
        return self._now

    def pass_time(self, timeout: float | None) -> None:
        self._steps -= 1
        if self._steps < 0:
            raise Stuck("too many rounds of the loop: something turns in a circle")
        if timeout is None:
            raise Stuck("nobody waits for anything that can still happen")
        self._now += timeout

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
        task: Task[Any] = Task(coroutine, loop=self, context=context, **kwargs)
        self._tasks += 1
        task.number = self._tasks
        life = context.get(LIFE, 0) if context is not None else LIFE.get()
        if life:
            self.lives.setdefault(life, []).append(task)
        return task

    def _note(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        self.broken.append(f"{context.get('message')}: {type(error).__name__}: {error}")

    def _process_events(self, event_list: Any) -> None:
        return None

    def _write_to_self(self) -> None:
        return None

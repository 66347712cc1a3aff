"""Questions that may take minutes, in a thread that nobody waits for when the cockpit is left.

Commands go another way: who leaves right after a key must not take it back.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from typing import TypeVar

Result = TypeVar("Result")

LONG = 3_600.0
"""Seconds that an answer may take for which every record of a wave is looked at."""


async def aside(work: Callable[[], Result]) -> Result:
    """What `work` returns or raises."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[Result] = loop.create_future()

    def tell(result: Result | None, error: BaseException | None) -> None:
        if answer.done():  # nobody wants it any more
            return
        if error is not None:
            answer.set_exception(error)
        else:
            answer.set_result(result)  # type: ignore[arg-type]

    def do() -> None:
        result, error = None, None
        try:
            result = work()
        except BaseException as raised:  # noqa: BLE001 - whoever waits gets it
            error = raised
        with contextlib.suppress(RuntimeError):  # the cockpit is gone
            loop.call_soon_threadsafe(tell, result, error)

    threading.Thread(target=do, daemon=True).start()
    return await answer

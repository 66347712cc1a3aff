"""An engine that can read generated records and be profiled: `python -m tests.bench.runner [OPTIONS] FOLDER`."""

from __future__ import annotations

import argparse
import cProfile
import time
from collections.abc import Callable, Coroutine, Generator
from pathlib import Path
from typing import Any

import uvloop

from connectors.memory.store import store
from engine.__main__ import serve
from engine.control import _Stream
from engine.live import Broadcast
from engine.trouble import log_discreetly
from tests.bench.folder import STORE


def command(records: int = 0, profile: Path | None = None, serving: Path | None = None) -> list[str]:
    """Starts this module, given a folder as well. `records`: in its memory store. `profile`: where one is written.
    `serving`: where two numbers are: CPU seconds of the event loop for who watches, and of all."""
    options = ["--records", str(records), *(["--profile", str(profile)] if profile else [])]
    options += ["--serving", str(serving)] if serving else []
    return ["-m", "tests.bench.runner", *options]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--records", type=int, default=0)
    parser.add_argument("--profile", type=Path)
    parser.add_argument("--serving", type=Path)
    parser.add_argument("folder", type=Path)
    asked = parser.parse_args()
    log_discreetly()
    store(STORE).generate(asked.records)
    if asked.serving is not None:
        Broadcast._watch = _timed(Broadcast._watch)  # type: ignore[method-assign]
        _Stream.stream_response = _timed(_Stream.stream_response)  # type: ignore[method-assign]
        uvloop.run(serve(asked.folder))
        asked.serving.write_text(f"{_Timed.spent} {time.thread_time()}")
        return
    if asked.profile is None:
        uvloop.run(serve(asked.folder))
        return
    # In CPU seconds of this thread, which is the event loop's: what it only waits for does not count.
    profile = cProfile.Profile(time.thread_time)
    profile.runcall(uvloop.run, serve(asked.folder))
    profile.dump_stats(asked.profile)


class _Timed:
    """A coroutine whose steps are timed."""

    spent = 0.0  # CPU seconds, of all of them

    def __init__(self, work: Coroutine[Any, Any, None]) -> None:
        self._work = work

    def __await__(self) -> Generator[Any, Any, None]:
        steps = self._work.__await__()
        go_on: Callable[[Any], Any] = steps.send
        word: Any = None
        while True:
            began = time.thread_time()
            try:
                asked = go_on(word)
            except StopIteration:
                return
            finally:
                _Timed.spent += time.thread_time() - began
            try:
                go_on, word = steps.send, (yield asked)
            except BaseException as error:  # noqa: BLE001 - whatever is thrown in is the work's own matter
                go_on, word = steps.throw, error


def _timed(work: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., Coroutine[Any, Any, None]]:
    async def timed(*args: Any) -> None:
        await _Timed(work(*args))

    return timed


if __name__ == "__main__":
    main()

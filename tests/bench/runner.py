"""An engine that can read generated records and be profiled: `python -m tests.bench.runner [OPTIONS] FOLDER`."""

from __future__ import annotations

import argparse
import cProfile
import time
from pathlib import Path

import uvloop

from connectors.memory.store import store
from engine.__main__ import serve
from engine.trouble import log_discreetly
from tests.bench.folder import STORE


def command(records: int = 0, profile: Path | None = None) -> list[str]:
    """Starts this module, given a folder as well. `records`: in its memory store. `profile`: where one is written."""
    options = ["--records", str(records), *(["--profile", str(profile)] if profile else [])]
    return ["-m", "tests.bench.runner", *options]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--records", type=int, default=0)
    parser.add_argument("--profile", type=Path)
    parser.add_argument("folder", type=Path)
    asked = parser.parse_args()
    log_discreetly()
    store(STORE).generate(asked.records)
    if asked.profile is None:
        uvloop.run(serve(asked.folder))
        return
    # In CPU seconds of this thread, which is the event loop's: what it only waits for does not count.
    profile = cProfile.Profile(time.thread_time)
    profile.runcall(uvloop.run, serve(asked.folder))
    profile.dump_stats(asked.profile)


if __name__ == "__main__":
    main()

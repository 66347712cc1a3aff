"""An engine with a generated memory store in its own process: `python -m tests.bench.memory_engine RECORDS FOLDER`."""

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


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--profile", type=Path, help="write a profile of the event loop's thread here, in CPU seconds")
    parser.add_argument("records", type=int)
    parser.add_argument("folder", type=Path)
    asked = parser.parse_args()
    log_discreetly()
    store(STORE).generate(asked.records)
    if asked.profile is None:
        uvloop.run(serve(asked.folder))
        return
    profile = cProfile.Profile(time.thread_time)
    profile.runcall(uvloop.run, serve(asked.folder))
    profile.dump_stats(asked.profile)


if __name__ == "__main__":
    main()

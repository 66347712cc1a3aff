"""Exit codes of the command, as docs/exit-codes.md explains them."""

from __future__ import annotations

from engine.wire import Status

DONE = 0
FAILED = 1
USAGE = 2
NO_ENGINE = 3
NEEDS_HUMAN = 4
INTERRUPTED = 130
READER_GONE = 141

_LOADED = {"awaiting_sign_off", "signed_off"}


def of_run(status: Status) -> int:
    """What a run that is over means for a script."""
    if status.run_outcome == "done" or all(wave.state in _LOADED for wave in status.waves):
        return DONE
    if status.run_outcome == "interrupted":
        return NO_ENGINE  # it was stopped, or died and was started again by somebody's question
    return NEEDS_HUMAN if status.run_outcome.startswith("needs_human") else FAILED

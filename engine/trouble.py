"""Errors nobody foresaw, told without their messages: those may carry the value of a field."""

from __future__ import annotations

import asyncio
import logging
import resource
import sys
import threading
import traceback
import warnings
from pathlib import Path
from typing import Any

from connectors.kit.errors import ConnectorError
from engine.errors import EngineError
from runbooks.errors import LoadError

log = logging.getLogger(__name__)

_OURS = (ConnectorError, EngineError, LoadError)


def describe(error: BaseException) -> str:
    """Class and place of an unforeseen error; the message of one of ours."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if isinstance(error, _OURS):
        return str(error)
    frames = traceback.extract_tb(error.__traceback__)[-4:]
    places = " < ".join(f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in reversed(frames))
    return f"{type(error).__name__} at {places or 'an unknown place'}"


class Discreet(logging.Formatter):
    """Formats log lines; of an exception only what `describe` says."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")

    def formatException(self, ei: object) -> str:
        error = ei[1] if isinstance(ei, tuple) else None
        return describe(error) if isinstance(error, BaseException) else ""


def log_discreetly() -> None:
    """Everything the process says goes to standard error, without values; nothing of its memory goes to a core file."""
    handler = logging.StreamHandler()
    handler.setFormatter(Discreet())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    for noisy in ("httpx", "httpcore", "aiosqlite", "asyncio", "uvicorn"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    # Python's own last words quote messages and arguments.
    sys.excepthook = lambda _kind, error, _trace: _tell("an error ended the engine", error)
    sys.unraisablehook = lambda what: _tell("an error while tidying up", what.exc_value)
    threading.excepthook = lambda what: _tell("an error ended a thread", what.exc_value)
    warnings.showwarning = lambda _text, kind, file, line, *_: log.warning(
        "%s at %s:%s", kind.__name__, Path(file).name, line
    )
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def tell_in_the_background(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """For an event loop: errors that nobody waits for."""
    _tell("an error nobody waited for", context.get("exception"))


def _tell(what: str, error: BaseException | None) -> None:
    log.error("%s: %s", what, describe(error) if error is not None else "no more is known")

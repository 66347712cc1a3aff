"""Errors nobody foresaw, told without their messages: those may carry the value of a field."""

from __future__ import annotations

import logging
import traceback
from pathlib import Path

from connectors.kit.errors import ConnectorError
from engine.errors import EngineError
from runbooks.errors import LoadError

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
    """Everything the process logs goes to standard error, without values."""
    handler = logging.StreamHandler()
    handler.setFormatter(Discreet())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    for noisy in ("httpx", "httpcore", "aiosqlite", "asyncio", "uvicorn"):
        logging.getLogger(noisy).setLevel(logging.WARNING)

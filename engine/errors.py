"""Errors of the engine: each says what happened and what to type next."""

from __future__ import annotations


class EngineError(Exception):
    """The engine cannot go on with this command."""


class LedgerError(EngineError):
    """The ledger could not be read or written; nothing was acknowledged that is not on disk."""


class Occupied(EngineError):
    """Another engine works on this migration."""


class Refused(EngineError):
    """A command makes no sense now; the message says why and what would."""


class Stopping(EngineError):
    """Work is told to end at the next safe point."""

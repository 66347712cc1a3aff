"""What every message has in common, and where an engine is found."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

WIRE_VERSION = 1
STATE_FOLDER = ".cutover"
SOCKET = "engine.sock"
LOCK = "engine.lock"
LOG = "engine.log"
LEDGER = "ledger.db"
BAD_FOLDER, OCCUPIED = 2, 3
"""Exit codes of an engine that cannot start: as the folder is; because another engine has it."""


class Message(BaseModel):
    """Frozen; a field that is not known is an error."""

    # Built when first used: a screen needs a few of them, a verb two.
    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

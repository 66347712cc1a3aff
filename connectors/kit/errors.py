"""What can go wrong at the edge, told as instructions to the engine.

| error | means | the engine |
|---|---|---|
| Throttled | wait | waits; costs no attempt |
| Unavailable | not applied, may come back | backs off with a budget, then holds the wave and says so |
| InDoubt | sent, no answer: applied or not | marks, resolves, never blindly resends |
| Misconfigured | will never work | stops at once and shows the hint |

A record that is refused is no error: it is an outcome (`contract.Rejected`).
Messages never carry field values of a record: they end up in logs and in the ledger.
"""

from __future__ import annotations


class ConnectorError(Exception):
    """Something failed at a system's edge."""


class Throttled(ConnectorError):
    """The system asks to wait."""

    def __init__(self, message: str, *, retry_after: float, scope: str) -> None:
        super().__init__(message)
        self.retry_after = retry_after  # seconds
        self.scope = scope


class Unavailable(ConnectorError):
    """The call was certainly not applied; the system may come back."""


class InDoubt(ConnectorError):
    """The call went out and no answer came: it may or may not have been applied."""


class Misconfigured(ConnectorError):
    """It will never work as it is; `hint` says what to change."""

    def __init__(self, message: str, *, hint: str) -> None:
        super().__init__(f"{message}. {hint}")
        self.hint = hint

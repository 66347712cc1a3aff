"""What the subjects with a rehearsal system on a real socket have in common."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import httpx

from connectors.kit.conformance import Subject, WallClock
from connectors.kit.contract import Ports
from connectors.rehearsal.base import Time
from connectors.rehearsal.faults import Rule


class Ahead(Time, WallClock):
    """Real time, and as far ahead as the test has moved it: waiting costs nothing."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def now(self) -> datetime:
        return super().now() + timedelta(seconds=self.ahead)

    def monotonic(self) -> float:
        return super().monotonic() + self.ahead


class Rehearsed(Subject):
    """The system is `double`, reached at `url`; both sides live in one time."""

    double: Any
    url = ""

    def __init__(self, clock: Ahead) -> None:
        super().__init__()
        self.clock = clock
        self.ports = Ports(clock, self.pacer)

    async def wait(self, seconds: float) -> None:
        self.clock.ahead += seconds

    def fault(self, match: str, kind: str, **args: object) -> None:
        self.double.faults.add(Rule(match, kind, args=dict(args)))

    async def script(self, doc: dict[str, Any]) -> dict[str, Any]:
        """A person's write at the system itself."""
        async with httpx.AsyncClient(base_url=self.url, verify=False) as person:
            answer = await person.post("/_rehearsal/write", json=doc)
        assert answer.status_code == 200, answer.text
        result: dict[str, Any] = answer.json()["result"]
        return result

"""Fills in the facts that gates may ask: `runbooks/facts.py` names them, here are their values at this moment."""

from __future__ import annotations

from collections.abc import Mapping
from math import floor

from engine.clock import Clock
from engine.model import LOADED, WaveState
from engine.telemetry import Telemetry
from engine.window import Windows
from engine.wire import Buckets, Status, WaveStatus
from runbooks.facts import word

Value = bool | int | float | str

_BUCKETS = ("to_do", "synced", "in_flight", "in_doubt", "quarantined", "excluded", "conflict", "edited")


class Facts:
    """What is known now. None: not known yet."""

    def __init__(self, telemetry: Telemetry, windows: Windows, clock: Clock) -> None:
        self._telemetry = telemetry
        self._windows = windows
        self._clock = clock

    def gather(self, status: Status, approvals: Mapping[str, str]) -> dict[str, Value | None]:
        """Every fact by its name. `approvals`: the word of each, by the id of its step."""
        facts: dict[str, Value | None] = {
            **_counts(status.total),
            "loose_references": sum(wave.loose_references for wave in status.waves),
            "waves_left": sum(1 for wave in status.waves if WaveState(wave.state) not in LOADED),
            "holds": len(status.holds),
            "running": bool(status.run),
            "rate": status.rate,
            "error_share": self._telemetry.error_share() if self._telemetry.totals["calls"] else None,
            "window.open": self._windows.wait() == 0.0,
            "window.minutes_left": self._minutes_left(),
        }
        for wave in status.waves:
            facts |= {f"waves.{word(wave.wave)}.{name}": value for name, value in _of_wave(wave, status).items()}
        return facts | {f"approvals.{step}": said for step, said in approvals.items()}

    def _minutes_left(self) -> int | None:
        window = self._windows.current()
        if window is None or self._clock.now() < window.opens:
            return None
        return floor((window.closes - self._clock.now()).total_seconds() / 60)


def _of_wave(wave: WaveStatus, status: Status) -> dict[str, Value]:
    return {
        "state": wave.state,
        "held": any(hold.wave in ("", wave.wave) for hold in status.holds),
        **_counts(wave.buckets),
        "loose_references": wave.loose_references,
    }


def _counts(buckets: Buckets) -> dict[str, int]:
    return {"records": buckets.planned, **{name: getattr(buckets, name) for name in _BUCKETS}}

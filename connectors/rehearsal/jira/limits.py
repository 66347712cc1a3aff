"""The three limiters: an hourly quota of points, a burst per endpoint, and writes per issue."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

HOUR = 3600
NEAR = 0.2  # a quota with less than this left says so
ISSUE_WRITES = ((20, 2.0), (100, 30.0))
_KEEP = 10_000  # issues whose writes are remembered before old ones are swept out


@dataclass(slots=True)
class Settings:
    """`quota`: points an hour (0: none). `burst`: calls a second for one endpoint and method, `bucket` at once."""

    quota: int = 0
    burst: float = 0.0
    bucket: int = 0
    issue_writes: tuple[tuple[int, float], ...] = ISSUE_WRITES  # (writes, seconds): at most so many in so long


@dataclass(frozen=True, slots=True)
class Refusal:
    """Who refused, and for how many seconds."""

    reason: str
    wait: float


class Limits:
    def __init__(self, monotonic: Callable[[], float], now: Callable[[], datetime], settings: Settings) -> None:
        self._monotonic = monotonic
        self._now = now
        self.settings = settings
        self.refused: dict[str, int] = {}
        self._spent = 0
        self._hour = -1
        self._buckets: dict[str, tuple[float, float]] = {}  # call: tokens left, when
        self._writes: dict[int, deque[float]] = {}

    def change(self, doc: Mapping[str, Any]) -> dict[str, Any]:
        """Set what is named, keep the rest, start counting anew. Raises ValueError for a name it does not know."""
        known = {"quota": int, "burst": float, "bucket": int}
        for name, value in doc.items():
            if name == "issue_writes":
                self.settings.issue_writes = tuple((int(writes), float(seconds)) for writes, seconds in value)
            elif name in known:
                setattr(self.settings, name, known[name](value))
            else:
                raise ValueError(f"unknown limit {name!r}: use quota, burst, bucket or issue_writes")
        self._spent = 0
        self._buckets.clear()
        self._writes.clear()
        return self.show()

    def show(self) -> dict[str, Any]:
        settings = self.settings
        return {
            "quota": settings.quota,
            "burst": settings.burst,
            "bucket": settings.bucket,
            "issue_writes": [list(pair) for pair in settings.issue_writes],
        }

    def enter(self, call: str, points: int) -> Refusal | None:
        """A call arrives: "METHOD template", and what it costs."""
        return self._count(self._burst(call) or self._quota(points))

    def write(self, issue: int) -> Refusal | None:
        """A write to one issue arrives."""
        limits = self.settings.issue_writes
        if not limits:
            return None
        now = self._monotonic()
        times = self._writes.get(issue)
        if times is None:
            if len(self._writes) >= _KEEP:
                self._sweep(now)
            times = self._writes[issue] = deque(maxlen=max(writes for writes, _ in limits))
        for writes, seconds in limits:
            if len(times) >= writes and times[-writes] > now - seconds:
                return self._count(Refusal("jira-per-issue-on-write", times[-writes] + seconds - now))
        times.append(now)
        return None

    def headers(self, refusal: Refusal | None = None) -> dict[str, str]:
        """What an answer tells of the limits."""
        headers: dict[str, str] = {}
        quota = self.settings.quota
        if quota:
            self._turn()
            left = max(0, quota - self._spent)
            reset = datetime.fromtimestamp((self._hour + 1) * HOUR, UTC)
            headers |= {
                "X-RateLimit-Limit": str(quota),
                "X-RateLimit-Remaining": str(left),
                "X-RateLimit-Reset": f"{reset:%Y-%m-%dT%H:%MZ}",
            }
            if left < quota * NEAR:
                headers["X-RateLimit-NearLimit"] = "true"
        if refusal:
            headers |= refused(refusal)
        return headers

    def _count(self, refusal: Refusal | None) -> Refusal | None:
        if refusal:
            self.refused[refusal.reason] = self.refused.get(refusal.reason, 0) + 1
        return refusal

    def _burst(self, call: str) -> Refusal | None:
        rate = self.settings.burst
        if not rate:
            return None
        now = self._monotonic()
        size = self.settings.bucket or max(1, math.ceil(rate))
        tokens, when = self._buckets.get(call, (float(size), now))
        tokens = min(size, tokens + (now - when) * rate)
        if tokens < 1:
            self._buckets[call] = (tokens, now)
            return Refusal("jira-burst-based", (1 - tokens) / rate)
        self._buckets[call] = (tokens - 1, now)
        return None

    def _turn(self) -> float:
        now = self._now().timestamp()
        hour = int(now // HOUR)
        if hour != self._hour:
            self._hour, self._spent = hour, 0
        return now

    def _quota(self, points: int) -> Refusal | None:
        quota = self.settings.quota
        if not quota:
            return None
        now = self._turn()
        if self._spent + points > quota:
            return Refusal("jira-quota-tenant-based", (self._hour + 1) * HOUR - now)
        self._spent += points
        return None

    def _sweep(self, now: float) -> None:
        longest = max(seconds for _, seconds in self.settings.issue_writes)
        self._writes = {issue: times for issue, times in self._writes.items() if times[-1] > now - longest}


def refused(refusal: Refusal) -> dict[str, str]:
    return {"Retry-After": str(max(1, math.ceil(refusal.wait))), "RateLimit-Reason": refusal.reason}

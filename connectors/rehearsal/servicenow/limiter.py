"""The hourly rate limit: counted per user, added up only at each flush, so that it bites late."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from connectors.rehearsal.servicenow.settings import Settings

RULE = hashlib.md5(b"rate limit rule", usedforsecurity=False).hexdigest()


@dataclass(slots=True)
class _Count:
    window: float = 0.0  # when the window began, unix seconds
    flushed: int = 0
    pending: int = 0
    next_flush: float = 0.0


class Limiter:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._counts: dict[str, _Count] = {}

    def take(self, user: str, now: float) -> float:
        """Count a call at `now` (unix seconds). Returns the seconds to wait when it is refused, else 0."""
        settings = self._settings
        if settings.per_hour is None:
            return 0.0
        count = self._counts.setdefault(user, _Count())
        window = now - now % settings.window
        if window != count.window:
            count.window, count.flushed, count.pending = window, 0, 0
            count.next_flush = now + settings.flush
        if now >= count.next_flush:
            count.flushed, count.pending = count.flushed + count.pending, 0
            count.next_flush = now + settings.flush
        if count.flushed >= settings.per_hour:
            return max(1.0, window + settings.window - now)
        count.pending += 1
        if not settings.flush:
            count.flushed, count.pending = count.flushed + count.pending, 0
        return 0.0

    def headers(self, now: float) -> dict[str, str]:
        """What an answer tells about the limit. There is no count of what remains."""
        settings = self._settings
        if settings.per_hour is None:
            return {}
        reset = now - now % settings.window + settings.window
        return {
            "X-RateLimit-Limit": str(settings.per_hour),
            "X-RateLimit-Reset": str(round(reset)),
            "X-RateLimit-Rule": RULE,
        }

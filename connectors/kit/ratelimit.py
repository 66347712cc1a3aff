"""What a vendor's answer says about its limits: every header of this kind that we know, in one place."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import NamedTuple

_NAMES = frozenset(
    {
        b"retry-after",
        b"x-ratelimit-limit",
        b"x-ratelimit-remaining",
        b"x-ratelimit-reset",
        b"x-ratelimit-nearlimit",
        b"x-ratelimit-rule",
        b"ratelimit",
        b"ratelimit-limit",
        b"ratelimit-remaining",
        b"ratelimit-reset",
        b"ratelimit-reason",
    }
)
_NEAR = 0.2  # what "near limit" means where only this flag is sent: less than a fifth is left


class RateSignal(NamedTuple):
    """Calls a window, calls left, seconds until the window starts anew, seconds to wait, the limiter's name."""

    retry_after: float | None = None
    limit: float | None = None
    remaining: float | None = None
    reset: float | None = None
    reason: str = ""


NONE = RateSignal()


def read(headers: Iterable[tuple[bytes, bytes]], now: datetime) -> RateSignal:
    """The signal in raw headers. What cannot be understood is left out, never guessed."""
    found: dict[bytes, str] = {}
    for name, value in headers:
        name = name.lower()
        if name in _NAMES:
            found[name] = value.decode("latin-1").strip()
    if not found:
        return NONE
    combined = _combined(found.get(b"ratelimit", ""))
    limit = _number(found.get(b"x-ratelimit-limit") or found.get(b"ratelimit-limit") or combined.get("limit"))
    remaining = _number(
        found.get(b"x-ratelimit-remaining") or found.get(b"ratelimit-remaining") or combined.get("remaining")
    )
    if remaining is None and limit is not None and found.get(b"x-ratelimit-nearlimit", "").lower() == "true":
        remaining = limit * _NEAR
    return RateSignal(
        retry_after=seconds_until(found.get(b"retry-after"), now),
        limit=limit,
        remaining=remaining,
        reset=seconds_until(
            found.get(b"x-ratelimit-reset") or found.get(b"ratelimit-reset") or combined.get("reset"), now
        ),
        reason=found.get(b"ratelimit-reason") or found.get(b"x-ratelimit-rule") or "",
    )


def seconds_until(text: str | None, now: datetime) -> float | None:
    """Seconds from `now`: a plain number of seconds, Unix seconds, an HTTP date, or ISO 8601 (also without seconds).

    None when there is nothing or nothing sensible. Never negative.
    """
    if not text:
        return None
    number = _number(text)
    if number is not None:
        # No window is thirty years long: such a number is a date.
        return max(0.0, number - now.timestamp() if number > 1e9 else number)
    for parse in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            moment = parse(text)
        except (ValueError, TypeError, IndexError):
            continue
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        return max(0.0, (moment - now).total_seconds())
    return None


def _combined(text: str) -> dict[str, str]:
    """The one-line forms of the IETF drafts: `limit=100, remaining=5, reset=30` and `"default";r=5;t=30`."""
    pairs = dict(re.findall(r"\b(limit|remaining|reset|r|t)=([0-9.]+)", text))
    if "r" in pairs:
        pairs.setdefault("remaining", pairs["r"])
    if "t" in pairs:
        pairs.setdefault("reset", pairs["t"])
    return pairs


def _number(text: str | None) -> float | None:
    """The first number of a list: `100, 100;w=60` says the limit first."""
    match = re.match(r"\s*([0-9]+(?:\.[0-9]+)?)\s*(?:$|[,;])", text or "")
    return float(match[1]) if match else None

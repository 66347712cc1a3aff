"""Moments as the API writes and reads them. Inside the double a moment is whole milliseconds since 1970, UTC."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from functools import lru_cache

HOUR = 3_600_000
MINUTE = 60_000


def millis(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


@lru_cache(maxsize=4096)
def _hour(hour: int, zone: tzinfo) -> tuple[str, str, int]:
    """Date and hour, offset, and minutes that the zone's offset adds, of the hour that starts then."""
    local = datetime.fromtimestamp(hour * 3600, UTC).astimezone(zone)
    return local.strftime("%Y-%m-%dT%H:"), local.strftime("%z")[:5], local.minute


def stamp(ms: int, zone: tzinfo) -> str:
    """`2022-06-09T16:29:32.382-0700`: milliseconds, the reader's own offset, no colon."""
    hour, rest = divmod(ms, HOUR)
    head, offset, minutes = _hour(hour, zone)
    if minutes:  # zones with a fraction of an hour: no short cut
        local = datetime.fromtimestamp(ms / 1000, UTC).astimezone(zone)
        return f"{local:%Y-%m-%dT%H:%M:%S}.{ms % 1000:03d}{local:%z}"
    minute, rest = divmod(rest, MINUTE)
    second, milli = divmod(rest, 1000)
    return f"{head}{minute:02d}:{second:02d}.{milli:03d}{offset}"


def parse_stamp(text: str) -> int:
    """The reverse of `stamp`; ISO 8601 with an offset or Z. Raises ValueError."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("no offset")
    return millis(moment)

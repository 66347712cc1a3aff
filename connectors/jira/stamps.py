"""Jira's stamps: read, compared as versions, and written as JQL literals."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

HOUR = timedelta(hours=1)


def parse(stamp: str) -> datetime:
    """`2022-06-09T16:29:32.382-0700`, or any ISO stamp (no offset: UTC), in UTC. ValueError when it is no stamp."""
    moment = datetime.fromisoformat(stamp)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def version(stamp: str) -> str:
    """A stamp as UTC in a fixed width, so that versions compare as strings."""
    return iso(parse(stamp))


def iso(moment: datetime) -> str:
    """UTC with milliseconds: `2022-06-09T23:29:32.382Z`."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def payload(moment: datetime) -> str:
    """A stamp as Jira takes it in a field: `2024-01-31T10:00:00.000+0000`."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}+0000"


def minute(moment: datetime, zone: ZoneInfo) -> str:
    """The JQL literal of the minute that holds `moment`, on the wall clock of `zone`; never later than `moment`.

    In the hour that a clock repeats in autumn a literal means one of two moments and the server picks: step back to
    the last hour that means one thing. That only widens a query by an hour.
    """
    local = moment.astimezone(zone)
    while local.replace(fold=0).utcoffset() != local.replace(fold=1).utcoffset():
        moment -= HOUR
        local = moment.astimezone(zone)
    return local.strftime("%Y-%m-%d %H:%M")

"""The few `javascript:gs...` calls that queries carry, and dates between a user's zone and UTC."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

STAMP = "%Y-%m-%d %H:%M:%S"
_CALL = re.compile(r"^(?:javascript:)?\s*gs\.(\w+)\((.*?)\)\s*;?\s*$", re.DOTALL)
_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


class Asker(NamedTuple):
    """Who asks, where, and when."""

    sys_id: str
    user_name: str
    zone: ZoneInfo
    now: datetime


def to_utc(literal: str, zone: ZoneInfo) -> str:
    """A date, or a date with a time, of the user's zone as a UTC stamp; anything else as it is."""
    try:
        local = datetime.fromisoformat(literal.strip())
    except ValueError:
        return literal
    return local.replace(tzinfo=local.tzinfo or zone).astimezone(UTC).strftime(STAMP)


def to_local(stamp: str, zone: ZoneInfo) -> str:
    """A UTC stamp as the user sees it."""
    try:
        return datetime.strptime(stamp, STAMP).replace(tzinfo=UTC).astimezone(zone).strftime(STAMP)
    except ValueError:
        return stamp


def evaluate(script: str, asker: Asker) -> str | None:
    """The value of a script (dates in UTC), or None for one that the double does not know."""
    call = _CALL.match(script)
    if not call:
        return None
    name, arguments = call[1], [part.strip(" '\"") for part in call[2].split(",")]
    if name == "getUserID":
        return asker.sys_id
    if name == "getUserName":
        return asker.user_name
    if name in ("dateGenerate", "dateGenerateString") and len(arguments) == 2:
        time = {"start": "00:00:00", "end": "23:59:59"}.get(arguments[1], arguments[1])
        return to_utc(f"{arguments[0]} {time}", asker.zone)
    return _relative(name, arguments[0], asker)


def _relative(name: str, argument: str, asker: Asker) -> str | None:
    local = asker.now.astimezone(asker.zone)
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
    count = int(argument) if argument.lstrip("-").isdigit() else 0
    moments = {
        "now": local,
        "nowDateTime": local,
        "beginningOfToday": midnight,
        "endOfToday": midnight + timedelta(days=1, seconds=-1),
        "beginningOfYesterday": midnight - timedelta(days=1),
        "endOfYesterday": midnight - timedelta(seconds=1),
        "daysAgo": local - timedelta(days=count),
        "daysAgoStart": midnight - timedelta(days=count),
        "daysAgoEnd": midnight - timedelta(days=count - 1, seconds=1),
        "hoursAgo": local - timedelta(hours=count),
        "hoursAgoStart": local.replace(minute=0, second=0) - timedelta(hours=count),
        "minutesAgo": local - timedelta(minutes=count),
        "minutesAgoStart": local.replace(second=0) - timedelta(minutes=count),
    }
    moment = moments.get(name)
    return moment.astimezone(UTC).strftime(STAMP) if moment else None


def date_part(stamp: str, part: str, wanted: str, zone: ZoneInfo) -> bool:
    """Does the stamp, in the user's zone, fall on a day of the week, month, year or hour?"""
    try:
        local = datetime.strptime(stamp, STAMP).replace(tzinfo=UTC).astimezone(zone)
    except ValueError:
        return False
    match part:
        case "dayofweek":
            return _DAYS[local.weekday()] == wanted.lower()
        case "month":
            return wanted in (str(local.month), f"{local.month:02d}") or local.strftime("%B").lower() == wanted.lower()
        case "year":
            return str(local.year) == wanted
        case "hour":
            return str(local.hour) == wanted.lstrip("0") or (wanted in ("0", "00") and local.hour == 0)
    return False

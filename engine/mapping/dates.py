"""Dates and durations between systems.

A local time that happens twice (clocks go back) is taken as the first of the two; one that never happens (clocks go
forward) is moved on by the gap. A value without a time of day is that day wherever it is read.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from engine.mapping.values import Refusal
from runbooks.rules import DateForm, DurationForm

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SERVICENOW = re.compile(r"\d{4}-\d\d-\d\d(?: \d\d:\d\d:\d\d)?", re.ASCII)
_DAY_ONLY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_INTEGER = re.compile(r"\s*[+-]?\d{1,18}\s*", re.ASCII)
_SECONDS = re.compile(r"\s*\d{1,15}(?:\.\d+)?\s*", re.ASCII)
_ISO_DURATION = re.compile(
    r"P(?:(\d+(?:\.\d+)?)W)?(?:(\d+(?:\.\d+)?)D)?(?:T(?=\d)(?:(\d+(?:\.\d+)?)H)?(?:(\d+(?:\.\d+)?)M)?(?:(\d+(?:\.\d+)?)S)?)?",
    re.ASCII,
)


def _zone(name: str) -> tzinfo:
    return UTC if name == "UTC" else ZoneInfo(name)


# ---------------------------------------------------------------- dates


def date_converter(form: DateForm) -> Callable[[Any], Any]:
    """From a source's date to the target's. Refuses what is no date of the form."""
    read = _reader(form.from_)
    zone = _zone(form.zone)
    # ServiceNow stores UTC whatever zone the source's values are in.
    out_zone = _zone(form.to_zone or ("UTC" if form.to == "servicenow" else form.zone))
    write = _writer(form.to)

    def convert(value: Any) -> Any:
        try:
            found = read(value)
            if not isinstance(found, datetime):
                if form.to == "date":
                    return found.isoformat()
                return write(datetime(found.year, found.month, found.day, tzinfo=out_zone))
            if found.tzinfo is None:
                found = found.replace(tzinfo=zone)
            return write(found.astimezone(UTC).astimezone(out_zone))
        except (ValueError, OverflowError, TypeError):
            raise Refusal(f"not a date of the form '{form.from_}'") from None

    return convert


def _reader(form: str) -> Callable[[Any], date]:
    if form == "servicenow":
        return _read_servicenow
    if form == "iso":
        return _read_iso
    if form == "epoch_ms":
        return _read_epoch
    has_time = any(f"%{letter}" in form.replace("%%", "") for letter in "HIMScXsTfzR")

    def by_pattern(value: Any) -> date:
        found = datetime.strptime(str(value).strip(), form)
        return found if has_time else found.date()

    return by_pattern


def _read_servicenow(value: Any) -> date:
    if not isinstance(value, str) or not _SERVICENOW.fullmatch(value):
        raise ValueError
    return datetime.fromisoformat(value) if len(value) > 10 else date.fromisoformat(value)


def _read_iso(value: Any) -> date:
    if isinstance(value, date):
        return value
    text = str(value).strip()
    return date.fromisoformat(text) if _DAY_ONLY.fullmatch(text) else datetime.fromisoformat(text)


def _read_epoch(value: Any) -> date:
    if isinstance(value, bool) or not _INTEGER.fullmatch(str(value)):
        raise ValueError
    return _EPOCH + timedelta(milliseconds=int(value))


def _writer(form: str) -> Callable[[datetime], Any]:
    if form == "iso":
        return datetime.isoformat
    if form == "date":
        return lambda moment: moment.date().isoformat()
    if form == "epoch_ms":
        return lambda moment: (moment - _EPOCH) // timedelta(milliseconds=1)
    if form == "jira":
        return lambda moment: f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}{moment:%z}"
    if form == "servicenow":
        return lambda moment: f"{moment:%Y-%m-%d %H:%M:%S}"
    return lambda moment: moment.strftime(form)


# ---------------------------------------------------------------- durations


def duration_converter(form: DurationForm) -> Callable[[Any], Any]:
    """From a source's length of time to the target's. Refuses what is none, and negative ones."""
    read = {"servicenow": _duration_servicenow, "seconds": _duration_seconds, "iso": _duration_iso}[form.from_]
    write: Callable[[int], Any] = {
        "seconds": lambda seconds: seconds,
        "minutes": lambda seconds: (seconds + 30) // 60,
        "jira": _jira,
        "iso": _iso,
        "servicenow": lambda seconds: f"{_EPOCH + timedelta(seconds=seconds):%Y-%m-%d %H:%M:%S}",
    }[form.to]

    def convert(value: Any) -> Any:
        try:
            return write(read(value))
        except (ValueError, OverflowError, TypeError):
            raise Refusal(f"not a duration of the form '{form.from_}'") from None

    return convert


def _duration_servicenow(value: Any) -> int:
    """Seconds since 1970-01-01 00:00:00, which is how ServiceNow writes a length of time."""
    moment = datetime.fromisoformat(value) if _SERVICENOW.fullmatch(value) else None
    if moment is None or moment.year < 1970:
        raise ValueError
    return int((moment.replace(tzinfo=UTC) - _EPOCH).total_seconds())


def _duration_seconds(value: Any) -> int:
    if isinstance(value, bool) or not _SECONDS.fullmatch(str(value)):
        raise ValueError
    return int(float(value))


def _duration_iso(value: Any) -> int:
    found = _ISO_DURATION.fullmatch(value)
    if found is None or not any(found.groups()):
        raise ValueError
    parts = [float(part or 0) for part in found.groups()]
    return int(sum(part * size for part, size in zip(parts, (604_800, 86_400, 3_600, 60, 1), strict=True)))


def _jira(seconds: int) -> str:
    """Hours and minutes: what a day or a week is worth differs from one Jira to the next."""
    minutes = max((seconds + 30) // 60, 1 if seconds else 0)
    hours, minutes = divmod(minutes, 60)
    return " ".join(part for part in (f"{hours}h" if hours else "", f"{minutes}m" if minutes else "") if part) or "0m"


def _iso(seconds: int) -> str:
    days, rest = divmod(seconds, 86_400)
    hours, rest = divmod(rest, 3_600)
    minutes, rest = divmod(rest, 60)
    day = f"{days}D" if days else ""
    time = "".join(f"{number}{unit}" for number, unit in ((hours, "H"), (minutes, "M"), (rest, "S")) if number)
    return f"P{day}T{time}" if time else f"P{day}" if day else "PT0S"

"""Waves on a line of time: when each ran, when it will, and where the window ends. Estimates are intervals."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from rich.text import Text

from cockpit.panels.waves import ACTIVE, OVER
from cockpit.tones import ALARM, BUSY, DIM, GOOD, HEAD, STYLES, WARN, toned
from engine.wire import Live, Plan, PlanWave, WaveStatus

_TICKS = (60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400)  # seconds
_BETWEEN_LABELS = 9  # columns
_LEAST = 600.0  # seconds that a line shows at least


class Stay(NamedTuple):
    """One wave's time, in seconds from now. `low`, `high`: its end, sooner is unlikely and so is later."""

    wave: str
    tone: str
    begin: float
    low: float | None  # None: not known until a wave has been measured
    high: float | None
    over: bool


class Axis(NamedTuple):
    begin: float  # seconds from now
    end: float
    width: int  # columns

    def at(self, seconds: float) -> int:
        """The column of a moment; outside of the line too."""
        return round((seconds - self.begin) / (self.end - self.begin) * (self.width - 1))


def stays(picture: Live, plan: Plan) -> list[Stay]:
    """Every wave of the plan, in its order: waves go one after another."""
    now = datetime.fromisoformat(picture.status.at)
    known = {wave.wave: wave for wave in picture.status.waves}
    found: list[Stay] = []
    low: float | None = 0.0  # when the wave before ends
    high: float | None = 0.0
    for planned in plan.waves:
        wave = known.get(planned.wave)
        if wave is not None and wave.state in OVER and wave.started and wave.ended:
            begin, end = (_seconds(stamp, now) for stamp in (wave.started, wave.ended))
            found.append(Stay(planned.wave, GOOD, begin, end, end, True))
            continue
        takes = _takes(planned, wave, picture)
        runs = wave is not None and wave.state in ACTIVE and bool(wave.started)
        begin = _seconds(wave.started, now) if runs and wave is not None else (low or 0.0)
        if takes is None or low is None or high is None:
            low = high = None
        else:
            low, high = low + takes[0], high + takes[1]
        held = wave is not None and wave.hold is not None
        stopped = wave is not None and wave.state in ("failed", "needs_human")
        tone = ALARM if stopped else WARN if held else BUSY if runs else DIM
        found.append(Stay(planned.wave, tone, begin, low, high, False))
    return found


def axis(listed: Sequence[Stay], window: float | None, width: int) -> Axis:
    """From the first of interest to the last; the window's end (seconds from now) is on it unless it is far away."""
    last = max([_LEAST, *(stay.high for stay in listed if stay.high is not None)])
    if window is not None and 0 < window <= 3 * last:
        last = max(last, window)
    first = min([0.0, *(stay.begin for stay in listed)])
    return Axis(max(first, -2.5 * last), last * 1.03, max(10, width))


def window_of(picture: Live) -> float | None:
    """Seconds until the window ends; None without one."""
    if not picture.window_ends:
        return None
    return _seconds(picture.window_ends, datetime.fromisoformat(picture.status.at))


def ruler(line: Axis, at: str) -> Text:
    """The hours above the waves."""
    now = datetime.fromisoformat(at).astimezone()
    span = line.end - line.begin
    step = next((tick for tick in _TICKS if tick * line.width / span >= _BETWEEN_LABELS), _TICKS[-1])
    cells = [" "] * line.width
    first = now + timedelta(seconds=line.begin)
    moment = first.replace(minute=0, second=0, microsecond=0)
    while (column := line.at((moment - now).total_seconds())) + 5 <= line.width:
        if column >= 0 and all(cell == " " for cell in cells[column : column + 6]):
            cells[column : column + 5] = f"{moment:%H:%M}"
        moment += timedelta(seconds=step)
    return toned(("".join(cells), DIM))


def bar(stay: Stay, line: Axis, window: float | None) -> Text:
    """What was, what will be at least, and what may be; the present and the window's end across it."""
    cells = [(" ", DIM)] * line.width
    begin = line.at(stay.begin)
    if stay.over and stay.low is not None:
        _put(cells, begin, line.at(stay.low), "█", stay.tone)
    else:
        if stay.begin < 0:
            _put(cells, begin, line.at(0.0), "█", stay.tone)
        if stay.low is None or stay.high is None:
            _put(cells, max(begin, line.at(0.0)), max(begin, line.at(0.0)), "?", DIM)
        else:
            _put(cells, max(begin, line.at(0.0)), line.at(stay.low), "▒", stay.tone)
            _put(cells, line.at(stay.low) + 1, line.at(stay.high), "░", stay.tone)
    marks = [(0.0, "│", HEAD)]
    if window is not None:
        late = stay.high is not None and stay.high > window and not stay.over
        marks.append((window, "┃", ALARM if late else HEAD))
    for seconds, sign, tone in marks:
        if 0 <= (column := line.at(seconds)) < line.width:
            cells[column] = (sign, tone)
    text = toned("")
    for sign, tone in cells:
        text.append(sign, STYLES[tone])
    return text


def _put(cells: list[tuple[str, str]], begin: int, end: int, sign: str, tone: str) -> None:
    """At least one cell, as far as it is on the line."""
    for column in range(max(0, begin), min(len(cells), max(end, begin) + 1)):
        cells[column] = (sign, tone)


def _takes(planned: PlanWave, wave: WaveStatus | None, picture: Live) -> tuple[float, float] | None:
    """Seconds for what is left of it: as the engine estimates the running waves, else as the plan does."""
    status = picture.status
    if wave is not None and wave.wave in status.run and status.eta_low is not None and status.eta_high is not None:
        left = sum(each.buckets.to_do for each in status.waves if each.wave in status.run)
        share = wave.buckets.to_do / left if left else 0.0
        return status.eta_low * share, status.eta_high * share
    if planned.seconds_low is None or planned.seconds_high is None:
        return None
    counted = wave.buckets.planned if wave is not None else 0
    share = wave.buckets.to_do / counted if wave is not None and counted else 1.0
    return planned.seconds_low * share, planned.seconds_high * share


def _seconds(stamp: str, now: datetime) -> float:
    return (datetime.fromisoformat(stamp) - now).total_seconds()

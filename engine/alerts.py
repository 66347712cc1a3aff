"""What a person should know: rules over a short history of samples. Pure: no I/O, no clock, no chance.

A rule tells what it finds in two strengths. Firm findings, seen so often in a row as the rule asks, raise an alert;
faint ones only keep an alert that stands. Between the two an alert neither comes nor goes, so it does not flap.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

REMEMBERED = 600.0  # seconds of history
_LINGER = 10.0  # seconds that an alert stays after its cause was last seen
_MOST = 40  # alerts at once

ALARM, WARNING, NOTE = "alarm", "warning", "note"
_WORST_FIRST = (ALARM, WARNING, NOTE)


@dataclass(frozen=True, slots=True)
class Sample:
    """The engine at one moment. Counters only grow."""

    at: float  # seconds, monotonic
    now: str  # the same moment on the clock on the wall
    busy: bool = False
    begun: bool = False  # some wave was started at some time
    copying: str = ""  # the wave that is being copied
    to_do: int = 0  # records of the running waves that no one has read yet
    not_loaded: int = 0  # waves
    written: int = 0
    settled: int = 0
    calls: int = 0
    failed: int = 0
    again: int = 0
    latency: Mapping[str, tuple[int, float]] = field(default_factory=dict)  # system -> (calls, seconds) in all
    quarantined: Mapping[str, int] = field(default_factory=dict)  # by wave
    cause: Mapping[str, str] = field(default_factory=dict)  # of most of them, by wave
    in_doubt: Mapping[str, int] = field(default_factory=dict)  # by wave
    stuck: Mapping[str, str] = field(default_factory=dict)  # waves that failed or need a person -> why
    unlike: Mapping[str, Sequence[str]] = field(default_factory=dict)  # what was unlike before, worst first, by wave
    holds: Sequence[tuple[str, str, str, float]] = ()  # (wave, by, reason, seconds that it stands)
    waiting: Mapping[str, int] = field(default_factory=dict)  # reason -> how many wait now
    margin: float | None = None  # seconds from the likely end of the work to the window's
    disk: int | None = None  # bytes free where the ledger lies


class Finding(NamedTuple):
    id: str
    level: str
    wave: str
    sentence: str
    verb: str
    firm: bool = True
    in_a_row: int = 1  # looks that must find it firmly before anybody is called


class Standing(NamedTuple):
    finding: Finding
    since: str
    raised: float


Rule = Callable[[Sequence[Sample]], Iterable[Finding]]


class Alarms:
    """Alerts as they come and go. `look` at samples in the order of time."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._rules = rules
        self._history: deque[Sample] = deque()
        self._standing: dict[str, Standing] = {}
        self._seen: dict[str, float] = {}  # when a standing alert was last found
        self._rows: dict[str, int] = {}  # firm findings in a row of what does not stand yet

    def look(self, sample: Sample) -> list[Standing]:
        """What stands now: worst first, among equals the newest."""
        history = self._history
        history.append(sample)
        while history[0].at < sample.at - REMEMBERED:
            history.popleft()
        seen = list(history)
        found = {finding.id: finding for rule in self._rules for finding in rule(seen)}
        self._rows = {name: self._rows.get(name, 0) + 1 for name, finding in found.items() if finding.firm}
        for name, finding in found.items():
            if (standing := self._standing.get(name)) is not None:
                # A faint finding says less than the firm one did: the words stay.
                self._standing[name] = standing._replace(finding=finding if finding.firm else standing.finding)
                self._seen[name] = sample.at
            elif finding.firm and self._rows[name] >= finding.in_a_row and len(self._standing) < _MOST:
                self._standing[name] = Standing(finding, sample.now, sample.at)
                self._seen[name] = sample.at
        for name in [name for name, at in self._seen.items() if sample.at - at > _LINGER]:
            del self._standing[name], self._seen[name]
        return self.standing()

    def standing(self) -> list[Standing]:
        return sorted(self._standing.values(), key=lambda each: (_WORST_FIRST.index(each.finding.level), -each.raised))


# ---------------------------------------------------------------- helpers of rules


def number(n: int, one: str, many: str = "") -> str:
    """'1 record is', '3 records are'."""
    return f"{n:,} {one if n == 1 else many or one + 's'}"


def span(seconds: float) -> str:
    """A length of time in words."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"


def before(history: Sequence[Sample], seconds: float) -> Sample:
    """The newest sample that is at least so old; the oldest where none is."""
    limit = history[-1].at - seconds
    for sample in reversed(history):
        if sample.at <= limit:
            return sample
    return history[0]


def chief_reason(sample: Sample) -> str:
    """What most of those who wait now wait for."""
    return max(sample.waiting, key=lambda reason: sample.waiting[reason], default="")

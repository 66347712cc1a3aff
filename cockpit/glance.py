"""The whole night in one word, and the one thing that needs a person. Pure."""

from __future__ import annotations

from typing import NamedTuple

from cockpit.format import count, counted
from cockpit.store import Line, Store
from cockpit.tones import ALARM, BUSY, DIM, GOOD, PLAIN, WARN
from engine.wire import Alert, Live, RunbookStatus, Status

_OVER = ("awaiting_sign_off", "signed_off")
_UNDONE = ("rolling_back", "rolled_back")
_ALERT_TONES = {"alarm": ALARM, "warning": WARN, "note": DIM}


class Word(NamedTuple):
    sign: str
    word: str
    tone: str


class Need(NamedTuple):
    """Something that waits for a person, and the verb of the key that helps; empty where none does."""

    sentence: str
    verb: str
    tone: str


def of(store: Store) -> Word:
    """Is it going well?"""
    picture = store.picture
    if picture is None:
        return Word("·", "CONNECTING", DIM) if store.line is not Line.DEAD else Word("■", "NO ENGINE", ALARM)
    if store.line is not Line.LIVE:
        return Word("■", "NO ENGINE" if store.line is Line.DEAD else "NO WORD", ALARM)
    return of_picture(picture)


def of_picture(picture: Live) -> Word:
    status = picture.status
    if any(alert.level == "alarm" and not alert.acknowledged_by for alert in picture.alerts):
        return Word("▲", "ATTENTION", ALARM)
    if any(wave.state in ("failed", "needs_human") for wave in status.waves):
        return Word("▲", "ATTENTION", ALARM)
    if any(wave.state == "rolling_back" and wave.wave not in status.run for wave in status.waves):
        return Word("▲", "ATTENTION", ALARM)  # half of it is undone
    if status.engine == "stopping":
        return Word("■", "STOPPING", WARN)
    if held(status):
        return Word("⏸", "HELD", WARN)
    if any(wave.state == "rolling_back" for wave in status.waves):
        return Word("◀", "GOING BACK", WARN)
    if not status.run:
        done = status.waves and all(wave.state in _OVER for wave in status.waves)
        return Word("✔", "LOADED", GOOD) if done else Word("■", "STOPPED", DIM)
    if any(alert.level == "warning" and not alert.acknowledged_by for alert in picture.alerts):
        return Word("◐", "SLOW" if any("slow" in alert.id for alert in picture.alerts) else "WATCH", WARN)
    return Word("▶", "RUNNING", BUSY)


def held(status: Status) -> bool:
    """Whether a hand on the brake keeps everything, or the wave that is at work: waves go one after another."""
    at_work = next((wave for wave in status.waves if wave.wave in status.run and wave.state not in _OVER), None)
    return any(not hold.wave for hold in status.holds) or (at_work is not None and at_work.hold is not None)


def foremost(picture: Live) -> Alert | None:
    """What calls a person first: the worst and newest alert that nobody has acknowledged."""
    return next((alert for alert in picture.alerts if not alert.acknowledged_by), None)


def need(picture: Live) -> Need | None:
    """The next thing that waits for a person: alerts, then what stopped, then the runbook, then what can be done."""
    if (alert := foremost(picture)) is not None:
        return of_alert(alert)
    status = picture.status
    for wave in status.waves:
        if wave.state in ("failed", "needs_human"):
            return Need(f"{wave.wave} {wave.state.replace('_', ' ')}: {wave.cause}", _where(wave.cause), ALARM)
        if wave.state == "rolling_back" and wave.wave not in status.run:
            return Need(f"{wave.wave} is half rolled back: {wave.cause or 'it was cut off'}", "roll_back", ALARM)
    if picture.runbook is not None and (step := _step(picture.runbook)) is not None:
        return step
    return _of_status(status)


def _where(cause: str) -> str:
    """The screen that shows why a wave stopped."""
    return "drift" if cause.startswith("drift: ") else "proof" if cause.startswith("gate: ") else "wave"


def of_alert(alert: Alert) -> Need:
    return Need(alert.sentence, alert.verb, _ALERT_TONES.get(alert.level, WARN))


def _step(book: RunbookStatus) -> Need | None:
    phase = next((each for each in book.phases if each.id == book.phase), None)
    steps = phase.steps if phase is not None else []
    for state, tone in (("failed", ALARM), ("blocked", WARN), ("ready", PLAIN)):
        for step in steps:
            if step.state == state:
                whom = f" ({step.owner})" if step.owner else ""
                how = "" if state == "ready" else f" {state}"
                return Need(f"Runbook{how}: {step.title}{whom}", "runbook", tone)
    return None


def _of_status(status: Status) -> Need | None:
    if (n := status.total.in_doubt) and not status.run:
        return Need(f"{counted(n, 'record')} in doubt: a person must look at the target.", "quarantine", ALARM)
    if status.holds:
        hold = status.holds[0]
        return Need(f"{hold.wave or 'Everything'} is held by {hold.by}: {hold.reason}", "resume", WARN)
    if n := status.total.quarantined:
        return Need(f"{counted(n, 'record')} set aside: look why.", "quarantine", WARN)
    if not status.run and (left := [wave.wave for wave in status.waves if wave.state not in (*_OVER, *_UNDONE)]):
        return Need(f"Nothing runs; {count(len(left))} of {len(status.waves)} waves are not loaded.", "run", PLAIN)
    if not status.run and (loaded := [wave.wave for wave in status.waves if wave.state == _OVER[0]]):
        waits = "waits for its signature" if len(loaded) == 1 else "wait for their signatures"
        return Need(f"{', '.join(loaded[:3])}{', …' if len(loaded) > 3 else ''} {waits}.", "proof", PLAIN)
    return None


def more_alerts(picture: Live) -> int:
    """How many wait beside the foremost."""
    return max(0, sum(1 for each in picture.alerts if not each.acknowledged_by) - 1)

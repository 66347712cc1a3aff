"""The whole night in one word, and the one thing that needs a person. Pure."""

from __future__ import annotations

from typing import NamedTuple

from cockpit.store import Line, Store
from cockpit.tones import ALARM, BUSY, DIM, GOOD, WARN
from engine.wire import Alert, Live


class Word(NamedTuple):
    sign: str
    word: str
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
    if status.engine == "stopping":
        return Word("■", "STOPPING", WARN)
    if status.holds:
        return Word("⏸", "HELD", WARN)
    if not status.run:
        done = status.waves and all(wave.state in ("awaiting_sign_off", "signed_off") for wave in status.waves)
        return Word("✔", "LOADED", GOOD) if done else Word("■", "STOPPED", DIM)
    if any(alert.level == "warning" and not alert.acknowledged_by for alert in picture.alerts):
        return Word("◐", "SLOW" if any("slow" in alert.id for alert in picture.alerts) else "WATCH", WARN)
    return Word("▶", "RUNNING", BUSY)


def foremost(picture: Live) -> Alert | None:
    """What calls a person first: the worst and newest alert that nobody has acknowledged."""
    return next((alert for alert in picture.alerts if not alert.acknowledged_by), None)

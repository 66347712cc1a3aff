"""Alerts on what is so at one moment: records set aside, holds, stalls, the window, the disk."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from engine.alerts import ALARM, NOTE, WARNING, Finding, Rule, Sample, before, chief_reason, number, span
from engine.rulings import DRIFTED, GATE

_STALL = 10.0  # seconds
_LONG_HOLD = 900.0
_IDLE = 60.0
_LATE, _NEARLY_LATE, _EARLY_AGAIN = 0.0, 600.0, 900.0  # seconds of margin
_DISK_ALARM, _DISK_LOW, _DISK_WELL = 200 << 20, 1 << 30, (1 << 30) * 5 // 4  # bytes


def quarantined(history: Sequence[Sample]) -> Iterator[Finding]:
    now = history[-1]
    for wave, n in now.quarantined.items():
        if n:
            cause = f": {now.cause[wave]}" if now.cause.get(wave) else ""
            words = f"{number(n, 'record is', 'records are')} quarantined in wave {wave}{cause}"
            yield Finding(f"quarantined:{wave}", WARNING, wave, words, "quarantine")


def in_doubt(history: Sequence[Sample]) -> Iterator[Finding]:
    for wave, n in history[-1].in_doubt.items():
        if n:
            words = (
                f"{number(n, 'record', 'records')} of wave {wave} may exist at the target or not, and only a person "
                "can look: nothing is sent again until then"
            )
            yield Finding(f"in_doubt:{wave}", ALARM, wave, words, "quarantine")


def unlike(history: Sequence[Sample]) -> Iterator[Finding]:
    """Batches that are unlike those before. They stay so: until the wave is signed off or undone."""
    for wave, sentences in history[-1].unlike.items():
        if sentences:
            more = f" (and {len(sentences) - 1} more)" if len(sentences) > 1 else ""
            words = f"What wave {wave} read is unlike what was read before: {sentences[0]}{more}"
            yield Finding(f"unlike:{wave}", WARNING, wave, words, "log")


def stuck(history: Sequence[Sample]) -> Iterator[Finding]:
    for wave, why in history[-1].stuck.items():
        words = f"Wave {wave} stopped before its end: {why}"
        verb = "drift" if why.startswith(DRIFTED) else "proof" if why.startswith(GATE) else "run"
        yield Finding(f"stuck:{wave}", ALARM, wave, words, verb)


def held(history: Sequence[Sample]) -> Iterator[Finding]:
    """The engine's own hand calls at once: a system is away. A person's hand is meant, until it seems forgotten."""
    for wave, by, reason, seconds in history[-1].holds:
        whole = f"wave {wave}" if wave else "every wave"
        if by == "engine":
            yield Finding(f"hold:{wave}:engine", ALARM, wave, f"The engine holds {whole}: {reason}", "resume")
        elif seconds > _LONG_HOLD:
            words = f"{by} has held {whole} for {span(seconds)}: {reason}"
            yield Finding(f"hold:{wave}:{by}", WARNING, wave, words, "resume")


def stalled(history: Sequence[Sample]) -> Iterator[Finding]:
    """Nothing came of any call for a while, although there is work and nobody holds it."""
    now, then = history[-1], before(history, _STALL)
    if not now.copying or now.at - then.at < _STALL or any(hold[0] in ("", now.copying) for hold in now.holds):
        return
    if any(not sample.copying for sample in history if sample.at >= then.at) or _progress(now) > _progress(then):
        return
    began = then
    for sample in reversed(history):
        if _progress(sample) < _progress(now) or sample.copying != now.copying:
            break
        began = sample
    reason = chief_reason(now)
    why = f"it waits for '{reason}'" if reason else "its calls are on the way and no answer comes"
    level = NOTE if reason == "window closed" else WARNING
    words = f"Wave {now.copying} has not moved for {span(now.at - began.at)}: {why}"
    yield Finding("stall", level, now.copying, words, "log" if not reason else "")


def _progress(sample: Sample) -> int:
    return sample.written + sample.settled + sample.calls - sample.again


def idle(history: Sequence[Sample]) -> Iterator[Finding]:
    now, then = history[-1], before(history, _IDLE)
    if not now.not_loaded or now.at - then.at < _IDLE or now.stuck:
        return
    if not any(sample.busy for sample in history if sample.at >= then.at):
        words = f"No run goes on, and {number(now.not_loaded, 'wave is', 'waves are')} not loaded"
        yield Finding("idle", WARNING if now.begun else NOTE, "", words, "run")


def late(history: Sequence[Sample]) -> Iterator[Finding]:
    """The later end of the estimate lies beyond the window's end. Three looks in a row: estimates tremble."""
    margin = history[-1].margin
    if margin is None:
        if history[-1].busy:  # no estimate at this moment: no news
            yield Finding("window", WARNING, "", "", "plan", firm=False)
    elif margin < _LATE:
        words = f"At this rate the window will be missed by up to {span(-margin)}"
        yield Finding("window", ALARM, "", words, "plan", in_a_row=3)
    elif margin < _EARLY_AGAIN:
        words = f"The work may end only {span(margin)} before the window does"
        yield Finding("window", WARNING, "", words, "plan", firm=margin < _NEARLY_LATE, in_a_row=3)


def disk(history: Sequence[Sample]) -> Iterator[Finding]:
    free = history[-1].disk
    if free is not None and free < _DISK_WELL:
        words = f"The disk of the ledger has {free >> 20:,} MiB left: when it is full, the run ends. Free space there"
        level = ALARM if free < _DISK_ALARM else WARNING
        yield Finding("disk", level, "", words, "pause" if level == ALARM else "", firm=free < _DISK_LOW)


THRESHOLDS: tuple[Rule, ...] = (quarantined, in_doubt, unlike, stuck, held, stalled, idle, late, disk)

"""The list of waves: state, progress, pace, when it ends, what was set aside."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from rich.text import Text

from cockpit import glance
from cockpit.columns import Cell, Column, table
from cockpit.format import bar, clock, count, settled, shortened
from cockpit.tones import ALARM, BUSY, DIM, GOOD, HEAD, PLAIN, STYLES, WARN, toned
from cockpit.widgets.table import Row
from engine.wire import Buckets, Live, Status, WaveStatus

ALL = "\x00all"
"""The key of the first line: every wave."""

OVER = frozenset({"awaiting_sign_off", "signed_off"})
ACTIVE = frozenset({"preflight", "copying", "catching_up", "reconciling"})
ROLLING_BACK = "rolling_back"
_NOT_BEGUN = frozenset({"draft", "ready", "approved"})
_STOPPED = frozenset({"failed", "needs_human"})
_STATES = {
    "preflight": ("▶", BUSY), "copying": ("▶", BUSY), "catching_up": ("▶", BUSY), "reconciling": ("▶", BUSY),
    "awaiting_sign_off": ("✔", GOOD), "signed_off": ("✔", GOOD), "failed": ("✘", ALARM), "needs_human": ("▲", ALARM),
    "rolling_back": ("◀", WARN), "rolled_back": ("○", DIM),
}  # fmt: skip
_SHORT = {"awaiting sign off": "to sign off", "rolling back": "going back"}  # where a line is narrow
_NARROW = 100


def rows(picture: Live, width: int) -> tuple[Text, list[Row]]:
    """The heading, and a row for all of them and for each."""
    status = picture.status
    long = width >= _NARROW
    drifts = picture.drift is not None or any(wave.drift is not None for wave in status.waves)
    columns = (
        Column("", keep=9, least=1),
        Column("wave", keep=9, least=8, most=28),
        Column("state", keep=9, least=17 if long else 11),
        Column("", keep=4),
        Column("records", right=True, keep=8),
        Column("rate", right=True, keep=5, least=6),
        Column("ends", keep=6, least=11, most=48, grows=True),
        Column("aside", right=True, keep=7, least=5),
        Column("drift", right=True, keep=3, least=5 if drifts else 0),
    )
    length = 8 if width < 90 else 12 if width < 120 else 20
    cells = [_all(picture, length)] + [_one(wave, picture, length, long) for wave in status.waves]
    heading, lines = table(columns, cells, width)
    keys = [ALL, *(wave.wave for wave in status.waves)]
    return heading, [Row(key, line) for key, line in zip(keys, lines, strict=True)]


def sign_of(wave: WaveStatus, run: Sequence[str]) -> tuple[str, str, str]:
    """Sign, word and tone of a wave's state. `run`: the waves that run; what is at work without a run is not."""
    if wave.hold is not None and wave.state not in OVER | _STOPPED:
        return "⏸", "held", WARN
    if wave.state in (*ACTIVE, ROLLING_BACK) and wave.wave not in run:
        return "■", "interrupted", WARN
    sign, tone = _STATES.get(wave.state, ("·", DIM))
    return sign, wave.state.replace("_", " "), tone


def own(buckets: Buckets) -> Buckets:
    """Without the records that an earlier wave moved: so the waves sum up to all."""
    return buckets.model_copy(update={"planned": buckets.planned - buckets.overlap, "overlap": 0})


def tally(buckets: Buckets) -> str:
    return f"{count(settled(own(buckets)))}/{count(own(buckets).planned)}"


def eta(status: Status, share: float = 1.0) -> str:
    """When the running waves (or this share of their records) are copied: an interval on the clock."""
    if status.eta_low is None or status.eta_high is None:
        return "not known yet"
    now = datetime.fromisoformat(status.at)
    ends = [clock((now + timedelta(seconds=left * share)).isoformat()) for left in (status.eta_low, status.eta_high)]
    if status.eta_high * share > 900:  # minutes are enough for what is far away
        ends = [end[:5] for end in ends]
    return ends[0] if ends[0] == ends[1] else f"{ends[0]}–{_without_common(*ends)}"


def wave_eta(wave: WaveStatus, status: Status) -> str:
    if last := _last([wave.buckets]):
        return last
    left = sum(each.buckets.to_do for each in status.waves if each.wave in status.run)
    return eta(status, wave.buckets.to_do / left if left else 1.0)


def undoing(buckets: Buckets) -> str:
    """How far a rollback is: what it undid is to do again."""
    return f"{count(buckets.to_do)} undone, {count(buckets.synced + buckets.in_flight)} to look at"


def aside(buckets: Buckets) -> Cell:
    """What was set aside: quarantined, in doubt (d), in conflict (c)."""
    parts = [(buckets.quarantined, ""), (buckets.in_doubt, "d"), (buckets.conflict, "c")]
    text = " ".join(f"{count(n)}{letter}" for n, letter in parts if n)
    return Cell(text or "0", (ALARM if buckets.in_doubt or buckets.conflict else WARN) if text else DIM)


def meter(buckets: Buckets, width: int) -> str:
    return bar(own(buckets), width)


# ---------------------------------------------------------------- inside


def _without_common(low: str, high: str) -> str:
    """Of the later end what differs: 22:31:05–40, not 22:31:05–22:31:40."""
    return high[6:] if len(high) == 8 and low[:5] == high[:5] else high


def _all(picture: Live, length: int) -> list[str | Cell]:
    status, word = picture.status, glance.of_picture(picture)
    n = len(status.waves)
    drift = picture.drift
    return [
        Cell(word.sign, word.tone),
        Cell("all", HEAD),
        Cell(f"{n} wave{'' if n == 1 else 's'}", DIM),
        Cell(meter(status.total, length), word.tone),
        Cell(_known(status), HEAD),
        Cell(f"{status.rate:,.0f}/s" if status.run else "", HEAD),
        _end_of_all(status),
        aside(status.total),
        "" if drift is None else Cell(count(drift.confirmed), ALARM if drift.confirmed else GOOD),
    ]


def _known(status: Status) -> str:
    """All that was counted at the sources; + where some waves were not counted yet, – where none was."""
    unknown = [wave for wave in status.waves if not wave.buckets.planned and wave.state in _NOT_BEGUN]
    if unknown and not status.total.planned:
        return "–"
    return tally(status.total) + ("+" if unknown else "")


def _end_of_all(status: Status) -> Cell:
    if not status.run:
        return Cell("")
    if glance.held(status):
        return Cell("held", WARN)
    if any(wave.state == ROLLING_BACK and wave.wave in status.run for wave in status.waves):
        return Cell("going back", WARN)
    known = [wave.buckets for wave in status.waves if wave.wave in status.run]
    return Cell(_last(known) or eta(status), PLAIN)


def _last(parts: Sequence[Buckets]) -> str:
    """What is left where all was read; empty where something is to be read yet."""
    if not all(buckets.planned and not buckets.to_do for buckets in parts):
        return ""
    return "last records" if any(buckets.in_flight for buckets in parts) else "last checks"


def _one(wave: WaveStatus, picture: Live, length: int, long: bool) -> list[str | Cell]:
    sign, word, tone = sign_of(wave, picture.status.run)
    status = picture.status
    moves = wave.wave in status.run and wave.state in ACTIVE and wave.hold is None
    begun = wave.state not in _NOT_BEGUN or wave.buckets.to_do < wave.buckets.planned
    return [
        Cell(sign, tone),
        wave.wave,
        Cell(word if long else _SHORT.get(word, word), tone),
        Cell(meter(wave.buckets, length) if begun else "", tone if moves else DIM),
        tally(wave.buckets) if begun or wave.buckets.planned else Cell("–", DIM),
        f"{status.rate:,.0f}/s" if moves else "",
        _end(wave, status, tone),
        aside(wave.buckets) if begun else "",
        "" if wave.drift is None else Cell(count(wave.drift), ALARM if wave.drift else GOOD),
    ]


def _end(wave: WaveStatus, status: Status, tone: str) -> Cell:
    """When it ends; or who holds it, what it comes after, why it stopped."""
    if wave.hold is not None and wave.state not in OVER | _STOPPED:
        return Cell(f"{wave.hold.by}: {wave.hold.reason}", WARN)
    if wave.state in _STOPPED:
        return Cell(wave.cause, tone)
    if wave.state == ROLLING_BACK:
        runs = wave.wave in status.run
        return Cell(undoing(wave.buckets) if runs else wave.cause or "cut off: B goes on with it", tone)
    if wave.state == "rolled_back":
        return Cell(wave.cause, DIM)
    if wave.state in OVER:
        return Cell(clock(wave.ended), DIM)
    if wave.wave in status.run and wave.state in ACTIVE:
        return Cell(wave_eta(wave, status))
    waits = [each.wave for each in status.waves if each.wave in wave.after and each.state not in OVER]
    if waits:
        return Cell(f"after {', '.join(waits)}", DIM)
    return Cell("next" if wave.wave in status.run else "", DIM)


def title(wave: WaveStatus, status: Status, width: int) -> Text:
    """One wave in one line: which, in what state, how far, when it ends."""
    names = [each.wave for each in status.waves]
    sign, word, tone = sign_of(wave, status.run)
    known = tally(wave.buckets) if wave.buckets.planned or wave.state not in _NOT_BEGUN else "–"
    line = toned((f" {sign} ", tone), (shortened(wave.wave, 28), HEAD), " ", (word, tone), f"  {known}  ")
    tail = f" ‹ {names.index(wave.wave) + 1} of {len(names)} › "
    moves = wave.wave in status.run and wave.state in ACTIVE and wave.hold is None
    end = _last([wave.buckets]) or f"ends {wave_eta(wave, status)}"
    pace = f"  {status.rate:,.0f}/s, {end}" if moves else ""
    if wave.state == ROLLING_BACK and wave.wave in status.run:
        pace = f"  {undoing(wave.buckets)}"
    room = width - line.cell_len - len(tail) - len(pace)
    if room >= 8:
        line.append(meter(wave.buckets, min(30, room - 1)), STYLES[tone])
    line.append(pace)
    line.truncate(max(0, width - len(tail)))
    line.pad_right(max(0, width - line.cell_len - len(tail)))
    line.append(tail, STYLES[DIM])
    return line

"""Values as text for people. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from textwrap import wrap

from rich.cells import cell_len, set_cell_size

from engine.wire import Buckets, CheckReport, Events, HoldStatus, Plan, Quarantine, Status, Waiting, WaveStatus

Typed = Callable[[str], str]
"""From a verb to what a person types for it: `run` to `cutover run -C demo`."""

_SYMBOLS = {
    "draft": "·",
    "preflight": "▶",
    "ready": "·",
    "approved": "·",
    "copying": "▶",
    "catching_up": "▶",
    "reconciling": "▶",
    "awaiting_sign_off": "✔",
    "signed_off": "✔",
    "failed": "✘",
    "needs_human": "▲",
    "rolling_back": "◀",
    "rolled_back": "○",
}
_OVER = {"awaiting_sign_off", "signed_off", "failed", "needs_human", "rolled_back"}
_WIDEST_STATE = 19

# Control characters, and those that turn the direction of text: a terminal obeys them.
_OBEYED = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\U000e0000-\U000e007f"
    # Nobody sees these: with them two keys look alike. (Joiners stay: whole scripts need them.)
    r"\u00ad\u180e\u200b\u2060-\u2064\ufeff]"
)


# Marks that stand on the letter before them: a heap of them covers the lines above and below.
_HEAP = re.compile(
    r"([\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]{2})"
    r"[\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]+"
)


def neutral(text: str) -> str:
    """Text that no terminal obeys: what it would obey is written out, as \\x1b or \\u202e."""
    return _OBEYED.sub(lambda match: match.group().encode("unicode_escape").decode(), text)


def count(n: int) -> str:
    return f"{n:,}"


def counted(n: int, one: str, many: str = "") -> str:
    """1 record, 2 records."""
    return f"{n:,} {one if n == 1 else many or one + 's'}"


def seconds(value: float | None) -> str:
    """A duration in two units at most: 42 s, 3 min 05 s, 2 h 10 min."""
    if value is None:
        return "unknown"
    whole = round(value)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02} min"


def interval(low: float | None, high: float | None) -> str:
    if low is None or high is None:
        return "unknown"
    return seconds(low) if seconds(low) == seconds(high) else f"{seconds(low)} to {seconds(high)}"


def clock(iso: str) -> str:
    """The time of day of a stamp, in the reader's own zone."""
    return datetime.fromisoformat(iso).astimezone().strftime("%H:%M:%S") if iso else ""


def moment(iso: str) -> str:
    """Day and time of a stamp, in the reader's own zone."""
    return datetime.fromisoformat(iso).astimezone().strftime("%Y-%m-%d %H:%M:%S") if iso else ""


def shortened(text: str, width: int) -> str:
    """One line that takes at most `width` columns."""
    if width <= 0:
        return ""
    text = neutral(" ".join(text[: width * 8].split())) + ("…" if len(text) > width * 8 else "")
    return _cut(_HEAP.sub(r"\1", text), width)


def _folded(text: str, width: int) -> list[str]:
    """A sentence on as many lines as it needs, up to three: its end says what to type."""
    return wrap(
        neutral(text), max(20, width), initial_indent="  ", subsequent_indent="    ", max_lines=3, placeholder=" …"
    )


def _cut(text: str, width: int) -> str:
    return text if cell_len(text) <= width else set_cell_size(text, width - 1).rstrip() + "…"


def state(wave: WaveStatus) -> str:
    if wave.hold is not None and wave.state not in _OVER:
        return "⏸ held"
    return f"{_SYMBOLS.get(wave.state, '·')} {wave.state.replace('_', ' ')}"


def settled(buckets: Buckets) -> int:
    """Records that need nothing more."""
    return buckets.planned - buckets.to_do - buckets.in_flight


def progress(buckets: Buckets) -> str:
    return f"{count(settled(buckets))}/{count(buckets.planned)}"


def bar(buckets: Buckets, width: int) -> str:
    """What is settled, what is on its way, and the rest; full only when nothing is left."""
    planned = max(1, buckets.planned)
    full = width * settled(buckets) // planned
    begun = width * (planned - buckets.to_do) // planned - full if buckets.planned else 0
    return "█" * full + "▒" * begun + "░" * (width - full - begun)


def ledger_sum(buckets: Buckets, always: frozenset[str] = frozenset({"synced", "in doubt", "quarantined"})) -> str:
    """The closed ledger: what the source counts, and where each of these records is. `always`: told even when 0."""
    parts = [
        ("synced", buckets.synced),
        ("in flight", buckets.in_flight),
        ("in doubt", buckets.in_doubt),
        ("quarantined", buckets.quarantined),
        ("excluded", buckets.excluded),
        ("conflict", buckets.conflict),
        ("edited at target", buckets.edited),
        ("moved by another wave", buckets.overlap),
        ("to do", buckets.to_do),
    ]
    shown = " + ".join(f"{count(n)} {word}" for word, n in parts if n or word in always)
    return f"Σ {count(buckets.planned)} = {shown}"


# ---------------------------------------------------------------- a run


def status_lines(status: Status, typed: Typed) -> list[str]:
    """The whole status in plain lines, for any terminal and for none."""
    lines = [f"{status.migration}  engine {status.engine}  {clock(status.at)}"]
    width = max((len(wave.wave) for wave in status.waves), default=4)
    for wave in status.waves:
        lines.append(f"  {state(wave):<{_WIDEST_STATE}} {wave.wave:<{width}}  {progress(wave.buckets)}{_aside(wave)}")
        if wave.hold is not None and wave.hold.wave:
            lines.append(f"      {_held(wave.hold, typed)}")
        if wave.cause:
            lines.append(f"      {wave.cause}")
        lines += [
            f"      {child.entity}: {count(child.buckets.planned)} seen, {count(child.buckets.synced)} synced"
            + (f", {count(child.buckets.quarantined)} quarantined" if child.buckets.quarantined else "")
            for child in wave.entities
            if child.child and child.buckets.planned
        ]
    lines += [f"  {_held(hold, typed)}" for hold in status.holds if not hold.wave]
    if status.run:
        lines.append(f"  {_pace(status)}")
    lines += [f"  {_waits(waiting)}" for waiting in status.waiting if waiting.now and not _is_hold(waiting)]
    lines.append(f"  {ledger_sum(status.total)}")
    return lines + [f"  {line}" for line in outcome_lines(status, typed)]


def outcome_lines(status: Status, typed: Typed) -> list[str]:
    """How the last run ended, and what to type next; nothing while one goes on, or before the first."""
    if status.run or not status.run_outcome:
        return []
    how = status.run_outcome
    half = next((wave.wave for wave in status.waves if wave.state == "rolling_back"), "")
    again = typed(f"rollback --wave {half}" if half else "run")
    if how == "interrupted":
        return [f"The last run was interrupted; nothing is lost. Go on: {again}"]
    lines = []
    if how != "done":  # the wave above says why
        word = "needs a person" if how.startswith("needs_human") else "failed"
        lines.append(f"The last run {word}. When that is mended, go on: {again}")
    if status.total.in_doubt:
        lines.append(f"In doubt, and a person must look: {typed('quarantine list')}")
    elif status.total.quarantined:
        lines.append(f"What was set aside, and why: {typed('quarantine list')}")
    if to_sign := [wave.wave for wave in status.waves if wave.state == "awaiting_sign_off"]:
        lines.append(f"Loaded and compared; a person signs: {typed(f'sign --wave {to_sign[0]}')}")
    return lines


def run_block(status: Status, typed: Typed, columns: int, lines: int) -> list[str]:
    """A run as a block of at most `lines` lines: a bar for each wave, and all that it waits for."""
    running = [wave for wave in status.waves if wave.wave in status.run]
    head = [f"{status.migration}  {clock(status.at)}  {_pace(status)}"]
    reasons = [_held(hold, typed) for hold in status.holds if not hold.wave or hold.wave in status.run]
    reasons += [_waits(waiting) for waiting in status.waiting if waiting.now and not _is_hold(waiting)]
    foot = [line for reason in reasons[:4] for line in _folded(reason, columns)]
    foot.append(f"  {ledger_sum(status.total)}")
    foot.append("  Ctrl-C leaves this view; the engine runs on.")
    room = max(1, lines - len(head) - len(foot) - 2)
    shown = running
    if len(running) > room:  # first what is not over yet
        shown = [wave for wave in running if wave.state not in _OVER][:room] or running[-room:]
    name = max((len(wave.wave) for wave in shown), default=4)
    width = max(8, min(30, columns - _WIDEST_STATE - name - 40))
    body = [
        f"  {state(wave):<{_WIDEST_STATE}} {wave.wave:<{name}}  {bar(wave.buckets, width)}  {_moved(wave)}"
        for wave in shown
    ]
    if len(shown) < len(running):
        body.append(f"  … and {counted(len(running) - len(shown), 'more wave')}")
    return [_cut(line, columns) for line in (*head, *body, *foot)]


def progress_line(status: Status) -> str:
    """What a log or a pipe should know. Without time and pace: the same line again means that nothing changed."""
    running = [wave for wave in status.waves if wave.wave in status.run and wave.state != "approved"]
    active = [wave for wave in running if wave.state not in _OVER]
    shown = " · ".join(f"{wave.wave} {state(wave)} {_moved(wave)}" for wave in (active or running))
    line = shown or "starting"
    if status.total.quarantined:
        line += f"  quarantined {count(status.total.quarantined)}"
    if status.total.in_doubt:
        line += f"  in doubt {count(status.total.in_doubt)}"
    if status.retried:
        line += f"  retries {count(status.retried)}"
    return line + "".join(f"  waits: {reason}" for reason in waits_now(status)[:1])


def waits_now(status: Status) -> list[str]:
    return [waiting.reason for waiting in status.waiting if waiting.now]


def _moved(wave: WaveStatus) -> str:
    """A wave's progress, with what hangs on its records: comments may take longer than the records themselves."""
    children = sum(entity.buckets.synced for entity in wave.entities if entity.child)
    return progress(wave.buckets) + (f" + {counted(children, 'child', 'children')}" if children else "")


def _pace(status: Status) -> str:
    pace = f"{status.rate:,.0f} records/s"
    if status.eta_low is None or status.eta_high is None:
        return pace
    return f"{pace}, copied in {interval(status.eta_low, status.eta_high)}"


def _aside(wave: WaveStatus) -> str:
    parts = [
        ("quarantined", wave.buckets.quarantined),
        ("in doubt", wave.buckets.in_doubt),
        ("references waiting", wave.loose_references),
        ("moved before", wave.buckets.overlap),  # last: a narrow screen cuts there
    ]
    return "".join(f"  {word} {count(n)}" for word, n in parts if n)


def _held(hold: HoldStatus, typed: Typed) -> str:
    what = f"{hold.wave} is" if hold.wave else "Every wave is"
    line = f"{what} held by {hold.by} since {clock(hold.since)}: {hold.reason}"
    if "cutover resume" in hold.reason:  # the engine's own holds say when
        return line
    return f"{line} → {typed('resume --wave ' + hold.wave if hold.wave else 'resume')}"


def _is_hold(waiting: Waiting) -> bool:
    return waiting.reason.startswith("hold by ")


def _waits(waiting: Waiting) -> str:
    return f"waits {seconds(waiting.seconds)}: {waiting.reason}"


# ---------------------------------------------------------------- one reply each


def plan_lines(plan: Plan) -> list[str]:
    lines = [f"{plan.migration}: {counted(plan.records, 'record')} in {counted(len(plan.waves), 'wave')}"]
    for wave in plan.waves:
        after = f", after {', '.join(wave.after)}" if wave.after else ""
        takes = (
            f"about {interval(wave.seconds_low, wave.seconds_high)}"
            if wave.seconds_low is not None
            else "time unknown until a wave has been measured"
        )
        lines.append(
            f"  {wave.wave} ({wave.state.replace('_', ' ')}{after}): {counted(wave.records, 'record')}, {takes}"
        )
        if wave.about:
            lines.append(f"      {wave.about}")
        lines += [
            f"      {e.entity}: {counted(e.records, 'record')} in {counted(e.chunks, 'chunk')}, {e.source} → {e.target}"
            + (f"; what is there with the same {e.existing} is updated" if e.existing else "")
            for e in wave.entities
        ]
    if len(plan.waves) > 1:
        lines.append("  A record that several waves find is counted in each, and moves once.")
    return lines


def check_lines(report: CheckReport) -> list[str]:
    lines = []
    for line in report.lines:
        lines.append(f"{'✔' if line.ok else '✘'} {line.system}: {line.subject}: {line.detail}")
        if line.hint and not line.ok:
            lines.append(f"    → {line.hint}")
    return [*lines, "Everything is in place." if report.ok else "Not ready: see the lines with ✘."]


def event_lines(events: Events) -> list[str]:
    width = max((len(event.by) for event in events.events), default=0)
    return [
        f"{moment(event.at)}  {event.by:<{width}}  {event.what} {event.wave} {event.detail}".rstrip()
        for event in events.events
    ]


def cause_lines(held: Quarantine, typed: Typed) -> list[str]:
    """Causes with a few keys each, largest first."""
    if not held.groups:
        return ["Nothing is set aside."]
    width = max(len(group.wave) for group in held.groups)
    lines = []
    for group in held.groups:
        lines.append(
            f"{count(group.records):>8} {group.bucket.replace('_', ' ')}  {group.wave:<{width}}  "
            f"{caused(group.field, group.cause)}"
        )
        keys = [r.key for r in held.records if (r.wave, r.cause, r.bucket) == (group.wave, group.cause, group.bucket)]
        if keys:
            lines.append(f"         such as {', '.join(keys[:2])}")
    return [*lines, f"One record: {typed('quarantine show KEY')}", f"After a fix: {typed('quarantine retry')}"]


def aside_lines(held: Quarantine) -> list[str]:
    lines = []
    for record in held.records:
        lines += [
            f"{record.entity} {record.key} (wave {record.wave}): "
            f"{record.bucket.replace('_', ' ')} since {moment(record.since)}",
            f"  {caused(record.field, record.cause)}",
            f"  tried {counted(record.tries, 'time')}; at the target: {record.target or 'not there'}",
        ]
        if record.rule:
            lines.append(f"  made by: {record.rule} ({record.where})")
    return lines


def caused(field: str, cause: str) -> str:
    """A cause with its field, once: some causes name it themselves."""
    return cause if not field or cause.startswith(f"{field}:") else f"{field}: {cause}"

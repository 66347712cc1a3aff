"""Values as text for people. Pure."""

from __future__ import annotations

from datetime import datetime

from engine.wire import Buckets, Plan, Status, WaveStatus

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
}


def count(n: int) -> str:
    return f"{n:,}"


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


def state(wave: WaveStatus) -> str:
    if wave.hold is not None:
        return "⏸ held"
    return f"{_SYMBOLS.get(wave.state, '·')} {wave.state.replace('_', ' ')}"


def clock(iso: str) -> str:
    """The time of day of a stamp, in the reader's own zone."""
    return datetime.fromisoformat(iso).astimezone().strftime("%H:%M:%S") if iso else ""


def progress(buckets: Buckets) -> str:
    """Records that need nothing more, of all that are planned."""
    return f"{count(buckets.planned - buckets.to_do - buckets.in_flight)}/{count(buckets.planned)}"


def ledger_sum(buckets: Buckets) -> str:
    """The closed ledger: what the source counts, and where each of these records is."""
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
    always = {"synced", "in doubt", "quarantined"}
    shown = " + ".join(f"{count(n)} {word}" for word, n in parts if n or word in always)
    return f"Σ {count(buckets.planned)} = {shown}"


def status_lines(status: Status) -> list[str]:
    """The whole status in plain lines, for any terminal and for none."""
    lines = [f"{status.migration}  engine {status.engine}  {clock(status.at)}"]
    width = max((len(wave.wave) for wave in status.waves), default=4)
    for wave in status.waves:
        line = f"  {state(wave):<20} {wave.wave:<{width}}  {progress(wave.buckets)}"
        if wave.buckets.quarantined:
            line += f"  quarantined {count(wave.buckets.quarantined)}"
        if wave.loose_references:
            line += f"  references waiting {count(wave.loose_references)}"
        lines.append(line)
        if wave.hold is not None:
            lines.append(f"      held by {wave.hold.by} since {clock(wave.hold.since)}: {wave.hold.reason}")
        if wave.cause:
            lines.append(f"      {wave.cause}")
        lines += [
            f"      {child.entity}: {count(child.buckets.planned)} seen, {count(child.buckets.synced)} synced"
            + (f", {count(child.buckets.quarantined)} quarantined" if child.buckets.quarantined else "")
            for child in wave.entities
            if child.child and child.buckets.planned
        ]
    if status.run:
        lines.append(f"  {status.rate:,.0f} records/s, ready in {interval(status.eta_low, status.eta_high)}")
    lines += [f"  waits: {w.reason} ({seconds(w.seconds)} so far)" for w in status.waiting if w.now]
    lines.append(f"  {ledger_sum(status.total)}")
    return lines


def progress_line(status: Status) -> str:
    """One line of progress, for a log or a pipe."""
    running = [wave for wave in status.waves if wave.wave in status.run and wave.state not in ("approved",)]
    active = [wave for wave in running if wave.state not in ("awaiting_sign_off", "failed", "needs_human")]
    shown = " · ".join(f"{wave.wave} {state(wave)} {progress(wave.buckets)}" for wave in (active or running))
    line = f"{clock(status.at)}  {shown or 'starting'}  {status.rate:,.0f}/s"
    if status.total.quarantined:
        line += f"  quarantined {count(status.total.quarantined)}"
    if status.total.in_doubt:
        line += f"  in doubt {count(status.total.in_doubt)}"
    if status.retried:
        line += f"  retries {count(status.retried)}"
    waits = [w.reason for w in status.waiting if w.now]
    return line + (f"  waits: {waits[0]}" if waits else "")


def plan_lines(plan: Plan) -> list[str]:
    lines = [f"{plan.migration}: {count(plan.records)} records in {len(plan.waves)} waves"]
    for wave in plan.waves:
        after = f", after {', '.join(wave.after)}" if wave.after else ""
        takes = (
            f"about {interval(wave.seconds_low, wave.seconds_high)}"
            if wave.seconds_low is not None
            else "time unknown until a wave has been measured"
        )
        lines.append(f"  {wave.wave} ({wave.state}{after}): {count(wave.records)} records, {takes}")
        if wave.about:
            lines.append(f"      {wave.about}")
        lines += [
            f"      {e.entity}: {count(e.records)} records in {count(e.chunks)} chunks, {e.source} → {e.target}"
            for e in wave.entities
        ]
    return lines

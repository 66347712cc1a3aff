"""One wave, looked at closely: chunks, latencies, waits, retries, errors, records by bucket."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text

from cockpit.columns import Cell, Column, beside, rule, table
from cockpit.format import caused, clock, count, counted, moment, neutral, shortened
from cockpit.panels import brakes
from cockpit.prose import paragraph
from cockpit.tones import ALARM, BUSY, DIM, GOOD, PLAIN, STYLES, WARN, toned
from engine.wire import ChunkMap, EntityStatus, ErrorGroup, WaveDetail, WaveStatus

_WIDE = 100
"""Columns from which two blocks stand beside each other."""

CHUNKS = {"d": ("█", GOOD), "s": ("▲", WARN), "w": ("▒", BUSY), "t": ("·", DIM)}
"""A chunk's letter as a sign and a tone: done, done with records set aside, on its way, to do."""

_LEGEND = (("d", "done"), ("s", "with records set aside"), ("w", "on the way"), ("t", "to do"))


def lines(wave: WaveStatus, detail: WaveDetail | None, width: int) -> list[Text]:
    """Everything, as many lines as it takes."""
    top = [*_about(wave, width), *_buckets(wave.entities, width)]
    if detail is None:
        return [*top, toned((" Asking the engine for a closer look …", DIM))]
    left_width = (width - 2) // 2 if width >= _WIDE else width
    right_width = width - 2 - left_width if width >= _WIDE else width
    chunks = _chunks(detail.chunks, width)
    left = [*_latencies(detail, left_width), *_retries(detail, left_width)]
    right = brakes.waits(detail.waits, right_width)
    errors = _errors(detail.errors, width)
    if width >= _WIDE:
        return [*top, *chunks, *beside(left, right, left_width), *errors]
    return [*top, *chunks, *right, *errors, *left]


def cells_for(width: int) -> int:
    """Chunks of one entity that a map of this width shows: a few lines of them."""
    return max(20, (width - 2) * (4 if width >= _WIDE else 2))


# ---------------------------------------------------------------- inside


def _about(wave: WaveStatus, width: int) -> list[Text]:
    parts = []
    if wave.playbook:
        parts.append(f"playbook {wave.playbook[:24]}")
    if wave.approved_by:
        parts.append(f"approved by {wave.approved_by}")
    if wave.started:
        parts.append(f"started {moment(wave.started) if width >= _WIDE else clock(wave.started)}")
    if wave.ended:
        parts.append(f"ended {moment(wave.ended) if width >= _WIDE else clock(wave.ended)}")
    if wave.after:
        parts.append(f"after {', '.join(wave.after)}")
    found = [toned((f" {shortened(wave.about, width - 1)}", PLAIN))] if wave.about else []
    if parts:
        found.append(toned((f" {shortened(' · '.join(parts), width - 1)}", DIM)))
    if wave.hold is not None:
        found += brakes.holds([wave.hold], width)
    if wave.cause:
        found += _cause(wave, width)
    if wave.loose_references:
        words = f"{counted(wave.loose_references, 'reference waits', 'references wait')} for records of other waves"
        found.append(toned((f" {words}", DIM)))
    return found


def _cause(wave: WaveStatus, width: int) -> list[Text]:
    """Why it stopped, or what was left to say at its end."""
    if wave.state in ("failed", "needs_human"):
        return paragraph(f"▲ {wave.cause}", width, ALARM)
    return paragraph(wave.cause, width, WARN if wave.state == "rolling_back" else DIM)


_BUCKETS = ("to_do", "in_flight", "synced", "in_doubt", "quarantined", "excluded", "conflict", "edited", "overlap")
_WORDS = {"to_do": "to do", "in_flight": "in flight", "in_doubt": "in doubt", "overlap": "moved earlier"}
_TONES = {"in_doubt": ALARM, "conflict": ALARM, "quarantined": WARN}
_ALWAYS = ("to_do", "in_flight", "synced", "in_doubt", "quarantined")


def _buckets(entities: Sequence[EntityStatus], width: int) -> list[Text]:
    """Where the records of each entity stand."""
    shown = [name for name in _BUCKETS if name in _ALWAYS or any(getattr(each.buckets, name) for each in entities)]
    columns = [Column("records", keep=9, most=30), Column("source", right=True, keep=9)]
    columns += [Column(_WORDS.get(name, name), right=True, keep=5 if name in _ALWAYS else 8) for name in shown]
    cells = []
    for each in entities:
        row = [Cell(("  " if each.child else "") + each.entity), Cell(count(each.buckets.planned))]
        for name in shown:
            n = getattr(each.buckets, name)
            row.append(Cell(count(n), _TONES.get(name, PLAIN) if n else DIM))
        cells.append(row)
    heading, body = table(columns, cells, width)
    return [heading, *body]


def _chunks(maps: Sequence[ChunkMap], width: int) -> list[Text]:
    legend = toned("")
    for letter, word in _LEGEND:
        sign, tone = CHUNKS[letter]
        legend.append(f"{sign} ", STYLES[tone])
        legend.append(f"{word}  ", STYLES[DIM])
    legend.right_crop(2)
    found = [rule("chunks", width, legend)]
    for each in maps:
        per = "" if each.per == 1 else f", {each.per} a cell"
        if len(maps) > 1 or per:
            found.append(toned((f" {shortened(each.entity, width // 2)}{per}", DIM)))
        room = max(1, width - 2)
        found += [_cells(each.cells[at : at + room]) for at in range(0, len(each.cells), room)]
        if not each.cells:
            found.append(toned((" none yet", DIM)))
    return found


def _cells(letters: str) -> Text:
    """Runs of one letter in one piece."""
    line = toned(" ")
    at = 0
    while at < len(letters):
        end = at + 1
        while end < len(letters) and letters[end] == letters[at]:
            end += 1
        sign, tone = CHUNKS.get(letters[at], ("?", ALARM))
        line.append(sign * (end - at), STYLES[tone])
        at = end
    return line


def _latencies(detail: WaveDetail, width: int) -> list[Text]:
    columns = (
        Column("system", keep=9, most=20), Column("operation", keep=9, most=28, grows=True),
        Column("calls", right=True, keep=6), Column("failed", right=True, keep=7),
        Column("p50", right=True, keep=9, least=7), Column("p99", right=True, keep=9, least=7),
    )  # fmt: skip
    cells = [
        (
            each.system,
            each.operation,
            count(each.calls),
            Cell(count(each.failed), ALARM if each.failed else DIM),
            _milliseconds(each.p50),
            _milliseconds(each.p99),
        )
        for each in detail.latencies
    ]
    heading, body = table(columns, cells, width)
    head = rule("latency, last minutes", width)
    return [head, heading, *body] if body else [head, toned((" no calls lately", DIM))]


def _milliseconds(value: float) -> str:
    return f"{value / 1000:,.2f} s" if value >= 1000 else f"{value:,.0f} ms"


def _retries(detail: WaveDetail, width: int) -> list[Text]:
    total = sum(detail.retries.values())
    head = rule("calls made again", width, toned((count(total), WARN if total else DIM)))
    columns = (Column("", keep=9, most=200, grows=True), Column("", right=True, keep=9))
    _, body = table(columns, [(reason, count(n)) for reason, n in detail.retries.items()], width)
    return [head, *body]


def _errors(groups: Sequence[ErrorGroup], width: int) -> list[Text]:
    head = rule("errors by cause", width, None if groups else toned(("none", GOOD)))
    columns = (
        Column("", right=True, keep=9), Column("", keep=9, most=400, grows=True), Column("such as", keep=4, most=34),
        Column("last", keep=6),
    )  # fmt: skip
    cells = [
        (
            Cell(counted(each.records, "record") if each.records else counted(each.calls, "call"), WARN),
            neutral(caused(each.field, each.cause)),
            Cell(each.key, DIM),
            Cell(clock(each.last), DIM),
        )
        for each in groups
    ]
    _, body = table(columns, cells, width)
    return [head, *body]

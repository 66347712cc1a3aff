"""Confirmed differences between the sides as lines: by class, record by record, and one record on both sides."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from rich.text import Text

from cockpit.columns import Cell, Column, table
from cockpit.format import clock, count, counted, moment
from cockpit.prose import labelled, paragraph
from cockpit.tones import ALARM, BUSY, DIM, GOOD, HEAD, PLAIN, WARN, toned
from engine.wire import DriftList, DriftRow, DriftShow

EDITED = "edited_at_target"
"""The class of what somebody else changed at the target: it is left alone unless its wave is named."""

SIGNS = {
    "missing": ("✘", ALARM), "duplicate": ("✘", ALARM), "extra": ("▲", ALARM), "changed": ("▲", WARN),
    "mapping_changed": ("◆", BUSY), EDITED: ("●", WARN),
}  # fmt: skip
"""A class as a sign and a tone; what weighs most first."""

_ORDER = list(SIGNS)
_MEANS = {
    "missing": "The ledger says that it is at the target, and it is not.",
    "duplicate": "The target has it more than once: remove the other one there.",
    "extra": "The target has it with an id of ours, and the ledger does not know it: look at it there.",
    "changed": "It is not what it should be, and nobody else is known to have changed it.",
    "mapping_changed": "The playbook says something else now than when it was written.",
    EDITED: "Somebody else changed it after us. M leaves it alone, unless exactly this class or record is chosen.",
}
_FIELDS = 20  # of a class that are named
_COLUMNS = (
    Column("", keep=9, least=1), Column("wave", keep=9, most=16), Column("class", keep=9, least=16),
    Column("record", keep=9, least=26, most=60, grows=True), Column("field", keep=9, most=24),
    Column("at the target", keep=4, most=24), Column("by", keep=6, most=20), Column("found", keep=3, least=8),
)  # fmt: skip


class Group(NamedTuple):
    """All of one wave that differs in one way: what is mended together."""

    wave: str
    kind: str
    records: int
    fields: Counter[str]

    @property
    def name(self) -> str:
        return f"{self.wave}\x1f{self.kind}"


def name_of(row: DriftRow) -> str:
    """What tells a difference from every other."""
    return "\x1f".join((row.wave, row.kind, row.entity, row.key, row.field))


def groups(found: DriftList) -> list[Group]:
    """By wave as the engine lists them; in each, what weighs most first."""
    made = []
    for wave, kinds in found.kinds.items():
        for kind in sorted(kinds, key=lambda kind: _ORDER.index(kind) if kind in _ORDER else 0):
            fields = Counter(row.field for row in found.rows if (row.wave, row.kind) == (wave, kind) and row.field)
            made.append(Group(wave, kind, kinds[kind], fields))
    return made


def lines(listed: Sequence[Group | DriftRow], opened: Iterable[str], width: int) -> tuple[Text, list[Text]]:
    """The heading, and a line for each class and each record. `opened`: classes whose records are listed below."""
    there = set(opened)
    cells = [_group(one, one.name in there) if isinstance(one, Group) else _record(one) for one in listed]
    return table(_COLUMNS, cells, width)


def about(group: Group, width: int) -> list[Text]:
    """One class: what it means, which fields it is about, and what can be done."""
    sign, tone = SIGNS.get(group.kind, ("▲", ALARM))
    told = [toned(" ", (f"{sign} {_word(group.kind)}", tone), f" in {group.wave}: {counted(group.records, 'record')}")]
    told += paragraph(_MEANS.get(group.kind, ""), width, DIM)
    told.append(toned(""))
    for field, n in group.fields.most_common(_FIELDS):
        told.append(toned((f" {count(n):>9}  ", DIM), field))
    if (more := len(group.fields) - _FIELDS) > 0:
        told.append(toned((f"            and {counted(more, 'further field')}", DIM)))
    return told + paragraph("Enter lists its records, or folds them; M shows what mending them would do.", width, DIM)


def sides(row: DriftRow, shown: DriftShow | None, width: int) -> list[Text]:
    """One record: what is known of it, and, when it was read, both sides; what differs first."""
    sign, tone = SIGNS.get(row.kind, ("▲", ALARM))
    found = paragraph(f"{row.entity} {row.key}", width, HEAD)
    found.append(toned(" ", (f"{sign} {_word(row.kind)}", tone), f"  found {moment(row.found)}"))
    found += labelled("wave", row.wave, width)
    found += labelled("field", row.field, width)
    found += labelled("target", row.target or "not there", width)
    if row.root not in ("", row.key):
        found += labelled("hangs on", row.root, width)
    if row.by:
        found += labelled("changed by", ", ".join(filter(None, (row.by, moment(row.at)))), width, WARN)
    found += paragraph(_MEANS.get(row.kind, ""), width, DIM)
    if shown is None:
        return [*found, toned(""), toned((" Enter reads both sides now; values are masked.", DIM))]
    found.append(toned(""))
    for one in sorted(shown.fields, key=lambda one: not one.differs):
        if one.differs:
            found.append(toned((" ✘ ", ALARM), (one.field, HEAD)))
            found += labelled("should be", one.wanted or "(empty)", width)
            found += labelled("is", one.there or "(empty)", width, WARN)
    same = [one.field for one in shown.fields if not one.differs]
    if same:
        found += [toned((" ✔ ", GOOD), (f"{counted(len(same), 'field')} alike", PLAIN))]
        found += paragraph(", ".join(same), width, DIM, indent=3)
    if shown.note:
        found += paragraph(shown.note, width, WARN)
    if shown.fields:
        words = "Values are masked: u shows them, on this screen only." if shown.masked else "u masks the values again."
        found += paragraph(words, width, DIM)
    return found


# ---------------------------------------------------------------- inside


def _group(group: Group, is_open: bool) -> list[str | Cell]:
    sign, tone = SIGNS.get(group.kind, ("▲", ALARM))
    fields = ", ".join(f"{field} {count(n)}" for field, n in group.fields.most_common(4))
    more = ", …" if len(group.fields) > 4 else ""
    return [
        Cell(sign, tone),
        Cell(group.wave, HEAD),
        Cell(_word(group.kind), tone),
        Cell(f"{'▼' if is_open else '▶'} {counted(group.records, 'record')}", HEAD),
        Cell(fields + more, DIM),
        "",
        "",
        "",
    ]


def _record(row: DriftRow) -> list[str | Cell]:
    on = f" on {row.root}" if row.root not in ("", row.key) else ""
    return ["", "", "", f"  {row.entity} {row.key}{on}", row.field, row.target, Cell(row.by, WARN),
            Cell(clock(row.found), DIM)]  # fmt: skip


def _word(kind: str) -> str:
    return kind.replace("_", " ")

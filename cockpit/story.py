"""What was set aside, as lines: groups by cause, records, and one record's story. Never a field value."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from rich.text import Text

from cockpit.columns import Cell, Column, table
from cockpit.format import caused, clock, count, counted, moment
from cockpit.prose import labelled, paragraph
from cockpit.tones import ALARM, DIM, HEAD, PLAIN, WARN, toned
from engine.wire import AsideGroup, AsideRecord

SIGNS = {
    "in_doubt": ("▲", ALARM), "conflict": ("✘", ALARM), "edited": ("✘", WARN), "quarantined": ("●", WARN),
    "excluded": ("→", DIM), "left": ("·", DIM),
}  # fmt: skip
_ORDER = list(SIGNS)
_GROUPS = (
    Column("", keep=9), Column("records", right=True, keep=9), Column("state", keep=9), Column("wave", keep=9, most=16),
    Column("cause", keep=9, most=400, grows=True),
)  # fmt: skip
_RECORDS = (
    Column("key", keep=9, most=40), Column("entity", keep=9, most=24), Column("since", keep=5),
    Column("tried", keep=3, right=True), Column("at the target", keep=9, most=30), Column("", grows=True, keep=2),
)  # fmt: skip


class Group(NamedTuple):
    """All that was set aside in one wave for one cause: what is retried and excluded together."""

    bucket: str
    wave: str
    cause: str
    fields: tuple[str, ...]
    records: int

    @property
    def name(self) -> str:
        return "\x1f".join((self.bucket, self.wave, self.cause))

    @property
    def words(self) -> str:
        return caused(self.fields[0], self.cause) if len(self.fields) == 1 else self.cause


def groups(found: Iterable[AsideGroup]) -> list[Group]:
    """Those that need a person first, then the largest."""
    merged: dict[str, Group] = {}
    for each in found:
        group = Group(each.bucket, each.wave, each.cause, (each.field,), each.records)
        there = merged.get(group.name)
        if there is not None:
            group = there._replace(fields=(*there.fields, each.field), records=there.records + each.records)
        merged[group.name] = group
    rank = {bucket: at for at, bucket in enumerate(_ORDER)}
    return sorted(merged.values(), key=lambda group: (rank.get(group.bucket, 0), -group.records, group.name))


def group_lines(shown: Sequence[Group], width: int) -> tuple[Text, list[Text]]:
    """The heading, and a line each."""
    rows: list[list[str | Cell]] = []
    for group in shown:
        sign, tone = SIGNS.get(group.bucket, ("▲", ALARM))
        state = Cell(group.bucket.replace("_", " "), tone)
        rows.append([Cell(sign, tone), count(group.records), state, group.wave, group.words])
    return table(_GROUPS, rows, width)


def record_lines(records: Sequence[AsideRecord], width: int) -> tuple[Text, list[Text]]:
    rows: list[list[str | Cell]] = [
        [
            record.key,
            Cell(record.entity, DIM),
            clock(record.since),
            count(record.tries),
            record.target or "not there",
            "",
        ]
        for record in records
    ]
    return table(_RECORDS, rows, width)


def story(record: AsideRecord, width: int, folder: str) -> list[Text]:
    """Everything that is known of one record, and what to do next."""
    sign, tone = SIGNS.get(record.bucket, ("▲", ALARM))
    lines = paragraph(f"{record.entity} {record.key}", width, HEAD)
    word = record.bucket.replace("_", " ")
    lines.append(toned(" ", (f"{sign} {word}", tone), f"  since {moment(record.since)}, tried "))
    lines[-1].append(counted(record.tries, "time"))
    lines += labelled("wave", record.wave, width)
    lines += labelled("cause", record.cause, width, tone if record.bucket != "excluded" else PLAIN)
    lines += labelled("field", record.field, width)
    lines += labelled("rule", record.rule, width)
    lines += labelled("stands in", record.where.removeprefix(folder + os.sep), width)
    lines += labelled("hangs on", record.parent, width)
    lines += labelled("target", record.target or "not there", width)
    lines += [toned(""), *(line for text in _next(record) for line in paragraph(text, width, DIM))]
    return lines


def _next(record: AsideRecord) -> list[str]:
    if record.bucket == "in_doubt":
        return [
            "The call went out and no answer came: it exists at the target, or it does not. Look there.",
            f"It exists: cutover resolve {record.key} --created ID. It does not: cutover resolve {record.key} --absent",
        ]
    if record.bucket == "excluded":
        return ["A person left it out, for this reason. t takes it back and carries it again."]
    if record.bucket == "left":
        return ["It left the scope of its wave, or the source. When it comes back it is carried again."]
    mend = "Change that rule, or the record at the source" if record.rule else "Mend the cause"
    look = "" if record.parent else f" What would be sent now: cutover map try --record {record.key}"
    return [f"{mend}; then t takes it up again. E leaves it out of the move.{look}"]

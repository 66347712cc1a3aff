"""A profile in words: tables of fields, and what a person should look at. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from cockpit.format import count, counted, moment, neutral
from engine.wire import ProfiledEntity, ProfiledField, ProfileReport

HEAD = ("field", "empty", "values", "median", "longest")
_OTHERWISE = {
    "quarantine": "they will be quarantined",
    "keep": "it is kept as it is",
    "drop": "the field is left out",
    "another": "another value is put in its place",
}


class Concern(NamedTuple):
    """Something to look at. `sign`: ✘ it will not move, ▲ look, · it is taken care of."""

    sign: str
    words: str
    values: tuple[str, ...] = ()  # behind it, with their numbers


def lines(report: ProfileReport) -> Iterator[str]:
    """The report, entity by entity: a table of the fields, then what a person should look at."""
    for at, entity in enumerate(report.entities):
        if at:
            yield ""
        of = f" of wave {report.wave}" if report.wave else ""
        whole = "" if entity.whole else ", not all there are"
        read = counted(entity.records, "record")
        yield f"{neutral(entity.entity)}{of} at {entity.system}, read {moment(report.at)}: {read}{whole}"
        yield from (f"  {line}" for line in spread(entity))
        if entity.fields:
            yield from (f"  {line}" for line in _table(entity))
        for concern in concerns(entity) or [Concern("✔", "nothing to look at")]:
            yield f"  {concern.sign} {concern.words}"
            yield from (f"      {value}" for value in concern.values)


def spread(entity: ProfiledEntity) -> Iterator[str]:
    """How what hangs on records is spread over them; of files, their sizes and kinds."""
    hanging = entity.hanging
    if hanging is None:
        return
    some = f"on {count(hanging.of - hanging.bare)} of {counted(hanging.of, 'record')}"
    yield f"{some}; median {count(hanging.median)}, at most {count(hanging.most)}"
    if (files := hanging.files) is not None and entity.records:
        kinds = ", ".join(f"{count(n)} {kind}" for kind, n in files.kinds.items())
        yield f"{octets(files.size)} in all, the largest {octets(files.largest)}; {kinds}"


def _table(entity: ProfiledEntity) -> Iterator[str]:
    rows = [HEAD, *(row(field, entity.records) for field in entity.fields)]
    widths = [max(len(row[at]) for row in rows) for at in range(len(HEAD))]
    for name, *numbers in rows:
        cells = [number.rjust(width) for number, width in zip(numbers, widths[1:], strict=True)]
        yield "  ".join([name.ljust(widths[0]), *cells])


def row(field: ProfiledField, records: int) -> tuple[str, ...]:
    values = count(field.distinct) if field.exact else f"~{count(field.distinct)}"
    return (neutral(field.field), share(field.empty, records), values, count(field.median), count(field.longest))


def concerns(entity: ProfiledEntity) -> list[Concern]:
    """What may go wrong, one after another."""
    return [*_whole_records(entity), *_hanging(entity), *_texts(entity), *_values(entity), *_ties(entity)]


def _whole_records(entity: ProfiledEntity) -> Iterator[Concern]:
    for cause, n in entity.refused.items():
        yield Concern("✘", f"{counted(n, 'record')} will be quarantined: {neutral(cause)}")
    if entity.twice:
        came = counted(entity.twice, "record")
        yield Concern("▲", f"{came} came twice: the source changed meanwhile, or its keys are not unique")
    if entity.same_label:
        yield Concern(
            "▲", f"{counted(entity.same_label, 'record')} with a {neutral(entity.label)} that another has, too"
        )
    for name, n in entity.defects.items():
        yield Concern(
            "·", f"{counted(n, 'record')} with the known defect {neutral(name)}, remedied ({share(n, entity.records)})"
        )


def _hanging(entity: ProfiledEntity) -> Iterator[Concern]:
    hanging = entity.hanging
    if hanging is None:
        return
    if hanging.astray:
        yield Concern("▲", f"{counted(hanging.astray, 'record hangs', 'records hang')} on none of those that were read")
    if hanging.empty:
        yield Concern(
            "▲", f"{counted(hanging.empty, 'record has', 'records have')} no {'bytes' if hanging.files else 'text'}"
        )
    if hanging.files is not None and hanging.files.unsized:
        yield Concern("▲", f"of {counted(hanging.files.unsized, 'record')} the source does not say the size")
    if hanging.files is None:
        for field in entity.fields:
            if field.empty:
                yield Concern(
                    "▲", f"{neutral(field.field)}: {counted(field.empty, 'record is', 'records are')} without it"
                )


def _texts(entity: ProfiledEntity) -> Iterator[Concern]:
    for field in entity.fields:
        for n, words in (
            (field.nul, "a NUL character: many systems end the text there"),
            (field.replaced, "a replacement character (U+FFFD): something was lost before"),
            (field.mojibake, "what looks like UTF-8 read as another encoding"),
        ):
            if n:
                yield Concern("▲", f"{neutral(field.field)}: {counted(n, 'record')} with {words}")
    for length in entity.lengths:
        if length.records:
            takes = f"{neutral(length.target)} takes {count(length.limit)} characters"
            yield Concern(
                "▲", f"{takes}: {counted(length.records, 'record has', 'records have')} up to {count(length.longest)}"
            )


def _values(entity: ProfiledEntity) -> Iterator[Concern]:
    for each in entity.maps:
        if each.records:
            has = counted(each.records, "record has", "records have")
            words = f"{neutral(each.field)} → {neutral(each.target)}: {has} a value outside the map"
            values = tuple(f"{count(one.records)} × {neutral(one.value)}" for one in each.values)
            yield Concern("▲", f"{words}; {_OTHERWISE[each.otherwise]}", values)


def _ties(entity: ProfiledEntity) -> Iterator[Concern]:
    for tie in entity.ties:
        if tie.orphans:
            where = "that this migration moves" if tie.by == "scope" else "that the source has"
            orphans = f"{count(tie.orphans)} of {count(tie.looked_up)} references"
            yield Concern("▲", f"{neutral(tie.tie)}: {orphans} lead to no {tie.to} {where}")


def octets(n: int) -> str:
    """'12 bytes', '3.4 MB'."""
    for size, unit in ((10**9, "GB"), (10**6, "MB"), (10**3, "kB")):
        if n >= size:
            return f"{n / size:,.1f} {unit}"
    return counted(n, "byte")


def share(n: int, of: int) -> str:
    """'0', '< 0.1 %', '12.3 %'."""
    if not n or not of:
        return "0"
    return "< 0.1 %" if n / of < 0.001 else f"{100 * n / of:.1f} %"

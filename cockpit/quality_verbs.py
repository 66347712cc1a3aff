"""The verb `profile`: what the source's data are like, before anything moves."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated

import typer

from cockpit import codes
from cockpit.client import Client
from cockpit.format import count, counted, moment, neutral
from cockpit.terminal import complain, say, say_json
from engine.wire import Profile, ProfiledEntity, ProfiledField, ProfileReport, Receipt

_LOOK = 0.5  # seconds between two looks
_TELL = 10.0  # seconds between two lines about how far it is
_HEAD = ("field", "empty", "values", "median", "longest")
_OTHERWISE = {
    "quarantine": "they will be quarantined",
    "keep": "it is kept as it is",
    "drop": "the field is left out",
    "another": "another value is put in its place",
}


def add(app: typer.Typer, engine: Callable[[Path], Client], who: Callable[[], str]) -> None:
    """Add the verb. `engine`: the engine of a folder, started; `who`: the person who types."""

    @app.command(epilog="Example: cutover profile --entity incident --sample 5000")
    def profile(
        folder: Annotated[
            Path, typer.Option("--dir", "-C", help="The migration folder.", show_default="here")
        ] = Path(),
        entity: Annotated[str, typer.Option("--entity", help="Only this entity.", show_default="all")] = "",
        wave: Annotated[str, typer.Option("--wave", help="Only what this wave moves.", show_default="all")] = "",
        sample: Annotated[
            int | None, typer.Option(min=1, help="So many records of each entity, from everywhere.")
        ] = None,
        no_children: Annotated[
            bool, typer.Option("--no-children", help="Leave out what hangs on records: comments, attachments.")
        ] = False,
        show_values: Annotated[
            bool, typer.Option("--show-values", help="Show values outside a map as they are. They are not kept.")
        ] = False,
        as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document, for scripts.")] = False,
    ) -> None:
        """Read the source and count what may go wrong; move nothing.

        Empty fields, duplicates, values outside a map, texts too long for the target, damaged text, references that
        lead nowhere, known defects, and what the rules would refuse. Ctrl-C leaves it to go on in the engine.
        """
        client = engine(folder)
        asked = Profile(entity=entity, wave=wave, sample=sample, children=not no_children, by=who())
        client.post("/profile", Receipt, asked)
        report = _followed(client, show_values)
        if as_json:
            say_json(report)
        else:
            say(*lines(report))
        if report.problem:
            complain(report.problem)
        raise typer.Exit(codes.FAILED if report.problem else codes.DONE)


def _followed(client: Client, show_values: bool) -> ProfileReport:
    """The report at its end. How far it is goes to stderr, where somebody looks."""
    told = time.monotonic()
    while (report := client.get("/profile", ProfileReport, plainly=int(show_values))).running:
        if sys.stderr.isatty() and time.monotonic() - told > _TELL:
            told = time.monotonic()
            complain(progress(report))
        time.sleep(_LOOK)
    return report


def progress(report: ProfileReport) -> str:
    left = "" if report.seconds_left is None else f", about {report.seconds_left:,.0f} s left"
    return f"{count(report.done)} of {count(report.planned)} records read{left}"


def lines(report: ProfileReport) -> Iterator[str]:
    """The report, entity by entity: a table of the fields, then what a person should look at."""
    for at, entity in enumerate(report.entities):
        if at:
            yield ""
        of = f" of wave {report.wave}" if report.wave else ""
        whole = "" if entity.whole else ", not all there are"
        read = counted(entity.records, "record")
        yield f"{entity.entity}{of} at {entity.system}, read {moment(report.at)}: {read}{whole}"
        yield from (f"  {line}" for line in spread(entity))
        if entity.fields:
            yield from (f"  {line}" for line in _table(entity))
        yield from (f"  {line}" for line in concerns(entity) or ["✔ nothing to look at"])


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
    rows = [_HEAD, *(_row(field, entity.records) for field in entity.fields)]
    widths = [max(len(row[at]) for row in rows) for at in range(len(_HEAD))]
    for name, *numbers in rows:
        cells = [number.rjust(width) for number, width in zip(numbers, widths[1:], strict=True)]
        yield "  ".join([name.ljust(widths[0]), *cells])


def _row(field: ProfiledField, records: int) -> tuple[str, ...]:
    values = count(field.distinct) if field.exact else f"~{count(field.distinct)}"
    return (neutral(field.field), share(field.empty, records), values, count(field.median), count(field.longest))


def concerns(entity: ProfiledEntity) -> list[str]:
    """What may go wrong, one line each; with the values behind it where there are any."""
    return [*_whole_records(entity), *_hanging(entity), *_texts(entity), *_values(entity), *_ties(entity)]


def _whole_records(entity: ProfiledEntity) -> Iterator[str]:
    for cause, n in entity.refused.items():
        yield f"✘ {counted(n, 'record')} will be quarantined: {neutral(cause)}"
    if entity.twice:
        came = counted(entity.twice, "record")
        yield f"▲ {came} came twice: the source changed meanwhile, or its keys are not unique"
    if entity.same_label:
        yield f"▲ {counted(entity.same_label, 'record')} with a {neutral(entity.label)} that another has, too"
    for name, n in entity.defects.items():
        yield f"· {counted(n, 'record')} with the known defect {neutral(name)}, remedied ({share(n, entity.records)})"


def _hanging(entity: ProfiledEntity) -> Iterator[str]:
    hanging = entity.hanging
    if hanging is None:
        return
    if hanging.astray:
        yield f"▲ {counted(hanging.astray, 'record hangs', 'records hang')} on none of those that were read"
    if hanging.empty:
        yield f"▲ {counted(hanging.empty, 'record has', 'records have')} no {'bytes' if hanging.files else 'text'}"
    if hanging.files is not None and hanging.files.unsized:
        yield f"▲ of {counted(hanging.files.unsized, 'record')} the source does not say the size"
    if hanging.files is None:
        for field in entity.fields:
            if field.empty:
                yield f"▲ {neutral(field.field)}: {counted(field.empty, 'record is', 'records are')} without it"


def _texts(entity: ProfiledEntity) -> Iterator[str]:
    for field in entity.fields:
        for n, words in (
            (field.nul, "a NUL character: many systems end the text there"),
            (field.replaced, "a replacement character (U+FFFD): something was lost before"),
            (field.mojibake, "what looks like UTF-8 read as another encoding"),
        ):
            if n:
                yield f"▲ {neutral(field.field)}: {counted(n, 'record')} with {words}"
    for length in entity.lengths:
        if length.records:
            takes = f"{neutral(length.target)} takes {count(length.limit)} characters"
            yield f"▲ {takes}: {counted(length.records, 'record has', 'records have')} up to {count(length.longest)}"


def _values(entity: ProfiledEntity) -> Iterator[str]:
    for each in entity.maps:
        if each.records:
            has = counted(each.records, "record has", "records have")
            yield (
                f"▲ {neutral(each.field)} → {neutral(each.target)}: {has} a value outside the map; "
                f"{_OTHERWISE[each.otherwise]}"
            )
            for outside in each.values:
                yield f"    {count(outside.records)} × {neutral(outside.value)}"


def _ties(entity: ProfiledEntity) -> Iterator[str]:
    for tie in entity.ties:
        if tie.orphans:
            where = "that this migration moves" if tie.by == "scope" else "that the source has"
            orphans = f"{count(tie.orphans)} of {count(tie.looked_up)} references"
            yield f"▲ {neutral(tie.tie)}: {orphans} lead to no {tie.to} {where}"


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

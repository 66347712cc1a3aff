"""The verb `verify`: a second opinion about what is at the target."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated

import typer

from cockpit import codes
from cockpit.client import Client
from cockpit.format import count, moment
from cockpit.terminal import complain, say, say_json
from engine.wire import Receipt, Verify, VerifyEntity, VerifyReport, VerifyWave

_LOOK = 0.5  # seconds between two looks
_TELL = 10.0  # seconds between two lines about how far it is
_SHOWN = 20  # findings of a wave


def add(app: typer.Typer, engine: Callable[[Path], Client], who: Callable[[], str]) -> None:
    """Add the verb. `engine`: the engine of a folder, started; `who`: the person who types."""

    @app.command(epilog="Example: cutover verify --wave pilot")
    def verify(
        folder: Annotated[
            Path, typer.Option("--dir", "-C", help="The migration folder.", show_default="here")
        ] = Path(),
        wave: Annotated[str, typer.Option("--wave", help="Only this wave.", show_default="all that have begun")] = "",
        sample: Annotated[
            int | None,
            typer.Option(min=1, help="So many records of each entity, from everywhere; no look for extra ones."),
        ] = None,
        as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document, for scripts.")] = False,
    ) -> None:
        """Read both systems another way; say where they differ.

        It shares no code with what writes, nor with the comparison at the end of a wave. Exit 1: something differs, or
        the two comparisons disagree. It may be asked while a wave runs. Ctrl-C leaves it to go on in the engine.
        """
        client = engine(folder)
        client.post("/verify", Receipt, Verify(wave=wave, sample=sample, by=who()))
        report = _followed(client)
        told = [each for each in report.waves if not wave or each.wave == wave]
        if as_json:
            say_json(report.model_copy(update={"waves": told}))
        else:
            say(*lines(told))
        if report.problem:
            complain(report.problem)
        ok = not report.problem and all(each.ok for each in told)
        raise typer.Exit(codes.DONE if ok else codes.FAILED)


def _followed(client: Client) -> VerifyReport:
    """The report at its end. How far it is goes to stderr, where somebody looks."""
    told = time.monotonic()
    while (report := client.get("/verify", VerifyReport)).running:
        if sys.stderr.isatty() and time.monotonic() - told > _TELL:
            told = time.monotonic()
            complain(progress(report))
        time.sleep(_LOOK)
    return report


def progress(report: VerifyReport) -> str:
    left = "" if report.seconds_left is None else f", about {report.seconds_left:,.0f} s left"
    return f"{report.wave}: {count(report.done)} of {count(report.planned)} records read{left}"


def lines(waves: list[VerifyWave]) -> Iterator[str]:
    """What was found, wave by wave."""
    for wave in waves:
        yield f"{'✔' if wave.ok else '✘'} Wave {wave.wave}, verified {moment(wave.at)}"
        for entity in wave.entities:
            yield from (f"  {line}" for line in entity_lines(entity))
        for finding in wave.findings[:_SHOWN]:
            field = f" {finding.field}" if finding.field else ""
            on = f" on {finding.root}" if finding.root not in ("", finding.key) else ""
            by = f" (changed since by {finding.by})" if finding.by else ""
            yield f"  ✘ {finding.entity} {finding.key}{on}: {finding.kind}{field}{by}"
        if (rest := sum(n for entity in wave.entities for n in entity.kinds.values()) - _SHOWN) > 0:
            yield f"  and about {count(rest)} more"
        if wave.mapping_changed:
            yield "  ▲ the playbook has changed since the wave ran: what it says now was taken for what should be there"
        for sentence in wave.disagrees_with_reconcile:
            yield f"  ▲ the two comparisons disagree: {sentence}"


def entity_lines(entity: VerifyEntity) -> Iterator[str]:
    """One entity in numbers."""
    parts = [f"{count(entity.compared)} compared"]
    for n, words in (
        (entity.on_their_way, "on their way"),
        (entity.aside, "aside"),
        (entity.elsewhere, "moved by another wave"),
        (entity.undone, "rolled back with another wave"),
    ):
        if n:
            parts.append(f"{count(n)} {words}")
    differing = ", ".join(f"{count(n)} {kind}" for kind, n in sorted(entity.kinds.items()))
    whole = "" if entity.whole else ", not all of it"
    yield f"{entity.entity}: {count(entity.read)} read{whole} = {' + '.join(parts)}; {differing or 'no difference'}"
    if entity.not_compared:
        yield f"  not compared, the target does not show them: {', '.join(entity.not_compared)}"
    for note in entity.notes:
        yield f"  {note}"

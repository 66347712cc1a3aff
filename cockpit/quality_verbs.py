"""The verb `profile`: what the source's data are like, before anything moves."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from cockpit import codes
from cockpit.client import BadFolder, Client
from cockpit.format import count
from cockpit.profile_page import page
from cockpit.profiled import lines
from cockpit.terminal import complain, near, say, say_json
from engine.wire import Profile, ProfileReport, Receipt

_LOOK = 0.5  # seconds between two looks
_TELL = 10.0  # seconds between two lines about how far it is


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
        html: Annotated[
            Path | None, typer.Option("--html", metavar="FILE", dir_okay=False, help="Write the same as a page, too.")
        ] = None,
        as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document, for scripts.")] = False,
    ) -> None:
        """Read the source and count what may go wrong; move nothing.

        Empty fields, duplicates, values outside a map, texts too long for the target, damaged text, references that
        lead nowhere, known defects, and what the rules would refuse. Ctrl-C leaves it to go on in the engine.
        """
        if html is not None:
            _ready_for(html)
        client = engine(folder)
        asked = Profile(entity=entity, wave=wave, sample=sample, children=not no_children, by=who())
        client.post("/profile", Receipt, asked)
        report = _followed(client, show_values)
        if as_json:
            say_json(report)
        else:
            say(*lines(report))
        if html is not None:
            _write(html, page(report, folder.resolve().name))
            complain(f"As a page: {near(html)}")
        if report.problem:
            complain(report.problem)
        raise typer.Exit(codes.FAILED if report.problem else codes.DONE)


def _ready_for(file: Path) -> None:
    """Raises before anything is read when the file could not be written after it."""
    there = file if file.exists() else file.absolute().parent
    if not there.exists() or not os.access(there, os.W_OK):
        why = "may not be written" if there.exists() else "does not exist"
        raise typer.BadParameter(f"{near(there)} {why}", param_hint="--html")


def _write(file: Path, text: str) -> None:
    """For its owner alone: with --show-values it holds values."""
    part = file.with_name(f".{file.name}.part")
    try:
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as out:
            out.write(text)
        part.replace(file)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise BadFolder(f"{near(file)} was not written: {error.strerror}. The report stands above.") from error


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

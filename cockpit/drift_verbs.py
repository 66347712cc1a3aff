"""Verbs of comparing: compare the sides, list what differs, look at one record, send it again."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated

import typer

from cockpit import codes
from cockpit.client import Client
from cockpit.follow import follow
from cockpit.format import count, moment
from cockpit.terminal import say, say_json, typed
from cockpit.undo_verbs import agreed
from engine.wire import (
    Comparison,
    Comparisons,
    DriftList,
    DriftRow,
    DriftShow,
    Receipt,
    Reconcile,
    Repair,
    RepairPlan,
)

Folder = Annotated[Path, typer.Option("--dir", "-C", help="The migration folder.", show_default="here")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document, for scripts.")]
Wave = Annotated[str, typer.Option("--wave", help="Only this wave.", show_default="all that have begun")]
Detach = Annotated[bool, typer.Option("--detach", help="Start it and return.")]
HERE = Path()
_LOOK = 0.5  # seconds between two looks at a comparison
_LONG = 900.0  # seconds
_SHOWN = 20  # differences that are named
_EDIT = "edited_at_target"

drift_app = typer.Typer(help="Confirmed differences between the sides.", no_args_is_help=True)


def add(app: typer.Typer, engine: Callable[[Path], Client], who: Callable[[], str]) -> None:
    """Add these verbs to the command. `engine`: the engine of a folder, started; `who`: the person who types."""
    app.add_typer(drift_app, name="drift")

    @app.command(epilog="Example: cutover reconcile --wave pilot --full")
    def reconcile(
        folder: Folder = HERE,
        wave: Wave = "",
        full: Annotated[bool, typer.Option("--full", help="All of it, and what is beyond it.")] = False,
        sample: Annotated[int | None, typer.Option(min=1, help="So many records, evenly.")] = None,
        detach: Detach = False,
        as_json: Json = False,
    ) -> None:
        """Compare both sides: what was written since the last look.

        What differs is looked at twice. Cut off, it goes on when it is typed again. Exit 4: there is drift.
        """
        client = engine(folder)
        if not any(one.running for one in client.get("/reconcile", Comparisons).comparisons):
            command = Reconcile(wave=wave, full=full, sample=sample, by=who())
            message = client.post("/reconcile", Receipt, command).message
            if not as_json:
                say(message)
        if detach:
            say(f"Watch it: {typed(client.folder)('reconcile')}")
            return
        done = _followed(client, wave, quiet=as_json)
        if as_json:
            say_json(done)
        else:
            for one in done.comparisons:
                say(*comparison_lines(one))
        if any(one.outcome.startswith("failed") for one in done.comparisons):
            raise typer.Exit(codes.FAILED)
        raise typer.Exit(codes.NEEDS_HUMAN if any(one.kinds for one in done.comparisons) else codes.DONE)

    @drift_app.command("list", epilog="Example: cutover drift list --wave pilot --json")
    def drift_list(folder: Folder = HERE, wave: Wave = "", as_json: Json = False) -> None:
        """What differs, by class. Keys and names of fields; no values."""
        found = engine(folder).get("/drift", DriftList, wave=wave)
        say_json(found) if as_json else say(*drift_lines(found, typed(folder)))

    @drift_app.command(
        "show",
        epilog="Example: cutover drift show KEY --unmask. "
        "The key is the one that `drift list` tells, or what people call the record: INC0010001.",
    )
    def drift_show(
        key: Annotated[str, typer.Argument(help="The record's key at the source, or its label (INC0010001).")],
        folder: Folder = HERE,
        unmask: Annotated[bool, typer.Option("--unmask", help="Show values, on this screen only.")] = False,
        as_json: Json = False,
    ) -> None:
        """One record on both sides, read now. Values are masked to the first character and the length."""
        found = engine(folder).get("/difference", DriftShow, key=key, plainly=int(unmask))
        say_json(found) if as_json else say(*show_lines(found))

    @app.command(epilog="Example: cutover repair --wave pilot --class missing --class changed")
    def repair(
        wave: Annotated[str, typer.Option("--wave", help="Which wave.")],
        folder: Folder = HERE,
        kinds: Annotated[list[str] | None, typer.Option("--class", help="Only this class; may be repeated.")] = None,
        keys: Annotated[list[str] | None, typer.Option("--key", help="Only this record; may be repeated.")] = None,
        also_edited: Annotated[
            str, typer.Option("--also-edited", metavar="WAVE", help="Overwrite what somebody edited: the wave's name.")
        ] = "",
        yes: Annotated[str, typer.Option("--yes", metavar="WAVE", help="The wave's name once more: do not ask.")] = "",
        preview: Annotated[bool, typer.Option("--preview", help="Show what it would do, and do nothing.")] = False,
        detach: Detach = False,
        as_json: Annotated[bool, typer.Option("--json", help="Print the preview as JSON, and do nothing.")] = False,
    ) -> None:
        """Send again what is missing or changed, after a look.

        What somebody edited at the target is left alone. Cut off, the next run of the wave finishes it.
        """
        client = engine(folder)
        asked: dict[str, object] = {"class": kinds or [], "key": keys or [], "also_edited": also_edited}
        plan = client.get("/repair", RepairPlan, timeout=_LONG, wave=wave, **asked)
        say_json(plan) if as_json else say(*repair_lines(plan))
        if preview or as_json or not plan.records:
            return
        agreed(wave, yes, "mend it")
        command = Repair(wave=wave, kinds=kinds or [], keys=keys or [], also_edited=also_edited, by=who())
        say(client.post("/repair", Receipt, command, timeout=_LONG).message)
        if detach:
            say(f"Watch it: {typed(client.folder)('status --watch')}")
            return
        raise typer.Exit(follow(client))


def _followed(client: Client, wave: str, *, quiet: bool) -> Comparisons:
    """The comparisons when none goes on any more."""
    told = 0.0
    while True:
        seen = client.get("/reconcile", Comparisons)
        going = [one for one in seen.comparisons if one.running]
        if not going:
            mine = [one for one in seen.comparisons if not wave or one.wave == wave]
            return seen.model_copy(update={"comparisons": mine})
        if not quiet and time.monotonic() - told > 2.0:
            told = time.monotonic()
            say(*(progress_line(one) for one in going))
        time.sleep(_LOOK)


# ---------------------------------------------------------------- what is shown


def progress_line(one: Comparison) -> str:
    left = f", {one.seconds_left:.0f} s left" if one.seconds_left is not None else ""
    return f"  {one.wave}: {count(one.compared)} of {count(one.total)} compared{left}"


def comparison_lines(one: Comparison) -> Iterator[str]:
    yield f"{'▲' if one.kinds or one.outcome.startswith('failed') else '✔'} {one.wave} ({one.scope}): {one.outcome}"


def drift_lines(found: DriftList, typed: Callable[[str], str]) -> Iterator[str]:
    """Counts by wave and class, then some of each."""
    if not found.rows:
        yield "No drift is known."
        return
    for wave, kinds in found.kinds.items():
        yield f"Wave {wave}: {', '.join(f'{count(n)} {_word(kind)}' for kind, n in kinds.items())}"
        for row in [row for row in found.rows if row.wave == wave][:_SHOWN]:
            on = f" on {row.root}" if row.root != row.key else ""
            yield f"  {_word(row.kind)}: {row.entity} {row.key}{on}{f', {row.field}' if row.field else ''}{_by(row)}"
        if (n := sum(row.wave == wave for row in found.rows)) > _SHOWN:
            yield f"  and {count(n - _SHOWN)} more: --json names them"
    yield f"Look at one: {typed('drift show KEY')}"
    for wave, kinds in found.kinds.items():
        if set(kinds) - {_EDIT}:
            yield f"Mend it: {typed(f'repair --wave {wave}')}"


def show_lines(found: DriftShow) -> Iterator[str]:
    yield f"{found.entity} {found.key}, {found.target or 'not'} at the target"
    for row in found.rows:
        yield f"  {_word(row.kind)}{f': {row.field}' if row.field else ''}{_by(row)} (found {moment(row.found)})"
    for each in found.fields:
        sign = "✘" if each.differs else "✔"
        yield f"  {sign} {each.field}: should be {each.wanted or '(empty)'}" + (
            f", is {each.there or '(empty)'}" if each.differs else ""
        )
    if found.note:
        yield f"  {found.note}"
    if found.masked and found.fields:
        yield "Values are masked; --unmask shows them."


def repair_lines(plan: RepairPlan) -> Iterator[str]:
    yield f"Wave {plan.wave} ({plan.state.replace('_', ' ')}): {count(plan.records)} records to mend"
    if plan.records:
        yield f"  {count(plan.create)} to create, {count(plan.update)} to update, {count(plan.ties)} references to tie"
    if plan.fields:
        yield f"  {', '.join(f'{name}: {count(n)}' for name, n in sorted(plan.fields.items(), key=lambda f: -f[1]))}"
    if plan.edited:
        yield f"  {count(plan.edited)} stay: somebody edited them (--also-edited {plan.wave} overwrites them)"
    for reason, n in plan.stuck.items():
        yield f"  {count(n)} stay: {reason}"
    if plan.state == "signed_off" and plan.records:
        yield "▲ the wave is signed off: it will have to be signed again"
    if plan.note:
        yield f"  {plan.note}"


def _by(row: DriftRow) -> str:
    when = f" at {moment(row.at)}" if row.at else ""
    return f", by {row.by}{when}" if row.by else ""


def _word(kind: str) -> str:
    return kind.replace("_", " ")

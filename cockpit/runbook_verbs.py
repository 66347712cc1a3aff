"""Verbs of the runbook: lint it, see where it stands, tick, skip, start."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from cockpit import terminal
from cockpit.checklist import plan_of, runbook_lines
from cockpit.client import BadFolder, Client
from cockpit.terminal import say, say_json, typed
from engine.wire import Receipt, RunbookStatus, Skip, Start, Tick

Folder = Annotated[Path, typer.Option("--dir", "-C", help="The migration folder.", show_default="here")]
StepId = Annotated[str, typer.Argument(help="Its id, as `cutover runbook show` lists it.", show_default=False)]
HERE = Path()
_LONG = 900.0  # seconds: a run begins with a preflight of all systems


def verbs(checked: Callable[[Path], Path], engine: Callable[[Path], Client], who: Callable[[], str]) -> typer.Typer:
    """These verbs. `checked`: a migration's folder; `engine`: its engine, started; `who`: the person who types."""
    app = typer.Typer(help="Who does what in which order; what must hold; who says go.", no_args_is_help=True)

    @app.command(epilog="Example: cutover runbook lint -C my-migration")
    def lint(folder: Folder = HERE) -> None:
        """Say all that is wrong with the runbook and its files, offline."""
        from runbooks.loader import load  # the models: no other verb waits for them

        migration = load(checked(folder))
        if migration.runbook is None:
            raise BadFolder(
                f"{migration.folder / 'migration.yaml'} names no runbook. Add this line to it: runbook: runbook.yaml"
            )
        for warning in migration.warnings:
            terminal.complain(f"warning: {warning}")
        say(plan_of(migration.runbook))

    @app.command(epilog="Example: cutover runbook show --all")
    def show(
        folder: Folder = HERE,
        whole: Annotated[bool, typer.Option("--all", help="Every phase step by step, not only the open one.")] = False,
        as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document, for scripts.")] = False,
    ) -> None:
        """Where the runbook stands, and what can be done now."""
        client = engine(folder)
        status = client.get("/runbook", RunbookStatus)
        say_json(status) if as_json else say(*runbook_lines(status, typed(client.folder), whole=whole))

    @app.command(epilog='Example: cutover runbook tick cab --no-go --note "the vendor is down"')
    def tick(
        step: StepId,
        folder: Folder = HERE,
        note: Annotated[str, typer.Option(help="The evidence, or why no-go.")] = "",
        go: Annotated[bool, typer.Option("--go/--no-go", help="What an approval says.")] = True,
    ) -> None:
        """A step is done; an approval is granted, or refused."""
        say(engine(folder).post("/tick", Receipt, Tick(step=step, note=note, go=go, by=who())).message)

    @app.command(epilog='Example: cutover runbook skip nothing_held --reason "the hold is meant"')
    def skip(
        step: StepId,
        reason: Annotated[str, typer.Option(help="Why: others will read it.")],
        folder: Folder = HERE,
    ) -> None:
        """A step, or a gate, will not be waited for."""
        if not reason.strip():
            raise typer.BadParameter("say why in a few words: others will read it", param_hint="--reason")
        say(engine(folder).post("/skip", Receipt, Skip(step=step, reason=reason, by=who())).message)

    @app.command(epilog="Example: cutover runbook start run_pilot")
    def start(step: StepId, folder: Folder = HERE) -> None:
        """Carry out an automatic step. It goes on in the engine."""
        client = engine(folder)
        receipt = client.post("/start", Receipt, Start(step=step, by=who()), timeout=_LONG)
        say(receipt.message)
        if not receipt.effective:
            say(f"Watch it: {typed(client.folder)('status --watch')}")

    return app

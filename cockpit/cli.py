"""The command `cutover`: one verb, one function. Exit codes: docs/exit-codes.md."""

from __future__ import annotations

import getpass
import os
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer
from pydantic import BaseModel
from rich.console import Console
from rich.table import Table

from cockpit import demo as demonstration
from cockpit import format as words
from cockpit.client import Client, NoEngine, Refusal
from engine.wire import (
    CheckReport,
    Events,
    Pause,
    Plan,
    Quarantine,
    Receipt,
    Resolve,
    Resume,
    Retry,
    Run,
    Status,
    Stop,
    Trial,
)
from runbooks.errors import InitError, LoadError
from runbooks.library import init as write_template
from runbooks.loader import load
from runbooks.schema import schema as json_schema

DONE, FAILED, USAGE, NO_ENGINE, NEEDS_HUMAN = 0, 1, 2, 3, 4
"""Exit codes, as docs/exit-codes.md explains them."""

app = typer.Typer(
    name="cutover",
    help="Move records between systems in waves; lose nothing; keep the way back open.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
quarantine_app = typer.Typer(help="Records that were set aside, with their causes.", no_args_is_help=True)
map_app = typer.Typer(help="The mapping of fields.", no_args_is_help=True)
app.add_typer(quarantine_app, name="quarantine")
app.add_typer(map_app, name="map")

Folder = Annotated[Path, typer.Option("--dir", "-C", help="The migration folder.", show_default="here")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts: one document, stable.")]
WaveName = Annotated[str, typer.Option("--wave", help="Only this wave.", show_default="all")]
HERE = Path()


# ---------------------------------------------------------------- a migration folder


@app.command()
def init(
    template: Annotated[str, typer.Argument(help="Which one: servicenow-to-jira.")],
    folder: Annotated[Path, typer.Argument(help="Where to write it: a new folder.")],
) -> None:
    """Write a commented migration folder that runs as it is."""
    for path in write_template(template, folder):
        typer.echo(path)
    typer.echo(f"Next: cutover check --dir {folder}")


@app.command()
def schema(kind: Annotated[str, typer.Argument(help="migration or playbook.")] = "migration") -> None:
    """Print the JSON Schema of a file, for editors."""
    typer.echo(orjson.dumps(json_schema(kind), option=orjson.OPT_INDENT_2))


@app.command()
def lint(folder: Folder = HERE) -> None:
    """Read the folder and say all that is wrong with it, offline."""
    migration = load(folder.resolve())
    for warning in migration.warnings:
        typer.echo(f"warning: {warning}", err=True)
    versions = ", ".join(f"{book.playbook} {book.version}" for book in migration.playbooks)
    typer.echo(f"{migration.name}: fine. Playbooks: {versions}")


# ---------------------------------------------------------------- waves


@app.command()
def check(
    folder: Folder = HERE,
    as_json: Json = False,
    canaries: Annotated[int, typer.Option(help="Canaries to measure settle horizons with; 0: none.")] = 3,
) -> None:
    """Would it work tonight? Reach, credentials, permissions, schema, settle horizons."""
    report = _engine(folder).post("/check", CheckReport, timeout=900.0, canaries=canaries)
    if as_json:
        _print_json(report)
    else:
        for line in report.lines:
            typer.echo(f"{'✔' if line.ok else '✘'} {line.system}: {line.subject}: {line.detail}")
            if line.hint and not line.ok:
                typer.echo(f"    → {line.hint}")
        typer.echo("Everything is in place." if report.ok else "Not ready: see the lines with ✘.")
    raise typer.Exit(DONE if report.ok else FAILED)


@app.command()
def plan(folder: Folder = HERE, as_json: Json = False) -> None:
    """What each wave would move, in which order, and how long it may take."""
    planned = _engine(folder).get("/plan", Plan)
    _print_json(planned) if as_json else _print_lines(words.plan_lines(planned))


@app.command()
def run(
    folder: Folder = HERE,
    wave: Annotated[list[str] | None, typer.Option("--wave", help="Only these waves, in order.")] = None,
    detach: Annotated[bool, typer.Option("--detach", help="Start it and return.")] = False,
) -> None:
    """Run the waves that are not loaded yet, from wherever they stand. The engine outlives this terminal."""
    client = _engine(folder)
    receipt = client.post("/run", Receipt, Run(waves=wave or [], by=_who()))
    typer.echo(receipt.message)
    if detach:
        typer.echo("Watch it: cutover status --watch")
        return
    raise typer.Exit(_follow(client))


@app.command()
def status(
    folder: Folder = HERE,
    as_json: Json = False,
    watch: Annotated[bool, typer.Option("--watch", help="Print it again every two seconds, until Ctrl-C.")] = False,
) -> None:
    """Where everything stands."""
    client = _engine(folder)
    while True:
        snapshot = client.get("/status", Status)
        _print_json(snapshot) if as_json else _print_lines(words.status_lines(snapshot))
        if not watch:
            break
        sys.stdout.flush()
        time.sleep(2)


@app.command()
def pause(
    reason: Annotated[str, typer.Option(help="Why: others will read it.")],
    folder: Folder = HERE,
    wave: WaveName = "",
) -> None:
    """Hold a wave, or all. It stays held until somebody resumes it, whatever happens to the engine."""
    _command(folder, "/pause", Pause(wave=wave, reason=reason, by=_who()))


@app.command()
def resume(folder: Folder = HERE, wave: WaveName = "") -> None:
    """Lift the hold of a wave, or all holds."""
    _command(folder, "/resume", Resume(wave=wave, by=_who()))


@app.command()
def stop(folder: Folder = HERE) -> None:
    """End the engine at the next safe point. `cutover run` goes on from there."""
    client = Client(folder.resolve())
    if not client.answers():
        typer.echo("No engine runs here.")
        return
    typer.echo(client.post("/stop", Receipt, Stop(by=_who())).message)
    deadline = time.monotonic() + 40
    while client.answers() and time.monotonic() < deadline:
        time.sleep(0.1)


@app.command()
def log(folder: Folder = HERE, as_json: Json = False) -> None:
    """The audit trail: who did what, when."""
    events = _engine(folder).get("/events", Events)
    if as_json:
        _print_json(events)
        return
    for event in events.events:
        typer.echo(f"{event.at}  {event.by:<16} {event.what} {event.wave} {event.detail}".rstrip())


# ---------------------------------------------------------------- what was set aside


@quarantine_app.command("list")
def quarantine_list(folder: Folder = HERE, as_json: Json = False) -> None:
    """Causes, largest first."""
    held = _engine(folder).get("/quarantine", Quarantine)
    if as_json:
        _print_json(held)
        return
    if not held.groups:
        typer.echo("Nothing is set aside.")
        return
    table = Table("records", "what", "wave", "field", "cause", box=None)
    for group in held.groups:
        table.add_row(words.count(group.records), group.bucket, group.wave, group.field, group.cause)
    Console().print(table)
    typer.echo("One record: cutover quarantine show KEY.  After a fix: cutover quarantine retry [--cause TEXT]")


@quarantine_app.command("show")
def quarantine_show(
    key: Annotated[str, typer.Argument(help="The record's key at the source.")],
    folder: Folder = HERE,
    as_json: Json = False,
) -> None:
    """One record's story."""
    held = _engine(folder).get("/quarantine", Quarantine, key=key)
    if as_json:
        _print_json(held)
        return
    if not held.records:
        raise Refusal(f"{key} is not set aside. Keys are the source's own: cutover quarantine list --json", 404)
    for record in held.records:
        typer.echo(f"{record.entity} {record.key} (wave {record.wave}): {record.bucket} since {record.since}")
        typer.echo(f"  {record.field + ': ' if record.field else ''}{record.cause}")
        typer.echo(f"  tried {record.tries} times; at the target: {record.target or 'not there'}")


@quarantine_app.command("retry")
def quarantine_retry(
    folder: Folder = HERE,
    wave: WaveName = "",
    cause: Annotated[str, typer.Option(help="Only this cause, as the list shows it.")] = "",
    key: Annotated[list[str] | None, typer.Option(help="Only these records.")] = None,
    detach: Annotated[bool, typer.Option("--detach", help="Start it and return.")] = False,
) -> None:
    """Take up records again, with the mapping that stands in the folder now."""
    client = _engine(folder)
    receipt = client.post("/retry", Receipt, Retry(wave=wave, cause=cause, keys=key or [], by=_who()))
    typer.echo(receipt.message)
    if not detach:
        raise typer.Exit(_follow(client))


@app.command()
def resolve(
    key: Annotated[str, typer.Argument(help="The record's key at the source.")],
    created: Annotated[str, typer.Option(help="It exists at the target, under this id.")] = "",
    absent: Annotated[bool, typer.Option("--absent", help="It does not exist at the target.")] = False,
    folder: Folder = HERE,
) -> None:
    """A person's word about a record in doubt."""
    if bool(created) == absent:
        raise typer.BadParameter("say either --created ID or --absent")
    _command(folder, "/resolve", Resolve(key=key, target=created, by=_who()))


# ---------------------------------------------------------------- mapping


@map_app.command("try")
def map_try(
    record: Annotated[str, typer.Option(help="A key, or a number people know it by.")],
    entity: Annotated[str, typer.Option(help="Which entity; needed when several have such a record.")] = "",
    folder: Folder = HERE,
    as_json: Json = False,
) -> None:
    """Show one record, what would be sent, and which rule made each field. Nothing is sent."""
    trial = _engine(folder).get("/map", Trial, record=record, entity=entity)
    if as_json:
        _print_json(trial)
        return
    console = Console()
    source = Table("source field", "value", box=None, title=f"{trial.entity} {trial.key}", title_justify="left")
    for name, value in sorted(trial.source.items()):
        source.add_row(name, _short(value))
    console.print(source)
    made = Table("target field", "value", "from", "rule", "where", box=None)
    for field in trial.fields:
        made.add_row(field.field, _short(field.value), ", ".join(field.sources), field.rule, field.where)
    console.print(made)
    if trial.refused:
        typer.echo(f"It would be quarantined: {trial.refused}")


# ---------------------------------------------------------------- rehearsal


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def rehearse(context: typer.Context) -> None:
    """Run doubles of ServiceNow and Jira on this machine; `cutover rehearse --help` tells their options."""
    arguments = context.args or ["--servicenow", "8801", "--jira", "8802"]
    os.execv(sys.executable, [sys.executable, "-m", "connectors.rehearsal.serve", *arguments])


@app.command()
def demo(
    folder: Annotated[Path, typer.Argument(help="Where the demonstration lives.")] = Path("demo"),
    reset: Annotated[bool, typer.Option("--reset", help="End and forget it.")] = False,
) -> None:
    """Move three waves between rehearsal systems. Kill it, and type it again."""
    folder = folder.resolve()
    if reset:
        demonstration.reset(folder)
        return
    demonstration.prepare(folder, typer.echo)
    client = _engine(folder)
    typer.echo(client.post("/run", Receipt, Run(by=_who())).message)
    code = _follow(client)
    if code == DONE:
        typer.echo(demonstration.prove(folder))
    raise typer.Exit(code)


# ---------------------------------------------------------------- inside


def _engine(folder: Path) -> Client:
    """The engine of this folder, started if need be. What is wrong with the folder is told before anything starts."""
    folder = folder.resolve()
    load(folder)
    client = Client(folder)
    client.start()
    return client


def _command(folder: Path, path: str, command: BaseModel) -> None:
    receipt = _engine(folder).post(path, Receipt, command)
    typer.echo(receipt.message)


def _follow(client: Client) -> int:
    """Print progress until the run ends. Ctrl-C leaves the engine running."""
    last = ""
    try:
        while True:
            snapshot = client.get("/status", Status)
            if not snapshot.run:
                break
            line = words.progress_line(snapshot)
            if line[10:] != last[10:]:
                typer.echo(line)
                last = line
            time.sleep(1.0 if sys.stdout.isatty() else 2.0)
    except KeyboardInterrupt:
        typer.echo(
            "\nThe engine runs on. Watch it: cutover status --watch. Hold it: cutover pause. End it: cutover stop"
        )
        return DONE
    _print_lines(words.status_lines(snapshot))
    return _exit_code(snapshot)


def _exit_code(snapshot: Status) -> int:
    if snapshot.run_outcome == "done":
        return DONE
    return NEEDS_HUMAN if snapshot.run_outcome.startswith("needs_human") else FAILED


def _who() -> str:
    """Who types this: the person, also behind sudo, and the machine."""
    return f"{os.environ.get('SUDO_USER') or getpass.getuser()}@{socket.gethostname()}"


def _print_json(model: BaseModel) -> None:
    typer.echo(model.model_dump_json(indent=2))


def _print_lines(lines: list[str]) -> None:
    for line in lines:
        typer.echo(line)


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else orjson.dumps(value).decode()
    return text if len(text) <= 120 else text[:117] + "…"


def _telling(work: Callable[[], None]) -> int:
    """Run a verb; say what went wrong in words, with the exit code for it."""
    try:
        work()
    except (LoadError, InitError) as error:
        typer.echo(str(error), err=True)
        return USAGE
    except Refusal as error:
        typer.echo(str(error), err=True)
        return FAILED
    except NoEngine as error:
        typer.echo(str(error), err=True)
        return NO_ENGINE
    return DONE


def main() -> None:
    sys.exit(_telling(app))

"""The command `cutover`: one verb, one function. Exit codes: docs/exit-codes.md."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path
from typing import Annotated

import orjson
import typer

from cockpit import codes, drift_verbs, proof_verbs, quality_verbs, runbook_verbs, terminal, undo_verbs, verify_verb
from cockpit import demo as demonstration
from cockpit import format as words
from cockpit.client import BadFolder, Client, NoEngine, Refusal, compiled
from cockpit.follow import follow
from cockpit.follow import watch as watch_status
from cockpit.telling import shorter, who
from cockpit.terminal import near, say, say_json, typed
from cockpit.trial import trial_lines
from engine.wire import (
    CheckReport,
    Events,
    Exclude,
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
from runbooks.library import init as write_template
from runbooks.library import runbooks, templates

_ENDS_WITHIN = 40.0  # seconds

app = typer.Typer(
    name="cutover",
    epilog="Start here: cutover demo. Exit codes: 0 done, 1 failed or refused, 2 usage or folder, 3 no engine, "
    "4 a person is needed.",
    invoke_without_command=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
quarantine_app = typer.Typer(help="Records that were set aside, with their causes.", no_args_is_help=True)
map_app = typer.Typer(help="The mapping of fields.", no_args_is_help=True)
app.add_typer(quarantine_app, name="quarantine")
app.add_typer(map_app, name="map")


@app.callback()
def cutover(context: typer.Context) -> None:
    """Move records between systems in waves; lose nothing; keep the way back open."""
    if context.invoked_subcommand is None:
        say(context.get_help())


Folder = Annotated[Path, typer.Option("--dir", "-C", help="The migration folder.", show_default="here")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document, for scripts.")]
WaveName = Annotated[str, typer.Option("--wave", help="Only this wave.", show_default="all")]
Detach = Annotated[bool, typer.Option("--detach", help="Start it and return.")]
HERE = Path()


# ---------------------------------------------------------------- a migration folder


@app.command(epilog="Example: cutover init servicenow-to-jira my-migration")
def init(
    template: Annotated[str, typer.Argument(help=f"Which one: {', '.join(templates())}.")],
    folder: Annotated[Path, typer.Argument(help="Where to write it: a new folder.")],
    runbook: Annotated[str, typer.Option(help=f"With which runbook: {', '.join(runbooks())}.")] = "standard",
) -> None:
    """Write a commented migration folder that runs as it is."""
    for path in write_template(template, folder, runbook):
        say(str(path))
    say(f"Next: read {folder / 'README.md'}, then type: {typed(folder)('check')}")


@app.command(epilog="Example: cutover schema playbook > playbook.schema.json")
def schema(
    kind: Annotated[str, typer.Argument(help="Which file: migration, playbook, runbook.")] = "migration",
) -> None:
    """Print the JSON Schema of a file, for editors."""
    from runbooks.schema import KINDS
    from runbooks.schema import schema as json_schema

    if kind not in KINDS:
        raise typer.BadParameter(f"there is no schema of '{kind}'; expected {' or '.join(KINDS)}")
    say(orjson.dumps(json_schema(kind), option=orjson.OPT_INDENT_2).decode())


@app.command(epilog="Example: cutover lint -C my-migration")
def lint(folder: Folder = HERE) -> None:
    """Say all that is wrong with the folder's files, offline."""
    from runbooks.loader import load

    migration = load(_checked(folder))
    for warning in migration.warnings:
        terminal.complain(f"warning: {shorter(str(warning))}")
    if wrong := compiled(folder):
        raise BadFolder("\n".join(shorter(line) for line in wrong))
    versions = ", ".join(f"{book.playbook} {book.version}" for book in migration.playbooks)
    say(f"{migration.name}: fine. Playbooks: {versions}")


# ---------------------------------------------------------------- waves


@app.command(epilog="Example: cutover check --canaries 0")
def check(
    folder: Folder = HERE,
    as_json: Json = False,
    canaries: Annotated[
        int, typer.Option(min=0, max=20, help="Records to create, search for and delete at the target; 0: write none.")
    ] = 3,
) -> None:
    """Would it work tonight? It writes canaries only.

    Reach, credentials, permissions for each operation, schema, and settle horizons measured with canaries.
    """
    report = _engine(folder).post("/check", CheckReport, timeout=900.0, canaries=canaries)
    say_json(report) if as_json else say(*words.check_lines(report))
    raise typer.Exit(codes.DONE if report.ok else codes.FAILED)


@app.command(epilog="Example: cutover plan --json")
def plan(folder: Folder = HERE, as_json: Json = False) -> None:
    """What each wave would move, in which order, in which time."""
    planned = _engine(folder).get("/plan", Plan)
    say_json(planned) if as_json else say(*words.plan_lines(planned))


@app.command(epilog="Example: cutover run --wave pilot. Ctrl-C leaves the view (exit 130), never the run.")
def run(
    folder: Folder = HERE,
    wave: Annotated[
        list[str] | None, typer.Option("--wave", metavar="NAME", help="Only this wave; may be repeated.")
    ] = None,
    detach: Detach = False,
) -> None:
    """Run the waves that are not loaded, from wherever they stand.

    The engine is a process of its own: it outlives this command and its terminal.
    """
    client = _engine(folder)
    say(client.post("/run", Receipt, Run(waves=wave or [], by=who())).message)
    _follow_unless(detach, client)


@app.command(epilog="Example: cutover status --json --watch | jq .total.synced")
def status(
    folder: Folder = HERE,
    as_json: Json = False,
    watch: Annotated[
        bool, typer.Option("--watch", help="Go on until Ctrl-C; with --json, one document a line.")
    ] = False,
) -> None:
    """Where everything stands."""
    client = _engine(folder)
    if watch:
        watch_status(client, as_json=as_json)
        return
    snapshot = client.get("/status", Status)
    say_json(snapshot) if as_json else say(*words.status_lines(snapshot, typed(client.folder)))


@app.command(epilog='Example: cutover pause --wave emea --reason "the vendor is on the phone"')
def pause(
    reason: Annotated[str, typer.Option(help="Why: others will read it.")],
    folder: Folder = HERE,
    wave: WaveName = "",
) -> None:
    """Hold a wave, or all. It stays held until somebody resumes it, whatever happens to the engine."""
    if not reason.strip():
        raise typer.BadParameter("say why in a few words: others will read it", param_hint="--reason")
    client = _engine(folder)
    say(client.post("/pause", Receipt, Pause(wave=wave, reason=reason, by=who())).message)
    say(f"Go on: {typed(client.folder)('resume --wave ' + wave if wave else 'resume')}")


@app.command(epilog="Example: cutover resume --wave emea")
def resume(folder: Folder = HERE, wave: WaveName = "") -> None:
    """Lift the hold of a wave, or all holds."""
    client = _engine(folder)
    say(client.post("/resume", Receipt, Resume(wave=wave, by=who())).message)
    if not client.get("/status", Status).run:
        say(f"No run goes on. Start one: {typed(client.folder)('run')}")


@app.command(epilog="Example: cutover stop")
def stop(folder: Folder = HERE) -> None:
    """End the engine at the next safe point. `cutover run` goes on from there."""
    client = Client(_checked(folder))
    pid = client.unreachable()
    if pid is not None:
        os.kill(pid, signal.SIGTERM)
        say(f"Its socket is gone. The engine (process {pid}) is told by a signal; it ends when its calls are back.")
    elif not client.answers():
        say("No engine runs here.")
        return
    else:
        say(client.post("/stop", Receipt, Stop(by=who())).message)
    deadline = time.monotonic() + _ENDS_WITHIN
    while client.answers() or client.unreachable() is not None:
        if time.monotonic() > deadline:
            raise NoEngine(f"The engine has not ended within {_ENDS_WITHIN:.0f} s. Its log: {client.log}")
        time.sleep(0.1)
    say("It has ended.")


@app.command(epilog="Example: cutover log | tail")
def log(folder: Folder = HERE, as_json: Json = False) -> None:
    """The audit trail: who did what, when."""
    client = _engine(folder)
    trail = client.get("/events", Events)
    page = trail
    while page.events:  # one answer holds only so many of them
        page = client.get("/events", Events, after=page.events[-1].id)
        trail = Events(events=[*trail.events, *page.events])
    say_json(trail) if as_json else say(*words.event_lines(trail))


# ---------------------------------------------------------------- what was set aside


@quarantine_app.command("list", epilog="Example: cutover quarantine list --json")
def quarantine_list(folder: Folder = HERE, as_json: Json = False) -> None:
    """Causes, largest first, with keys to look at."""
    client = _engine(folder)
    held = client.get("/quarantine", Quarantine)
    say_json(held) if as_json else say(*words.cause_lines(held, typed(client.folder)))


@quarantine_app.command("show", epilog="Example: cutover quarantine show 9d385017c611228701d22104cc95c371")
def quarantine_show(
    key: Annotated[str, typer.Argument(help="The record's key at the source.")],
    folder: Folder = HERE,
    as_json: Json = False,
) -> None:
    """One record's story."""
    client = _engine(folder)
    held = client.get("/quarantine", Quarantine, key=key)
    if not held.records:
        raise Refusal(f"{key} is not set aside. What is: {typed(client.folder)('quarantine list')}", 404)
    say_json(held) if as_json else say(*map(shorter, words.aside_lines(held)))


@quarantine_app.command("retry", epilog='Example: cutover quarantine retry --cause "priority: value not in the map"')
def quarantine_retry(
    folder: Folder = HERE,
    wave: WaveName = "",
    cause: Annotated[str, typer.Option(help="Only this cause, as the list shows it.")] = "",
    key: Annotated[list[str] | None, typer.Option(metavar="KEY", help="Only this record; may be repeated.")] = None,
    detach: Detach = False,
) -> None:
    """Take up records again, with the mapping of now."""
    client = _engine(folder)
    say(client.post("/retry", Receipt, Retry(wave=wave, cause=cause, keys=key or [], by=who())).message)
    _follow_unless(detach, client)


@quarantine_app.command(
    "exclude",
    epilog='Example: cutover quarantine exclude --cause "priority: value not in the map" --reason "test data"',
)
def quarantine_exclude(
    reason: Annotated[str, typer.Option(help="Why: others will read it.")],
    folder: Folder = HERE,
    wave: WaveName = "",
    cause: Annotated[str, typer.Option(help="Only this cause, as the list shows it.")] = "",
    key: Annotated[list[str] | None, typer.Option(metavar="KEY", help="Only this record; may be repeated.")] = None,
) -> None:
    """Leave quarantined records out of the move, for good.

    Name a wave, a cause or keys; all that is given holds. What exists of them at the target stays there as it is.
    """
    if not (wave or cause or key):
        raise typer.BadParameter("say which: --wave, --cause or --key. What there is: cutover quarantine list")
    client = _engine(folder)
    command = Exclude(wave=wave, cause=cause, keys=key or [], reason=reason, by=who())
    say(client.post("/exclude", Receipt, command).message)


@app.command(epilog="Example: cutover resolve 9d385017c611228701d22104cc95c371 --created 10042")
def resolve(
    key: Annotated[str, typer.Argument(help="The record's key at the source.")],
    created: Annotated[str, typer.Option(help="It exists at the target, under this id.")] = "",
    absent: Annotated[bool, typer.Option("--absent", help="It does not exist at the target.")] = False,
    folder: Folder = HERE,
) -> None:
    """A person's word about a record in doubt."""
    if bool(created) == absent:
        raise typer.BadParameter("say either --created ID or --absent")
    say(_engine(folder).post("/resolve", Receipt, Resolve(key=key, target=created, by=who())).message)


# ---------------------------------------------------------------- mapping


@map_app.command("try", epilog="Example: cutover map try --record INC0010001")
def map_try(
    record: Annotated[str, typer.Option(help="A key, or a number people know it by.")],
    entity: Annotated[str, typer.Option(help="Which entity; needed when several have such a record.")] = "",
    folder: Folder = HERE,
    as_json: Json = False,
) -> None:
    """Show one record, what would be sent, and which rule makes each field. Nothing is sent."""
    trial = _engine(folder).get("/map", Trial, record=record, entity=entity)
    if as_json:
        say_json(trial)
    else:
        say(*(shorter(line) for line in trial_lines(trial, terminal.size()[0])))
    raise typer.Exit(codes.FAILED if trial.refused else codes.DONE)


# ---------------------------------------------------------------- rehearsal


@app.command(
    add_help_option=False,  # --help is the rehearsal systems' own
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []},
)
def rehearse(context: typer.Context) -> None:
    """Run doubles of ServiceNow and Jira on this machine.

    On ports 8801 and 8802 unless told otherwise.
    """
    arguments = list(context.args)
    named = any(argument.split("=")[0] in ("--servicenow", "--jira", "-h", "--help") for argument in arguments)
    if not named:
        arguments = ["--servicenow", "8801", "--jira", "8802", *arguments]
    os.execv(sys.executable, [sys.executable, "-m", "connectors.rehearsal.serve", *arguments])


@app.command(epilog="Example: cutover demo. Kill anything of it with -9, and type it again.")
def demo(
    folder: Annotated[Path, typer.Argument(help="Where the demonstration lives.")] = Path("demo"),
    reset: Annotated[bool, typer.Option("--reset", help="End and forget it.")] = False,
    records: Annotated[int, typer.Option(min=1, help="Incidents, at its first start.")] = demonstration.RECORDS,
    servicenow: Annotated[int, typer.Option(help="Port; 0: any.", show_default="8801, or a free one")] = -1,
    jira: Annotated[int, typer.Option(help="Port; 0: any.", show_default="8802, or a free one")] = -1,
) -> None:
    """Move three waves between rehearsal systems. Kill it, and type it again."""
    ports = {name: port for name, port in (("servicenow", servicenow), ("jira", jira)) if port >= 0}
    it = demonstration.Demo(folder.resolve(), records, ports)
    if reset:
        it.reset()
        say(f"{near(it.folder)} and all of its processes are gone.")
        return
    raise typer.Exit(it.run(who()))


# ---------------------------------------------------------------- inside


def _checked(folder: Path) -> Path:
    folder = folder.resolve()
    if not (folder / "migration.yaml").is_file():
        raise BadFolder(
            f"There is no migration.yaml in {folder}. Write one: cutover init {templates()[0]} DIR. "
            "Or name its folder: -C DIR"
        )
    return folder


def _engine(folder: Path) -> Client:
    """The engine of this folder, started if need be. What is wrong with the folder is told before anything starts."""
    client = Client(_checked(folder))
    if not client.answers():
        from runbooks.loader import load  # the models of a folder: a hand on the brake does not wait for them

        load(client.folder)
        client.start()
    return client


def _follow_unless(detach: bool, client: Client) -> None:
    if detach:
        say(f"Watch it: {typed(client.folder)('status --watch')}")
        return
    raise typer.Exit(follow(client))


proof_verbs.add(app, _engine, who)
verify_verb.add(app, _engine, who)
quality_verbs.add(app, _engine, who)
drift_verbs.add(app, _engine, who)
undo_verbs.add(app, _engine, who)
app.add_typer(runbook_verbs.verbs(_checked, _engine, who), name="runbook")

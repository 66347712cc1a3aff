"""Verbs of going back: roll a wave back, or carry it again, after a look at what that would do."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Annotated

import typer

from cockpit import codes
from cockpit.client import Client, Refusal
from cockpit.follow import follow
from cockpit.format import count, moment
from cockpit.terminal import say, say_json, typed
from engine.wire import Receipt, Rerun, RerunPreview, Rollback, RollbackPreview

Folder = Annotated[Path, typer.Option("--dir", "-C", help="The migration folder.", show_default="here")]
Json = Annotated[bool, typer.Option("--json", help="Print the preview as one JSON document, and do nothing.")]
Wave = Annotated[str, typer.Option("--wave", help="Which wave.")]
Yes = Annotated[str, typer.Option("--yes", metavar="WAVE", help="The wave's name once more: do not ask.")]
Preview = Annotated[bool, typer.Option("--preview", help="Show what it would do, and do nothing.")]
Detach = Annotated[bool, typer.Option("--detach", help="Start it and return.")]
HERE = Path()
_LONG = 3_600.0  # seconds: every record of the wave is looked at
_SHOWN = 10  # edited records that are named


def add(app: typer.Typer, engine: Callable[[Path], Client], who: Callable[[], str]) -> None:
    """Add these verbs to the command. `engine`: the engine of a folder, started; `who`: the person who types."""

    @app.command(epilog="Example: cutover rollback --wave pilot. Killed anywhere, it goes on when it is typed again.")
    def rollback(
        wave: Wave,
        folder: Folder = HERE,
        preview: Preview = False,
        despite: Annotated[
            str, typer.Option("--despite-sign-off", help="Why, although it is signed off; kept in the audit trail.")
        ] = "",
        yes: Yes = "",
        detach: Detach = False,
        as_json: Json = False,
    ) -> None:
        """Undo what a wave did, after a look at every record.

        What somebody else edited since stays. What carries no id of ours is never touched.
        """
        client = engine(folder)
        seen = client.get("/rollback", RollbackPreview, timeout=_LONG, wave=wave)
        if as_json:
            say_json(seen)
        else:
            say(*rollback_lines(seen), *_despite(seen.despite, despite))
        if preview or as_json:
            raise typer.Exit(codes.FAILED if seen.refusals else codes.DONE)
        if not seen.refusals and seen.despite and not despite and not yes and sys.stdin.isatty():
            despite = typer.prompt("Why, although it is signed off")
        if not seen.refusals and (despite.strip() or not seen.despite):
            agreed(wave, yes, "roll it back")
        command = Rollback(wave=wave, despite=despite, by=who())
        say(client.post("/rollback", Receipt, command, timeout=_LONG).message)
        if detach:
            say(f"Watch it: {typed(client.folder)('status --watch')}")
            return
        raise typer.Exit(follow(client))

    @app.command(epilog="Example: cutover rerun --wave pilot --failed. First it says what would change.")
    def rerun(
        wave: Wave,
        folder: Folder = HERE,
        failed: Annotated[bool, typer.Option("--failed", help="Only what was quarantined.")] = False,
        cause: Annotated[str, typer.Option(help="Only this cause, as `quarantine list` shows it.")] = "",
        key: Annotated[list[str] | None, typer.Option(metavar="KEY", help="Only this record; may be repeated.")] = None,
        mapping: Annotated[
            str, typer.Option(metavar="newest|same", help="The playbook of now, or the one that the wave ran with.")
        ] = "newest",
        preview: Preview = False,
        despite: Annotated[
            str, typer.Option("--despite-sign-off", help="Why, although it is signed off; kept in the audit trail.")
        ] = "",
        yes: Yes = "",
        detach: Detach = False,
        as_json: Json = False,
    ) -> None:
        """Carry records of a wave again: all, some, or what failed.

        First every record is mapped and compared, and you see how many change and in which fields. Only those are
        written.
        """
        if mapping not in ("newest", "same"):
            raise typer.BadParameter("say newest or same", param_hint="--mapping")
        if sum((failed, bool(cause), bool(key))) > 1:
            raise typer.BadParameter("say one of --failed, --cause and --key")
        client = engine(folder)
        command = Rerun(
            wave=wave, failed=failed, cause=cause, keys=key or [], mapping=mapping, despite=despite, by=who()
        )
        asked = {"wave": wave, "failed": int(failed), "cause": cause, "key": key or [], "mapping": mapping}
        seen = client.get("/rerun", RerunPreview, timeout=_LONG, **asked)
        if as_json:
            say_json(seen)
        else:
            say(*rerun_lines(seen), *_despite(seen.despite, despite))
        if preview or as_json:
            raise typer.Exit(codes.FAILED if seen.refusals else codes.DONE)
        if not seen.refusals and (despite.strip() or not seen.despite):
            agreed(wave, yes, "carry it again")
        say(client.post("/rerun", Receipt, command, timeout=_LONG).message)
        if detach:
            say(f"Watch it: {typed(client.folder)('status --watch')}")
            return
        raise typer.Exit(follow(client))


def _despite(stands: Sequence[str], reason: str) -> Iterator[str]:
    """What stands against it, and can be overruled: by this reason, if there is one."""
    yield from (f"▲ {each}" for each in stands)
    if stands:
        yield f"  all the same: {reason}" if reason.strip() else '  Say why all the same: --despite-sign-off "WHY"'


def rerun_lines(seen: RerunPreview) -> Iterator[str]:
    """What a re-run would change."""
    yield f"Wave {seen.wave} ({seen.state.replace('_', ' ')})"
    if not seen.refusals:
        same = seen.mapping == seen.ran_with
        yield f"  playbook {seen.mapping}, " + ("as it last ran" if same else f"instead of {seen.ran_with}")
        yield f"  {count(seen.records)} records are carried again: {count(seen.changed)} change"
        if seen.goes_on:
            yield "  what is left of one that was cut off goes on, too"
        if seen.created:
            yield f"  {count(seen.created)} of them are created: the target lacks them"
        if seen.refused:
            yield f"  {count(seen.refused)} of them the mapping refuses: they go to the quarantine"
        yield from (f"    {one.entity}.{one.field}: {count(one.records)}" for one in seen.fields)
    yield from (f"▲ {each}" for each in seen.refusals)


def rollback_lines(seen: RollbackPreview) -> Iterator[str]:
    """What a rollback would do."""
    yield f"Wave {seen.wave} ({seen.state.replace('_', ' ')})"
    if seen.began:
        yield f"  A rollback by {seen.began_by} began at {moment(seen.began)} and was cut off: it goes on."
    for entity in seen.entities:
        parts = ", ".join(f"{count(n)} {_word(fate)}" for fate, n in entity.fates.items())
        yield f"  {entity.entity}: {parts}"
    if not seen.entities:
        yield "  nothing of it is at the target"
    for one in seen.edited[:_SHOWN]:
        yield f"  ▲ stays: {one.entity} {one.target} ({one.key}), edited by {one.by or 'somebody'} at {moment(one.at)}"
    if len(seen.edited) > _SHOWN:
        yield f"  and further edited ones: {count(len(seen.edited) - _SHOWN)} more are named with --json"
    if seen.unanswered:
        yield f"  {count(seen.unanswered)} creates without an answer are looked up first"
    for other, n in seen.references.items():
        yield f"  {count(n)} references of wave {other} to these records are loosened; a later run ties them again"
    for other, n in seen.elsewhere.items():
        yield f"  {count(n)} of them are in the scope of wave {other}, too: run before this one, it takes them"
    yield from (f"  {note}" for note in seen.notes)
    if seen.entities and seen.seconds_low is not None and seen.seconds_high is not None:
        yield f"  takes {_time(seen.seconds_low)} to {_time(seen.seconds_high)}"
    yield from (f"▲ {each}" for each in seen.refusals)


_WORDS = {
    "removed": "to remove",
    "closed": "to close",
    "restored": "to put back as they were",
    "gone": "gone already",
    "edited": "stay: edited since",
    "foreign": "stay: they carry our id no more",
    "cannot be restored": "stay: what they were like was destroyed at sign-off",
    "cannot be deleted": "stay: cannot be deleted",
    "in doubt": "in doubt: first say whether they exist (cutover resolve)",
    "stays": "stay as they are",
    "cleared": "of other records to clear",
}


def _word(fate: str) -> str:
    return _WORDS.get(fate, fate)


def _time(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"


def agreed(wave: str, yes: str, deed: str) -> None:
    """Raises when the person does not type the wave's name."""
    if not yes and not sys.stdin.isatty():
        raise typer.BadParameter(f"nobody is here to ask; say --yes {wave}", param_hint="--yes")
    if (yes or typer.prompt(f"Type the wave's name to {deed}", default="", show_default=False)).strip() != wave:
        raise Refusal(f"That is not {wave}. Nothing was done.", 409)

"""Verbs of the proof: ask the rules, sign a wave off, and re-check what was signed."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated

import typer

from cockpit import codes
from cockpit.client import BadFolder, Client, Refusal
from cockpit.format import caused, count, counted, moment
from cockpit.recheck import recheck
from cockpit.terminal import near, say, say_json, typed
from engine.wire import CheckReport, Receipt, RuleResult, Sign, SignOff, Validate, Validation

Folder = Annotated[Path, typer.Option("--dir", "-C", help="The migration folder.", show_default="here")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document, for scripts.")]
HERE = Path()
_LONG = 900.0  # seconds: large waves take a while to list

manifest_app = typer.Typer(help="What was signed.", no_args_is_help=True)


def add(app: typer.Typer, engine: Callable[[Path], Client], who: Callable[[], str]) -> None:
    """Add these verbs to the command. `engine`: the engine of a folder, started; `who`: the person who types."""
    app.add_typer(manifest_app, name="manifest")

    @app.command(epilog='Example: cutover sign --wave pilot --note "seen by the desk"')
    def sign(
        wave: Annotated[str, typer.Option("--wave", help="Which wave.")],
        folder: Folder = HERE,
        note: Annotated[str, typer.Option(help="Kept in the manifest.")] = "",
        despite: Annotated[
            str, typer.Option(help="Why it is signed although a gate fails or drift stands; kept in the manifest.")
        ] = "",
        yes: Annotated[str, typer.Option("--yes", metavar="WAVE", help="The wave's name once more: do not ask.")] = "",
    ) -> None:
        """Sign a wave off, after a look at what is signed.

        Writes a manifest into the folder, which `cutover manifest verify` re-checks.
        """
        client = engine(folder)
        seen = client.get("/sign", SignOff, wave=wave)
        say(*sign_lines(seen))
        if not seen.refusals and (despite.strip() or not seen.despite):
            _agreed(wave, yes)
        command = Sign(wave=wave, note=note, despite=despite, by=who())
        message = client.post("/sign", Receipt, command, timeout=_LONG).message
        sentence, verb, file = message.partition("cutover manifest verify ")
        say(sentence + typed_to_verify(client.folder / file) if verb else message)

    @app.command(epilog="Example: cutover validate --wave pilot")
    def validate(
        folder: Folder = HERE,
        wave: Annotated[str, typer.Option("--wave", help="Only this wave.", show_default="all that have begun")] = "",
        as_json: Json = False,
    ) -> None:
        """Ask the playbook's rules about waves, both as they are now.

        Exit 4: a rule that is a gate fails. A wave that only a gate kept goes on when its gates hold.
        """
        answer = engine(folder).post("/validate", Validation, Validate(wave=wave, by=who()), timeout=_LONG)
        say_json(answer) if as_json else say(*validation_lines(answer.results))
        failing = [result for result in answer.results if not result.holds]
        if any(result.gate for result in failing):
            raise typer.Exit(codes.NEEDS_HUMAN)
        raise typer.Exit(codes.FAILED if failing else codes.DONE)


@manifest_app.command("verify", epilog="Example: cutover manifest verify manifests/pilot-1.json")
def manifest_verify(
    file: Annotated[Path, typer.Argument(help="The manifest: WAVE-NUMBER.json, its files beside it.")],
    key: Annotated[str, typer.Option("--key", metavar="FINGERPRINT", help="The key it must be signed with.")] = "",
    as_json: Json = False,
) -> None:
    """Re-check a manifest from its files alone, offline.

    Signature, every digest, every count, the sum, the chain. Needs no engine.
    """
    if not file.is_file():
        raise BadFolder(f"There is no file {file}. Manifests are in the folder manifests/ of a migration.")
    report = recheck(file, key)
    if as_json:
        say_json(report)
    else:
        say(*recheck_lines(file, report))
    raise typer.Exit(codes.DONE if report.ok else codes.FAILED)


# ---------------------------------------------------------------- what is shown


def sign_lines(seen: SignOff) -> Iterator[str]:
    """What would be signed."""
    yield f"Wave {seen.wave} ({seen.state.replace('_', ' ')}), playbook {seen.playbook} {seen.playbook_version}"
    for entity in seen.entities:
        parts = " + ".join(f"{count(n)} {word.replace('_', ' ')}" for word, n in entity.buckets.items())
        planned = f"{count(entity.planned)} = " if entity.planned is not None else ""
        yield f"  {entity.entity}: {planned}{parts or 'none'}"
    for group in seen.aside[:10]:
        yield f"  {count(group.records)} {group.bucket.replace('_', ' ')}: {caused(group.field, group.cause)}"
    if len(seen.aside) > 10:
        yield f"  and {len(seen.aside) - 10} further causes"
    yield from (f"  {line}" for line in rule_lines(seen.rules))
    if seen.drift is None:
        yield "  the sides were not compared"
    else:
        yield f"  {counted(seen.drift.confirmed, 'confirmed difference')} at {moment(seen.drift.at)}"
    if seen.loose_references:
        yield f"  {count(seen.loose_references)} references wait for other waves"
    if seen.images:
        yield f"  {counted(seen.images, 'before-image')}: signing destroys them; nothing puts those records back then"
    if seen.note:
        yield f"  {seen.note}"
    for each in (*seen.refusals, *seen.despite):
        yield f"▲ {each}"


def recheck_lines(file: Path, report: CheckReport) -> Iterator[str]:
    """What the check of a manifest came to."""
    for line in report.lines:
        yield f"{'✔' if line.ok else '✘'} {line.subject}: {line.detail}"
        if line.hint:
            yield f"    → {line.hint}"
    yield f"{file.name} is as it was signed." if report.ok else f"{file.name} does not hold: see the lines with ✘."


def typed_to_verify(file: Path) -> str:
    """What a person types here to re-check this manifest. It needs no migration folder, only the file."""
    return typed(Path.cwd())(f"manifest verify {shlex.quote(near(file))}")


def validation_lines(results: list[RuleResult]) -> Iterator[str]:
    """Results by wave."""
    if not results:
        yield "No rule was asked: the playbook has none, or no wave has begun."
    for wave in dict.fromkeys(result.wave for result in results):
        yield f"Wave {wave}"
        yield from (f"  {line}" for line in rule_lines([result for result in results if result.wave == wave]))


def rule_lines(results: list[RuleResult]) -> Iterator[str]:
    """One line a rule, and keys of what fails."""
    for result in results:
        sign = "✔" if result.holds else "✘" if result.gate else "▲"
        judged = f"{count(result.checked)} checked" + ("" if result.whole else ", a sample")
        failing = "" if result.holds else f", {count(result.failed)} fail"
        yield f"{sign} {result.rule}: {result.about} ({judged}{failing})"
        if result.note:
            yield f"    {result.note}"
        if result.sample:
            yield f"    {', '.join(result.sample[:5])}{', ...' if len(result.sample) > 5 else ''}"


def _agreed(wave: str, yes: str) -> None:
    """Raises when the person does not type the wave's name."""
    if not yes and not sys.stdin.isatty():
        raise typer.BadParameter(f"nobody is here to ask; say --yes {wave}", param_hint="--yes")
    if (yes or typer.prompt("Type the wave's name to sign it off", default="", show_default=False)).strip() != wave:
        raise Refusal(f"That is not {wave}. Nothing was signed.", 409)

"""`cutover [DIR]`: the cockpit on the engine of this folder, which is started if need be."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from cockpit import format as words
from cockpit import terminal
from cockpit.client import BadFolder, Client
from engine.wire import Status

_FILE = "migration.yaml"
_DEMO = "demo"  # a verb; the folder that it makes is ./demo


def asked(arguments: Sequence[str]) -> Path | None:
    """The folder, where no verb is named but a migration: `cutover` in it, or `cutover DIR`."""
    if len(arguments) > 1 or any(each.startswith("-") or each == _DEMO for each in arguments):
        return None
    folder = Path(*arguments)
    looks_like_one = any(os.sep in each or each in (".", "..") for each in arguments)
    return folder.resolve() if looks_like_one or (folder / _FILE).is_file() else None


def attach(folder: Path, who: str) -> None:
    """Show the cockpit until it is left. Where no screen can be painted, print the status instead.

    Raises BadFolder with all that is wrong with the folder, NoEngine when none starts.
    """
    if not (folder / _FILE).is_file():
        raise BadFolder(f"There is no {_FILE} in {folder}. Name the folder of a migration: cutover DIR")
    client = Client(folder)
    if not client.answers():
        client.start()
    if has_screen():
        show(folder, who)
        return
    terminal.complain("This is no terminal that a screen can be painted on: here is the status instead.")
    terminal.say(*words.status_lines(client.get("/status", Status), terminal.typed(folder)))


def has_screen() -> bool:
    """Whether a screen can be painted, and keys can be read."""
    return terminal.is_live() and sys.stdin.isatty()


def show(folder: Path, who: str) -> None:
    """The cockpit, until it is left; then one line of how to come back."""
    from cockpit.app import run  # Textual is heavy, and no verb needs it

    run(folder, who, ascii_only=not terminal.shows_unicode(sys.stdout))
    with contextlib.suppress(OSError):  # the terminal may be what went away
        runs = "The engine runs on." if Client(folder).answers() else "No engine runs."
        terminal.say(f"{runs} Come back: {terminal.typed_to_attach(folder)}")

"""`cutover [DIR]`: the cockpit on the engine of this folder, which is started if need be."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from cockpit import format as words
from cockpit import terminal
from cockpit.client import Client
from engine.wire import Status

_FILE = "migration.yaml"
_DEMO = "demo"  # a verb; the folder that it makes is ./demo


def asked(arguments: Sequence[str]) -> Path | None:
    """The folder, where no verb is named but a migration: `cutover` in it, or `cutover DIR`."""
    if len(arguments) > 1 or any(each.startswith("-") or each == _DEMO for each in arguments):
        return None
    folder = Path(*arguments)
    return folder.resolve() if (folder / _FILE).is_file() else None


def attach(folder: Path, who: str) -> None:
    """Show the cockpit until it is left. Where no screen can be painted, print the status instead."""
    client = Client(folder)
    if not client.answers():
        client.start()
    if not (terminal.is_live() and sys.stdin.isatty()):
        terminal.complain("This is no terminal that a screen can be painted on: here is the status instead.")
        terminal.say(*words.status_lines(client.get("/status", Status), terminal.typed(folder)))
        return
    from cockpit.app import run  # Textual is heavy, and no verb needs it

    run(folder, who, ascii_only=not terminal.shows_unicode(sys.stdout))

"""Writes docs/cli.md from the command itself: python docs/write_cli.py"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from cockpit.cli import app

PAGE = Path(__file__).with_name("cli.md")
HEAD = """\
# The command `cutover`

Every verb talks to the engine of one migration folder over its socket, and starts that engine when there is none.
Exit codes: [exit-codes.md](exit-codes.md). This page is written by `python docs/write_cli.py`.
"""


def reference() -> str:
    """The page, as the command is now."""
    return HEAD + "".join(_section(name, verb) for name, verb in _verbs(typer.main.get_command(app), "cutover"))


def _verbs(command: Any, name: str) -> Iterator[tuple[str, Any]]:
    inner = getattr(command, "commands", None)
    if inner is None:
        yield name, command
        return
    for word, each in inner.items():
        yield from _verbs(each, f"{name} {word}")


def _section(name: str, verb: Any) -> str:
    context = verb.make_context(name, [], resilient_parsing=True)
    rows = [row for row in (parameter.get_help_record(context) for parameter in verb.get_params(context)) if row]
    rows = [row for row in rows if "--help" not in row[0]]
    text = f"\n## {name}\n\n{_prose(verb.help)}\n"
    if rows:
        text += "\n| | |\n|---|---|\n" + "".join(f"| `{what}` | {_cell(says)} |\n" for what, says in rows)
    return text + (f"\n{_prose(verb.epilog)}\n" if verb.epilog else "")


def _prose(text: str) -> str:
    return "\n\n".join(" ".join(part.split()) for part in text.split("\n\n"))


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(reference())
